"""Types of the kernel that executes programs of a QICK tProcessor v1."""

from typing import Final

from numpy import int64, uint64
from numpy.typing import NDArray

DONE: Final[int]
FULL: Final[int]
TOO_MANY: Final[int]
UNKNOWN: Final[int]
OUTSIDE: Final[int]
N_STATE: Final[int]
N_REGISTERS: Final[int]
SET: Final[int]
READ: Final[int]

def run(
    code: NDArray[uint64],
    memory: NDArray[int64],
    registers: NDArray[int64],
    state: NDArray[int64],
    rows: NDArray[int64],
    inputs: NDArray[int64],
    most: int,
) -> int: ...
