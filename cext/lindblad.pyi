"""Types of the kernels of coupled transmons."""

import numpy as np
from numpy.typing import NDArray

def unitaries(
    levels: NDArray[np.float64],
    drives: NDArray[np.complex128],
    exchange: NDArray[np.float64],
    kerr: NDArray[np.float64],
    dt_s: float,
    per_step: int,
    order: NDArray[np.int64],
    out: NDArray[np.complex128],
) -> int: ...
def propagate(
    steps: NDArray[np.complex128],
    order: NDArray[np.int64],
    half: NDArray[np.float64],
    whole: NDArray[np.float64],
    rho: NDArray[np.complex128],
    work: NDArray[np.complex128],
) -> None: ...
