"""An HDAWG that begins the shots of a processor: its cores start together, and a marker starts what is wired to it.

It has no trigger of its own. Its cores wait for one another (``synchronization``), and the core of each of its trigger
lines raises AWG trigger 1, which the line's marker output shows.

Source: HDAWG user manual, Device node tree (``TRIGGERS/OUT/n/SOURCE``: 0 is AWG trigger 1 of the output's core), SeqC
reference (``setTrigger``); laboneq 26.7, ``controller/devices/device_hdawg.py`` (``synchronization/enable``).
"""

from __future__ import annotations

from qctl.instruments.zurich.body import Core
from qctl.instruments.zurich.hub import WAIT, hub_of
from qctl.lab import Instrument, Lab

__all__ = ["MARKER_INSTRUCTIONS", "beginning_of", "marker_core", "markers_of", "starts_by_marker"]

_WAIT = ("waitDigTrigger(1);\n", "", 0)
_RAISE = ("setTrigger(1);\n", "setTrigger(0);\n", 3)
_NOTHING = ("", "", -1)
"""What stands before and behind the points, and its instructions, more than those of a wait."""
_HELD = "wait(240);\n"
"""Sequencer cycles (0.8 us at 2.4 GSa/s) that a marker is up where its core plays nothing."""

MARKER_INSTRUCTIONS = 11
"""Of such a core's program."""


def starts_by_marker(instrument: Instrument, lab: Lab) -> bool:
    """Say whether an instrument is an HDAWG that is a processor's trigger."""
    starts = any(getattr(one, "trigger", None) == instrument.name for one in lab.processors.values())
    return starts and instrument.model == "zurich-hdawg"


def markers_of(instrument: Instrument, lab: Lab) -> set[int]:
    """Return the cores whose markers start others; lines are counted like outputs, two for each core."""
    return {(line - 1) // 2 for line in instrument.line} if starts_by_marker(instrument, lab) else set()


def beginning_of(instrument: Instrument, lab: Lab, number: int) -> tuple[str, str, int]:
    """Return what stands before and behind the points of a core, and its instructions, more than those of a wait."""
    if not starts_by_marker(instrument, lab):
        return _WAIT if hub_of(instrument, lab) is None else (WAIT, "", 0)
    return _RAISE if number in markers_of(instrument, lab) else _NOTHING


def marker_core(number: int) -> Core:
    """Return a core that plays nothing, and raises its marker."""
    begin, end, _ = _RAISE
    return Core(number, (), (), False, 0.0, (), (), (), 1.0, 0.0, f"{begin}{_HELD}{end}", "", ())
