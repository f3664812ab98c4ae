"""The keeper: the only writer of the database and the result folders; acknowledges a job only when it is durable."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import zmq

from qctl import wire
from qctl.errors import JobCancelledError, NotAllowedError, QctlError, RequestError, error_from_wire
from qctl.lab import parse_lab, processor_meant
from qctl.lab.snapshot import Snapshot, effective, latest
from qctl.lab.snapshot import write as write_snapshot
from qctl.program.timeline import MOST_SHOTS
from qctl.server.access import owner_of
from qctl.server.calibration import overlay
from qctl.server.hosts import HostAddresses
from qctl.server.keeping import KeeperPlan
from qctl.server.lane import Lane
from qctl.server.mailbox import Mailbox
from qctl.server.orders import ORDERS, CancelBy, Hosts, Leases, Quit, Ready, ReplayBy
from qctl.server.pool import Pool
from qctl.server.work import CompiledJobs, LaneParts
from qctl.store.folders import Stored, find_result, last_number, read_result
from qctl.store.queue import Entry, Queue, Submission
from qctl.store.states import FINAL, JobState

__all__ = ["Keeper"]

_LOG = logging.getLogger(__name__)
_TICK_MS = 100
_MOST_BYTES = 1 << 28
_MOST_PROGRAMS = 10_000
_LONGEST_NAME = 200
_REQUESTS = msgspec.msgpack.Decoder(wire.Request)


@dataclass(slots=True)
class _Waiter:
    """Somebody who waits for a result."""

    envelope: list[bytes]
    request: wire.Result
    until_s: float


class Keeper:
    """The loop of the keeper; lanes do what takes time."""

    def __init__(self, plan: KeeperPlan, pool: Pool) -> None:
        self._plan = plan
        self._lab = parse_lab(plan.lab_toml)
        self._queue = Queue(plan.places.database)
        self._recovered = self._queue.recover(self._find_result)
        self._queue.number_after(last_number(plan.places.results))
        self._runs = self._queue.next_run() - 1
        self._run_lock = threading.Lock()
        self._context = zmq.Context()
        self._requests = self._context.socket(zmq.ROUTER)
        self._requests.bind(plan.endpoint)
        self._mail = Mailbox(self._context, self._requests, plan.broker)
        self._addresses = HostAddresses()
        self._leases = Leases({})
        self._waiters: dict[int, list[_Waiter]] = {}
        self._ended: dict[int, Stored | None] = {}
        self._ended_lock = threading.Lock()
        self._pool = pool
        parts = LaneParts(
            self._lab, plan.lab_toml, plan.places, self._queue, self._pool, plan.prepare, self._addresses,
            self._context, self._mail.publish, self._note_end, self._next_run, lambda: self._leases, CompiledJobs(),
        )  # fmt: skip
        self._lanes = {qpu: Lane(qpu, parts) for qpu in self._lab.processors}
        self._verbs: dict[type, Callable[[Any], Any]] = {
            wire.Job: self._job,
            wire.Jobs: self._jobs,
            CancelBy: self._cancel,
            ReplayBy: self._replay,
            wire.Calibration: self._calibration,
            wire.WriteSnapshot: self._write_snapshot,
        }

    def _find_result(self, job: int) -> tuple[str, str]:
        state, folder = find_result(self._plan.places.results, job)
        return state, str(folder.relative_to(self._plan.places.store))

    def _next_run(self) -> int:
        with self._run_lock:
            self._runs += 1
            return self._runs

    def _note_end(self, job: int, stored: Stored | None, told: dict[str, Any] | None) -> None:
        """Have the loop answer who waits for this job, with its result if it has one, and tell; from any thread."""
        with self._ended_lock:
            self._ended[job] = stored
        if told is not None:
            self._mail.publish(wire.Topic.JOB, job, told)
        self._mail.publish(wire.Topic.ENDED, job, {"job": job})

    def serve(self) -> None:
        """Pass messages until told to quit."""
        self._mail.tell(wire.pack(Ready("keeper", {"recovered": [entry.job for entry in self._recovered]})))
        for entry in self._recovered:
            self._mail.publish(
                wire.Topic.JOB, entry.job, {"job": entry.job, "state": entry.state.value, "qpu": entry.qpu}
            )
        poller = zmq.Poller()
        poller.register(self._requests, zmq.POLLIN)
        poller.register(self._mail.outbox, zmq.POLLIN)
        going = True
        while going:
            ready = dict(poller.poll(_TICK_MS))
            self._answer_waiters()
            if self._mail.outbox in ready:
                self._mail.forward()
            if self._requests in ready:
                going = self._take()
                self._answer_waiters()
        for lane in self._lanes.values():
            lane.close()
        self._pool.close()
        self._mail.close()

    # -- requests --------------------------------------------------------------------------------

    def _take(self) -> bool:
        submissions: list[tuple[list[bytes], wire.Submit, Submission]] = []
        for _ in range(256):
            try:
                sender, token, _magic, head, *buffers = self._requests.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            envelope = [sender, token]
            request: Any = None
            try:
                try:
                    request = ORDERS.decode(head)
                except msgspec.ValidationError:
                    request = _REQUESTS.decode(head)
                if isinstance(request, Quit):
                    self._submit(submissions)
                    return False
                if isinstance(request, wire.Submit):
                    submissions.append((envelope, request, self._submission(request, buffers)))
                else:
                    self._handle(request, envelope)
            except QctlError as error:
                self._reply(envelope, wire.error_reply(error, getattr(request, "id", 0)))
            except Exception as problem:
                _LOG.exception("a request failed")
                bug = wire.internal_error(problem, "the keeper")
                self._reply(envelope, wire.error_reply(bug, getattr(request, "id", 0)))
        self._submit(submissions)
        return True

    def _reply(self, envelope: list[bytes], head: wire.Head, buffers: tuple[Any, ...] = ()) -> None:
        self._requests.send_multipart([*envelope, *wire.pack(head, buffers)], copy=not buffers)

    def _handle(self, request: Any, envelope: list[bytes]) -> None:
        if isinstance(request, Hosts):
            self._addresses.update(request.addresses)
        elif isinstance(request, Leases):
            self._leases = request
            for lane in self._lanes.values():
                lane.wake()
        elif isinstance(request, wire.Result):
            live = self._queue.is_live(request.job)
            if not live:
                self._queue.entry(request.job)
            if math.isnan(request.wait_s):
                raise RequestError("wait_s = nan is not a number")
            wait_s = min(max(request.wait_s, 0.0), 3600.0)
            self._waiters.setdefault(request.job, []).append(_Waiter(envelope, request, time.monotonic() + wait_s))
            if not live:
                with self._ended_lock:
                    self._ended.setdefault(request.job, None)
        else:
            self._reply(envelope, self._verbs[type(request)](request))

    def _submission(self, request: wire.Submit, buffers: list[bytes]) -> Submission:
        qpu = processor_meant(self._lab.processors, f"lab {self._lab.name}", request.qpu, first=True)
        self._lab.processor(qpu)
        if not request.formats or len(request.formats) != len(buffers):
            raise RequestError(f"{len(request.formats)} formats are named for {len(buffers)} programs")
        if not 1 <= request.shots <= MOST_SHOTS:
            raise RequestError(f"shots = {request.shots} is outside [1, {MOST_SHOTS}]")
        n_bytes = sum(len(buffer) for buffer in buffers)
        if len(buffers) > _MOST_PROGRAMS or n_bytes > _MOST_BYTES:
            raise RequestError(
                f"{len(buffers)} programs of {n_bytes} bytes are over {_MOST_PROGRAMS} programs or {_MOST_BYTES} bytes"
            )
        options = {"seed": request.seed, "level": request.level, "averaged": request.averaged}
        options["keep_records"] = request.keep_records
        programs = tuple(zip(request.formats, buffers, strict=True))
        # The broker put the session in front of the name: the wire has no field that a client could forge.
        client, _, name = request.name.partition("\0")
        for what, text in (("name", name), ("key", request.key)):
            if len(text) > _LONGEST_NAME:
                raise RequestError(f"the {what} of a job has {len(text)} characters, over {_LONGEST_NAME}")
            if not text.isprintable():
                raise RequestError(f"the {what} of a job, {text!r}, has characters that can't be printed")
        return Submission(programs, qpu, request.shots, options, client, name, request.key, owner_of(client))

    def _submit(self, submissions: list[tuple[list[bytes], wire.Submit, Submission]]) -> None:
        if not submissions:
            return
        try:
            numbers = self._queue.submit([submission for _, _, submission in submissions])
        except QctlError as error:
            if isinstance(error, RequestError) and len(submissions) > 1:  # one of them is wrong: the others are not
                for item in submissions:
                    self._submit([item])
                return
            _LOG.error("%d jobs were not taken: %s", len(submissions), error.message)
            for envelope, request, _ in submissions:
                self._reply(envelope, wire.error_reply(error, request.id))
            return
        for (envelope, request, submission), job in zip(submissions, numbers, strict=True):
            self._reply(envelope, wire.Accepted(job, id=request.id))
            self._mail.publish(wire.Topic.JOB, job, {"job": job, "state": "queued", "qpu": submission.qpu})
        for qpu in {submission.qpu for _, _, submission in submissions}:
            self._lanes[qpu].wake()

    def _job(self, request: wire.Job) -> wire.Head:
        return wire.JobRow(self._queue.entry(request.job).row, id=request.id)

    def _jobs(self, request: wire.Jobs) -> wire.Head:
        rows = tuple(entry.row for entry in self._queue.latest(request.limit, request.state))
        return wire.JobRows(rows, id=request.id)

    def _cancel(self, request: CancelBy) -> wire.Head:
        entry = self._queue.entry(request.job)
        if entry.state not in FINAL:
            owner = owner_of(entry.row["client"])
            if owner not in ("", owner_of(request.client)) and not request.force:
                raise NotAllowedError(
                    f"job {entry.job} belongs to {owner}; to cancel it all the same, use force=True, or --force on the "
                    "command line",
                    job=entry.job,
                    owner=owner,
                )
            self._lanes[entry.qpu].cancel(request.job)
        return wire.JobRow(self._queue.entry(request.job).row, id=request.id)

    def _replay(self, request: ReplayBy) -> wire.Head:
        old = self._queue.entry(request.job)
        programs, name = self._queue.programs(old.job), old.row["name"]
        again = Submission(programs, old.qpu, old.shots, old.options, request.client, name)
        job = self._queue.submit([again])[0]
        self._mail.publish(wire.Topic.JOB, job, {"job": job, "state": "queued", "qpu": old.qpu})
        self._lanes[old.qpu].wake()
        return wire.Accepted(job, id=request.id)

    def _calibration(self, request: wire.Calibration) -> wire.Head:
        self._lab.processor(request.qpu)
        snapshot = latest(self._plan.places.snapshots, request.qpu)
        values = effective(self._lab, request.qpu, snapshot)
        return wire.Reading(msgspec.to_builtins(values), snapshot.time_s if snapshot else 0.0, id=request.id)

    def _write_snapshot(self, request: wire.WriteSnapshot) -> wire.Head:
        self._lab.processor(request.qpu)
        before = latest(self._plan.places.snapshots, request.qpu)
        snapshot: Snapshot = overlay(self._lab, request.qpu, before, request.values, request.note)
        written = write_snapshot(self._plan.places.snapshots, snapshot)
        self._mail.publish(wire.Topic.CALIBRATION, request.qpu, {"qpu": request.qpu, "number": written.number})
        return wire.Written(written.number, id=request.id)

    # -- results ---------------------------------------------------------------------------------

    def _answer_waiters(self) -> None:
        with self._ended_lock:
            ended, self._ended = self._ended, {}
        now_s = time.monotonic()
        late = {job for job, waiters in self._waiters.items() if any(waiter.until_s <= now_s for waiter in waiters)}
        for job in (ended.keys() | late) & self._waiters.keys():
            waiters = self._waiters.pop(job)
            try:
                entry = self._queue.entry(job)
            except QctlError as error:
                for waiter in waiters:
                    self._reply(waiter.envelope, wire.error_reply(error, waiter.request.id, job))
                continue
            if entry.state in FINAL:
                for waiter in waiters:
                    self._send_result(waiter, entry, ended.get(job))
                continue
            for waiter in waiters:
                if waiter.until_s <= now_s:
                    self._reply(waiter.envelope, wire.Pending(job, entry.state.value, id=waiter.request.id))
                else:
                    self._waiters.setdefault(job, []).append(waiter)

    def _send_result(self, waiter: _Waiter, entry: Entry, stored: Stored | None) -> None:
        number = waiter.request.id
        try:
            if not entry.row["folder"]:
                raise _error_of(entry)
            folder = self._plan.places.store / entry.row["folder"]
            content, arrays = stored.contents() if stored is not None else read_result(folder)
            content["error"] = entry.row["error"]
            described = tuple(
                wire.ArrayPart(row["kind"], f"{row['program']}:{row['slot']}", array.dtype.str, array.shape, part)
                for part, (row, array) in enumerate(arrays)
            )
            reply = wire.Finished(entry.job, entry.state.value, content, described, id=number)
            self._reply(waiter.envelope, reply, tuple(np.ascontiguousarray(array).data for _, array in arrays))
        except QctlError as error:
            self._reply(waiter.envelope, wire.error_reply(error, number, entry.job))


def _error_of(entry: Entry) -> QctlError:
    """Return the error that a job without a result ended with."""
    error = entry.row["error"]
    if error:
        return error_from_wire(error["code"], error["message"], error["details"])
    if entry.state is JobState.CANCELLED:
        return JobCancelledError(f"job {entry.job} was cancelled", job=entry.job)
    return RequestError(f"job {entry.job} is {entry.state.value} and has no result", job=entry.job)
