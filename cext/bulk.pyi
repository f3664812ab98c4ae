"""Types of building from arrays."""

import numpy as np
from numpy.typing import NDArray

from qctl.cext.records import InstructionBuffer

def append_gates(
    buffer: InstructionBuffer,
    ops: NDArray[np.int64],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    angles: NDArray[np.float64],
    shapes: NDArray[np.uint64],
) -> tuple[int, int] | None: ...
