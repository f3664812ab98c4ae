"""Types of the sampling kernel."""

import numpy as np
from numpy.typing import NDArray

KINDS: tuple[str, ...]

def sample(
    kind: int,
    length_s: float,
    p: float,
    r: float,
    rate_hz: float,
    out_i: NDArray[np.float64],
    out_q: NDArray[np.float64],
) -> None: ...
