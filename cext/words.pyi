"""Types of the kernel of DAC words."""

import numpy as np
from numpy.typing import NDArray

DIGEST_BYTES: int
GROUP: int

def render(
    plays: NDArray,
    bounds: NDArray[np.int64],
    pieces: NDArray[np.int64],
    env_i: NDArray[np.float64],
    env_q: NDArray[np.float64],
    offsets: NDArray[np.int64],
    rate_hz: float,
    half_v: NDArray[np.float64],
    gain: float,
    phase_rad: float,
    top: int,
    zero: int,
    shift: int,
    volts: NDArray[np.float64],
    words: NDArray[np.uint16],
    digests: NDArray[np.uint8],
    over: NDArray[np.int64],
    over_v: NDArray[np.float64],
    reached: NDArray[np.int32],
) -> bool: ...
