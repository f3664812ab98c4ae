"""Plays the points of a batch that is loaded and started: select, arm, fire, wait, read, in one thread of its own.

Players that advance by themselves are not told to select; before the last point they are asked whether they got there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from time import perf_counter_ns
from typing import Any

from qctl.device import Recording
from qctl.errors import DeviceError, DeviceTimeoutError
from qctl.server.batch import ARM, FIRE, READ, SLICE_S, Outcome, Rack, Traces, Watch, go_on, wait_all
from qctl.server.calls import Call
from qctl.server.instrument import InstrumentThread
from qctl.server.loan import Crew
from qctl.server.orders import BatchOrder
from qctl.server.ring import Ring

__all__ = ["Points"]

_SLOWEST_PHYSICS_S = 60.0
_TELL_S = 0.1
_MOST_EARLY = 3


class Points:
    """The points of a batch, and the loop over them; `outcome` is told how many are done.

    Trigger source and recorder are on loan, so that a point takes no hand-over between threads. A call that hangs is
    given up by its instrument's thread as ever; the thread that made it is then left to itself.
    """

    def __init__(
        self,
        order: BatchOrder,
        rack: Rack,
        watch: Watch,
        traces: Mapping[str, Traces],
        stop: threading.Event,
        ring: Ring,
        progress: Callable[[str, int], None],
        outcome: Outcome,
    ) -> None:
        self._order, self._rack, self._watch, self._traces = order, rack, watch, traces
        self._stop, self._ring, self._progress, self._outcome = stop, ring, progress, outcome
        self._longest_s = order.n_shots * order.period_s + _SLOWEST_PHYSICS_S
        self._waits = [self._wait(thread) for thread in rack.triggers]
        self._read: tuple[int, Sequence[Recording]] | None = None
        self._told_s = time.monotonic()

    def play(self) -> None:
        """Play all points."""
        crews: list[Crew] = []
        played: Future[None] = Future()

        def work() -> None:
            try:
                self._play_all()
            except BaseException as problem:
                played.set_exception(problem)
            else:
                played.set_result(None)

        try:
            self._triggers = Crew(self._rack.triggers)
            crews.append(self._triggers)
            self._recorders = Crew(self._rack.recorders)
            crews.append(self._recorders)
            threading.Thread(target=work, name="points", daemon=True).start()
            while not wait([played], SLICE_S).done:
                for crew in crews:
                    crew.check()
        finally:
            for crew in crews:
                crew.release()
        played.result()

    def _play_all(self) -> None:
        """Play one point after the other, in the thread that has the instruments."""
        begin = perf_counter_ns()
        selecting = self._select(0)
        self._recorders.each([_arm] * len(self._rack.recorders))
        wait_all(selecting)
        self._ring.mark(ARM, begin)
        point = n_early = 0
        try:
            while point < self._order.n_points:
                go_on(self._stop)
                self._watch.check()
                self._triggers.make_way()
                self._recorders.make_way()
                if self._play_one(point):
                    point, n_early = point + 1, 0
                    self._tell(point)
                else:
                    n_early = self._count_early(n_early, point)
        finally:
            self._put_away()

    def _play_one(self, point: int) -> bool:
        """Play one point, and be ready for the next; return False if its records were read too early and are lost."""
        ring, more = self._ring, point + 1 < self._order.n_points
        begin = perf_counter_ns()
        self._triggers.each([_fire] * len(self._rack.triggers))
        self._put_away()
        self._triggers.each(self._waits, self._longest_s)
        go_on(self._stop)
        begin = ring.mark(FIRE, begin)
        # The next point is selected, and the recorders armed for it, while this one's records are on their way.
        selecting = self._select(point + 1) if more else []
        # Where devices count the triggers nothing is played again, so no record may be read too early.
        at_once = more and not self._rack.following
        reads = [_read_and_arm if at_once else _read] * len(self._rack.recorders)
        recordings = self._recorders.each(reads, self._longest_s)
        if more and not at_once:
            self._recorders.each([_arm] * len(self._rack.recorders))
        complete = all(recording is not None for recording in recordings)
        if complete:
            self._read = point, recordings
        begin = ring.mark(READ, begin)
        wait_all(selecting)
        if not complete:
            select = _selector(point)  # events have led on those that advance by themselves, too
            wait_all(thread.submit(select) for thread in (*self._rack.moving, *self._rack.advancing))
        ring.mark(ARM, begin)
        return complete

    def _put_away(self) -> None:
        """Keep the records that were read last; done while the next block plays."""
        if self._read is None:
            return
        (point, recordings), self._read = self._read, None
        for thread, recording in zip(self._rack.recorders, recordings, strict=True):
            self._traces[thread.name].put(thread.name, point, recording)
        self._outcome.n_points = point + 1

    def _select(self, point: int) -> list[Call]:
        """Have players that move select a point; those that events lead say at the last one that they are there."""
        select = _selector(point)
        calls = [thread.submit(select) for thread in self._rack.moving]
        if point + 1 == self._order.n_points:
            check = _checker(point)
            calls += [thread.submit(check) for thread in self._rack.advancing]
        return calls

    def _count_early(self, n_early: int, point: int) -> int:
        """Count how often a point was read too early; a recorder that never waits spoils the run."""
        if n_early == _MOST_EARLY:
            names = ", ".join(thread.name for thread in self._rack.recorders)
            raise DeviceError(f"{names}: point {point} was played {n_early + 1} times and its records never complete")
        return n_early + 1

    def _tell(self, point: int) -> None:
        """Tell how far the batch is, now and then."""
        now_s = time.monotonic()
        if now_s - self._told_s > _TELL_S:
            self._told_s = now_s
            self._progress("playing", point)

    def _wait(self, thread: InstrumentThread) -> Callable[[Any], None]:
        """Return a function that waits for the end of a block, in slices, so that a stop is seen soon."""
        longest_s = self._longest_s

        def wait_for_end(device: Any) -> None:
            until_s = time.monotonic() + longest_s
            while True:
                asked_s = time.monotonic()
                try:
                    device.wait(SLICE_S)
                    return
                except DeviceTimeoutError as problem:
                    now_s = time.monotonic()
                    if now_s - asked_s > SLICE_S + 0.8 * thread.instrument.timeout_s:
                        raise  # the link is silent
                    if now_s > until_s:
                        text = f"{thread.name}: the block has not ended {longest_s:.0f} s after it was fired"
                        raise DeviceTimeoutError(text, instrument=thread.name) from problem
                    if self._stop.is_set():
                        return
                    self._recorders.make_way()

        return wait_for_end


def _fire(device: Any) -> None:
    device.fire()


def _selector(point: int) -> Callable[[Any], None]:
    def select(device: Any) -> None:
        device.select(point)

    return select


def _checker(point: int) -> Callable[[Any], None]:
    def check(device: Any) -> None:
        device.check_point(point)

    return check


def _arm(device: Any) -> None:
    device.arm()


def _read(device: Any) -> Recording | None:
    recording: Recording | None = device.read()
    return recording


def _read_and_arm(device: Any) -> Recording | None:
    recording: Recording | None = device.read(rearm=True)
    return recording
