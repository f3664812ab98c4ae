"""Types of the count of gates that two-qubit unitaries need."""

import numpy as np
from numpy.typing import NDArray

def count_gates(coordinates: NDArray[np.float64], kind: int, counts: NDArray[np.int32]) -> None: ...
