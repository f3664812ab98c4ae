"""What a batch needs while it plays: its instruments by what they do, their records, how far it came."""

from __future__ import annotations

import mmap
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from qctl.device import Advancing, Following, Player, Recorder, Recording, SelfTimed, TriggerSource
from qctl.errors import DeviceError, QctlError, ScheduleError
from qctl.instruments.links.life import LinkState
from qctl.server.calls import Call
from qctl.server.instrument import InstrumentThread
from qctl.server.orders import BatchOrder, Load, SumsPart, TracePart

__all__ = [
    "ARM",
    "FIRE",
    "READ",
    "SET",
    "SLICE_S",
    "STAGES",
    "START",
    "STOP",
    "UPLOAD",
    "Outcome",
    "Rack",
    "Stopped",
    "Traces",
    "Watch",
    "go_on",
    "unlocked",
    "wait_all",
]

STAGES = ("set", "upload", "start", "arm", "fire", "read", "stop")
SET, UPLOAD, START, ARM, FIRE, READ, STOP = range(len(STAGES))
SLICE_S = 0.2
"""How long anything is waited for at a time: a stop is seen after it."""


@dataclass(slots=True)
class Outcome:
    """How far a batch came."""

    n_points: int = 0
    traces: list[TracePart] = field(default_factory=list)
    sums: list[SumsPart] = field(default_factory=list)
    sent_bytes: dict[str, int] = field(default_factory=dict)
    stopped: bool = False
    error: QctlError | None = None


class Stopped(Exception):
    """The run was told to stop."""


class Traces:
    """Codes of one recorder for all points of a batch, in a file of shared memory."""

    def __init__(self, path: Path, n_points: int) -> None:
        self.path, self.n_points = path, n_points
        self.part: TracePart | None = None
        self._codes: NDArray[np.int16] | None = None

    def put(self, instrument: str, point: int, recording: Recording) -> None:
        """Take the records of one point; the first say the shape of all."""
        if self._codes is None:
            shape = (self.n_points, *recording.codes.shape)
            size = max(1, int(np.prod(shape)) * 2)
            with self.path.open("wb+") as file:
                file.truncate(size)
                memory = mmap.mmap(file.fileno(), size)
            self._codes = np.frombuffer(memory, np.int16)[: int(np.prod(shape))].reshape(shape)
            self.part = TracePart(
                instrument,
                str(self.path),
                (shape[0], shape[1], shape[2], shape[3]),
                tuple(float(value) for value in recording.volts_per_code),
                tuple(float(value) for value in recording.offset_v),
                recording.rate_hz,
                recording.n_averaged,
            )
        if recording.codes.shape != self._codes.shape[1:]:
            raise DeviceError(
                f"{instrument} returned records of shape {recording.codes.shape} at point {point} "
                f"and {self._codes.shape[1:]} before",
                instrument=instrument,
            )
        self._codes[point] = recording.codes


class Rack:
    """The instruments of a batch, by what they do."""

    def __init__(self, order: BatchOrder, threads: Mapping[str, InstrumentThread]) -> None:
        self.players: list[InstrumentThread] = []
        self.recorders: list[InstrumentThread] = []
        self.triggers: list[InstrumentThread] = []
        self.self_timed: list[InstrumentThread] = []
        self.loads: list[tuple[InstrumentThread, Load]] = []
        for load in order.programs:
            thread = threads[load.instrument]
            if thread.device is None:
                raise thread.down()
            self.loads.append((thread, load))
            starts = thread.is_a(TriggerSource)
            if starts:  # a device that plays by itself may start itself, too
                self.triggers.append(thread)
            if thread.is_a(SelfTimed):
                self.self_timed.append(thread)
            elif starts:
                continue
            elif thread.is_a(Recorder):
                self.recorders.append(thread)
            elif thread.is_a(Player):
                self.players.append(thread)
            else:
                raise ScheduleError(f"{thread.name} neither plays, records nor triggers", instrument=thread.name)
        self.moving = [thread for thread, load in self.loads if load.n_points > 1 and thread in self.players]
        self.advancing: list[InstrumentThread] = []
        self.chassis: list[InstrumentThread] = []
        self.following: list[InstrumentThread] = []

    def part(self) -> None:
        """Tell apart what the loaded programs do: advance by themselves, follow triggers, or play all points in a shot.

        Raises
        ------
        ScheduleError
            If some devices time themselves and others are led from point to point.
        """
        self.advancing = [t for t in self.moving if t.is_a(Advancing) and cast(Advancing, t.device).advances()]
        self.moving = [thread for thread in self.moving if thread not in self.advancing]
        self.chassis = [thread for thread in self.triggers if _follows(thread)]
        self.triggers = [thread for thread in self.triggers if thread not in self.chassis]
        self.following = [thread for thread in self.self_timed if _follows(thread)]
        self.self_timed = [thread for thread in self.self_timed if thread not in self.following]
        led = [*self.players, *self.recorders, *self.following]
        if self.self_timed and led:
            text = f"{self.self_timed[0].name} plays all points by itself, {led[0].name} is told each: not in one run"
            raise ScheduleError(
                f"{text}, unless its chassis has a trigger wire from what starts {led[0].name}", instrument=led[0].name
            )

    @property
    def all(self) -> tuple[InstrumentThread, ...]:
        """Return every instrument, what fires first."""
        timed = (*self.chassis, *self.following, *self.self_timed)
        return (*self.triggers, *timed, *self.players, *self.recorders)


def _follows(thread: InstrumentThread) -> bool:
    return thread.is_a(Following) and cast(Following, thread.device).follows()


class Watch:
    """All instruments that a run needs, played or not: a lost or reopened link spoils the run, and is named."""

    def __init__(self, threads: Sequence[InstrumentThread]) -> None:
        self._sessions = [(thread, thread.n_opened) for thread in dict.fromkeys(threads)]

    def check(self) -> None:
        """Raise if a link was lost or opened anew, or an instrument is not locked to its reference."""
        for thread, session in self._sessions:
            if thread.state is not LinkState.UP or thread.n_opened != session:
                why = thread.why or "it was opened anew"
                raise DeviceError(f"{thread.name} lost its link during the run: {why}", instrument=thread.name)
            if thread.locked is False:
                raise unlocked(thread)


def unlocked(thread: InstrumentThread) -> ScheduleError:
    """Return the error of an instrument that is not locked to its reference clock."""
    box = thread.instrument
    source = f" from {box.clock_source}" if box.clock_source else ""
    text = (
        f"{thread.name} is not locked to its {box.reference} reference clock{source}: check the cable, or its "
        f"setting if the instrument was reset by hand (qctl instruments get {thread.name})"
    )
    return ScheduleError(text, instrument=thread.name)


def wait_all(calls: Iterable[Call]) -> list[Any]:
    """Return the values of calls when all have ended; raise the first error."""
    waiting = list(calls)
    for call in waiting:
        while not call.wait(SLICE_S):
            pass
    for call in waiting:
        if call.error is not None:
            raise call.error
    return [call.value for call in waiting]


def go_on(stop: threading.Event) -> None:
    """Raise Stopped if the run was told to stop."""
    if stop.is_set():
        raise Stopped
