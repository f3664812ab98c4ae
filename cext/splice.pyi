"""Types of appending one buffer to another."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from qctl.cext.records import InstructionBuffer

class Maps:
    def __init__(
        self,
        qubits: NDArray[np.uint32],
        bits: NDArray[np.uint32],
        registers: NDArray[np.uint32],
        n_expressions: int,
        place: Callable[[int, bool], int],
        block: int = 0,
        block_step: int = 0,
    ) -> None: ...

def append_mapped(target: InstructionBuffer, source: InstructionBuffer, maps: Maps, n_times: int = 1) -> None: ...
def append_inverse(
    target: InstructionBuffer, source: InstructionBuffer, maps: Maps, inverses: NDArray[np.int16]
) -> int: ...
def append_controlled(
    target: InstructionBuffer,
    source: InstructionBuffer,
    maps: Maps,
    n_controls: int,
    bases: NDArray[np.int16],
    named: NDArray[np.int16],
) -> int: ...
