"""Lower straights to what a Tabor Proteus plays: 16-bit words by content, tasks for each point."""

from __future__ import annotations

from collections.abc import Sequence

from qctl.instruments.rendering import Coding, lowering
from qctl.instruments.stepped import stepped, unfit
from qctl.instruments.tabor import capabilities as can
from qctl.instruments.tabor.body import TaskBody
from qctl.lab import Instrument, Lab
from qctl.program.device_program import DeviceProgram
from qctl.program.timeline import Shots, Straight

__all__ = ["lower"]

_CODING = Coding(32767, 32768)


def lower(straights: Sequence[Straight], instrument: Instrument, lab: Lab, shots: Shots) -> DeviceProgram:
    """Return the program of one generator; see `stepped`. All points are tasks of one table.

    Raises
    ------
    CompileError
        If a pulse goes over an output's range or limits, starts before time zero, or is too long for the memory.
    """
    with lowering:
        made = stepped(straights, instrument, lab, shots, can.TABLES[instrument.model], _CODING)
        if not made.played:
            return unfit(instrument, len(straights), made)
        return made.program(instrument, TaskBody(made.clock_hz, made.channels, made.played), made.blobs)
