"""Emulated Tabor Proteus P2584M: four outputs, segments of each pair, a task table of each output.

Source: SQDToolz ``AWG_TaborP2584M`` and Tabor's public examples (INSTrument:CHANnel before what belongs to an output;
TRACe:DEFine, SELect, DATA and DELete:ALL; TASK:COMPoser:LENGth, SELect, TYPE, LOOP, SEGMent, NEXT1, ENABle and WRITe;
FUNCtion:MODE and FUNCtion:MODE:TASK; TRIGger:SELect and STATe; FREQuency:RASTer). Samples are unsigned 16 bits, 32768
at the offset. Limits as there: segments of 1024 samples at least in steps of 32, 64,000 tasks.

A trigger plays the task that waits for it and those after it up to the next one that waits, which must be the same.
Not emulated: sequences of tasks, what is played where no task waits (accepted, the plant hears nothing), triggers
other than 1, delays, the digitizer, markers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.hil.instruments.plant_link import Levels
from qctl.hil.instruments.scpi import arguments as arg
from qctl.hil.instruments.scpi.errors import refusal
from qctl.hil.instruments.sequenced import Played, Sequenced, Wave

__all__ = ["TaborP2584m"]

_LEAST, _MULTIPLE = 1024, 32
_MEMORY = 1_000_000_000
_MAX_TASKS = 64_000
_MAX_LOOPS = 1_048_576
_OUTPUTS = (1, 2, 3, 4)
_TYPES = arg.spellings("SINGle|STARt|END|SEQuence")
_ENABLES = {"NONE", "CPU", "TRG1", "TRG2", "INT"}


@dataclass(frozen=True)
class _Task:
    segment: int = 1
    n_loops: int = 1
    next: int = 0
    enable: str = "NONE"


class TaborP2584m(Sequenced):
    """The generator; what its outputs play at the next trigger goes to the plant."""

    idn = "Tabor Electronics,P2584M,{serial},1.140.0"
    n_outputs = 4

    def commands(self) -> None:
        """Add the commands of the examples."""
        super().commands()
        self._segments: dict[int, dict[int, NDArray[np.uint16]]] = {0: {}, 1: {}}
        self._waves: dict[tuple[int, int], Wave] = {}
        self._composed: dict[int, list[_Task]] = {n: [_Task()] for n in _OUTPUTS}
        self._written: dict[int, list[_Task]] = {n: [] for n in _OUTPUTS}
        self._channel, self._task = 1, 1
        add = self.table.add
        add("INSTrument:CHANnel[:SELect]", lambda s, a: self._choose(arg.integer(a[0], 1, 4)), 1)
        add("INSTrument:CHANnel[:SELect]?", lambda s, a: str(self._channel))
        self.number("[SOURce]:FREQuency:RASTer", "rate_hz", 1e9, 1e9, 2e9, dirty=True)
        self.choice(
            "[SOURce]:ROSCillator:SOURce", "reference", "INT", "INTernal|EXTernal", changed=self.reference_changed
        )
        self._own("[SOURce]:VOLTage[:LEVel][:AMPLitude]", "amplitude_vpp", 0.5, lambda a: arg.number(a, 0.001, 1.2))
        self._own("[SOURce]:VOLTage:OFFSet", "offset_v", 0.0, lambda a: arg.number(a, -0.5, 0.5))
        self._own("OUTPut[:STATe]", "on", False, arg.boolean)
        modes = arg.spellings("ARBitrary|TASK|STASk")
        self._own("[SOURce]:FUNCtion:MODE[:TYPE]", "mode", "ARB", lambda a: arg.choice(a, modes))
        self._own("[SOURce]:FUNCtion:MODE:TASK", "at", 1, lambda a: arg.integer(a, 1, _MAX_TASKS))
        self._own("TRIGger[:ACTive]:SELect", "trigger", "TRG1", self._trigger)
        add("TRIGger[:ACTive]:STATe", lambda s, a: self._arm(arg.boolean(a[0])), 1)
        add("TRIGger[:ACTive]:STATe?", lambda s, a: str(int(self.value("armed", self._channel))))
        self._defaults["armed"] = False
        add("TRACe:DEFine", lambda s, a: self._define(a), 2)
        self._own("TRACe:SELect", "segment", 1, lambda a: arg.integer(a, 1, _MAX_TASKS), by_pair=True)
        add("TRACe[:DATA]", lambda s, a: self._take(arg.block(a[0])), 1)
        add("TRACe:DELete:ALL", lambda s, a: self._delete())
        compose = "TASK:COMPoser:"
        add(f"{compose}LENGth", lambda s, a: self._compose(arg.integer(a[0], 1, _MAX_TASKS)), 1)
        add(f"{compose}SELect", lambda s, a: self._pick(arg.integer(a[0], 1, _MAX_TASKS)), 1)
        add(f"{compose}TYPE", lambda s, a: self._only_single(a[0]), 1)
        add(f"{compose}LOOP", lambda s, a: self._set(n_loops=arg.integer(a[0], 1, _MAX_LOOPS)), 1)
        add(f"{compose}SEGMent", lambda s, a: self._set(segment=arg.integer(a[0], 1, _MAX_TASKS)), 1)
        add(f"{compose}NEXT<>", lambda s, a: self._set(next=arg.integer(a[0], 0, _MAX_TASKS)), 1)
        add(f"{compose}ENABle", lambda s, a: self._set(enable=_enable(a[0])), 1)
        add(f"{compose}WRITe", lambda s, a: self._write())

    def _own(self, pattern: str, name: str, default: Any, read: Any, by_pair: bool = False) -> None:
        """Declare a setting of the output that was chosen last, or of its pair."""
        self._defaults[name] = default

        def key() -> int:
            return (self._channel - 1) // 2 if by_pair else self._channel

        def put(suffixes: tuple[int, ...], args: list[Any]) -> None:
            self.put(name, read(args[0]), key())
            self.dirty = True

        def ask(suffixes: tuple[int, ...], args: list[Any]) -> str:
            found = self.value(name, key())
            return str(int(found)) if isinstance(found, bool) else str(found)

        self.table.add(pattern, put, 1)
        self.table.add(f"{pattern}?", ask)

    def _choose(self, channel: int) -> None:
        self._channel = channel

    def _trigger(self, argument: Any) -> str:
        word = str(argument).upper()
        if word not in ("TRG1", "TRG2", "INT"):
            raise refusal(-224, word[:60])
        return word

    def _arm(self, on: bool) -> None:
        if self.value("trigger", self._channel) != "TRG1":
            raise refusal(-300, "the virtual lab has trigger 1 alone")
        self.put("armed", on, self._channel)
        self.dirty = True

    # segments and tasks ------------------------------------------------------------------------------

    @property
    def _pair(self) -> int:
        return (self._channel - 1) // 2

    def _define(self, args: list[Any]) -> None:
        number, n_samples = arg.integer(args[0], 1, _MAX_TASKS), arg.integer(args[1], 1, _MEMORY)
        if n_samples < _LEAST or n_samples % _MULTIPLE:
            raise refusal(-222, f"{n_samples} samples are not {_LEAST} at least in steps of {_MULTIPLE}")
        if sum(map(len, self._segments[self._pair].values())) + n_samples > _MEMORY:
            raise refusal(-225, f"{n_samples} samples more")
        self._segments[self._pair][number] = np.full(n_samples, 32768, np.uint16)
        self._waves.pop((self._pair, number), None)

    def _take(self, data: bytearray) -> None:
        self.count(len(data))
        number = self.value("segment", self._pair)
        segment = self._segments[self._pair].get(number)
        if segment is None:
            raise refusal(-224, f"no segment {number} of outputs {2 * self._pair + 1} and {2 * self._pair + 2}")
        if len(data) != 2 * len(segment):
            raise refusal(-223 if len(data) > 2 * len(segment) else -161, f"{len(data)} bytes for {len(segment)}")
        segment[:] = np.frombuffer(data, "<u2")
        self._waves.pop((self._pair, number), None)
        self.dirty = True

    def _delete(self) -> None:
        self._segments[self._pair].clear()
        self._waves = {key: wave for key, wave in self._waves.items() if key[0] != self._pair}
        self.dirty = True

    def _compose(self, n_tasks: int) -> None:
        self._composed[self._channel], self._task = [_Task() for _ in range(n_tasks)], 1

    def _pick(self, task: int) -> None:
        if task > len(self._composed[self._channel]):
            raise refusal(-222, f"task {task} of {len(self._composed[self._channel])}")
        self._task = task

    def _only_single(self, argument: Any) -> None:
        if arg.choice(argument, _TYPES) != "SING":
            raise refusal(-300, "the virtual lab has no sequences of tasks")

    def _set(self, **changes: Any) -> None:
        tasks = self._composed[self._channel]
        if self._task > len(tasks):
            raise refusal(-222, f"task {self._task} of {len(tasks)}")
        tasks[self._task - 1] = replace(tasks[self._task - 1], **changes)

    def _write(self) -> None:
        tasks = self._composed[self._channel]
        for number, task in enumerate(tasks, 1):
            if task.segment not in self._segments[self._pair]:
                raise refusal(-224, f"task {number} has segment {task.segment}, which is not there")
            if task.next > len(tasks):
                raise refusal(-222, f"task {number} goes to {task.next} of {len(tasks)}")
        self._written[self._channel] = list(tasks)
        self.dirty = True

    # playing -----------------------------------------------------------------------------------------

    def _way(self, output: int) -> list[_Task]:
        """Return the tasks from the one that waits for trigger 1 until it is come back to; none if it does not wait."""
        tasks, number = self._written[output], int(self.value("at", output))
        if not 1 <= number <= len(tasks) or tasks[number - 1].enable != "TRG1":
            return []
        first = number
        way: list[_Task] = []
        while len(way) < len(tasks):
            task = tasks[number - 1]
            if way and task.enable != "NONE":
                return []
            way.append(task)
            number = task.next
            if number == first:
                return way
            if not number:
                return []
        return []

    def _wave(self, pair: int, number: int) -> Wave | None:
        words = self._segments[pair].get(number)
        if words is None:
            return None
        wave = self._waves.get((pair, number))
        if wave is None:
            relative = (words.astype(np.float32) - np.float32(32768)) / np.float32(32767)
            wave = self._waves[pair, number] = Wave(np.maximum(relative, np.float32(-1)))
        return wave

    def playing(self) -> dict[int, list[Played]] | None:
        """Return what follows trigger 1 on each output whose tasks wait for it."""
        found = {}
        for output in _OUTPUTS:
            if self.value("mode", output) != "TASK" or not self.value("armed", output) or self.unlocked():
                continue
            waves = [(self._wave((output - 1) // 2, task.segment), task.n_loops) for task in self._way(output)]
            if waves and all(wave is not None for wave, _ in waves):
                found[output] = [Played(wave, n) for wave, n in waves if wave is not None]
        return found or None

    def levels(self) -> Levels:
        """Return amplitude, offset and state of each output."""
        return {n: (self.value("amplitude_vpp", n), self.value("offset_v", n), self.value("on", n)) for n in _OUTPUTS}

    def rate_hz(self) -> float:
        """Return the rate of all outputs."""
        return float(self.value("rate_hz"))

    def reset(self) -> None:
        """Forget settings, segments and tasks."""
        for pair in (0, 1):
            self._segments[pair].clear()
        self._waves.clear()
        self._written = {n: [] for n in _OUTPUTS}
        self._channel = self._task = 1
        super().reset()


def _enable(argument: Any) -> str:
    word = str(argument).upper()
    if word not in _ENABLES:
        raise refusal(-224, word[:60])
    return word
