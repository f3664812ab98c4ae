"""Types of the kernels that arrange sparse matrices for propagation."""

import numpy as np
from numpy.typing import NDArray

def bounds(
    begin: NDArray[np.int32],
    length: NDArray[np.int32],
    columns: NDArray[np.int32],
    values: NDArray[np.float64],
    out: NDArray[np.float64],
) -> int: ...
def blocks(
    begin: NDArray[np.int32],
    length: NDArray[np.int32],
    columns: NDArray[np.int32],
    values: NDArray[np.float64],
    block_begin: NDArray[np.int32],
    offsets: NDArray[np.int32],
    fixed: NDArray[np.float64],
    touched: NDArray[np.int32],
    touch_begin: NDArray[np.int32],
    touch_controls: NDArray[np.int32],
    touch_values: NDArray[np.float64],
    work: NDArray[np.int32],
) -> tuple[int, int, int]: ...
def rows(
    begin: NDArray[np.int32],
    length: NDArray[np.int32],
    columns: NDArray[np.int32],
    values: NDArray[np.float64],
    out_counts: NDArray[np.int32],
    out_controlled: NDArray[np.int32],
    out_columns: NDArray[np.int32],
    out_values: NDArray[np.float64],
) -> tuple[int, int]: ...
