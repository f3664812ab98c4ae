"""Types of the canonical form of two-qubit unitaries."""

import numpy as np
from numpy.typing import NDArray

def canonical(
    unitaries: NDArray[np.complex128], coordinates: NDArray[np.float64], turns: NDArray[np.float64]
) -> None: ...
