"""Types of the kernel that numbers waveforms of plays that last a tick more or less."""

import numpy as np
from numpy.typing import NDArray

def fit(
    plays: NDArray, lasts: NDArray[np.int64], clocks: NDArray[np.int32], nearest: NDArray[np.int64]
) -> tuple[tuple[int, ...], NDArray[np.int64] | None]: ...
