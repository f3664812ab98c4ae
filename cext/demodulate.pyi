"""Turn records of ADC codes into complex IQ values, states and packed bit strings."""

import numpy as np
from numpy.typing import NDArray

def demodulate(
    records: NDArray[np.int16],
    volts_per_code: NDArray[np.float64],
    offset_v: NDArray[np.float64],
    input_i: int,
    input_q: int,
    start: int,
    weights: NDArray[np.complex128],
    iq: NDArray[np.complex128],
) -> None: ...
def discriminate(
    iq: NDArray[np.complex128], angle_rad: float, threshold_v: float, states: NDArray[np.uint8]
) -> None: ...
def pack_bits(bits: NDArray[np.uint8], words: NDArray[np.uint64]) -> None: ...
def histogram(words: NDArray[np.uint64], counts: NDArray[np.int64]) -> None: ...
def count_strings(bits: NDArray[np.uint8]) -> dict[str, int]: ...
