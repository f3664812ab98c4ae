"""Types of the kernels for outcomes and jumps of many shots, and for the noise of their mean."""

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
def noisy_mean(
    bit_generator: np.random.BitGenerator,
    total: NDArray[np.complex128],
    n_shots: int,
    noise_v: float,
    axes: NDArray[np.int8],
    record: NDArray[np.float32],
) -> None: ...
