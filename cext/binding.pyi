"""Types of putting numbers in the place of parameters."""

import numpy as np
from numpy.typing import NDArray

from qctl.cext.records import InstructionBuffer

class Binding:
    n_params: int
    def __init__(
        self,
        n_params: int,
        words: NDArray[np.uint8],
        arguments: NDArray[np.float64],
        starts: NDArray[np.int64],
        rows: NDArray[np.int64],
        tails: NDArray[np.int64],
        operands: NDArray[np.int64],
    ) -> None: ...
    def bind_one(self, source: InstructionBuffer, target: InstructionBuffer, values: NDArray[np.float64]) -> int: ...
    def bind_many(
        self, source: InstructionBuffer, targets: list[InstructionBuffer], values: NDArray[np.float64]
    ) -> tuple[int, int] | None: ...
