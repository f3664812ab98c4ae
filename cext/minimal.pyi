"""Types of the kernel that finds native lines."""

import numpy as np
from numpy.typing import NDArray

def native(
    rows: NDArray,
    bounds: NDArray[np.int64],
    words: NDArray[np.uint32],
    word_bounds: NDArray[np.int64],
    n_qubits: NDArray[np.int64],
    work: NDArray[np.int8],
    found: NDArray[np.uint8],
) -> None: ...
def pairs(rows: NDArray, bounds: NDArray[np.int64], found: NDArray[np.int64], more: NDArray[np.uint8]) -> None: ...
