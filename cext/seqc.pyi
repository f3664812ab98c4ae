"""Types of the kernels that write SeqC, command tables and samples."""

from typing import Final

from numpy import float64, int32, int64, uint8
from numpy.typing import NDArray

COSTS: Final[dict[str, int]]
LONGEST_ZERO: Final[int]

def emit(
    pieces: NDArray,
    bounds: NDArray[int64],
    head: int,
    period: int,
    least: int,
    loop_from: int,
    reset: int,
    text: NDArray[uint8],
    sizes: NDArray[int64],
) -> None: ...
def table(
    entries: NDArray,
    scales: NDArray[float64],
    waves: NDArray[int32],
    kind: int,
    text: NDArray[uint8],
    size: NDArray[int64],
) -> None: ...
def reached(entries: NDArray, peaks: NDArray[float64]) -> tuple[float, float]: ...
def render(
    contents: NDArray,
    members: NDArray,
    samples: NDArray[float64],
    bounds: NDArray[int64],
    frequencies: NDArray[float64],
    rate_hz: float,
    absolute: bool,
    pair: bool,
    out: NDArray[float64],
) -> None: ...
