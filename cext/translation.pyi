"""Types of the translation of instructions to a target."""

import numpy as np
from numpy.typing import NDArray

def translate_rows(
    rows: NDArray[np.uint8],
    words: NDArray[np.uint32],
    numbers: NDArray[np.float64],
    n_qubits: int,
    n_physical: int,
    edges: NDArray[np.int32],
    complete: bool,
    one: int,
    kinds: NDArray[np.uint8],
    n_visits: int,
    n_trials: int,
    n_rounds: int,
    seed: int,
    fixed: bool,
    home: bool,
    bound: float = 0.0,
    time_limit_s: float = 0.0,
    n_threads: int = 1,
    one_way: NDArray[np.uint8] | None = None,
    prices: NDArray[np.float64] | None = None,
) -> tuple[int, int, int, bytes, bytes, bytes, bytes, list[tuple[float, int]], list[int], list[int], int, float]: ...
