"""Types of the kernel that executes Q1ASM."""

from numpy import int64, uint32
from numpy.typing import NDArray

def run(
    code: NDArray[int64],
    state: NDArray[int64],
    registers: NDArray[uint32],
    queue: NDArray[int64],
    latches: NDArray[int64],
    thresholds: NDArray[int64],
    triggers: NDArray[int64],
    rows: NDArray,
    most: int,
    until: int = ...,
) -> tuple[int, int]: ...
def begin(state: NDArray[int64], freq: int, phase: int, gain0: int, gain1: int, offs0: int, offs1: int) -> None: ...
def synchronise(state: NDArray[int64], time: int) -> None: ...
def clocks(state: NDArray[int64]) -> tuple[int, int, int, int]: ...
