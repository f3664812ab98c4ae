"""Lower straights to what Keysight's 33500B, 33600A and M8190A play: 16-bit words by content, steps for each point."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qctl.instruments.capability import Capability, limit
from qctl.instruments.keysight_generators import capabilities as can
from qctl.instruments.keysight_generators.body import ArbBody, SegmentBody
from qctl.instruments.rendering import Coding, lowering
from qctl.instruments.stepped import stepped, unfit
from qctl.lab import Instrument, Lab
from qctl.program.device_program import DeviceProgram
from qctl.program.timeline import Shots, Straight

__all__ = ["coding_of", "lower"]


def coding_of(table: Capability) -> Coding:
    """Return how a model writes volts: two's complement, in the upper bits of a word."""
    bits = table.channels["output"].bits
    return Coding((1 << (bits - 1)) - 1, 0, 16 - bits)


def lower(straights: Sequence[Straight], instrument: Instrument, lab: Lab, shots: Shots) -> DeviceProgram:
    """Return the program of one generator; see `stepped`.

    Every point is a sequence of its own, selected before its shots. That of a 33500B or 33600A begins with a short
    silence after which the box waits for its trigger; its limit of steps is one of each sequence.

    Raises
    ------
    CompileError
        If a pulse goes over an output's range or limits, starts before time zero, or is too long for the memory.
    """
    table = can.TABLES[instrument.model]
    waits = instrument.model in can.TRUEFORM
    elements = _longest_with_idle if waits else sum
    with lowering:
        made = stepped(straights, instrument, lab, shots, table, coding_of(table), elements)
        if not made.played:
            return unfit(instrument, len(straights), made)
        blobs = {digest: words.view(np.int16) for digest, words in made.blobs.items()}
        if waits:
            least = limit(table, "channels.output.length").least
            return made.program(instrument, ArbBody(made.clock_hz, made.channels, made.played, least), blobs, least)
        bits = table.channels["output"].bits
        return made.program(instrument, SegmentBody(made.clock_hz, made.channels, made.played, bits), blobs)


def _longest_with_idle(counts: Sequence[int]) -> int:
    return 1 + max(counts, default=0)
