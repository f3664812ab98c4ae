"""Types of the kernel for outcomes and jumps of many shots."""

import numpy as np
from numpy.typing import NDArray

def count_paths(
    bit_generator: np.random.BitGenerator,
    n_shots: int,
    populations: NDArray[np.float64],
    members: NDArray[np.int64],
    sizes: NDArray[np.int64],
    edges: NDArray[np.float64],
    counts: NDArray[np.float64],
) -> None: ...
