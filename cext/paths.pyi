"""Types of the kernel for the mean of many readouts."""

import numpy as np
from numpy.typing import NDArray

def add_answers(
    base: NDArray[np.complex128],
    counts: NDArray[np.float64],
    fields: NDArray[np.complex128],
    jump_s: NDArray[np.float64],
    rates: NDArray[np.complex128],
    start_s: float,
    step_s: float,
    out: NDArray[np.complex128],
) -> None: ...
