"""How far ahead of its events a tProcessor is when a point begins."""

from __future__ import annotations

from math import ceil

import numpy as np
from numpy.typing import NDArray

from qctl.instruments.capability import Capability
from qctl.instruments.checker import Pulses, check_pace

__all__ = ["MARGIN", "head_of"]

MARGIN = 32
"""Instructions' time that an event's is ahead of it at least: what ends a point and a shot takes its part."""


def head_of(
    events: NDArray[np.int64],
    bounds: NDArray[np.int64],
    done: NDArray[np.int64],
    pace: float,
    table: Capability,
    name: str,
) -> int:
    """Return the ticks that the processor begins a point ahead of it, so that nothing in it is late.

    Raises
    ------
    TimingError
        If it can't be as far ahead as a burst of pulses needs.
    """
    behind = done * pace - events[:, 0]
    assert table.instructions is not None and table.instructions.ahead is not None
    if len(behind) and behind.max() > table.instructions.ahead.least * pace:
        p = int(np.searchsorted(bounds, int(behind.argmax()), side="right")) - 1
        part = slice(int(bounds[p]), int(bounds[p + 1]))
        check_pace(
            table,
            Pulses(
                "generator0", events[part, 0], np.zeros(part.stop - part.start, np.int64), ops=("instruction",),
                label=lambda k: f"event {k} of point {p} on {name}",
            ),
            pace,
            np.diff(done[part], prepend=0) - 1,
        )  # fmt: skip
    return ceil(max(float(behind.max(initial=0.0)), 2 * MARGIN * pace) + MARGIN * pace)
