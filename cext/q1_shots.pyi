"""Types of the kernel that recognises shots that are alike."""

from numpy import int64, uint64
from numpy.typing import NDArray

def fingerprint(
    rows: NDArray,
    begins: NDArray[int64],
    ends: NDArray[int64],
    origins: NDArray[int64],
    first_acquisition: int,
    last_acquisition: int,
    turns: bool,
    out: NDArray[uint64],
) -> None: ...
