"""Types of the kernel that times and plays lines of gates alone."""

import numpy as np
from numpy.typing import NDArray

class GateTimes:
    def __init__(
        self,
        qubit_lines: NDArray[np.int32],
        qubits: NDArray[np.int32],
        couplers: NDArray[np.int32],
        pairs: NDArray[np.int32],
        lines: NDArray[np.int32],
        lengths: NDArray[np.int64],
        volts: NDArray[np.float64],
        pair_values: NDArray[np.float64],
        carriers: NDArray[np.float64],
        states_hz: NDArray[np.float64],
        ratios: NDArray[np.int64],
        offsets: NDArray[np.int64],
        unit: int,
        n_waves: int,
    ) -> None: ...
    def time(
        self,
        rows: NDArray,
        bounds: NDArray[np.int64],
        words: NDArray[np.uint32],
        places: NDArray[np.int32],
        lengths: NDArray[np.int64],
        order: NDArray[np.int32],
        counts: NDArray[np.int64],
        spans: NDArray[np.int64],
        used: NDArray[np.int64],
        plays: NDArray,
        play_rows: NDArray[np.int32],
        captures: NDArray,
        captures_hz: NDArray[np.float64],
        capture_rows: NDArray[np.int32],
    ) -> tuple[int, tuple[int, ...], tuple[int, ...]] | None: ...
    def place(
        self,
        rows: NDArray,
        bounds: NDArray[np.int64],
        counts: NDArray[np.int64],
        spans: NDArray[np.int64],
        target: int,
        early: int,
        numbers: NDArray[np.uint32],
        lengths: NDArray[np.int64],
        plays: NDArray,
        lasts: NDArray[np.int64],
        captures: NDArray,
        captures_hz: NDArray[np.float64],
        capture_rows: NDArray[np.int32],
        ends_s: NDArray[np.float64],
        residuals: NDArray[np.int64],
    ) -> bool | None: ...

def sizes(rows: NDArray) -> tuple[int, int]: ...
