"""Lower straights to what an AWG5014C plays: 14-bit words by content, steps for each point."""

from __future__ import annotations

from collections.abc import Sequence

from qctl.instruments.rendering import Coding, lowering
from qctl.instruments.stepped import stepped, unfit
from qctl.instruments.tektronix_awg5014 import capabilities as can
from qctl.instruments.tektronix_awg5014.again import Trail, patched
from qctl.instruments.tektronix_awg5014.body import AwgBody
from qctl.lab import Instrument, Lab
from qctl.program.device_program import DeviceProgram
from qctl.program.timeline import Shots, Straight

__all__ = ["lower", "patched"]

_CODING = Coding(can.CODE_ZERO, can.CODE_ZERO)


def lower(straights: Sequence[Straight], instrument: Instrument, lab: Lab, shots: Shots) -> DeviceProgram:
    """Return the program of one generator; see `stepped`.

    Raises
    ------
    CompileError
        If a pulse goes over an output's range or limits, starts before time zero, or is too long for the memory.
    """
    with lowering:
        made = stepped(straights, instrument, lab, shots, can.TABLES[instrument.model], _CODING)
        if not made.played:
            return unfit(instrument, len(straights), made)
        event = instrument.event is not None and len(made.played) > 1
        body = AwgBody(made.clock_hz, made.channels, made.played, event=event)
        trail = Trail(made.work, made.points, made.cuts, made.made, made.place, made.check)
        return DeviceProgram(
            instrument.name, instrument.model, body.to_bytes(), made.blobs, len(made.played), made.usage, trail
        )
