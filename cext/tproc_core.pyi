"""Types of the kernel that executes programs of a QICK tProcessor v2."""

from typing import Final

from numpy import int64
from numpy.typing import NDArray

DONE: Final[int]
FULL: Final[int]
TOO_MANY: Final[int]
UNKNOWN: Final[int]
OUTSIDE: Final[int]
N_STATE: Final[int]
N_REGISTERS: Final[int]
WAVE: Final[int]
WORD: Final[int]
TRIGGER: Final[int]
READ: Final[int]

def run(
    code: NDArray[int64],
    memory: NDArray[int64],
    waves: NDArray[int64],
    held: NDArray[int64],
    registers: NDArray[int64],
    state: NDArray[int64],
    rows: NDArray[int64],
    inputs: NDArray[int64],
    per: int,
    of: int,
    most: int,
) -> int: ...
