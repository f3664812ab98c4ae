"""One run of a job: settings on other hosts, then batch after batch, while the lab's interlocks hold."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from time import perf_counter_ns
from typing import Any

from qctl import wire
from qctl.errors import JobCancelledError, QctlError, ScheduleError
from qctl.lab import Interlock, Lab
from qctl.lab.groups import group_of
from qctl.server.hosts import HostLinks
from qctl.server.orders import BatchOrder, Play, Played, Stop
from qctl.server.reduce import Reduction
from qctl.server.work import Work

__all__ = ["Interlocks", "Round", "clocks_by_group"]

_LOG = logging.getLogger(__name__)
_EVERY_S = 1.0
_UNITS = {"k": "K", "v": "V", "a": "A", "hz": "Hz", "dbm": "dBm", "bar": "bar", "s": "s", "w": "W"}


class Interlocks:
    """The readings that must be inside their bounds, asked before a run and every second while it plays.

    Parameters
    ----------
    lab : Lab
        Its interlocks.
    links : HostLinks
        For these questions alone: an answer to another question would be lost on them.
    """

    def __init__(self, lab: Lab, links: HostLinks) -> None:
        self._lab, self._links = lab, links
        self._asked_s = 0.0

    def check(self) -> None:
        """Ask for all readings.

        Raises
        ------
        ScheduleError
            If one is outside its bounds, or there is none.
        """
        for one in self._lab.interlocks.values():
            _judge(one, self._read(one))
        self._asked_s = time.monotonic()

    def tripped(self) -> QctlError | None:
        """Return what is wrong, asking at most once a second."""
        if not self._lab.interlocks or time.monotonic() - self._asked_s < _EVERY_S:
            return None
        try:
            self.check()
        except QctlError as error:
            return error
        return None

    def _read(self, one: Interlock) -> Any:
        try:
            group, question = group_of(self._lab, one.instrument), wire.Get(one.instrument, one.parameter)
            return self._links.ask(group, question).value
        except QctlError as error:
            raise ScheduleError(
                f"interlock {one.name}: {one.instrument} does not tell {one.parameter}: {error.message}",
                instrument=one.instrument,
                interlock=one.name,
            ) from error

    def close(self) -> None:
        """Close the links."""
        self._links.close()


def _judge(one: Interlock, value: Any) -> None:
    """Refuse a reading that is outside the bounds of an interlock; no reading is."""
    unit = _UNITS.get(one.parameter.rpartition("_")[2], "")
    place = f"interlock {one.name}: {one.instrument} {one.parameter}"
    details = {"instrument": one.instrument, "interlock": one.name}
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise ScheduleError(f"{place} has no reading ({value!r}), so no run may play", **details)
    for bound, word in ((one.max, "above"), (one.min, "below")):
        if bound is not None and (value > bound if word == "above" else value < bound):
            reading, allowed = (f"{number:.6g} {unit}".rstrip() for number in (value, bound))
            text = f"{place} = {reading} is {word} {allowed}: no run may play"
            raise ScheduleError(text, value=float(value), bound=float(bound), unit=unit, **details)


def clocks_by_group(lab: Lab, qpu: str) -> dict[str, tuple[str, ...]]:
    """Return the instruments that must be locked for a run, by group: sources of clocks before what follows them."""
    found: dict[str, tuple[str, ...]] = {}
    for name in reversed(lab.clocks_of(one.name for one in lab.instruments_of(qpu))):
        if lab.instrument(name).reference is not None:
            group = group_of(lab, name)
            found[group] = (*found.get(group, ()), name)
    return found


class Round:
    """One run of a job on the hosts.

    Parameters
    ----------
    work : Work
        The job, compiled.
    run : int
        Number of the run.
    links : HostLinks
        Of the thread that plays.
    interlocks : Interlocks
        What must hold.
    clocks : mapping of str to tuple of str
        By group, what must be locked to its reference.
    """

    def __init__(
        self, work: Work, run: int, links: HostLinks, interlocks: Interlocks, clocks: Mapping[str, tuple[str, ...]]
    ) -> None:
        self._work, self._run, self._links = work, run, links
        self._interlocks, self._clocks = interlocks, clocks
        self._tripped: QctlError | None = None

    def play(
        self,
        group: str,
        here: dict[str, dict[str, Any]],
        reduction: Reduction,
        sent: dict[str, int],
        on_playing: Callable[[], None],
    ) -> QctlError | None:
        """Play and reduce batch after batch; return what ended the run early."""
        work, prepared = self._work, self._work.prepared
        assert prepared is not None
        stages: dict[str, float] = {}
        problem: QctlError | None = None
        for place, batch in enumerate(prepared.batches):
            order = Play(self._run, work.job, batch, here, clocks=self._clocks.get(group, ()), id=place)
            played = self._links.play(group, order, self._is_over, on_playing)
            _add(stages, played.stages_s)
            _add(sent, played.sent_bytes)
            at = perf_counter_ns()
            reduction.take(batch, prepared.windows[place], played.traces, played.n_points, played.sums)
            _add(stages, {"reduce": (perf_counter_ns() - at) * 1e-9})
            problem = self._problem(played)
            if problem is not None:
                break
            medians = played.per_point
        else:
            work.marks |= {f"point_{name}": value for name, value in medians.items() if name in ("arm", "fire", "read")}
        work.marks |= stages
        return problem

    def set_others(self, by_group: Mapping[str, Any]) -> None:
        """Have hosts of other groups make their settings, and see that clocks are locked; hold them until `free`."""
        for other, settings in by_group.items():
            clocks = self._clocks.get(other, ())
            order = Play(self._run, self._work.job, _NOTHING, settings, hold=True, clocks=clocks)
            problem = self._problem(self._links.play(other, order, self._work.cancelled.is_set))
            if problem is not None:
                raise problem

    def free(self, group: str) -> None:
        """Let clients set a host's instruments again."""
        try:
            self._links.ask(group, Stop(run=self._run))
        except QctlError as error:
            _LOG.warning("%s holds nothing for run %d any more: %s", group, self._run, error.message)

    def _is_over(self) -> bool:
        """Say whether the run is to end now."""
        self._tripped = self._tripped or self._interlocks.tripped()
        return self._work.cancelled.is_set() or self._tripped is not None

    def _problem(self, played: Played) -> QctlError | None:
        if self._work.cancelled.is_set():
            text = f"job {self._work.job} was cancelled while it played"
            return JobCancelledError(text, job=self._work.job)
        if self._tripped is not None:
            return self._tripped
        if played.error is None:
            return None
        try:
            wire.raise_error(played.error)
        except QctlError as error:
            return error
        return None


_NOTHING = BatchOrder((), 0, 0, 0, False, 0.0)


def _add(total: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        total[key] = total.get(key, 0) + value
