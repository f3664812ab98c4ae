"""The words of a Tektronix AWG5200 or AWG70000A: `.wfmx` files, and a sequence whose steps wait for a trigger.

Source: QCoDeS ``AWG70000A.py`` (MMEMory:DATA and OPEN, which overlaps what follows; WLISt:WAVeform:DELete ALL,
SLISt:SEQuence:DELete ALL, CLOCk:SRATe, CLOCk:SOURce with INT and EFIX, SOURce:VOLTage and its OFFSet, DAC:RESolution,
CASSet:SEQuence, OUTPut:STATe, AWGControl:RUN, STOP and RSTate, SOURce:JUMP:FORCE), tektronix/tm_devices
(SLISt:SEQuence:NEW and STEP: TASSet:WAVeform, RCOunt, WINPut, GOTO), IEEE 488.2, 10.39 (WAI), SCPI-99 volume 1, 9
(bit 5 of the questionable status is FREQuency). Nobody here has sent it to a box.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
from numpy.typing import NDArray

from qctl.instruments.capability import limit
from qctl.instruments.commands import Command
from qctl.instruments.filling import Filling, Numbers, locked_to, setting
from qctl.instruments.level_commands import level_commands, rate_command
from qctl.instruments.links.link import Link
from qctl.instruments.message_generator import MessageGenerator, open_generator
from qctl.instruments.messages import Message
from qctl.instruments.tektronix_files.body import FileBody
from qctl.instruments.tektronix_files.capabilities import TABLES
from qctl.instruments.tektronix_files.wfmx import wfmx
from qctl.lab import Instrument, Lab
from qctl.program.device_program import DeviceProgram

__all__ = ["COMMANDS", "FAMILY", "TektronixFiles", "open_driver"]

_SEQUENCE = "qctl"
_LIST = "waveform list"
_TABLE = TABLES["tektronix-awg70000a"]
_LEVELS = (
    limit(TABLES["tektronix-awg5200"], "settings.amplitude_vpp").limits,
    limit(_TABLE, "settings.offset_v").limits,
)


class TektronixFiles:
    """The words of the family."""

    identity = ("TEKTRONIX", "AWG")
    body = FileBody
    dtype = np.dtype("<f4")
    commands = (
        Command("*IDN", "identity", "Identity", kind=str, settable=False),
        rate_command("CLOCk:SRATe", limit(_TABLE, "clocks.sample.hz").limits),
        *level_commands("SOURce{n}:VOLTage", "SOURce{n}:VOLTage:LEVel:IMMediate:OFFSet", _LEVELS),
        Command("OUTPut{n}:STATe", "output{n}_on", "State of output", kind=bool),
        Command("SOURce{n}:DAC:RESolution", "output{n}_bits", "Resolution of output", kind=int, settable=False),
        Command("AWGControl:RSTate", "run_state", "Run state", kind=int, settable=False),
        Command("CLOCk:SOURce", "clock_source", "Clock source", kind=str, words=("INT", "EFIX")),
    )

    def relative(self, words: NDArray[np.generic], body: FileBody) -> NDArray[np.float64]:
        """Return samples as they are: fractions of half the amplitude."""
        return words.astype(np.float64)

    def memories(self, outputs: Collection[int]) -> list[str]:
        """Return the one list that all outputs share."""
        return [_LIST]

    def cleared(self, memory: str) -> list[Message]:
        """Return what deletes all sequences and waveforms from their lists; files stay."""
        return [Message("SLIS:SEQ:DEL ALL"), Message("WLIS:WAV:DEL ALL")]

    def fillings(self, program: DeviceProgram, numbers: Numbers) -> Iterator[Filling]:
        """Return what the box must hold; see `Family`."""
        body = FileBody.from_bytes(program.body)
        yield setting("mode", "INST:MODE", "AWG")
        yield setting("clock_hz", "CLOC:SRAT", body.clock_hz)
        for digest, samples in program.blobs.items():
            file = f"q{digest}.wfmx"

            def opened(file: str = file, samples: NDArray[np.generic] = samples) -> list[Message]:
                block = wfmx(samples)
                return [Message(f'MMEM:DATA "{file}",', block, file), Message(f'MMEM:OPEN "{file}"'), Message("*WAI")]

            yield Filling(f"waveform {digest}", digest, opened, _LIST, len(samples))
        steps = tuple((tuple(sorted(s.waveforms.items())), s.n_loops) for point in body.points for s in point)
        sequence = (tuple(map(len, body.points)), steps)
        yield Filling("sequence", sequence, lambda: _sequence(body), _LIST)
        for n, channel in body.channels.items():
            yield setting(f"output{n}_bits", f"SOUR{n}:DAC:RES", body.bits)
            yield setting(f"output{n}_amplitude_vpp", f"SOUR{n}:VOLT", channel.amplitude_vpp)
            asset = Message(f'SOUR{n}:CASS:SEQ "{_SEQUENCE}",{n}')
            yield Filling(f"output{n} asset", sequence, lambda asset=asset: [asset], _LIST)  # type: ignore[misc]
            yield setting(f"output{n}_offset_v", f"SOUR{n}:VOLT:LEV:IMM:OFFS", channel.offset_v)

    def stopped(self, outputs: Collection[int]) -> list[str]:
        """Return what ends playing and waiting."""
        return ["AWGC:STOP"]

    def started(self, body: FileBody) -> list[str]:
        """Return what waits at the first step."""
        return ["AWGC:STOP", "AWGC:RUN"]

    def selected(self, body: FileBody, point: int) -> str:
        """Return what jumps to the first step of a point; steps count from 1."""
        step = 1 + sum(len(steps) for steps in body.points[:point])
        return ";:".join(f"SOUR{n}:JUMP:FORC {step}" for n in body.channels)

    def switched(self, output: int, on: bool) -> str:
        """Return what switches an output."""
        return f"OUTP{output}:STAT {int(on)}"

    def is_on(self, output: int) -> str:
        """Return what asks for the state of an output."""
        return f"OUTP{output}:STAT?"

    def reference(self, external: bool) -> list[str]:
        """Return what sets the clock on its own oscillator, or on a reference of 10 MHz."""
        return [f"CLOC:SOUR {'EFIX' if external else 'INT'}"]

    def is_locked(self, link: Link, external: bool) -> bool:
        """Say whether the clock is the one asked for, and locked."""
        return locked_to(link, "CLOC:SOUR?", "EFIX" if external else "INT")


def _sequence(body: FileBody) -> list[Message]:
    """Return what makes the sequence anew."""
    n_steps = sum(map(len, body.points))
    sent = [Message("SLIS:SEQ:DEL ALL"), Message(f'SLIS:SEQ:NEW "{_SEQUENCE}",{n_steps},{max(body.channels)}')]
    at = 1
    for steps in body.points:
        first = at
        for step in steps:
            name = f"SLIS:SEQ:STEP{at}"
            sent += [Message(f'{name}:TASS{n}:WAV "{_SEQUENCE}","q{step.waveforms[n]}"') for n in body.channels]
            sent.append(Message(f'{name}:RCO "{_SEQUENCE}",{step.n_loops}'))
            sent.append(Message(f'{name}:WINP "{_SEQUENCE}",{"ATR" if at == first else "OFF"}'))
            at += 1
        sent.append(Message(f'SLIS:SEQ:STEP{at - 1}:GOTO "{_SEQUENCE}",{first}'))
    return sent


FAMILY = TektronixFiles()
COMMANDS = FAMILY.commands


def open_driver(instrument: Instrument, lab: Lab) -> MessageGenerator:
    """Open the link, check the identity, set the reference."""
    return open_generator(instrument, FAMILY, TABLES)
