"""Types of the kernels for ZZ."""

import numpy as np
from numpy.typing import NDArray

def turn(
    rho: NDArray[np.complex128],
    places: NDArray[np.int64],
    couplers: NDArray[np.int64],
    zz: NDArray[np.float64],
    alive: NDArray[np.int64],
    time_s: float,
    left_s: float,
) -> int: ...
