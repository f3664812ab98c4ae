"""Types of the kernels for stretches without flux."""

import numpy as np
from numpy.typing import NDArray

def advance(
    rho: NDArray[np.complex128],
    places: NDArray[np.int64],
    couplers: NDArray[np.int64],
    zz: NDArray[np.float64],
    levels: NDArray[np.float64],
    rates: NDArray[np.float64],
    relaxation: NDArray[np.float64],
    pieces: NDArray[np.int64],
    omega: NDArray[np.complex128],
    stops: NDArray[np.int64],
    resting: NDArray[np.int64],
    span: NDArray[np.int64],
    joint: bool,
    dt_s: float,
    progress: NDArray[np.int64],
    cuts: NDArray[np.int64],
) -> int: ...
