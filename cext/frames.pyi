"""Types of the kernel of frames, plays and captures."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

FAULTS: Final[tuple[str, ...]]

def walk(
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
    volts: NDArray[np.float64],
    pair_values: NDArray[np.float64],
    carriers: NDArray[np.float64],
    clocks: NDArray[np.int64],
    frame_states: NDArray[np.int32],
    states_hz: NDArray[np.float64],
    wave_numbers: NDArray[np.uint32],
    values: NDArray[np.float64],
    order: NDArray[np.int32],
    counts: NDArray[np.int64],
    starts: NDArray[np.int64],
    shifts: NDArray[np.int64],
    unit: NDArray[np.int64],
    state: NDArray[np.float64],
    plays: NDArray,
    lasts: NDArray[np.int64],
    play_rows: NDArray[np.int32],
    made: NDArray,
    made_hz: NDArray[np.float64],
    made_rows: NDArray[np.int32],
    ends_s: NDArray[np.float64],
    residuals: NDArray[np.int64],
    fault: NDArray[np.int64],
) -> bool: ...
