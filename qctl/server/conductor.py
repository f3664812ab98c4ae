"""Plays one batch on one host: make settings, load all, start, play point by point or all at once, stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from qctl.errors import QctlError
from qctl.program.device_program import DeviceProgram
from qctl.server.batch import (
    SET,
    SLICE_S,
    STAGES,
    START,
    STOP,
    UPLOAD,
    Outcome,
    Rack,
    Stopped,
    Traces,
    Watch,
    go_on,
    unlocked,
    wait_all,
)
from qctl.server.instrument import InstrumentThread
from qctl.server.orders import BatchOrder, Load
from qctl.server.points import Points
from qctl.server.ring import Ring
from qctl.server.waveforms import WaveformFiles
from qctl.server.whole import play_whole, see_off

__all__ = ["STAGES", "Outcome", "play"]

_ARRIVED = {"_voltage_v": ("_present_v", 1e-4), "_current_a": ("_present_a", 1e-6)}
"""Settings that outputs move to at their slew: where they are now, and how near counts as there."""
_LONGEST_START_S = 60.0
_RAMP_PAUSE_S = 0.02


def play(
    order: BatchOrder,
    settings: Mapping[str, Mapping[str, Any]],
    threads: Mapping[str, InstrumentThread],
    waveforms: WaveformFiles,
    records: Path,
    stop: threading.Event,
    ring: Ring,
    progress: Callable[[str, int], None],
    clocks: Sequence[str] = (),
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
    clocks : sequence of str
        Instruments that must be locked to their references, before anything is set or uploaded and while it plays.
    """
    outcome = Outcome()
    rack: Rack | None = None
    traces: dict[str, Traces] = {}
    try:
        begin = perf_counter_ns()
        names = [*clocks, *settings, *(load.instrument for load in order.programs)]
        wait_all(threads[name].submit(_greeting(threads[name])) for name in dict.fromkeys(names))
        wait_all(threads[name].submit(_setter(values)) for name, values in settings.items() if values)
        _wait_for_ramps(settings, threads, stop)
        begin = ring.mark(SET, begin)
        rack = Rack(order, threads)
        watch = Watch([threads[name] for name in names])
        progress("uploading", 0)
        sent = wait_all(thread.submit(_loader(load, waveforms), longest_s=120.0) for thread, load in rack.loads)
        outcome.sent_bytes = {thread.name: int(n or 0) for (thread, _), n in zip(rack.loads, sent, strict=True)}
        begin = ring.mark(UPLOAD, begin)
        go_on(stop)
        progress("playing", 0)
        rack.part()
        wait_all(thread.submit(_start) for thread in (*rack.players, *rack.self_timed, *rack.following))
        wait_all(thread.submit(_fire, longest_s=_LONGEST_START_S) for thread in rack.chassis)
        ring.mark(START, begin)
        if rack.self_timed:
            play_whole(order, rack, watch, records, stop, ring, progress, outcome)
            watch.check()
            return outcome
        traces = {thread.name: Traces(Path(f"{records}-{thread.name}"), order.n_points) for thread in rack.recorders}
        Points(order, rack, watch, traces, stop, ring, progress, outcome).play()
        see_off(rack, stop, records, outcome)
        watch.check()
    except Stopped:
        outcome.stopped = True
    except QctlError as error:
        outcome.error = error
    finally:  # whatever went wrong, no generator goes on playing
        begin = perf_counter_ns()
        if rack is not None:
            error_of_stop = _stop_all(rack.all)
            outcome.error = outcome.error or error_of_stop
        ring.mark(STOP, begin)
    outcome.traces = [trace.part for trace in traces.values() if trace.part is not None]
    return outcome


def _stop_all(threads: Sequence[InstrumentThread]) -> QctlError | None:
    """Stop instruments, each whatever the others do, and return the first error."""
    calls = [thread.submit(_stop) for thread in dict.fromkeys(threads)]
    for call in calls:
        while not call.wait(SLICE_S):
            pass
    return next((call.error for call in calls if call.error is not None), None)


def _greeting(thread: InstrumentThread) -> Callable[[Any], None]:
    """Return a function that asks for a sign of life: no run starts on a link that was cut, or on an unlocked clock."""

    def greet(device: Any) -> None:
        thread.beat(device)
        if thread.locked is False:
            raise unlocked(thread)

    return greet


def _setter(values: Mapping[str, Any]) -> Callable[[Any], None]:
    """Return a function that makes settings."""

    def set_values(device: Any) -> None:
        for name, value in values.items():
            device.set(name, value)

    return set_values


def _wait_for_ramps(
    settings: Mapping[str, Mapping[str, Any]], threads: Mapping[str, InstrumentThread], stop: threading.Event
) -> None:
    """Return when all outputs that move at their slew have arrived; whoever asks them meanwhile is answered."""
    waiting = [
        (threads[name], _arrived(parameter.removesuffix(end) + present, value, near))
        for name, values in settings.items()
        for parameter, value in values.items()
        for end, (present, near) in _ARRIVED.items()
        if parameter.endswith(end)
    ]
    while True:
        go_on(stop)
        there = wait_all(thread.submit(arrived) for thread, arrived in waiting)
        waiting = [one for one, is_there in zip(waiting, there, strict=True) if not is_there]
        if not waiting:
            return
        stop.wait(_RAMP_PAUSE_S)


def _arrived(present: str, wanted: float, near: float) -> Callable[[Any], bool]:
    """Return a function that says whether an output is where it goes to, or does not say where it is."""

    def arrived(device: Any) -> bool:
        says = any(item.name == present for item in device.parameters())
        return not says or bool(abs(device.get(present) - wanted) <= near)

    return arrived


def _loader(load: Load, waveforms: WaveformFiles) -> Callable[[Any], int]:
    def load_program(device: Any) -> int:
        blobs = waveforms.of(load.digests)
        n_bytes: int = device.load(DeviceProgram(load.instrument, load.model, load.body, blobs, load.n_points))
        return n_bytes

    return load_program


def _start(device: Any) -> None:
    device.start()


def _fire(device: Any) -> None:
    device.fire()


def _stop(device: Any) -> None:
    device.stop()
