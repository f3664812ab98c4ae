"""Types of the kernel that patches timed lines."""

from numpy import float64, int32, int64
from numpy.typing import NDArray

class Turns:
    def __init__(
        self,
        rows: NDArray,
        bounds: NDArray[int64],
        places: NDArray[int32],
        qubits: NDArray[int32],
        couplers: NDArray[int32],
        pairs: NDArray[int32],
        pair_values: NDArray[float64],
        n_lines: int,
        order: NDArray[int32],
        counts: NDArray[int64],
        plays: NDArray,
    ) -> None: ...
    def turn(
        self,
        gates: NDArray[int64],
        radians: NDArray[float64],
        sequences: NDArray[int64],
        changed: NDArray[int64],
    ) -> int: ...

def differing(old: NDArray, new: NDArray, gates: NDArray[int64], radians: NDArray[float64]) -> int: ...
def redeal(
    plays: NDArray,
    first: int,
    last: int,
    owner: NDArray[int32],
    dealt: NDArray,
    dealt_bounds: NDArray[int64],
    point: int,
    changed: NDArray[int64],
) -> None: ...
