"""Types of the kernel of exact propagation."""

import numpy as np
from numpy.typing import NDArray

def widest(most: int = 2) -> int: ...
def single(
    bounds: NDArray[np.float64],
    block_begin: NDArray[np.int32],
    offsets: NDArray[np.int32],
    fixed: NDArray[np.float64],
    touched: NDArray[np.int32],
    touch_begin: NDArray[np.int32],
    touch_controls: NDArray[np.int32],
    touch_values: NDArray[np.float64],
    controls: NDArray[np.float64],
    dt_s: NDArray[np.float64],
    at: NDArray[np.int64],
    weights: NDArray[np.float64],
    tolerance_rate: float,
    n_columns: int,
    first: int,
    last: int,
    start: NDArray[np.float64],
    out: NDArray[np.float64],
    work: NDArray[np.float64],
    most: int = 2,
) -> None: ...
def lanes(
    bounds: NDArray[np.float64],
    groups: NDArray[np.int32],
    n_fixed_groups: int,
    rows: NDArray[np.int32],
    parts: NDArray[np.int32],
    columns: NDArray[np.int32],
    values: NDArray[np.float64],
    controls: NDArray[np.float64],
    dt_s: NDArray[np.float64],
    at: NDArray[np.int64],
    weights: NDArray[np.float64],
    tolerance_rate: float,
    n_columns: int,
    first: int,
    last: int,
    start: NDArray[np.float64],
    out: NDArray[np.float64],
    work: NDArray[np.float64],
    most: int = 2,
) -> None: ...
