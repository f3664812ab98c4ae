"""Types of the kernel that renders words of changed plays again."""

from numpy import float64, int32, int64, uint16
from numpy.typing import NDArray

from qctl.cext.patch import Turns
from qctl.cext.row_names import RowNames

class Rewords:
    row_names: RowNames
    def __init__(
        self,
        plays: NDArray,
        bounds: NDArray[int64],
        places: NDArray[int32],
        first: int,
        base: int,
        feeds: NDArray[int32],
        settings: NDArray[float64],
        pieces: NDArray[int64],
        piece_bounds: NDArray[int64],
        env_i: NDArray[float64],
        env_q: NDArray[float64],
        offsets: NDArray[int64],
        rate_hz: float,
        top: int,
        zero: int,
        shift: int,
        row_names: RowNames,
    ) -> None: ...
    def turned(
        self,
        turned: Turns,
        low: int,
        high: int,
        texts: list[bytes],
        points: list[tuple[tuple[str, NDArray[uint16]], ...]],
        rows: list[int],
    ) -> bool: ...
