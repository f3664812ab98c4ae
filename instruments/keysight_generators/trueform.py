"""The words of a Keysight 33500B or 33600A: arbitrary waveforms as DAC words, a sequence for each point and output.

Waveforms and sequences are named by content, since a name in the volatile memory can't be given anew; there is no way
to delete one alone, nor to read one back. Each output waits for the trigger on its own. The sequence of a point begins
with a short silence, after which it waits, plays its steps, and begins anew. While the box is stopped its trigger is
the bus, which nobody uses.

Source: pymeasure ``Agilent33500`` (DATA:VOLatile:CLEar, DATA:ARBitrary:DAC, FUNCtion:ARBitrary and its FILTer, ADVance
and SRATe, VOLTage:UNIT, OUTPut:LOAD, BURSt:STATe), QCoDeS ``Keysight_33xxx`` (VOLTage, VOLTage:OFFSet, TRIGger:SOURce
with EXT and BUS, SLOPe, OUTPut), Agilent 33500 Series Operating and Service Guide, DATA subsystem (DATA:SEQuence of
waveforms already in waveform memory, as a definite block), and public programs for 33512B and 33622A that follow it
(FORMat:BORDer SWAPped with a block of int16, DATA:SEQuence with its play controls onceWaitTrig, once and repeat,
DATA:VOLatile:CATalog). a driver of the 33522B has ROSCillator:SOURce and its AUTO. Bit 5 of
STATus:QUEStionable:CONDition (loss of lock) is from general knowledge.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from qctl.instruments.capability import limit
from qctl.instruments.commands import Command
from qctl.instruments.filling import Filling, Numbers, locked_to, setting
from qctl.instruments.keysight_generators.body import ArbBody
from qctl.instruments.keysight_generators.capabilities import TABLES
from qctl.instruments.level_commands import level_commands, rate_command
from qctl.instruments.links.link import Link
from qctl.instruments.message_generator import MessageGenerator, open_generator
from qctl.instruments.messages import Message
from qctl.instruments.steps import Step
from qctl.lab import Instrument, Lab
from qctl.program.device_program import DeviceProgram

__all__ = ["COMMANDS", "FAMILY", "Trueform", "arb_name", "open_driver", "sequence_name"]

_IDLE = "idle"
_NAME_DIGITS = 11
"""Of a digest: names of waveforms have at most twelve characters."""
_TABLE = TABLES["keysight-33600a"]
_LEVELS = (limit(_TABLE, "settings.amplitude_vpp").limits, limit(_TABLE, "settings.offset_v").limits)


def arb_name(digest: str) -> str:
    """Return the name of a waveform in the box, by content."""
    return f"q{digest[:_NAME_DIGITS]}"


def sequence_name(rows: str) -> str:
    """Return the name of a sequence in the box, by content."""
    return f"s{blake2b(rows.encode(), digest_size=16).hexdigest()[:_NAME_DIGITS]}"


def _rows(steps: tuple[Step, ...], n: int) -> str:
    """Return the rows of an output's sequence at a point, without its name."""
    rows = [f'"{_IDLE}",0,onceWaitTrig,maintain,4']
    for step in steps:
        played = f"{step.n_loops},repeat" if step.n_loops > 1 else "0,once"
        rows.append(f'"{arb_name(step.waveforms[n])}",{played},maintain,4')
    return ",".join(rows)


class Trueform:
    """The words of the family."""

    identity = ("", "33")
    body = ArbBody
    dtype = np.dtype("<i2")
    commands = (
        Command("*IDN", "identity", "Identity", kind=str, settable=False),
        rate_command("SOURce{n}:FUNCtion:ARBitrary:SRATe", limit(_TABLE, "clocks.sample.hz").limits, 1e-3, each=True),
        *level_commands("SOURce{n}:VOLTage", "SOURce{n}:VOLTage:OFFSet", _LEVELS, 1e-4),
        Command("OUTPut{n}", "output{n}_on", "State of output", kind=bool),
        Command("SOURce{n}:FUNCtion", "output{n}_function", "Function of output", kind=str, settable=False),
        Command("SOURce{n}:FUNCtion:ARBitrary", "output{n}_arb", "Waveform of output", kind=str, settable=False),
        Command(
            "SOURce{n}:FUNCtion:ARBitrary:FILTer",
            "output{n}_filter",
            "Filter of output",
            kind=str,
            words=("NORM", "STEP", "OFF"),
        ),
        Command("TRIGger{n}:SOURce", "output{n}_trigger", "Trigger of output", kind=str, settable=False),
        Command("TRIGger{n}:SLOPe", "output{n}_slope", "Trigger slope of output", kind=str, words=("POS", "NEG")),
        Command("ROSCillator:SOURce", "reference_source", "Reference", kind=str, words=("INT", "EXT")),
    )

    def relative(self, words: NDArray[np.generic], body: ArbBody) -> NDArray[np.float64]:
        """Return samples as fractions of half the amplitude."""
        return words.astype(np.float64) / 32767

    def memories(self, outputs: Collection[int]) -> list[str]:
        """Return one memory for each output."""
        return [str(n) for n in outputs]

    def cleared(self, memory: str) -> list[Message]:
        """Return what deletes the waveforms and sequences of an output, which then has a waveform of the box's own."""
        return [Message(f"OUTP{memory} OFF"), Message(f"SOUR{memory}:DATA:VOL:CLE")]

    def fillings(self, program: DeviceProgram, numbers: Numbers) -> Iterator[Filling]:
        """Return what the box must hold; see `Family`."""
        body = ArbBody.from_bytes(program.body)
        yield setting("byte order", "FORM:BORD", "SWAP")
        for n, channel in body.channels.items():
            source, memory = f"SOUR{n}", str(n)
            yield setting(f"output{n} load", f"OUTP{n}:LOAD", 50)
            used = dict.fromkeys(step.waveforms[n] for steps in body.points for step in steps)
            arbs = {_IDLE: np.zeros(body.idle_samples, np.int16)}
            arbs |= {arb_name(digest): program.blobs[digest].view(np.int16) for digest in used}
            for name, words in arbs.items():
                digest = len(words) if name == _IDLE else name

                def arb(name: str = name, words: NDArray[np.int16] = words, n: int = n) -> list[Message]:
                    block = words.astype("<i2").tobytes()
                    return [Message(f"SOUR{n}:DATA:ARB:DAC {name},", block, f"output{n}.{name}.bin")]

                yield Filling(f"output{n} waveform {name}", digest, arb, memory, len(words))
            sequences = {sequence_name(rows): rows for rows in (_rows(steps, n) for steps in body.points)}
            for name, rows in sequences.items():

                def sequence(name: str = name, rows: str = rows, n: int = n) -> list[Message]:
                    return [Message(f"SOUR{n}:DATA:SEQ ", f'"{name}",{rows}'.encode(), f"output{n}.{name}.seq.txt")]

                yield Filling(f"output{n} sequence {name}", name, sequence, memory)
            yield setting(f"output{n} burst", f"{source}:BURS:STAT", 0)
            yield setting(f"output{n}_function", f"{source}:FUNC", "ARB")
            yield setting(f"output{n}_filter", f"{source}:FUNC:ARB:FILT", body.filter)
            yield setting(f"output{n} advance", f"{source}:FUNC:ARB:ADV", "SRAT")
            yield setting(f"output{n}_clock_hz", f"{source}:FUNC:ARB:SRAT", body.clock_hz)
            yield setting(f"output{n} unit", f"{source}:VOLT:UNIT", "VPP")
            yield setting(f"output{n}_amplitude_vpp", f"{source}:VOLT", channel.amplitude_vpp)
            yield setting(f"output{n}_offset_v", f"{source}:VOLT:OFFS", channel.offset_v)
            yield setting(f"output{n}_slope", f"TRIG{n}:SLOP", "POS")

    def stopped(self, outputs: Collection[int]) -> list[str]:
        """Return what leaves the outputs waiting for a trigger that nobody sends."""
        return [f"TRIG{n}:SOUR BUS" for n in outputs]

    def started(self, body: ArbBody) -> list[str]:
        """Return what selects point 0 and lets the trigger input play."""
        return [*self._chosen(body, 0), *(f"TRIG{n}:SOUR EXT" for n in body.channels)]

    def selected(self, body: ArbBody, point: int) -> str:
        """Return what selects the sequences of a point."""
        return ";:".join(self._chosen(body, point))

    def _chosen(self, body: ArbBody, point: int) -> list[str]:
        steps = body.points[point]
        return [f'SOUR{n}:FUNC:ARB "{sequence_name(_rows(steps, n))}"' for n in body.channels]

    def switched(self, output: int, on: bool) -> str:
        """Return what switches an output."""
        return f"OUTP{output} {'ON' if on else 'OFF'}"

    def is_on(self, output: int) -> str:
        """Return what asks for the state of an output."""
        return f"OUTP{output}?"

    def reference(self, external: bool) -> list[str]:
        """Return what sets the reference, and keeps the box from changing it by itself."""
        return ["ROSC:SOUR:AUTO OFF", f"ROSC:SOUR {'EXT' if external else 'INT'}"]

    def is_locked(self, link: Link, external: bool) -> bool:
        """Say whether the reference is the one asked for, and locked."""
        return locked_to(link, "ROSC:SOUR?", "EXT" if external else "INT")


FAMILY = Trueform()
COMMANDS = FAMILY.commands


def open_driver(instrument: Instrument, lab: Lab) -> MessageGenerator:
    """Open the link, check the identity, set the reference."""
    return open_generator(instrument, FAMILY, TABLES)
