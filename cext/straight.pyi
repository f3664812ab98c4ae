"""Types of the checks of straight lines and tables."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

QUBIT: Final[tuple[str, ...]]
PAIR: Final[tuple[str, ...]]
LINE: Final[tuple[str, ...]]

def check(
    rows: NDArray,
    bounds: NDArray[np.int64],
    words: NDArray[np.uint32],
    places: NDArray[np.int32],
    qubit_lines: NDArray[np.int32],
    qubits: NDArray[np.int32],
    couplers: NDArray[np.int32],
    pairs: NDArray[np.int32],
    lines: NDArray[np.int32],
    frames: NDArray[np.int32],
    waves: NDArray[np.int32],
    captures: NDArray[np.int32],
    lengths: NDArray[np.int64],
    swept: NDArray[np.int64],
    n_points: int,
) -> None: ...
def check_values(
    n_points: int,
    n_qubits: int,
    n_pairs: int,
    n_lines: int,
    n_frames: int,
    n_waves: int,
    volts: NDArray[np.float64],
    pair_values: NDArray[np.float64],
    carriers: NDArray[np.float64],
    clocks: NDArray[np.int64],
    frame_states: NDArray[np.int32],
    states_hz: NDArray[np.float64],
    wave_numbers: NDArray[np.uint32],
    values: NDArray[np.float64],
    residuals: NDArray[np.int64],
) -> None: ...
