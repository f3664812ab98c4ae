"""An instrument host: one process for a group of links, a thread per instrument; its loop only passes messages."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

import msgspec
import zmq

from qctl import wire
from qctl.errors import DeviceError, LeaseError, LimitError, QctlError, ScheduleError, WireError
from qctl.lab import Lab, parse_lab
from qctl.server.calls import Call, snapshot_s
from qctl.server.conductor import STAGES, Outcome, play
from qctl.server.finding import Finder
from qctl.server.instrument import InstrumentThread
from qctl.server.mailbox import Mailbox
from qctl.server.orders import ORDERS, Play, Played, Playing, Quit, Ready, Stop
from qctl.server.places import Places
from qctl.server.processes import begin_process, end_process, import_path
from qctl.server.ring import Ring
from qctl.server.settings import may_change, touches
from qctl.server.verbs import INSTRUMENT_VERBS, parameter_rows
from qctl.server.waveforms import WaveformFiles

__all__ = ["HostPlan", "run_host"]

_LOG = logging.getLogger(__name__)
_TICK_MS = 50
_NOT_SENT = (TypeError, ValueError, OverflowError, RecursionError, AttributeError, msgspec.MsgspecError, QctlError)
_CLIENT_REQUESTS = msgspec.msgpack.Decoder(wire.Request)


@dataclass(frozen=True, slots=True)
class HostPlan:
    """What a host is started with; picklable."""

    group: str
    instruments: tuple[str, ...]
    lab_toml: str
    places: Places
    endpoint: str
    broker: str
    open_device: str
    safe_first: bool = False


@dataclass(slots=True)
class _Run:
    """The run that plays on this host."""

    number: int
    stop: threading.Event
    instruments: frozenset[str]
    ended: threading.Event
    settings: frozenset[str] = frozenset()
    spoiled: str = ""


def run_host(plan: HostPlan) -> None:
    """Serve the instruments of one group until told to quit; safe outputs if the server is gone."""
    orphaned = threading.Event()
    begin_process(on_orphan=orphaned.set)
    # Drivers by others print, and so does what they start; the server's standard output says when it is ready.
    sys.stdout = sys.stderr
    with suppress(OSError):
        os.dup2(2, 1)
    Host(plan).serve(orphaned)
    end_process()


class Host:
    """The loop of a host: requests in, calls to threads, replies and events out."""

    def __init__(self, plan: HostPlan) -> None:
        self._plan = plan
        self._lab: Lab = parse_lab(plan.lab_toml)
        self._context = zmq.Context()
        self._requests = self._context.socket(zmq.ROUTER)
        self._requests.bind(plan.endpoint)
        self._mail = Mailbox(self._context, self._requests, plan.broker)
        self._waveforms = WaveformFiles(plan.places.waveforms)
        self._latest: _Run | None = None
        self._applied: dict[tuple[str, str, int], Any] = {}
        self._applied_lock = threading.Lock()
        self._held: dict[int, dict[str, dict[str, Any]]] = {}
        opener = import_path(plan.open_device)
        self._finders = {
            name: Finder(
                self._lab.instrument(name),
                lambda one: opener(one, self._lab),
                plan.places.known / f"{name}.json",
                plan.places.shared.name,
            )
            for name in plan.instruments
        }
        self._threads = {name: self._open(name, finder) for name, finder in self._finders.items()}

    def _open(self, name: str, finder: Finder) -> InstrumentThread:
        one, n_sharing = self._lab.instrument(name), len(self._lab.sharing(name))
        return InstrumentThread(one, finder, self._mail.publish, self._plan.safe_first, n_sharing)

    def serve(self, orphaned: threading.Event) -> None:
        """Pass messages until told to quit."""
        self._mail.tell(wire.pack(Ready(process=f"host.{self._plan.group}")))
        announced = False
        poller = zmq.Poller()
        poller.register(self._requests, zmq.POLLIN)
        poller.register(self._mail.outbox, zmq.POLLIN)
        going = True
        while going:
            ready = dict(poller.poll(_TICK_MS))
            if self._mail.outbox in ready:
                self._mail.forward()
            if self._requests in ready:
                going = self._take()
            for thread in self._threads.values():
                thread.check_deadline()
            if not announced and all(thread.tried.is_set() for thread in self._threads.values()):
                announced = True
                self._mail.tell(wire.pack(Ready(process=f"host.{self._plan.group}", body={"opened": True})))
            if orphaned.is_set():
                self._end(safe=True)
                os._exit(1)
        self._mail.close()

    # -- in --------------------------------------------------------------------------------------

    def _take(self) -> bool:
        for _ in range(64):
            try:
                sender, token, _magic, head, *buffers = self._requests.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return True
            envelope, request = [sender, token], None
            try:
                request = self._decode(head)
                if isinstance(request, Quit):
                    self._end(request.safe)
                    return False
                self._handle(request, envelope, buffers)
            except QctlError as error:
                self._refuse(envelope, request, error)
            except Exception as problem:
                _LOG.exception("a request failed")
                self._refuse(envelope, request, wire.internal_error(problem, f"the host of group {self._plan.group}"))
        return True

    def _refuse(self, envelope: list[bytes], request: Any, error: QctlError) -> None:
        """Answer a request with an error; one that could not be read has no number."""
        reply = wire.error_reply(error, getattr(request, "id", 0))
        self._requests.send_multipart([*envelope, *wire.pack(reply)])

    @staticmethod
    def _decode(head: bytes) -> Any:
        try:
            return ORDERS.decode(head)
        except msgspec.ValidationError:
            pass
        try:
            return _CLIENT_REQUESTS.decode(head)
        except msgspec.DecodeError as problem:
            raise WireError(f"the host can't read a request: {problem}") from problem

    def _handle(self, request: Any, envelope: list[bytes], buffers: list[bytes]) -> None:
        if isinstance(request, Play):
            self._play(request, envelope)
        elif isinstance(request, Stop):
            run = self._playing()
            if run is not None and request.run in (0, run.number):
                run.stop.set()
            for number in [number for number in list(self._held) if request.run in (0, number)]:
                self._held.pop(number, None)
            self._requests.send_multipart([*envelope, *wire.pack(wire.Done(id=request.id))])
        elif isinstance(request, wire.Instruments):
            rows = tuple(self._row(thread) for thread in self._threads.values())
            self._requests.send_multipart([*envelope, *wire.pack(wire.InstrumentRows(rows, id=request.id))])
        elif isinstance(request, wire.Safe):
            self._safe(request, envelope)
        else:
            self._instrument_verb(request, envelope, buffers)

    def _row(self, thread: InstrumentThread) -> dict[str, Any]:
        instrument = thread.instrument
        row = {"name": thread.name, "model": instrument.model, "address": self._finders[thread.name].address}
        row |= {"group": self._plan.group, "identity": thread.identity} | thread.told()
        return row | {"parameters": parameter_rows(thread.device)}

    def _instrument_verb(self, request: Any, envelope: list[bytes], buffers: list[bytes]) -> None:
        name = next(iter(request.values)) if isinstance(request, wire.Set) else request.instrument
        thread = self._threads[name]
        playing = self._playing()
        if isinstance(request, wire.Call) and request.method == "reconnect":
            self._finders[name].forget()
            thread.reconnect()
            reply = wire.Reading(thread.state.value, time.time(), id=request.id)
            self._requests.send_multipart([*envelope, *wire.pack(reply)])
            return
        if isinstance(request, wire.Set | wire.Call | wire.Raw):
            if playing is not None and name in playing.instruments:
                raise LeaseError(f"{name} plays run {playing.number}; set it before or after", instrument=name)
            if may_change(request):
                for run, settings in list(self._held.items()):
                    if touches(request, settings.get(name)):
                        text = f"{name} is set for run {run}, which plays; set it before or after"
                        raise LeaseError(text, instrument=name, run=run)
                self._forget([name])
        function = INSTRUMENT_VERBS[type(request)](request, thread, buffers)
        longest_s = getattr(request, "timeout_s", None) or 0.0
        if isinstance(request, wire.Snapshot):
            longest_s = snapshot_s(thread.instrument, thread.device, thread.n_sharing)
        changes = not isinstance(request, wire.Set) and may_change(request)

        def ended(call: Call) -> None:
            if call.error is None and isinstance(request, wire.Set):
                thread.note(request.values[name])
            elif changes or isinstance(request, wire.Set):
                thread.forget()
            self._reply(call, request, envelope)

        thread.submit(function, ended, longest_s)

    def _reply(self, call: Call, request: Any, envelope: list[bytes]) -> None:
        buffers: tuple[bytes, ...] = ()
        if call.error is not None:
            reply: Any = wire.error_reply(call.error, request.id)
        elif isinstance(request, wire.Set):
            reply = wire.Done(id=request.id)
        elif isinstance(call.value, bytes):
            reply, buffers = wire.Reading(None, time.time(), id=request.id), (call.value,)
        else:
            reply = wire.Reading(call.value, time.time(), id=request.id)
        try:
            parts = wire.pack(reply, buffers)
        except _NOT_SENT as problem:  # what encoders make of a driver's value; the request must have an answer
            text = f"{request.instrument} answered with what can't be sent: {problem}"
            parts = wire.pack(wire.error_reply(DeviceError(text, instrument=request.instrument), request.id))
        self._mail.post(envelope, parts)

    def _safe(self, request: wire.Safe, envelope: list[bytes]) -> None:
        names = [name for name in self._threads if not request.instruments or name in request.instruments]
        run = self._playing()
        with self._applied_lock:
            if run is not None and not run.stop.is_set():
                hit = [name for name in names if name in run.instruments | run.settings]
                if hit:
                    run.spoiled = hit[0]
                    run.stop.set()
            self._drop_applied(names)
        lock, left, problems = threading.Lock(), [len(names)], []

        def ended(call: Call) -> None:
            with lock:
                left[0] -= 1
                if call.error is not None:
                    problems.append(call.error)
                if left[0]:
                    return
            reply = wire.error_reply(problems[0], request.id) if problems else wire.Done(id=request.id)
            self._mail.post(envelope, wire.pack(reply))

        for name in names:
            self._threads[name].forget()
            self._threads[name].submit(lambda device: device.safe(), ended)
        if not names:
            self._requests.send_multipart([*envelope, *wire.pack(wire.Done(id=request.id))])

    # -- runs ------------------------------------------------------------------------------------

    def _playing(self) -> _Run | None:
        """Return the run that has not ended; only this loop begins one, only its conductor ends it."""
        run = self._latest
        return None if run is None or run.ended.is_set() else run

    def _play(self, request: Play, envelope: list[bytes]) -> None:
        before = self._playing()
        if before is not None and not before.stop.is_set():
            raise LeaseError(f"run {before.number} is playing on group {self._plan.group}")
        names = {load.instrument for load in request.batch.programs} | {*request.settings, *request.clocks}
        missing = sorted(names - set(self._threads))
        if missing:
            raise DeviceError(f"{missing[0]} is not in group {self._plan.group}", instrument=missing[0])
        instruments = frozenset(load.instrument for load in request.batch.programs)
        settings = frozenset(request.settings)
        self._held[request.run] = request.settings
        run = self._latest = _Run(request.run, threading.Event(), instruments, threading.Event(), settings)
        arguments = (request, envelope, run, before)
        threading.Thread(target=self._conduct, args=arguments, name="conductor", daemon=True).start()

    def _changed(self, settings: dict[str, dict[str, Any]], sessions: dict[str, int]) -> dict[str, dict[str, Any]]:
        """Return, for each instrument, the settings that the last run did not make on the same session of the link."""
        changed: dict[str, dict[str, Any]] = {}
        for name, values in settings.items():
            changed[name] = {}
            for parameter, value in values.items():
                key = (name, parameter, sessions[name])
                if key not in self._applied or self._applied[key] != value:
                    changed[name][parameter] = value
        return changed

    def _forget(self, names: list[str]) -> None:
        with self._applied_lock:
            self._drop_applied(names)

    def _doubt(self, error: QctlError) -> None:
        """Trust nothing that is known of the instrument that failed a run: somebody may have reset it by hand."""
        thread = self._threads.get(str(error.details.get("instrument")))
        if thread is None or isinstance(error, LimitError):
            return

        def forget(device: Any) -> None:
            if hasattr(device, "forget"):
                device.forget()

        self._forget([thread.name])
        thread.submit(forget)

    def _note_applied(self, settings: dict[str, dict[str, Any]], sessions: dict[str, int], run: _Run) -> None:
        """Note what a run has set, unless it was stopped: its instruments may have gone to their safe state since."""
        with self._applied_lock:
            if run.stop.is_set():
                return
            for name, values in settings.items():
                self._applied |= {(name, parameter, sessions[name]): value for parameter, value in values.items()}
        for name, values in settings.items():
            self._threads[name].note(values)
            for parameter, value in values.items():
                self._mail.publish(wire.Topic.VALUE, name, {"instrument": name, "parameter": parameter, "value": value})

    def _drop_applied(self, names: list[str]) -> None:
        for key in [key for key in list(self._applied) if key[0] in names]:
            self._applied.pop(key, None)

    def _conduct(self, request: Play, envelope: list[bytes], run: _Run, before: _Run | None) -> None:
        if before is not None:
            before.ended.wait()
        ring = Ring(STAGES)
        sessions = {name: self._threads[name].n_opened for name in request.settings}
        settings = self._changed(request.settings, sessions)

        def progress(stage: str, done: int) -> None:
            body = {"job": request.job, "stage": stage, "batch_points": done, "first_point": request.batch.first_point}
            self._mail.publish(wire.Topic.PROGRESS, request.job, body)
            if stage == "playing" and not done:
                self._mail.post(envelope, wire.pack(Playing(request.run, id=request.id)))

        begin = perf_counter_ns()
        records = self._plan.places.records / f"{request.run}-{request.id}"
        playing = [self._threads[name] for name in run.instruments]
        for thread in playing:
            thread.playing = True
        try:
            outcome = play(
                request.batch, settings, self._threads, self._waveforms, records, run.stop, ring, progress,
                request.clocks,
            )  # fmt: skip
        except Exception as problem:
            _LOG.exception("run %d failed", request.run)
            outcome = Outcome(error=wire.internal_error(problem, f"run {request.run}"))
        for thread in playing:
            thread.playing = False
        if outcome.stopped and run.spoiled:
            text = f"{run.spoiled} was brought to its safe state while run {run.number} played"
            outcome.error = ScheduleError(text, instrument=run.spoiled)
        if outcome.error is None:
            self._note_applied(settings, sessions, run)
        else:
            self._doubt(outcome.error)
        stages = ring.totals_s() | {"host": (perf_counter_ns() - begin) * 1e-9}
        error = wire.error_reply(outcome.error, request.id, request.job) if outcome.error else None
        played = Played(
            request.run, outcome.n_points, tuple(outcome.traces), outcome.sent_bytes, stages,
            ring.medians_s(), outcome.stopped, error, tuple(outcome.sums), id=request.id,
        )  # fmt: skip
        if not request.hold:
            self._held.pop(request.run, None)
        run.ended.set()
        self._mail.post(envelope, wire.pack(played))

    def _end(self, safe: bool) -> None:
        run = self._playing()
        if run is not None:
            run.stop.set()
        threads = list(self._threads.values())
        if safe:
            calls = [thread.submit(lambda device: device.safe()) for thread in threads]
            for call, thread in zip(calls, threads, strict=True):
                call.wait(thread.longest_s)
        for thread in threads:
            thread.close()
        for thread in threads:
            thread.join(1.0)
