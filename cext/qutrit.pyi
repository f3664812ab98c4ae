"""Types of the three-level kernels."""

import numpy as np
from numpy.typing import NDArray

def propagate(
    drive: NDArray[np.complex128],
    levels: NDArray[np.float64],
    dt_s: float,
    relaxation: NDArray[np.float64],
    states: NDArray[np.complex128],
) -> None: ...
def exponential(level1: float, level2: float, drive: complex, dt_s: float, out: NDArray[np.complex128]) -> None: ...
def apply_local(rho: NDArray[np.complex128], n_left: int, n_right: int, step: NDArray[np.complex128]) -> None: ...
def apply_map(rho: NDArray[np.complex128], n_left: int, n_right: int, matrix: NDArray[np.complex128]) -> None: ...
