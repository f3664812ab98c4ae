"""Types of the kernel that writes rows of sequences."""

import numpy as np
from numpy.typing import NDArray

def fill(
    ops: NDArray[np.int64],
    qubits: NDArray[np.int64],
    angles: NDArray[np.float64],
    second: NDArray[np.int64],
    n_qubits: int,
    rows: NDArray,
) -> tuple[int, int, bool]: ...
def rising(bounds: NDArray[np.int64], n: int) -> bool: ...
def join(
    rows: NDArray,
    bounds: NDArray[np.int64],
    word_bounds: NDArray[np.int64],
    out: NDArray,
) -> bool: ...
def not_turning(rows: NDArray, gates: NDArray[np.int64], angles: NDArray[np.float64]) -> int: ...
