"""Types of the kernel that writes assembly of a QICK tProcessor v2."""

from typing import Final

from numpy import int64, uint8
from numpy.typing import NDArray

WAVE: Final[int]
PORT: Final[int]
SET: Final[int]
CLEAR: Final[int]
JUMP_COST: Final[int]

def emit(
    events: NDArray[int64],
    bounds: NDArray[int64],
    period: int,
    resume: int,
    ticks_per_instruction: float,
    text: NDArray[uint8],
    done: NDArray[int64],
    sizes: NDArray[int64],
) -> None: ...
