"""The way of a processor's jobs: one thread prepares the next job while another plays the present one."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter_ns
from typing import Any

from qctl import wire
from qctl.errors import InternalError, JobCancelledError, QctlError, ScheduleError
from qctl.lab.groups import group_of
from qctl.lab.snapshot import effective, latest
from qctl.scheduler.choice import Candidate, choose
from qctl.server.disk import insist, is_full
from qctl.server.hosts import HostLinks, only_group
from qctl.server.prepare import Prepared, PrepareRequest
from qctl.server.processes import JOB
from qctl.server.reduce import Reduction
from qctl.server.rounds import Interlocks, Round, clocks_by_group
from qctl.server.settings import settings_by_group
from qctl.server.waveforms import WaveformFiles
from qctl.server.work import LaneParts, Work, cache_key
from qctl.store.folders import write_result
from qctl.store.states import FINAL, JobState

__all__ = ["Lane"]

_LOG = logging.getLogger(__name__)
_WAVEFORM_BYTES = 1 << 30
_WAVEFORM_BYTES_MORE = 1 << 25
_PAUSE_S = 1.0


class Lane:
    """Prepare and play the jobs of one processor, in turn."""

    def __init__(self, qpu: str, parts: LaneParts) -> None:
        self.qpu = qpu
        self.works: dict[int, Work] = {}
        self._parts = parts
        self._lock = threading.Condition()
        self._ready: Work | None = None
        self._playing = False
        self._n_safing = 0
        self._n_bytes_more = _WAVEFORM_BYTES_MORE
        self._closing = False
        self._clocks = clocks_by_group(parts.lab, qpu)
        self._instruments = [instrument.name for instrument in parts.lab.instruments_of(qpu)]
        self._threads = [
            threading.Thread(target=target, name=f"{qpu}.{target.__name__[1:]}", daemon=True)
            for target in (self._prepare_all, self._play_all)
        ]
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Look at the queue again: a job came, or a lease ended."""
        with self._lock:
            self._lock.notify_all()

    def cancel(self, job: int) -> None:
        """Cancel a job of this lane, wherever it is; its end is announced when outputs are safe."""
        with self._lock:
            work = self.works.get(job)
            if work is not None and work is not self._ready:
                work.cancelled.set()
                self._lock.notify_all()
                return
            if self._parts.queue.entry(job).state in FINAL:
                return  # it ended while the request was on its way
            self._step(job, JobState.CANCELLED, finished_s=time.time())
            if work is not None:
                self._ready = None
                self.works.pop(job, None)
                self._lock.notify_all()
            idle = self._begin_safing()
        if idle:
            threading.Thread(target=self._safe_then_end, args=(job,), daemon=True).start()
        else:
            self._parts.ended(job)

    def close(self) -> None:
        """Cancel nothing, start nothing more."""
        with self._lock:
            self._closing = True
            self._lock.notify_all()

    # -- preparing -------------------------------------------------------------------------------

    def _holders(self) -> set[str]:
        """Return who holds instruments of this processor: only jobs of one who holds all that are held may play."""
        held = self._parts.leases().held
        return {held[name] for name in self._instruments if name in held}

    def _hand_back(self) -> None:
        """Return the ready job to the queue if somebody else has leased an instrument since; the lock is held."""
        work = self._ready
        if work is None or self._holders() <= {work.entry.row["client"]}:
            return
        self._ready = None
        self.works.pop(work.job, None)
        self._step(work.job, JobState.QUEUED)
        self._lock.notify_all()

    def _next(self) -> Work | None:
        with self._lock:
            while not self._closing:
                self._hand_back()
                if self._ready is None:
                    candidates = [Candidate(*row) for row in self._parts.queue.candidates()]
                    chosen = choose(candidates, self.qpu, self._holders())
                    if chosen is not None:
                        work = Work(self._parts.queue.entry(chosen.job))
                        self.works[work.job] = work
                        self._step(work.job, JobState.COMPILING)
                        return work
                self._lock.wait()
        return None

    def _prepare_all(self) -> None:
        while not self._closing:
            with self._surviving():
                work = self._next()
                if work is None:
                    return
                JOB.set(work.job)
                try:
                    self._prepare(work)
                except QctlError as error:
                    self._fail(work, error)
                except Exception as problem:
                    _LOG.exception("job %d could not be prepared", work.job)
                    self._fail(work, wire.internal_error(problem, "preparing the job"))

    @contextmanager
    def _surviving(self) -> Iterator[None]:
        """Log what nobody caught, and wait a moment: a lane whose thread has ended would hold up its jobs for ever."""
        try:
            yield
        except Exception as problem:
            bug = wire.internal_error(problem, f"the lane of {self.qpu}")
            _LOG.exception("the lane goes on: %s", bug.message)
            with self._lock:
                if not self._closing:
                    self._lock.wait(_PAUSE_S)

    def _prepare(self, work: Work) -> None:
        parts, options = self._parts, work.entry.options
        work.marks["begin"] = perf_counter_ns() * 1e-9
        work.marks["queued"] = time.time() - work.entry.row["submitted_s"]
        programs = parts.queue.programs(work.job)
        work.snapshot = latest(parts.places.snapshots, self.qpu)
        request = PrepareRequest(
            programs, parts.lab_toml, self.qpu, work.snapshot, work.entry.shots, options.get("seed"),
            options.get("level", 2), options.get("averaged"), parts.places.waveforms,
        )  # fmt: skip
        key = cache_key(request)
        prepared = parts.compiled.get(self.qpu, key)
        fresh = prepared is None
        if prepared is None:
            prepared = parts.pool.call(parts.prepare, request, work.cancelled.is_set)
            work.marks |= prepared.times_s
        parts.compiled.put(self.qpu, key, prepared)
        work.prepared = prepared
        work.marks["prepared"] = perf_counter_ns() * 1e-9
        with self._lock:
            if work.cancelled.is_set():
                raise JobCancelledError(f"job {work.job} was cancelled while it was compiled", job=work.job)
            self._step(work.job, JobState.COMPILED)
            self._ready = work
            self._lock.notify_all()
        if fresh:
            self._hold_waveforms(prepared)

    def _hold_waveforms(self, prepared: Prepared) -> None:
        """Remove what jobs have left in shared memory; looked for when enough has come since the last time."""
        files = WaveformFiles(self._parts.places.waveforms)
        try:
            self._n_bytes_more += sum(files.size(load.digests) for batch in prepared.batches for load in batch.programs)
            if self._n_bytes_more > _WAVEFORM_BYTES_MORE:
                self._n_bytes_more = 0
                files.hold_under(_WAVEFORM_BYTES, self._parts.compiled.digests())
        except OSError:
            _LOG.exception("waveforms could not be held under %d bytes", _WAVEFORM_BYTES)

    # -- playing ---------------------------------------------------------------------------------

    def _play_all(self) -> None:
        links = HostLinks(self._parts.context, self._parts.addresses, self._parts.lab)
        asking = HostLinks(self._parts.context, self._parts.addresses, self._parts.lab)
        interlocks = Interlocks(self._parts.lab, asking)
        while not self._closing:
            with self._surviving():
                work = self._take_ready()
                if work is None:
                    break
                JOB.set(work.job)
                try:
                    self._play(work, links, interlocks)
                except QctlError as error:
                    self._fail(work, error, links)
                except Exception as problem:
                    _LOG.exception("job %d could not be played", work.job)
                    self._fail(work, wire.internal_error(problem, "playing the job"), links)
                finally:
                    with self._lock:
                        self._playing = False
        interlocks.close()
        links.close()

    def _take_ready(self) -> Work | None:
        """Wait for a job that may play now; None when the lane closes."""
        with self._lock:
            while not self._closing:
                self._hand_back()
                if self._ready is not None and not self._n_safing:
                    work, self._ready, self._playing = self._ready, None, True
                    self._lock.notify_all()
                    return work
                self._lock.wait()
        return None

    def _play(self, work: Work, links: HostLinks, interlocks: Interlocks) -> None:
        parts, prepared = self._parts, work.prepared
        assert prepared is not None
        if work.cancelled.is_set():
            raise JobCancelledError(f"job {work.job} was cancelled before it played", job=work.job)
        interlocks.check()
        group, run = only_group(parts.lab, prepared.batches), parts.next_run()
        number = work.snapshot.number if work.snapshot else 0
        self._step(work.job, JobState.UPLOADING, run=run, snapshot=number, started_s=time.time())
        begin = perf_counter_ns()
        leases, values = parts.leases(), effective(parts.lab, self.qpu, work.snapshot)
        others = settings_by_group(parts.lab, values, leases, work.entry.row["client"])
        others = {**{other: {} for other in self._clocks}, **others}
        here = others.pop(group, {})
        one = Round(work, run, links, interlocks, self._clocks)
        reduction = Reduction(prepared, bool(work.entry.options.get("keep_records")))
        sent: dict[str, int] = {}
        try:
            one.set_others(others)
            problem = one.play(group, here, reduction, sent, lambda: self._step(work.job, JobState.PLAYING))
        finally:
            for other in others:
                one.free(other)
            parts.places.forget_records(run)
        work.marks["play_and_reduce"] = (perf_counter_ns() - begin) * 1e-9
        self._step(work.job, JobState.READING)
        if work.cancelled.is_set() and problem is None:
            problem = JobCancelledError(f"job {work.job} was cancelled while it was read", job=work.job)
        self._finish(work, reduction, run, sent, problem, links)

    def _finish(
        self,
        work: Work,
        reduction: Reduction,
        run: int,
        sent: dict[str, int],
        problem: QctlError | None,
        links: HostLinks,
    ) -> None:
        parts, prepared = self._parts, work.prepared
        assert prepared is not None
        cancelled = isinstance(problem, JobCancelledError)
        state = JobState.DONE if problem is None else JobState.CANCELLED if cancelled else JobState.FAILED
        if cancelled or (problem is not None and "interlock" in problem.details):
            self._make_safe(links)
        programs, arrays = reduction.results()
        content = {
            "state": state.value,
            "partial": problem is not None,
            "points_done": reduction.n_points_done,
            "run": run,
            "programs": programs,
            "report": list(prepared.report),
            "uploaded_bytes": sent,
        }
        work.marks["before_save"] = perf_counter_ns() * 1e-9 - work.marks["begin"]
        content |= work.described() | {"timings": work.timings()}
        folder = insist(
            f"job {work.job} can't be saved", lambda: write_result(parts.places.results, work.job, content, arrays),
            self._lock, lambda why: self._closing or work.cancelled.is_set() or not is_full(why),
        )  # fmt: skip
        error = {"code": problem.code, "message": problem.message, "details": problem.details} if problem else None
        if work.cancelled.is_set() and not cancelled:
            # The cancel came too late to end the run, before or while its end was written.
            self._make_safe(links)
        self._end(work, state, error=error, folder=str(folder.relative_to(parts.places.store)))
        if work.cancelled.is_set() and not cancelled:
            self._make_safe(links)

    # -- ends ------------------------------------------------------------------------------------

    def _fail(self, work: Work, error: QctlError, links: HostLinks | None = None) -> None:
        cancelled = work.cancelled.is_set() or isinstance(error, JobCancelledError)
        if cancelled:
            if links is not None:
                self._make_safe(links)
            else:
                with self._lock:
                    idle = self._begin_safing()
                if idle:
                    self._safe_by_itself()
        state = JobState.CANCELLED if cancelled else JobState.FAILED
        error.details.setdefault("job", work.job)
        self._end(work, state, error={"code": error.code, "message": error.message, "details": error.details})

    def _end(self, work: Work, state: JobState, **columns: Any) -> None:
        with self._lock:
            try:
                # Without its end on disk the job has not ended, cancelled or not.
                step = lambda: self._step(work.job, state, finished_s=time.time(), **columns)  # noqa: E731
                insist(f"job {work.job} can't end as {state.value}", step, self._lock, lambda _: self._closing)
            except ScheduleError:
                return
            except InternalError:
                _LOG.exception("job %d can't end as %s", work.job, state.value)
            self.works.pop(work.job, None)
            self._lock.notify_all()
        self._parts.ended(work.job)

    def _step(self, job: int, state: JobState, **columns: Any) -> None:
        self._parts.queue.step(job, state, **columns)
        self._parts.publish(wire.Topic.JOB, job, {"job": job, "state": state.value, "qpu": self.qpu})

    def _make_safe(self, links: HostLinks) -> None:
        for group in dict.fromkeys(group_of(self._parts.lab, name) for name in self._instruments):
            try:
                links.ask(group, wire.Safe(tuple(self._instruments)))
            except QctlError as error:
                _LOG.error("%s is not in its safe state: %s", group, error.message)
                self._parts.publish(wire.Topic.SAFE, "failed", {"group": group, "why": error.message})

    def _begin_safing(self) -> bool:
        """Hold back the next run if none plays, and return whether outputs may now be made safe; the lock is held."""
        if self._playing:
            return False
        self._n_safing += 1
        return True

    def _safe_by_itself(self) -> None:
        """Bring outputs to their safe state after `_begin_safing`; no run starts meanwhile."""
        links = HostLinks(self._parts.context, self._parts.addresses, self._parts.lab)
        try:
            self._make_safe(links)
        finally:
            links.close()
            with self._lock:
                self._n_safing -= 1
                self._lock.notify_all()

    def _safe_then_end(self, job: int) -> None:
        self._safe_by_itself()
        self._parts.ended(job)
