"""Types of the checking kernel."""

from collections.abc import Buffer

import numpy as np
from numpy.typing import NDArray

COUNTS: tuple[str, ...]

def check(
    rows: Buffer,
    words: NDArray[np.uint32],
    blocks: NDArray[np.int32],
    counts: tuple[int, ...],
) -> tuple[int, str] | None: ...
