"""Types of the checking kernel."""

from collections.abc import Buffer

import numpy as np
from numpy.typing import NDArray

FAULTS: tuple[str, ...]

def check(
    rows: Buffer,
    words: NDArray[np.uint32],
    blocks: NDArray[np.int32],
    ops: NDArray[np.int16],
    counts: NDArray[np.int64],
    marks: NDArray[np.int64],
) -> tuple[int, str] | None: ...
