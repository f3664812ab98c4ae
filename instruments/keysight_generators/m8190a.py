"""The words of a Keysight M8190A: segments of words by number, and a sequence of the table for each point.

Source: M8190A User's Guide, TRACe subsystem (TRACe:DATA with offset and block, TRACe:DELete:ALL; segments 1 … 512k),
qudi's driver of the M819X family (TRACe:DEFine and DATA, STABle:DATA with its seven fields and the control bits of a
sequence's first and last entry, STABle:SEQuence:SELect, FREQuency:RASTer, VOLTage and its OFFSet), BlackChirp's driver
of the M8190A (TRACe:DWIDth, INITiate:CONTinuous:STATe and GATE off, ARM:TRIGger:SOURce, LEVel and SLOPe), IQTools
(ROSCillator:SOURce, ABORt and INITiate:IMMediate of each channel), SCPI-99 volume 1, 9 (bit 5 of the questionable
status is FREQuency). FUNCtion:MODE STSequence is as in public programs for the box. Nobody here has sent it to a box.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
from numpy.typing import NDArray

from qctl.instruments.capability import limit
from qctl.instruments.commands import Command
from qctl.instruments.filling import Filling, Numbers, locked_to, setting
from qctl.instruments.keysight_generators.body import SegmentBody
from qctl.instruments.keysight_generators.capabilities import TABLES
from qctl.instruments.level_commands import level_commands, rate_command
from qctl.instruments.links.link import Link
from qctl.instruments.message_generator import MessageGenerator, open_generator
from qctl.instruments.messages import Message
from qctl.lab import Instrument, Lab
from qctl.program.device_program import DeviceProgram

__all__ = ["COMMANDS", "FAMILY", "M8190a", "open_driver"]

_FIRST, _LAST = 1 << 28, 1 << 30
"""Bits of an entry's control word: it begins a sequence, it ends one."""
_WHOLE = (0, 0xFFFFFFFF)
"""Offsets in a segment: all of it."""
_WIDTHS = {12: "WSPeed", 14: "WPRecision"}
_TRIGGER_V = 0.5
_TABLE = TABLES["keysight-m8190a-12bit"]
_LEVELS = (limit(_TABLE, "settings.amplitude_vpp").limits, limit(_TABLE, "settings.offset_v").limits)


class M8190a:
    """The words of the family, whatever its width."""

    identity = ("", "M8190A")
    body = SegmentBody
    dtype = np.dtype("<i2")
    commands = (
        Command("*IDN", "identity", "Identity", kind=str, settable=False),
        rate_command("FREQuency:RASTer", limit(_TABLE, "clocks.sample.hz").limits),
        *level_commands("VOLTage{n}", "VOLTage{n}:OFFSet", _LEVELS),
        Command("OUTPut{n}", "output{n}_on", "State of output", kind=bool),
        Command("FUNCtion{n}:MODE", "output{n}_mode", "Mode of output", kind=str, settable=False),
        Command("ROSCillator:SOURce", "reference_source", "Reference", kind=str, words=("INT", "EXT", "AXI")),
    )

    def relative(self, words: NDArray[np.generic], body: SegmentBody) -> NDArray[np.float64]:
        """Return samples as fractions of half the amplitude."""
        return (words.astype(np.int64) >> (16 - body.bits)) / ((1 << (body.bits - 1)) - 1)

    def memories(self, outputs: Collection[int]) -> list[str]:
        """Return one memory for each output."""
        return [str(n) for n in outputs]

    def cleared(self, memory: str) -> list[Message]:
        """Return what deletes the segments of an output."""
        return [Message(f":OUTP{memory} OFF"), Message(f":TRAC{memory}:DEL:ALL")]

    def fillings(self, program: DeviceProgram, numbers: Numbers) -> Iterator[Filling]:
        """Return what the box must hold; see `Family`."""
        body = SegmentBody.from_bytes(program.body)
        yield setting("byte order", ":FORM:BORD", "SWAP")
        yield setting("trigger source", ":ARM:TRIG:SOUR", "EXT")
        yield setting("trigger level", ":ARM:TRIG:LEV", _TRIGGER_V)
        yield setting("trigger slope", ":ARM:TRIG:SLOP", "POS")
        for n, channel in body.channels.items():
            memory = str(n)
            yield setting(f"output{n} width", f":TRAC{n}:DWID", _WIDTHS[body.bits])
            used = dict.fromkeys(step.waveforms[n] for steps in body.points for step in steps)
            for digest in used:
                words, k = program.blobs[digest], numbers.of(memory, digest)

                def segment(k: int = k, words: NDArray[np.generic] = words, n: int = n) -> list[Message]:
                    block = words.astype("<i2").tobytes()
                    return [
                        Message(f":TRAC{n}:DEF {k},{len(words)},0"),
                        Message(f":TRAC{n}:DATA {k},0,", block, f"output{n}.segment{k}.bin"),
                    ]

                yield Filling(f"output{n} segment {k}", digest, segment, memory, len(words))
            yield setting(f"output{n}_mode", f":FUNC{n}:MODE", "STS")
            entry = 0
            for steps in body.points:
                for k, step in enumerate(steps):
                    control = (_FIRST if k == 0 else 0) | (_LAST if k == len(steps) - 1 else 0)
                    number = numbers.of(memory, step.waveforms[n])
                    fields = (entry, control, 1, step.n_loops, number, *_WHOLE)
                    text = ",".join(map(str, fields))
                    yield setting(f"output{n} entry {entry}", f":STAB{n}:DATA", text)._replace(memory=memory)
                    entry += 1
            yield setting(f"output{n}_amplitude_vpp", f":VOLT{n}", channel.amplitude_vpp)
            yield setting(f"output{n}_offset_v", f":VOLT{n}:OFFS", channel.offset_v)
            yield setting(f"output{n} continuous", f":INIT:CONT{n}:STAT", "OFF")
            yield setting(f"output{n} gate", f":INIT:GATE{n}:STAT", "OFF")
        yield setting("clock_hz", ":FREQ:RAST", body.clock_hz)

    def stopped(self, outputs: Collection[int]) -> list[str]:
        """Return what ends playing and waiting."""
        return [f":ABOR{n}" for n in outputs]

    def started(self, body: SegmentBody) -> list[str]:
        """Return what waits at point 0."""
        return self._led(body, 0)

    def selected(self, body: SegmentBody, point: int) -> str:
        """Return what waits at a point: a sequence is chosen while the output is stopped."""
        return ";".join(self._led(body, point))

    def _led(self, body: SegmentBody, point: int) -> list[str]:
        entry = sum(len(steps) for steps in body.points[:point])
        stopped = self.stopped(body.channels)
        chosen = [f":STAB{n}:SEQ:SEL {entry}" for n in body.channels]
        return [*stopped, *chosen, *(f":INIT:IMM{n}" for n in body.channels)]

    def switched(self, output: int, on: bool) -> str:
        """Return what switches an output."""
        return f":OUTP{output} {'ON' if on else 'OFF'}"

    def is_on(self, output: int) -> str:
        """Return what asks for the state of an output."""
        return f":OUTP{output}?"

    def reference(self, external: bool) -> list[str]:
        """Return what sets the reference."""
        return [f":ROSC:SOUR {'EXT' if external else 'INT'}"]

    def is_locked(self, link: Link, external: bool) -> bool:
        """Say whether the reference is the one asked for, and locked."""
        return locked_to(link, ":ROSC:SOUR?", "EXT" if external else "INT")


FAMILY = M8190a()
COMMANDS = FAMILY.commands


def open_driver(instrument: Instrument, lab: Lab) -> MessageGenerator:
    """Open the link, check the identity, set the reference."""
    return open_generator(instrument, FAMILY, TABLES)
