"""Types of the kernel that names rows of words."""

from typing import Any

from numpy import int32, int64, uint8, uint16
from numpy.typing import NDArray

class RowNames:
    names: list[str]
    held: list[NDArray[uint16]]
    counts: list[dict[str, int]]
    sizes: list[int]
    total: dict[str, int]
    width: int
    def __init__(
        self,
        bounds: NDArray[int64],
        lengths: NDArray[int64],
        digits: NDArray[int64],
        names: list[str],
        held: list[NDArray[uint16]],
    ) -> None: ...

def lay(
    cuts: list[tuple[Any, ...]], points: list[int], n_outputs: int
) -> tuple[NDArray[int64], NDArray[int64], NDArray[int64], int, int, int]: ...
def rows_of(
    words: NDArray[uint16],
    spans: NDArray[int64],
    digests: NDArray[uint8],
    reached: NDArray[int32],
    bounds: NDArray[int64],
) -> list[tuple[tuple[tuple[str, NDArray[uint16], int, int], ...], ...]]: ...
