"""Types of the kernel of exact propagation."""

import numpy as np
from numpy.typing import NDArray

LANES: int

def widest(most: int = 2) -> int: ...

class Course:
    n_runs: int
    n_controls: int
    def __init__(
        self,
        controls: NDArray[np.float64],
        dt_s: NDArray[np.float64],
        at: NDArray[np.int64],
        weights: NDArray[np.float64],
        tolerance_rate: float,
        n_columns: int,
    ) -> None: ...

class Blocks:
    n_work: int
    def __init__(
        self,
        n: int,
        bounds: NDArray[np.float64],
        block_begin: NDArray[np.int32],
        offsets: NDArray[np.int32],
        fixed: NDArray[np.float64],
        touched: NDArray[np.int32],
        touch_begin: NDArray[np.int32],
        touch_controls: NDArray[np.int32],
        touch_values: NDArray[np.float64],
    ) -> None: ...

class Rows:
    n_work: int
    def __init__(
        self,
        n: int,
        bounds: NDArray[np.float64],
        counts: NDArray[np.int32],
        controlled: NDArray[np.int32],
        columns: NDArray[np.int32],
        values: NDArray[np.float64],
    ) -> None: ...

def single(
    blocks: Blocks,
    course: Course,
    first: int,
    last: int,
    start: NDArray[np.float64],
    out: NDArray[np.float64],
    work: NDArray[np.float64],
    most: int = 2,
) -> None: ...
def lanes(
    rows: Rows,
    course: Course,
    first: int,
    last: int,
    start: NDArray[np.float64],
    out: NDArray[np.float64],
    work: NDArray[np.float64],
    most: int = 2,
) -> None: ...
