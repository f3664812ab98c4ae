"""Types of the kernel that writes Q1ASM."""

from numpy import int32, int64, uint8
from numpy.typing import NDArray

def count(
    events: NDArray, bounds: NDArray[int64], period_ns: int, loop_from_ns: int, averaged: bool, ends: NDArray[int64]
) -> None: ...
def emit(
    events: NDArray,
    bounds: NDArray[int64],
    period_ns: int,
    loop_from_ns: int,
    averaged: bool,
    text: NDArray[uint8],
    places: NDArray[int64],
    sizes: NDArray[int64],
    ends: NDArray[int64] | None = None,
    first: int = 0,
    steers: NDArray[int32] | None = None,
) -> None: ...
