"""Lower straights to what an AWG5200 or AWG70000A plays: float32 waveforms by content, steps for each point."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qctl.instruments.rendering import Coding, lowering
from qctl.instruments.stepped import stepped, unfit
from qctl.instruments.tektronix_files import capabilities as can
from qctl.instruments.tektronix_files.body import FileBody
from qctl.lab import Instrument, Lab
from qctl.program.device_program import DeviceProgram
from qctl.program.timeline import Shots, Straight

__all__ = ["lower"]

_CODING = Coding(32767, 0)
"""Waveforms are rendered in 16 bits: no converter of the family has more."""


def lower(straights: Sequence[Straight], instrument: Instrument, lab: Lab, shots: Shots) -> DeviceProgram:
    """Return the program of one generator; see `stepped`. All points are steps of one sequence, one jump to each.

    Raises
    ------
    CompileError
        If a pulse goes over an output's range or limits, starts before time zero, or is too long for the memory.
    """
    table = can.TABLES[instrument.model]
    with lowering:
        made = stepped(straights, instrument, lab, shots, table, _CODING)
        if not made.played:
            return unfit(instrument, len(straights), made)
        blobs = {
            digest: words.view(np.int16).astype("<f4") / np.float32(_CODING.top) for digest, words in made.blobs.items()
        }
        body = FileBody(made.clock_hz, made.channels, made.played, table.channels["output"].bits)
        return made.program(instrument, body, blobs)
