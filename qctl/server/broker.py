"""The broker: sockets, access, leases, limits, cached values; it parses no program, waits for no disk or device."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import msgspec
import zmq

from qctl import wire
from qctl.errors import DeviceError, QctlError, QueueFullError, RequestError, WireError
from qctl.lab import Lab
from qctl.server.access import ALL, Access, Session
from qctl.server.limits import LimitTable
from qctl.server.orders import REPORTS, CancelBy, Hosts, KnownSnapshot, Leases, Ready, ReplayBy
from qctl.server.settings import may_change
from qctl.server.unread import Unread
from qctl.server.values import Values
from qctl.server.waiting import KEEPER, Gather, Waiting, ended, gathered_rows

__all__ = ["KEEPER", "Broker"]

_LOG = logging.getLogger(__name__)
_MOST_BYTES = 1 << 29


class Broker:
    """Answer what can be answered at once, and pass on the rest.

    Parameters
    ----------
    context : zmq.Context
        For all sockets.
    lab : Lab
        The laboratory.
    lab_toml : str
        Its text, for clients that ask.
    address : str
        Where clients connect; port 0 takes a free one.
    intake : str
        Where the server's processes send events.
    groups : mapping of str to tuple of str
        Instruments of each host.
    """

    def __init__(
        self,
        context: zmq.Context[Any],
        lab: Lab,
        lab_toml: str,
        address: str,
        intake: str,
        groups: dict[str, tuple[str, ...]],
    ) -> None:
        self._context, self._lab, self._lab_toml = context, lab, lab_toml
        self.front = context.socket(zmq.ROUTER)
        self.front.setsockopt(zmq.LINGER, 500)
        self.front.setsockopt(zmq.MAXMSGSIZE, _MOST_BYTES)
        self.front.bind(address)
        self.address: str = self.front.getsockopt_string(zmq.LAST_ENDPOINT)
        self._publisher = context.socket(zmq.PUB)
        self._publisher.setsockopt(zmq.LINGER, 500)
        self.events = self._bind_events()
        self.intake = context.socket(zmq.PULL)
        self.intake.bind(intake)
        self.peers: dict[str, zmq.Socket[Any]] = {}
        self._addresses: dict[str, str] = {}
        self._group_of = {name: group for group, names in groups.items() for name in names}
        self._groups = groups
        self._access = Access()
        self._limits = LimitTable(lab)
        self._unread = Unread()
        self._values = Values()
        self._waiting: dict[bytes, Waiting] = {}
        self._number = 0
        self._release = version("qctl")
        self.on_ready: Callable[[Ready], None] = lambda _: None
        keep, all_hosts = self._to_keeper, self._to_all_hosts
        self._verbs: dict[type, Callable[[bytes, Session, Any, Any], None]] = {
            wire.Hello: self._hello,
            wire.Ping: self._ping,
            wire.Describe: self._describe,
            wire.Submit: self._submit,
            wire.Job: keep,
            wire.Jobs: keep,
            wire.Result: keep,
            wire.Cancel: self._cancel,
            wire.Replay: self._replay,
            wire.Calibration: keep,
            wire.WriteSnapshot: keep,
            wire.Instruments: all_hosts,
            wire.Safe: all_hosts,
            wire.Get: self._get,
            wire.Set: self._set,
            wire.Call: self._call,
            wire.Raw: self._call,
            wire.Snapshot: self._snapshot,
            wire.Lease: self._lease,
            wire.Release: self._give_back,
        }

    def _bind_events(self) -> str:
        host, _, port = self.address.rpartition(":")
        try:
            self._publisher.bind(f"{host}:{int(port) + 1}")
        except zmq.ZMQError:
            self._publisher.bind(f"{host}:0")
        return str(self._publisher.getsockopt_string(zmq.LAST_ENDPOINT))

    # -- processes -------------------------------------------------------------------------------

    def connect(self, peer: str, address: str) -> zmq.Socket[Any]:
        """Open the way to a process; what was sent to its predecessor is gone."""
        socket: zmq.Socket[Any] = self._context.socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 500)
        socket.connect(address)
        self.peers[peer], self._addresses[peer] = socket, address
        self._tell_hosts()
        return socket

    def disconnect(self, peer: str) -> None:
        """Close the way to a process that ended, and answer everybody who waits for it."""
        socket = self.peers.pop(peer, None)
        self._addresses.pop(peer, None)
        if socket is not None:
            socket.close(linger=0)
        for token, waiting in [(token, item) for token, item in self._waiting.items() if item.peer == peer]:
            del self._waiting[token]
            error = ended(peer, self._groups.get(peer, ()))
            self._settle(waiting, wire.pack(wire.error_reply(error, waiting.request.id)))
        self._lost(*self._groups.get(peer, ()))
        self._tell_hosts()

    def _tell_hosts(self) -> None:
        self.tell(KEEPER, Hosts({name: address for name, address in self._addresses.items() if name != KEEPER}))

    def tell(self, peer: str, head: wire.Head) -> None:
        """Send an order that needs no reply."""
        socket = self.peers.get(peer)
        if socket is not None:
            socket.send_multipart([b"\0", *wire.pack(head)])

    # -- clients ---------------------------------------------------------------------------------

    def take_requests(self) -> None:
        """Handle what clients sent; an error is an answer, whatever was sent."""
        for _ in range(100):
            try:
                identity, *parts = self.front.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            self._take(identity.bytes, parts)

    def _take(self, identity: bytes, parts: list[zmq.Frame]) -> None:
        request: Any = None
        try:
            request, buffers = wire.unpack_request([part.buffer for part in parts])
            session = self._access.session(identity, time.monotonic())
            self._verbs[type(request)](identity, session, request, parts[2:] if buffers else ())
        except QctlError as error:
            self._send(identity, wire.pack(wire.error_reply(error, getattr(request, "id", 0))))
        except Exception as problem:
            _LOG.exception("a request failed")
            bug = wire.internal_error(problem, "the broker")
            self._send(identity, wire.pack(wire.error_reply(bug, getattr(request, "id", 0))))

    def _send(self, identity: bytes, parts: list[Any]) -> None:
        try:
            self.front.send_multipart([identity, *parts], zmq.NOBLOCK, copy=len(parts) < 3)
        except zmq.ZMQError as problem:
            _LOG.warning("a reply could not be sent: %s", problem)

    def _send_arrays(self, waiting: Waiting, parts: list[Any]) -> None:
        try:
            self._unread.send(self.front, waiting.identity, parts)
        except QueueFullError as error:
            self._send(waiting.identity, wire.pack(wire.error_reply(error, waiting.request.id)))

    def _hello(self, identity: bytes, _session: Session, request: wire.Hello, _buffers: Any) -> None:
        wire.check_release(request.release, self._release)
        session = self._access.greet(identity, request.client, request.session, time.monotonic())
        reply = wire.Welcome(self._release, session.token, self._lab.name, self.events, id=request.id)
        self._send(identity, wire.pack(reply))

    def _ping(self, identity: bytes, _session: Session, request: wire.Ping, _buffers: Any) -> None:
        self._send(identity, wire.pack(wire.Pong(id=request.id)))

    def _describe(self, identity: bytes, _session: Session, request: wire.Describe, _buffers: Any) -> None:
        processors = {name: msgspec.to_builtins(value) for name, value in self._lab.processors.items()}
        reply = wire.Lab(self._lab.name, self._lab_toml, processors, tuple(self._lab.instruments), id=request.id)
        self._send(identity, wire.pack(reply))

    # -- passing on ------------------------------------------------------------------------------

    def _pass(self, waiting: Waiting, buffers: Any = ()) -> None:
        socket = self.peers.get(waiting.peer)
        if socket is None:
            error = ended(waiting.peer, self._groups.get(waiting.peer, ()))
            self._settle(waiting, wire.pack(wire.error_reply(error, waiting.request.id)))
            return
        self._number += 1
        token = self._number.to_bytes(8, "little")
        self._waiting[token] = waiting
        socket.send_multipart([token, *wire.pack(waiting.request, buffers)], copy=not buffers)

    def _to_keeper(self, identity: bytes, _session: Session, request: Any, buffers: Any) -> None:
        self._pass(Waiting(identity, request, KEEPER), buffers)

    def _submit(self, identity: bytes, session: Session, request: wire.Submit, buffers: Any) -> None:
        named = msgspec.structs.replace(request, name=f"{session.name}\0{request.name}")
        self._pass(Waiting(identity, named, KEEPER), buffers)

    def _cancel(self, identity: bytes, session: Session, request: wire.Cancel, _buffers: Any) -> None:
        order = CancelBy(request.job, request.force, session.name, id=request.id)
        self._pass(Waiting(identity, order, KEEPER))

    def _replay(self, identity: bytes, session: Session, request: wire.Replay, _buffers: Any) -> None:
        self._pass(Waiting(identity, ReplayBy(request.job, session.name, id=request.id), KEEPER))

    def _to_host(self, identity: bytes, _session: Session, request: Any, _buffers: Any) -> None:
        self._pass(Waiting(identity, request, self._host(request.instrument)))

    def _to_all_hosts(self, identity: bytes, session: Session, request: Any, _buffers: Any) -> None:
        chosen = list(self._groups)
        if isinstance(request, wire.Safe) and request.instruments:
            chosen = list(dict.fromkeys(self._host(name) for name in request.instruments))
        gather = Gather(identity, request, len(chosen))
        for group in chosen:
            self._pass(Waiting(identity, request, group, gather))
        if not chosen:
            self._finish(gather)

    def _host(self, name: str) -> str:
        self._lab.instrument(name)
        return self._group_of[name]

    def _get(self, identity: bytes, session: Session, request: wire.Get, buffers: Any) -> None:
        known = self._values.get(request.instrument, request.parameter) if request.cached else None
        if known is not None:
            self._send(identity, wire.pack(wire.Reading(*known, id=request.id)))
        else:
            self._to_host(identity, session, request, buffers)

    def _snapshot(self, identity: bytes, session: Session, request: wire.Snapshot, buffers: Any) -> None:
        known = None if request.update else self._values.of(request.instrument)
        order = request if known is None else KnownSnapshot(request.instrument, known, id=request.id)
        self._to_host(identity, session, order, buffers)

    def _set(self, identity: bytes, session: Session, request: wire.Set, _buffers: Any) -> None:
        hosts = {name: self._host(name) for name in request.values}
        for name in request.values:
            self._access.check(session, name)
        self._limits.check(request.values)
        gather = Gather(identity, request, len(hosts))
        for name, group in hosts.items():
            one = wire.Set({name: request.values[name]}, id=request.id)
            self._pass(Waiting(identity, one, group, gather, session))
        if not hosts:
            self._finish(gather)

    def _call(self, identity: bytes, session: Session, request: wire.Call | wire.Raw, buffers: Any) -> None:
        self._access.check(session, request.instrument)
        self._values.forget(request.instrument)
        changer = session if may_change(request) else None
        self._pass(Waiting(identity, request, self._host(request.instrument), session=changer), buffers)

    # -- leases ----------------------------------------------------------------------------------

    def _lease(self, identity: bytes, session: Session, request: wire.Lease, _buffers: Any) -> None:
        if not request.instruments:
            raise RequestError("a lease names at least one instrument")
        for name in request.instruments:
            self._host(name)
        now_s = time.monotonic()
        expires_s = self._access.take(session, request.instruments, request.ttl_s, request.take_over, now_s)
        self._leases_changed("taken", request.instruments, session.name)
        expires_s += time.time() - now_s
        self._send(identity, wire.pack(wire.Leased(request.instruments, expires_s, id=request.id)))

    def _give_back(self, identity: bytes, session: Session, request: wire.Release, _buffers: Any) -> None:
        ended = self._access.give_back(session, request.instruments)
        self._leases_changed("released", tuple(ended), session.name)
        self._send(identity, wire.pack(wire.Done(id=request.id)))

    def _keep(self, session: Session, request: Any) -> None:
        """Have runs of a lease's holder leave alone what it has set by hand."""
        settings = request.values if isinstance(request, wire.Set) else {request.instrument: (ALL,)}
        if [name for name, parameters in settings.items() if self._access.keep(session, name, parameters)]:
            self.tell(KEEPER, Leases(self._access.held(), self._access.kept()))

    def _lost(self, *names: str) -> None:
        """Forget what was told and set by hand: an instrument whose link is opened again is in its safe state."""
        self._values.forget(*names)
        if self._access.forget_kept(names):
            self.tell(KEEPER, Leases(self._access.held(), self._access.kept()))

    def _leases_changed(self, what: str, names: tuple[str, ...], holder: str) -> None:
        self.tell(KEEPER, Leases(self._access.held(), self._access.kept()))
        for name in names:
            self.publish(wire.Topic.LEASE, name, {"instrument": name, "what": what, "holder": holder})

    def expire_leases(self) -> None:
        """End leases whose holders give no sign of life; their instruments go to their safe state."""
        for name, holder in self._access.expire(time.monotonic()):
            _LOG.warning("the lease of %s by %s ended without a sign of life", name, holder)
            # A job that waits for the lease may start once its end is known: outputs are made safe before.
            self.tell(self._group_of[name], wire.Safe((name,)))
            self._leases_changed("expired", (name,), holder)
        self._access.forget_idle(time.monotonic())

    # -- replies and events ----------------------------------------------------------------------

    def take_replies(self, peer: str) -> None:
        """Send back what a process answered."""
        for _ in range(100):
            socket = self.peers.get(peer)
            if socket is None:
                return
            try:
                token, *parts = socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            waiting = self._waiting.pop(token.bytes, None)
            if waiting is not None:
                self._settle(waiting, parts)

    def _settle(self, waiting: Waiting, parts: list[Any]) -> None:
        request = waiting.request
        if isinstance(request, wire.Get | wire.Snapshot) or waiting.gather is not None or waiting.session is not None:
            raw = [part.buffer if isinstance(part, zmq.Frame) else part for part in parts]
            try:
                reply, _ = wire.unpack_reply(raw)
            except WireError as problem:
                text = f"{waiting.peer} answered what can't be sent: {problem.message}"
                reply = wire.error_reply(DeviceError(text), request.id)
                parts = wire.pack(reply)
            for name, parameter, value in self._values.learn(request, reply, time.time()):
                self.publish(wire.Topic.VALUE, name, {"instrument": name, "parameter": parameter, "value": value})
            if waiting.session is not None and not isinstance(reply, wire.Error):
                self._keep(waiting.session, request)
            if waiting.gather is not None:
                gather = waiting.gather
                gather.n_left -= 1
                if isinstance(reply, wire.Error):
                    gather.error = gather.error or reply
                gather.replies.append((waiting.peer, reply))
                if not gather.n_left:
                    self._finish(gather)
                return
        if len(parts) < 3:
            self._send(waiting.identity, parts)
        else:
            self._send_arrays(waiting, parts)

    def _finish(self, gather: Gather) -> None:
        request = gather.request
        if isinstance(request, wire.Instruments):
            head: Any = wire.InstrumentRows(gathered_rows(gather, self._lab, self._group_of), id=request.id)
        else:
            head = gather.error or wire.Done(id=request.id)
        self._send(gather.identity, wire.pack(head))

    def take_events(self) -> None:
        """Publish what the processes tell."""
        for _ in range(200):
            try:
                parts = self.intake.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            try:
                event = wire.unpack_event([b"", *parts])
            except WireError:
                report = REPORTS.decode(parts[1])
                if isinstance(report, Ready):
                    self.on_ready(report)
                continue
            topic, _, of = event.topic.partition(".")
            if topic == wire.Topic.LINK and event.body.get("state") != "up":
                self._lost(of)
            elif topic == wire.Topic.VALUE:
                body = event.body
                self._values.put(body["instrument"], body["parameter"], body["value"], event.time_s)
            self._publisher.send_multipart([event.topic.encode(), *parts])

    def publish(self, topic: wire.Topic, of: object, body: dict[str, Any]) -> None:
        """Publish an event of the broker's own."""
        event = wire.Event(f"{topic}.{of}", time.time(), body)
        self._publisher.send_multipart([event.topic.encode(), *wire.pack(event)])

    def close(self) -> None:
        """Close all sockets."""
        for socket in (*self.peers.values(), self.front, self._publisher, self.intake):
            socket.close()
