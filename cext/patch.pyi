"""Types of the kernel that patches timed lines."""

from numpy import float64, int32, int64
from numpy.typing import NDArray

class Turns:
    n_points: int
    n_changed: int
    lines: int
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
    def turn(self, gates: NDArray[int64], radians: NDArray[float64]) -> None: ...
    def points_from(self, first: int, end: int) -> tuple[int, int]: ...
    def found(self) -> tuple[NDArray[int64], NDArray[int64], NDArray[int64]]: ...

def differing(old: NDArray, new: NDArray, gates: NDArray[int64], radians: NDArray[float64]) -> int: ...
