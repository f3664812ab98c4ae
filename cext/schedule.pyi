"""Types of the kernel of starts."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

FAULTS: Final[tuple[str, ...]]

def schedule(
    rows: NDArray,
    bounds: NDArray[np.int64],
    words: NDArray[np.uint32],
    late: NDArray[np.uint8],
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
    order: NDArray[np.int32],
    joined: NDArray[np.int32],
    counts: NDArray[np.int64],
    starts: NDArray[np.int64],
    free: NDArray[np.int64],
    marks: NDArray[np.int8],
    fault: NDArray[np.int64],
) -> None: ...
