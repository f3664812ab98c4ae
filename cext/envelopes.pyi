"""Types of the sampling kernels."""

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
def mix(
    plays: NDArray,
    env_i: NDArray[np.float64],
    env_q: NDArray[np.float64],
    offsets: NDArray[np.int64],
    rate_hz: float,
    out_i: NDArray[np.float64],
    out_q: NDArray[np.float64],
) -> None: ...
def correct_mixer(gain: float, phase_rad: float, i: NDArray[np.float64], q: NDArray[np.float64]) -> None: ...
def quantise_14bit(volts: NDArray[np.float64], half_v: float, words: NDArray[np.uint16]) -> int: ...
