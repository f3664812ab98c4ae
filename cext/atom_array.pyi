"""Types of the kernel that evolves arrays of atoms."""

import numpy as np
from numpy.typing import NDArray

def evolve(
    levels: NDArray[np.int32],
    energies: NDArray[np.float64],
    couplings: NDArray[np.complex128],
    interactions: NDArray[np.float64],
    epochs: NDArray[np.int32],
    lengths: NDArray[np.float64],
    state: NDArray[np.complex128],
    losses: NDArray[np.float64] | None = None,
    floor: float = 0.0,
    first: int = 0,
) -> int: ...
