"""Plays one batch on one host: load all, start, then point by point select, arm, fire, wait, read.

Players that advance by themselves are not told to select; before the last point they are asked whether they got there.
"""

from __future__ import annotations

import mmap
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.device import Advancing, Player, Recorder, Recording, TriggerSource
from qctl.errors import DeviceError, DeviceTimeoutError, QctlError, ScheduleError
from qctl.program.device_program import DeviceProgram
from qctl.server.instrument import Call, InstrumentThread, LinkState
from qctl.server.orders import BatchOrder, Load, TracePart
from qctl.server.ring import Ring
from qctl.server.waveforms import WaveformFiles

__all__ = ["STAGES", "Outcome", "play"]

STAGES = ("set", "upload", "start", "arm", "fire", "read", "stop")
_SET, _UPLOAD, _START, _ARM, _FIRE, _READ, _STOP = range(len(STAGES))
_SLOWEST_PHYSICS_S = 60.0
_SLICE_S = 0.2
_TELL_S = 0.1
_ARRIVED_V = 1e-4
_RAMP_PAUSE_S = 0.02
_MOST_EARLY = 3


@dataclass(slots=True)
class Outcome:
    """How far a batch came."""

    n_points: int = 0
    traces: list[TracePart] = field(default_factory=list)
    sent_bytes: dict[str, int] = field(default_factory=dict)
    stopped: bool = False
    error: QctlError | None = None


class _Stopped(Exception):
    """The run was told to stop."""


class _Traces:
    """Codes of one recorder for all points of a batch, in a file of shared memory."""

    def __init__(self, path: Path, n_points: int) -> None:
        self.path, self.n_points = path, n_points
        self.part: TracePart | None = None
        self._codes: NDArray[np.int16] | None = None

    def put(self, instrument: str, point: int, recording: Recording) -> None:
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


class _Rack:
    """The instruments of a batch, by what they do."""

    def __init__(self, order: BatchOrder, threads: Mapping[str, InstrumentThread]) -> None:
        self.players: list[InstrumentThread] = []
        self.recorders: list[InstrumentThread] = []
        self.triggers: list[InstrumentThread] = []
        self.loads: list[tuple[InstrumentThread, Load]] = []
        for load in order.programs:
            thread = threads[load.instrument]
            device = thread.device
            if device is None:
                raise thread.down()
            self.loads.append((thread, load))
            if isinstance(device, TriggerSource):
                self.triggers.append(thread)
            elif isinstance(device, Recorder):
                self.recorders.append(thread)
            elif isinstance(device, Player):
                self.players.append(thread)
            else:
                raise ScheduleError(f"{thread.name} neither plays, records nor triggers", instrument=thread.name)
        self.moving = [thread for thread, load in self.loads if load.n_points > 1 and thread in self.players]
        self.advancing: list[InstrumentThread] = []

    def part(self) -> None:
        """Tell the players whose loaded programs advance by themselves from those that are told to select."""
        self.advancing = [t for t in self.moving if isinstance(t.device, Advancing) and t.device.advances()]
        self.moving = [thread for thread in self.moving if thread not in self.advancing]


class _Watch:
    """All instruments that a run needs, played or not: a lost or reopened link spoils the run, and is named."""

    def __init__(self, threads: Sequence[InstrumentThread]) -> None:
        self._sessions = [(thread, thread.n_opened) for thread in dict.fromkeys(threads)]

    def check(self) -> None:
        for thread, session in self._sessions:
            if thread.state is not LinkState.UP or thread.n_opened != session:
                why = thread.why or "it was opened anew"
                raise DeviceError(f"{thread.name} lost its link during the run: {why}", instrument=thread.name)
            if thread.locked is False:
                raise _unlocked(thread)


def _unlocked(thread: InstrumentThread) -> ScheduleError:
    text = (
        f"{thread.name} is not locked to its {thread.instrument.reference} reference clock: check the cable, or its "
        f"setting if the instrument was reset by hand (qctl instruments get {thread.name})"
    )
    return ScheduleError(text, instrument=thread.name)


def _wait(calls: Iterable[Call]) -> list[Any]:
    """Return the values of calls when all have ended; raise the first error."""
    waiting = list(calls)
    for call in waiting:
        while not call.wait(_SLICE_S):
            pass
    for call in waiting:
        if call.error is not None:
            raise call.error
    return [call.value for call in waiting]


def play(
    order: BatchOrder,
    settings: Mapping[str, Mapping[str, Any]],
    threads: Mapping[str, InstrumentThread],
    waveforms: WaveformFiles,
    records: Path,
    stop: threading.Event,
    ring: Ring,
    progress: Callable[[str, int], None],
) -> Outcome:
    """Play a batch, and return how far it came; errors are part of the outcome.

    Parameters
    ----------
    order : BatchOrder
        What to play.
    settings : mapping of instrument to settings
        Made before the upload.
    threads : mapping of str to InstrumentThread
        The host's instruments.
    waveforms : WaveformFiles
        Where waveform words are.
    records : Path
        Path of the record files, to which each recorder's name is added.
    stop : Event
        Set to end after the exchanges under way.
    ring : Ring
        Gets the time of each stage.
    progress : callable of (stage, points done)
        Told now and then.
    """
    outcome = Outcome()
    rack: _Rack | None = None
    traces: dict[str, _Traces] = {}
    try:
        begin = perf_counter_ns()
        _wait(threads[name].submit(_setter(threads[name], values, stop)) for name, values in settings.items())
        _go_on(stop)
        begin = ring.mark(_SET, begin)
        rack = _Rack(order, threads)
        watch = _Watch([*(threads[name] for name in settings), *(thread for thread, _ in rack.loads)])
        progress("uploading", 0)
        sent = _wait(thread.submit(_loader(thread, load, waveforms), longest_s=120.0) for thread, load in rack.loads)
        outcome.sent_bytes = {thread.name: int(n or 0) for (thread, _), n in zip(rack.loads, sent, strict=True)}
        begin = ring.mark(_UPLOAD, begin)
        _go_on(stop)
        progress("playing", 0)
        rack.part()
        _wait(thread.submit(_start) for thread in rack.players)
        ring.mark(_START, begin)
        traces = {thread.name: _Traces(Path(f"{records}-{thread.name}"), order.n_points) for thread in rack.recorders}
        _points(order, rack, watch, traces, stop, ring, progress, outcome)
        watch.check()
    except _Stopped:
        outcome.stopped = True
    except QctlError as error:
        outcome.error = error
    finally:  # whatever went wrong, no generator goes on playing
        begin = perf_counter_ns()
        if rack is not None:
            error_of_stop = _stop_all((*rack.triggers, *rack.players, *rack.recorders))
            outcome.error = outcome.error or error_of_stop
        ring.mark(_STOP, begin)
    outcome.traces = [trace.part for trace in traces.values() if trace.part is not None]
    return outcome


def _points(
    order: BatchOrder,
    rack: _Rack,
    watch: _Watch,
    traces: Mapping[str, _Traces],
    stop: threading.Event,
    ring: Ring,
    progress: Callable[[str, int], None],
    outcome: Outcome,
) -> None:
    longest_s = order.n_shots * order.period_s + _SLOWEST_PHYSICS_S
    fires = [(thread, _fire(thread, longest_s, stop)) for thread in rack.triggers]
    told_s = time.monotonic()
    begin = perf_counter_ns()
    _wait([*(thread.submit(_arm) for thread in rack.recorders), *_select(0, order, rack)])
    ring.mark(_ARM, begin)
    point = n_early = 0
    while point < order.n_points:
        _go_on(stop)
        watch.check()
        begin = perf_counter_ns()
        _wait(thread.submit(fire, longest_s=longest_s) for thread, fire in fires)
        _go_on(stop)
        begin = ring.mark(_FIRE, begin)
        # The next point is selected, and the recorders armed for it, while this one's records are on their way.
        more = point + 1 < order.n_points
        reading = [thread.submit(_read_and_arm if more else _read, longest_s=longest_s) for thread in rack.recorders]
        selecting = _select(point + 1, order, rack) if more else []
        early = False
        for thread, recording in zip(rack.recorders, _wait(reading), strict=True):
            if recording is None:
                early = True
            else:
                traces[thread.name].put(thread.name, point, recording)
        begin = ring.mark(_READ, begin)
        _wait(selecting)
        if early:
            n_early = _count_early(n_early, point, rack)
            _wait(_go_back(point, rack))
            ring.mark(_ARM, begin)
            continue
        point, n_early = point + 1, 0
        outcome.n_points = point
        ring.mark(_ARM, begin)
        now_s = time.monotonic()
        if now_s - told_s > _TELL_S:
            told_s = now_s
            progress("playing", point)


def _select(point: int, order: BatchOrder, rack: _Rack) -> list[Call]:
    """Have each player that moves select a point; those that events lead say at the last one that they are there."""
    select = _selector(point)
    calls = [thread.submit(select) for thread in rack.moving]
    if point + 1 == order.n_points:
        check = _checker(point)
        calls += [thread.submit(check) for thread in rack.advancing]
    return calls


def _go_back(point: int, rack: _Rack) -> list[Call]:
    """Have each player, also those that events have led on, select a point that is played again."""
    select = _selector(point)
    return [thread.submit(select) for thread in (*rack.moving, *rack.advancing)]


def _count_early(n_early: int, point: int, rack: _Rack) -> int:
    """Count how often a point was read too early; a recorder that never waits spoils the run."""
    if n_early == _MOST_EARLY:
        names = ", ".join(thread.name for thread in rack.recorders)
        raise DeviceError(f"{names}: point {point} was played {n_early + 1} times and its records never complete")
    return n_early + 1


def _go_on(stop: threading.Event) -> None:
    if stop.is_set():
        raise _Stopped


def _stop_all(threads: Sequence[InstrumentThread]) -> QctlError | None:
    """Stop instruments, each whatever the others do, and return the first error."""
    calls = [thread.submit(_stop) for thread in threads]
    for call in calls:
        while not call.wait(_SLICE_S):
            pass
    return next((call.error for call in calls if call.error is not None), None)


def _setter(thread: InstrumentThread, values: Mapping[str, Any], stop: threading.Event) -> Callable[[Any], None]:
    """Return a function that makes settings, after a sign of life: no run starts on a link that has been cut."""

    def set_values(device: Any) -> None:
        thread.beat(device)
        if thread.locked is False:
            raise _unlocked(thread)
        for name, value in values.items():
            device.set(name, value)
        for name, value in values.items():
            if name.endswith("_voltage_v"):
                _wait_for_ramp(device, name.removesuffix("_voltage_v"), value, stop)

    return set_values


def _wait_for_ramp(device: Any, output: str, voltage_v: float, stop: threading.Event) -> None:
    """Return when an output that moves at its slew has arrived, or the run is told to stop."""
    present = f"{output}_present_v"
    if all(item.name != present for item in device.parameters()):
        return
    while abs(device.get(present) - voltage_v) > _ARRIVED_V:
        if stop.wait(_RAMP_PAUSE_S):
            return


def _loader(thread: InstrumentThread, load: Load, waveforms: WaveformFiles) -> Callable[[Any], int]:
    def load_program(device: Any) -> int:
        thread.beat(device)
        if thread.locked is False:
            raise _unlocked(thread)
        blobs = waveforms.of(load.digests)
        n_bytes: int = device.load(DeviceProgram(load.instrument, load.model, load.body, blobs, load.n_points))
        return n_bytes

    return load_program


def _selector(point: int) -> Callable[[Any], None]:
    def select(device: Any) -> None:
        device.select(point)

    return select


def _checker(point: int) -> Callable[[Any], None]:
    def check(device: Any) -> None:
        device.check_point(point)

    return check


def _fire(thread: InstrumentThread, longest_s: float, stop: threading.Event) -> Callable[[Any], None]:
    """Return a function that fires a block and waits for its end, in slices, so that a stop is seen soon."""

    def fire(device: Any) -> None:
        device.fire()
        until_s = time.monotonic() + longest_s
        while True:
            asked_s = time.monotonic()
            try:
                device.wait(_SLICE_S)
                return
            except DeviceTimeoutError as problem:
                now_s = time.monotonic()
                if now_s - asked_s > _SLICE_S + 0.8 * thread.instrument.timeout_s:
                    raise  # the link is silent
                if now_s > until_s:
                    text = f"{thread.name}: the block has not ended {longest_s:.0f} s after it was fired"
                    raise DeviceTimeoutError(text, instrument=thread.name) from problem
                if stop.is_set():
                    return

    return fire


def _start(device: Any) -> None:
    device.start()


def _arm(device: Any) -> None:
    device.arm()


def _read(device: Any) -> Recording | None:
    recording: Recording | None = device.read()
    return recording


def _read_and_arm(device: Any) -> Recording | None:
    recording: Recording | None = device.read(rearm=True)
    return recording


def _stop(device: Any) -> None:
    device.stop()
