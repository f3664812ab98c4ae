"""Types of the kernel that cuts a sequencer's plays into pieces."""

from typing import Final

from numpy import float64, int32, int64
from numpy.typing import NDArray

AMPLITUDE_STEPS: Final[int]
FAULTS: Final[tuple[str, ...]]
PHASE_STEPS: Final[int]

def cut(
    plays: NDArray,
    bounds: NDArray[int64],
    channels: NDArray[int32],
    lengths: NDArray[int32],
    steps_per_v: float,
    head: int,
    zero: int,
    grid: int,
    least: int,
    period: int,
    rate_hz: float,
    n_oscillators: int,
    pieces: NDArray,
    piece_bounds: NDArray[int64],
    members: NDArray,
    contents: NDArray,
    entries: NDArray,
    frequencies: NDArray[float64],
    counts: NDArray[int64],
    fault: NDArray[int64],
) -> None: ...
