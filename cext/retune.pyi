"""Types of the kernel that retunes a sequencer's events."""

from numpy import int64
from numpy.typing import NDArray

from qctl.cext.patch import Turns

class Retune:
    def __init__(
        self,
        events: NDArray,
        event_bounds: NDArray[int64],
        plays: NDArray,
        play_bounds: NDArray[int64],
        captures: NDArray,
        capture_bounds: NDArray[int64],
        port: int,
        first: int,
    ) -> None: ...
    def place(self, point: int, text: bytes, begins: NDArray[int64], begin: int) -> None: ...
    def turned(
        self, turned: Turns, low: int, high: int, pieces: list[bytes] | None, at: int, uneven: list[int]
    ) -> int: ...
