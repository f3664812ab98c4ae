"""Types of the count of what a native program asks, and of what waiting costs."""

import numpy as np
from numpy.typing import NDArray

def usage(
    rows: NDArray[np.uint8],
    words: NDArray[np.uint32],
    kinds: NDArray[np.uint8],
    pulses: NDArray[np.int32],
    reads: NDArray[np.int32],
    pairs: NDArray[np.int32],
) -> None: ...
def waiting(
    rows: NDArray[np.uint8], words: NDArray[np.uint32], each: NDArray[np.float64], pair_s: NDArray[np.float64]
) -> float: ...
