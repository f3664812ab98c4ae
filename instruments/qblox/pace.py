"""Whether a sequencer's classical core keeps up with its pulses: it writes into a queue, and must be ahead of each.

Source: q1simulator (4 ns for most instructions, 32 entries of the queue): estimates, and not the vendor's figures.
While sequencers wait for each other, and in every long silence, the core fills the queue. One that is late stops with
an error in the middle of a run.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qctl.cext import events as kernel
from qctl.instruments.capability import Capability
from qctl.instruments.checker import Pulses, check_pace

__all__ = ["check_late"]

_TICK_NS = 4.0
_QUEUE = 32
_PREAMBLE = 5
"""Instructions at the head of each point."""
_BIN_TICKS, _WEIGHT_TICKS = 3, 3
"""Of an acquisition into a counted bin: the addition and what waits for it; the moves of its weights."""


def check_late(
    events: NDArray, bounds: NDArray[np.int64], period_ns: int, can: Capability, place: str, *, turned: bool,
    counted: bool,
) -> bool:  # fmt: skip
    """Refuse the first pulse or acquisition that the core reaches too late; say whether other phases might make one.

    Parameters
    ----------
    events, bounds, period_ns
        Of one sequencer, point by point, as `lower.EVENT` has them.
    can : Capability
        Of the module.
    place : str
        Port and instrument, for the message.
    turned : bool
        Whether its pulses have phases.
    counted : bool
        Whether a register counts the bins.

    Returns
    -------
    bool
        Whether with a phase to set at every pulse there might be a late one.

    Raises
    ------
    TimingError
        Naming the pulse, when it is due, when the core gets there, and the remedy.
    """
    n = len(events)
    if n < 2 or kernel.spaced(
        events, bounds, period_ns, int(_TICK_NS), turned, counted, _PREAMBLE, _BIN_TICKS, _WEIGHT_TICKS
    ):
        return False
    counts = np.diff(bounds)
    start = np.repeat(np.arange(len(counts)) * period_ns, counts) + events["start"]
    settings = np.zeros(n, np.int64)
    settings[1:] += events["gain"][1:] != events["gain"][:-1]
    settings[1:] += 2 * (events["steps"][1:] != events["steps"][:-1])
    acquires = events["acquisition"] >= 0
    extra = np.zeros(n, np.int64)
    if counted:
        extra[1:] += _BIN_TICKS * acquires[:-1]
        extra += _WEIGHT_TICKS * (acquires & (events["weights"] >= 0))
    settings[bounds[:-1][counts > 0]] = _PREAMBLE
    turns = events["phase"][1:] != events["phase"][:-1]
    turns |= events["steps"][1:] != events["steps"][:-1]
    settings[1:] += turns & (settings[1:] != _PREAMBLE)
    extra += settings

    def label(k: int) -> str:
        point = int(np.searchsorted(bounds, k, side="right")) - 1
        what = "acquisition" if acquires[k] else "pulse"
        return f"{what} {k - int(bounds[point])} of point {point} on {place}"

    channel = "output" if "output" in can.channels else "input"
    pulses = Pulses(
        channel, start, np.zeros(n, np.int64), op=acquires.astype(np.int64), ops=("play", "acquire"), label=label
    )
    check_pace(can, pulses, _TICK_NS, extra, (_QUEUE, 1 + settings))
    return turned
