"""Programs of modules whose cluster is triggered from outside: each point waits for as many triggers as it has shots.

Source: Qblox documentation, ``wait_trigger`` and the trigger network; qblox-instruments 1.4.1, ``TRG:IN:MAP:ADDRess``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qctl.errors import CompileError
from qctl.lab import Instrument, Lab

__all__ = ["ADDRESS", "N_WAIT_LINES", "READY_NS", "is_triggered", "refuse_conditions", "waiting", "waits_ns"]

ADDRESS = 15
"""Of the trigger network: the cluster's trigger input is mapped to it."""
READY_NS = 200
"""From the end of a point until a sequencer waits for the next trigger, at most."""
_WAIT = b"wait_trigger 15,4\n"
N_WAIT_LINES = 3
"""Instructions that a point has more when it waits."""


def is_triggered(lab: Lab, instrument: Instrument) -> bool:
    """Say whether a module plays a shot at each trigger that its cluster is given."""
    chassis = lab.instruments.get(instrument.trigger.source) if instrument.trigger is not None else None
    return chassis is not None and chassis.trigger is not None


def waits_ns(length_ns: int, period_ns: int, name: str) -> int:
    """Return how long a sequencer is busy with a point, when the next trigger comes after a period.

    Raises
    ------
    CompileError
        If it would miss that.
    """
    if length_ns + READY_NS > period_ns:
        raise CompileError(
            f"{name}: a point takes {length_ns} ns and {READY_NS} ns until the next trigger is waited for; triggers "
            f"come every {period_ns} ns: lengthen shot_period_s in lab.toml",
            instrument=name,
        )
    return length_ns


def refuse_conditions(port: str, name: str) -> None:
    """Refuse a play by measured bits in a program that waits for triggers.

    Raises
    ------
    CompileError
        Always.
    """
    raise CompileError(
        f"{name}: a pulse on {port} is played by measured bits, and its cluster waits for a trigger at each shot: not "
        "both are compiled; take the trigger wire off the cluster",
        instrument=name,
    )


def waiting(text: memoryview, ends: NDArray[np.int64], n_shots: int) -> bytes:
    """Return the text of all points, each of which waits for a trigger and is played at so many of them.

    Parameters
    ----------
    text : memoryview
        Of all points.
    ends : (n_points, 2) int64
        Characters and instructions up to the end of each point; changed to what they are with the waits.
    n_shots : int
        Triggers for each point.
    """
    pieces: list[bytes | memoryview] = []
    begin = 0
    added = np.empty(len(ends), np.int64)
    for point, end in enumerate(ends[:, 0].tolist()):
        head = b"move %d,R0\nt%d: %s" % (n_shots, point, _WAIT)
        tail = b"loop R0,@t%d\n" % point
        pieces += [head, text[begin:end], tail]
        added[point] = len(head) + len(tail)
        begin = end
    ends[:, 0] += np.cumsum(added)
    ends[:, 1] += N_WAIT_LINES * np.arange(1, len(ends) + 1)
    return b"".join(pieces)
