"""Types of the kernel for exponentials of small matrices."""

import numpy as np
from numpy.typing import NDArray

def exponential_of(hamiltonian: NDArray[np.complex128], dt_s: float, out: NDArray[np.complex128]) -> None: ...
