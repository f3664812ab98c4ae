"""Plays a batch on devices that time themselves: fire once, wait until all have finished, read all points at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.errors import DeviceTimeoutError
from qctl.server.batch import FIRE, READ, Outcome, Rack, Watch, go_on, wait_all
from qctl.server.instrument import InstrumentThread
from qctl.server.orders import BatchOrder, SumsPart
from qctl.server.ring import Ring

__all__ = ["play_whole", "see_off"]

_SLOWEST_PHYSICS_S = 60.0
"""What a virtual lab may take longer than the run lasts, for each hundred points."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 2e-3, 0.02
_TELL_S = 0.1
_LAST_SHOT_S = 2.0
"""What a device takes to notice that the last shot is over, at most."""
_LONGEST_READ_S = 120.0


def play_whole(
    order: BatchOrder,
    rack: Rack,
    watch: Watch,
    records: Path,
    stop: threading.Event,
    ring: Ring,
    progress: Callable[[str, int], None],
    outcome: Outcome,
) -> None:
    """Play a batch whose devices are armed.

    Raises
    ------
    DeviceTimeoutError
        If it does not end when it should.
    DeviceError
        If a device says that something went wrong.
    """
    begin = perf_counter_ns()
    wait_all(thread.submit(_fire) for thread in rack.triggers)
    lasts_s = order.n_points * order.n_shots * order.period_s
    _await_end(order, rack, watch, lasts_s, stop, progress)
    begin = ring.mark(FIRE, begin)
    _read_all(rack.self_timed, records, outcome)
    outcome.n_points = order.n_points
    ring.mark(READ, begin)


def _await_end(
    order: BatchOrder,
    rack: Rack,
    watch: Watch,
    lasts_s: float,
    stop: threading.Event,
    progress: Callable[[str, int], None],
) -> None:
    """Return when all devices have finished; look ever more rarely, and at once when the run is to stop."""
    began_s = told_s = time.monotonic()
    until_s = began_s + lasts_s + _SLOWEST_PHYSICS_S * (1 + order.n_points / 100)
    pause_s, waiting = _FIRST_PAUSE_S, list(rack.self_timed)
    while True:
        go_on(stop)
        watch.check()
        done = wait_all(thread.submit(_finished) for thread in waiting)
        waiting = [thread for thread, has in zip(waiting, done, strict=True) if not has]
        now_s = time.monotonic()
        if not waiting:
            return
        if now_s > until_s:
            names = ", ".join(thread.name for thread in waiting)
            text = f"{names}: {order.n_points} points of {order.n_shots} shots last {lasts_s:.3g} s, and have not ended"
            raise DeviceTimeoutError(f"{text} after {now_s - began_s:.0f} s", instrument=waiting[0].name)
        if now_s - told_s > _TELL_S:
            told_s = now_s
            progress("playing", min(order.n_points - 1, int(order.n_points * (now_s - began_s) / max(lasts_s, 1e-9))))
        stop.wait(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def see_off(rack: Rack, stop: threading.Event, records: Path, outcome: Outcome) -> None:
    """Return when devices that follow triggers have had all of them, with what those that record have integrated.

    Raises
    ------
    DeviceTimeoutError
        If one still waits: it has missed triggers.
    DeviceError
        If a program went wrong, in the device's words.
    """
    until_s, waiting = time.monotonic() + _LAST_SHOT_S, list(rack.following)
    while waiting:
        done = wait_all(thread.submit(_finished) for thread in waiting)
        waiting = [thread for thread, has in zip(waiting, done, strict=True) if not has]
        if waiting and time.monotonic() > until_s:
            text = f"{waiting[0].name} waits for triggers when all shots are over: it has missed some"
            raise DeviceTimeoutError(f"{text}, check its trigger wire", instrument=waiting[0].name)
        if waiting:
            go_on(stop)
            stop.wait(_LONGEST_PAUSE_S)
    _read_all(rack.following, records, outcome)


def _read_all(threads: Sequence[InstrumentThread], records: Path, outcome: Outcome) -> None:
    """Read what devices have integrated of all points."""
    results = wait_all(thread.submit(_integrated, longest_s=_LONGEST_READ_S) for thread in threads)
    for thread, found in zip(threads, results, strict=True):
        if found:
            outcome.sums.append(_written(Path(f"{records}-{thread.name}"), thread.name, found))


def _written(path: Path, instrument: str, found: Mapping[tuple[str, str], NDArray[np.complex128]]) -> SumsPart:
    """Put results into a file of shared memory."""
    with path.open("wb") as file:
        for values in found.values():
            file.write(np.ascontiguousarray(values, np.complex128).tobytes())
    results = tuple((port, slot, values.shape[0], values.shape[1]) for (port, slot), values in found.items())
    return SumsPart(instrument, str(path), results)


def _fire(device: Any) -> None:
    device.fire()


def _finished(device: Any) -> bool:
    return bool(device.finished())


def _integrated(device: Any) -> Mapping[tuple[str, str], NDArray[np.complex128]]:
    found: Mapping[tuple[str, str], NDArray[np.complex128]] = device.integrated()
    return found
