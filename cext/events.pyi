"""Types of the kernel of a sequencer's events."""

from typing import Final

from numpy import float64, int32, int64
from numpy.typing import NDArray

FAULTS: Final[tuple[str, ...]]
LEAD_NS: Final[int]

def gather(
    plays: NDArray,
    bounds: NDArray[int64],
    captures: NDArray,
    capture_bounds: NDArray[int64],
    port: int,
    waves: NDArray[int32],
    steps_per_v: NDArray[float64],
    acquisitions: NDArray[int32],
    lead_ns: int,
    period_ns: int,
    events: NDArray,
    event_bounds: NDArray[int64],
    reach: NDArray[int64],
    fault: NDArray[int64],
    first: int = 0,
    count: int = -1,
    captured_from: int = 0,
) -> None: ...
def spaced(
    events: NDArray,
    bounds: NDArray[int64],
    period_ns: int,
    tick_ns: int,
    turned: bool,
    counted: bool,
    preamble: int,
    bin_ticks: int,
    weight_ticks: int,
) -> bool: ...
