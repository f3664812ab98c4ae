"""The words of a Tabor Proteus P2584M: segments of a pair of outputs, and tasks of each output.

Each command means the output that INSTrument:CHANnel chose last, so each is sent with its choice.

Source: SQDToolz ``AWG_TaborP2584M`` (INSTrument:CHANnel, TRACe:DEFine, SELect and DATA, TASK:COMPoser with its fields,
FUNCtion:MODE TASK and FUNCtion:MODE:TASK, TRIGger:SELect and STATe; outputs 1 and 2, 3 and 4 share a memory), Tabor's
examples (FREQuency:RASTer, OUTPut, SOURce:VOLTage, TRACe:DELete:ALL, FUNCtion:MODE:TASK 1), public programs for the
Proteus (ROSCillator:SOURce), SCPI-99 volume 1, 9 (bit 5 of the questionable status is FREQuency). VOLTage:OFFSet is
from general knowledge. Nobody here has sent it to a box.
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
from qctl.instruments.tabor.body import TaskBody
from qctl.instruments.tabor.capabilities import TABLES
from qctl.lab import Instrument, Lab
from qctl.program.device_program import DeviceProgram

__all__ = ["COMMANDS", "FAMILY", "Proteus", "open_driver"]

_TRIGGER = "TRG1"
_TABLE = TABLES["tabor-p2584m"]
_LEVELS = (limit(_TABLE, "settings.amplitude_vpp").limits, limit(_TABLE, "settings.offset_v").limits)


def _chosen(n: int, *texts: str) -> list[Message]:
    """Return commands for one output."""
    return [Message(f":INST:CHAN {n}"), *map(Message, texts)]


def _setting(place: str, n: int, header: str, value: float | str) -> Filling:
    return Filling(place, value, lambda: _chosen(n, f"{header} {value}"))


class Proteus:
    """The words of the family."""

    identity = ("Tabor", "P2584M")
    body = TaskBody
    dtype = np.dtype("<u2")
    commands = (
        Command("*IDN", "identity", "Identity", kind=str, settable=False),
        rate_command("FREQuency:RASTer", limit(_TABLE, "clocks.sample.hz").limits),
        *level_commands(
            ":SOUR:VOLT",
            ":SOUR:VOLT:OFFS",
            _LEVELS,
            send=":INST:CHAN {n};HEADER {value}",
            ask=":INST:CHAN {n};HEADER?",
        ),
        Command(
            ":OUTP",
            "output{n}_on",
            "State of output",
            kind=bool,
            send=":INST:CHAN {n};:OUTP {value}",
            ask=":INST:CHAN {n};:OUTP?",
        ),
        Command("ROSCillator:SOURce", "reference_source", "Reference", kind=str, words=("INT", "EXT")),
    )

    def relative(self, words: NDArray[np.generic], body: TaskBody) -> NDArray[np.float64]:
        """Return samples as fractions of half the amplitude."""
        return (words.astype(np.float64) - 32768) / 32767

    def memories(self, outputs: Collection[int]) -> list[str]:
        """Return one memory for each pair of outputs."""
        return sorted({str((n - 1) // 2) for n in outputs})

    def cleared(self, memory: str) -> list[Message]:
        """Return what deletes the segments of a pair."""
        first = 2 * int(memory) + 1
        return [*_chosen(first + 1, ":OUTP OFF"), *_chosen(first, ":OUTP OFF", ":TRAC:DEL:ALL")]

    def fillings(self, program: DeviceProgram, numbers: Numbers) -> Iterator[Filling]:
        """Return what the box must hold; see `Family`."""
        body = TaskBody.from_bytes(program.body)
        yield setting("clock_hz", ":FREQ:RAST", body.clock_hz)
        for pair in sorted({(n - 1) // 2 for n in body.channels}):
            memory = str(pair)
            mine = [n for n in body.channels if (n - 1) // 2 == pair]
            used = dict.fromkeys(step.waveforms[n] for n in mine for steps in body.points for step in steps)
            for digest in used:
                words, k = program.blobs[digest], numbers.of(memory, digest)

                def segment(
                    words: NDArray[np.generic] = words, k: int = k, n: int = mine[0], pair: int = pair
                ) -> list[Message]:
                    block, file = words.astype("<u2").tobytes(), f"outputs{pair}.segment{k}.bin"
                    defined = _chosen(n, f":TRAC:DEF {k}, {len(words)}", f":TRAC:SEL {k}")
                    return [*defined, Message(":TRAC:DATA ", block, file)]

                yield Filling(f"pair {pair} segment {k}", digest, segment, memory, len(words))
        for n, channel in body.channels.items():
            memory = str((n - 1) // 2)
            tasks = tuple(
                tuple((numbers.of(memory, step.waveforms[n]), step.n_loops) for step in steps) for steps in body.points
            )
            yield Filling(
                f"output{n} tasks", tasks, lambda n=n, tasks=tasks: _table(n, tasks), memory  # type: ignore[misc]
            )  # fmt: skip
            yield _setting(f"output{n}_amplitude_vpp", n, ":SOUR:VOLT", channel.amplitude_vpp)
            yield _setting(f"output{n}_offset_v", n, ":SOUR:VOLT:OFFS", channel.offset_v)
            yield _setting(f"output{n} mode", n, ":FUNC:MODE", "TASK")

    def stopped(self, outputs: Collection[int]) -> list[str]:
        """Return what leaves each output's tasks waiting for a trigger that is off."""
        return [f":INST:CHAN {n};:TRIG:SEL {_TRIGGER};:TRIG:STAT OFF" for n in outputs]

    def started(self, body: TaskBody) -> list[str]:
        """Return what waits at the first task, with the trigger on."""
        goes = [self._led(n, 1) for n in body.channels]
        return [*goes, *(f":INST:CHAN {n};:TRIG:SEL {_TRIGGER};:TRIG:STAT ON" for n in body.channels)]

    def selected(self, body: TaskBody, point: int) -> str:
        """Return what goes to the first task of a point; tasks count from 1."""
        task = 1 + sum(len(steps) for steps in body.points[:point])
        return ";".join(self._led(n, task) for n in body.channels)

    def _led(self, output: int, task: int) -> str:
        return f":INST:CHAN {output};:FUNC:MODE:TASK {task}"

    def switched(self, output: int, on: bool) -> str:
        """Return what switches an output."""
        return f":INST:CHAN {output};:OUTP {'ON' if on else 'OFF'}"

    def is_on(self, output: int) -> str:
        """Return what asks for the state of an output."""
        return f":INST:CHAN {output};:OUTP?"

    def reference(self, external: bool) -> list[str]:
        """Return what sets the reference."""
        return [f":ROSC:SOUR {'EXT' if external else 'INT'}"]

    def is_locked(self, link: Link, external: bool) -> bool:
        """Say whether the reference is the one asked for, and locked."""
        return locked_to(link, ":ROSC:SOUR?", "EXT" if external else "INT")


def _table(n: int, points: tuple[tuple[tuple[int, int], ...], ...]) -> list[Message]:
    """Return what writes the tasks of an output."""
    sent = _chosen(n, f":TASK:COMP:LENG {sum(map(len, points))}")
    at = 1
    for steps in points:
        first, last = at, at + len(steps) - 1
        for number, n_loops in steps:
            words = [
                f"SEL {at}",
                "TYPE SING",
                f"LOOP {n_loops}",
                f"SEGM {number}",
                f"NEXT1 {first if at == last else at + 1}",
                f"ENAB {_TRIGGER if at == first else 'NONE'}",
            ]
            sent += [Message(f":TASK:COMP:{word}") for word in words]
            at += 1
    return [*sent, Message(":TASK:COMP:WRIT")]


FAMILY = Proteus()
COMMANDS = FAMILY.commands


def open_driver(instrument: Instrument, lab: Lab) -> MessageGenerator:
    """Open the link, check the identity, set the reference."""
    return open_generator(instrument, FAMILY, TABLES)
