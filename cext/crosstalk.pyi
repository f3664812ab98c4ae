"""Types of the kernel for crosstalk."""

import numpy as np
from numpy.typing import NDArray

def listen(
    volts: NDArray[np.complex128],
    runs: NDArray[np.int64],
    beats: NDArray[np.float64],
    waves: NDArray[np.float64],
    coefficients: NDArray[np.complex128],
    dt_s: float,
    least_rad: NDArray[np.float64],
    heard: NDArray[np.int64],
    pieces: NDArray[np.int64],
    omega: NDArray[np.complex128],
) -> int: ...
