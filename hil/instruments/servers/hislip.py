"""HiSLIP server: the synchronous and asynchronous channel of each client, locks, device clear, status, large messages.

Source: IVI-6.1, High-Speed LAN Instrument Protocol (HiSLIP), revision 1.1 (message types in table 4, device clear in
section 6.12, locks in 6.5, interrupted queries in 3.1.1).
"""

from __future__ import annotations

import asyncio
import itertools
import socket
import struct

from qctl.hil.faults.present import WireFaults
from qctl.hil.faults.timed import stall
from qctl.hil.instruments.scpi.box import Box
from qctl.hil.instruments.scpi.session import Buffers, Session
from qctl.hil.instruments.scpi.stream import Message, Stream
from qctl.hil.instruments.servers.faulty_wire import FaultyWire
from qctl.hil.instruments.servers.inlet import Inlet
from qctl.hil.instruments.servers.locks import Locks
from qctl.hil.instruments.servers.outbox import Outbox

__all__ = ["HislipChannel", "HislipServer"]

_HEADER = struct.Struct("!2sBBIQ")
_SMALL = 1 << 16
_MAX_ASIDE = 1 << 16
MAX_MESSAGE = 1 << 28

INITIALIZE, INITIALIZE_RESPONSE, FATAL_ERROR, ERROR = 0, 1, 2, 3
ASYNC_LOCK, ASYNC_LOCK_RESPONSE, DATA, DATA_END = 4, 5, 6, 7
DEVICE_CLEAR_COMPLETE, DEVICE_CLEAR_ACKNOWLEDGE, REMOTE_LOCAL, REMOTE_LOCAL_RESPONSE = 8, 9, 10, 11
TRIGGER, INTERRUPTED, ASYNC_INTERRUPTED, MAX_SIZE, MAX_SIZE_RESPONSE = 12, 13, 14, 15, 16
ASYNC_INITIALIZE, ASYNC_INITIALIZE_RESPONSE, ASYNC_DEVICE_CLEAR, SERVICE_REQUEST = 17, 18, 19, 20
STATUS_QUERY, STATUS_RESPONSE, ASYNC_DEVICE_CLEAR_ACKNOWLEDGE, LOCK_INFO, LOCK_INFO_RESPONSE = 21, 22, 23, 24, 25


class _Client:
    """Both channels of one client, and its session."""

    def __init__(self, server: HislipServer, number: int, sync: HislipChannel) -> None:
        self.number = number
        self.sync = sync
        self.aside: HislipChannel | None = None
        self.stream = Stream(framed=True)
        self.wire = FaultyWire(server.faults, self.reply, self.close)
        self.session = Session(server.box, self.wire.send)
        self.max_size = 1 << 20
        self.unread = False
        self.clearing = False
        self.held: list[tuple[list[Message], int]] = []

    def reply(self, pieces: Buffers, tag: int) -> None:
        """Send a reply as Data messages and one DataEnd, each no longer than the client takes."""
        if self.clearing:
            return
        self.unread = True
        total = sum(len(piece) for piece in pieces)
        if total <= _SMALL:
            self.sync.write(_HEADER.pack(b"HS", DATA_END, 0, tag, total) + b"".join(pieces))
            return
        room = self.max_size - _HEADER.size
        left, space = total, 0
        for piece in pieces:
            view = memoryview(piece).cast("B")
            while len(view):
                if not space:
                    space = min(room, left)
                    kind = DATA_END if space == left else DATA
                    self.sync.write(_HEADER.pack(b"HS", kind, 0, tag, space))
                step = min(space, len(view))
                self.sync.write(view[:step])
                view, space, left = view[step:], space - step, left - step

    def close(self) -> None:
        """End both channels."""
        for channel in (self.sync, self.aside):
            if channel is not None:
                channel.close()


class HislipServer:
    """What the channels of one instrument share.

    Parameters
    ----------
    box : Box
        The instrument.
    faults : WireFaults
        Its faults on the wire.
    connections : set
        Where open connections note themselves, so that a power cycle can end them.
    """

    def __init__(self, box: Box, faults: WireFaults, connections: set) -> None:
        self.box = box
        self.faults = faults
        self.clients: dict[int, _Client] = {}
        self.connections = connections
        self.locks = Locks()
        self._numbers = itertools.count(1)
        box.status.on_service.append(self._service)

    def __call__(self) -> HislipChannel:
        """Return the protocol of one new connection."""
        return HislipChannel(self)

    def open(self, sync: HislipChannel) -> _Client:
        """Begin a client on its synchronous channel."""
        number = next(self._numbers) % 65535 + 1
        while number in self.clients:
            number = number % 65535 + 1
        client = self.clients[number] = _Client(self, number, sync)
        return client

    def end(self, client: _Client) -> None:
        """Forget a client and give back its locks."""
        if self.clients.pop(client.number, None) is not None:
            client.wire.clear()
            client.session.clear()
            self.locks.drop(client.number)
            self.release_held()

    def release_held(self) -> None:
        """Run what waited for a lock of somebody else."""
        for client in list(self.clients.values()):
            if client.held and self.locks.may_talk(client.number):
                held, client.held = client.held, []
                for messages, tag in held:
                    client.session.receive(messages, tag)

    def _service(self, byte: int) -> None:
        for client in self.clients.values():
            if client.aside is not None:
                client.aside.send(SERVICE_REQUEST, byte, 0)


class HislipChannel(asyncio.Protocol):
    """One TCP connection: the first message tells which channel of which client it is.

    Parameters
    ----------
    server : HislipServer
        What it belongs to.
    """

    def __init__(self, server: HislipServer) -> None:
        self._server = server
        self._inlet = Inlet(server.faults, self.close)
        self._client: _Client | None = None
        self._is_sync = False
        self._buffer = bytearray()
        self._kind = -1
        self._control = 0
        self._parameter = 0
        self._left = 0
        self._payload = bytearray()
        self._closed = False

    # transport -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        assert isinstance(transport, asyncio.Transport)
        plug = transport.get_extra_info("socket")
        if plug is not None:
            plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._outbox = Outbox(transport)
        self._transport = transport
        self._server.connections.add(self)
        self.stall()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the client with either of its channels."""
        self._closed = True
        self._server.connections.discard(self)
        if self._client is not None:
            client, self._client = self._client, None
            self._server.end(client)
            client.close()

    def pause_writing(self) -> None:
        """Hold replies back."""
        self._outbox.pause()

    def resume_writing(self) -> None:
        """Send what was held back."""
        self._outbox.resume()

    def close(self) -> None:
        """End the connection."""
        self._outbox.close()

    def stall(self) -> None:
        """Read, or stop reading, as the faults say."""
        stall(self._transport, self._server.faults)

    def write(self, data: bytes | memoryview) -> None:
        """Send raw bytes."""
        self._outbox.write(data)

    def send(self, kind: int, control: int, parameter: int, payload: bytes = b"") -> None:
        """Send one HiSLIP message."""
        self._outbox.write(_HEADER.pack(b"HS", kind, control, parameter, len(payload)) + payload)

    def data_received(self, data: bytes) -> None:
        """Cut the bytes into messages; the payload of Data goes straight to the client's stream."""
        view = memoryview(self._inlet.feed(data))
        while len(view) and not self._closed:
            if self._kind < 0:
                if not self._buffer and len(view) >= _HEADER.size:
                    head, view = view[: _HEADER.size], view[_HEADER.size :]
                else:
                    step = _HEADER.size - len(self._buffer)
                    self._buffer += view[:step]
                    view = view[step:]
                    if len(self._buffer) < _HEADER.size:
                        return
                    head = memoryview(bytes(self._buffer))
                    self._buffer.clear()
                prologue, self._kind, self._control, self._parameter, self._left = _HEADER.unpack(head)
                self._payload.clear()
                if prologue != b"HS":
                    self._fatal(1, "poorly formed message header")
                    return
            step = min(self._left, len(view))
            if step:
                self._body(view[:step])
                view = view[step:]
                self._left -= step
            if not self._left:
                kind, self._kind = self._kind, -1
                self._whole(kind)

    # messages ------------------------------------------------------------------------------------

    def _body(self, piece: memoryview) -> None:
        if self._kind in (DATA, DATA_END):
            client = self._client
            if client is not None and client.aside is not None and self._is_sync and not client.clearing:
                self._run(client, client.stream.feed(piece))
        elif len(self._payload) < _MAX_ASIDE:
            self._payload += piece

    def _whole(self, kind: int) -> None:
        if self._client is None:
            if kind == INITIALIZE:
                self._initialize()
            elif kind == ASYNC_INITIALIZE:
                self._async_initialize()
            else:
                self._fatal(3, "invalid initialization sequence")
        elif self._is_sync:
            self._sync_message(kind, self._client)
        else:
            self._async_message(kind, self._client)

    def _initialize(self) -> None:
        if not bytes(self._payload).startswith(b"hislip"):
            self._fatal(3, "unknown sub-address")
            return
        self._is_sync = True
        self._client = self._server.open(self)
        version = min(self._parameter >> 16, 0x0100)
        self.send(INITIALIZE_RESPONSE, 0, version << 16 | self._client.number)

    def _async_initialize(self) -> None:
        client = self._server.clients.get(self._parameter)
        if client is None or client.aside is not None:
            self._fatal(3, "invalid initialization sequence")
            return
        self._client = client
        client.aside = self
        self.send(ASYNC_INITIALIZE_RESPONSE, 0, int.from_bytes(b"QC", "big"))

    def _sync_message(self, kind: int, client: _Client) -> None:
        if client.aside is None:
            self._fatal(2, "attempt to use connection without both channels established")
        elif kind in (DATA, DATA_END):
            if client.clearing:
                return
            if kind == DATA_END:
                self._run(client, client.stream.end())
        elif kind == TRIGGER:
            self._run(client, [Message("*TRG")])
        elif kind == DEVICE_CLEAR_COMPLETE:
            client.stream.clear()
            client.clearing = False
            self.send(DEVICE_CLEAR_ACKNOWLEDGE, 0, 0)
        elif kind not in (FATAL_ERROR, ERROR):
            self.send(ERROR, 1, 0, b"unrecognized message type")

    def _run(self, client: _Client, messages: list[Message]) -> None:
        if not messages:
            return
        if client.unread and not self._control & 1:
            self._server.box.status.push(-410)
        client.unread = False
        if self._server.locks.may_talk(client.number):
            client.session.receive(messages, self._parameter)
        else:
            client.held.append((messages, self._parameter))

    def _async_message(self, kind: int, client: _Client) -> None:
        server = self._server
        if kind == MAX_SIZE:
            if len(self._payload) == 8:
                client.max_size = max(4096, min(int.from_bytes(self._payload, "big"), MAX_MESSAGE))
            self.send(MAX_SIZE_RESPONSE, 0, 0, MAX_MESSAGE.to_bytes(8, "big"))
        elif kind == STATUS_QUERY:
            if self._control & 1:
                client.unread = False
            self.send(STATUS_RESPONSE, server.box.status.byte(client.unread), 0)
        elif kind == ASYNC_DEVICE_CLEAR:
            client.clearing = True
            client.unread = False
            client.stream.clear()
            client.session.clear()
            client.wire.clear()
            client.held.clear()
            server.box.clear()
            self.send(ASYNC_DEVICE_CLEAR_ACKNOWLEDGE, 0, 0)
        elif kind == ASYNC_LOCK:
            self._lock(client)
        elif kind == LOCK_INFO:
            self.send(LOCK_INFO_RESPONSE, int(server.locks.exclusive is not None), server.locks.n_holders)
        elif kind == REMOTE_LOCAL:
            self.send(REMOTE_LOCAL_RESPONSE, 0, 0)
        elif kind not in (FATAL_ERROR, ERROR):
            self.send(ERROR, 1, 0, b"unrecognized message type")

    def _lock(self, client: _Client) -> None:
        locks = self._server.locks
        if self._control & 1:
            name = bytes(self._payload).decode("latin-1")
            locks.request(client.number, name, self._parameter * 1e-3, lambda code: self._answer_lock(code))
        else:
            self.send(ASYNC_LOCK_RESPONSE, locks.release(client.number), 0)
            self._server.release_held()

    def _answer_lock(self, code: int) -> None:
        if not self._closed:
            self.send(ASYNC_LOCK_RESPONSE, code, 0)

    def _fatal(self, code: int, text: str) -> None:
        self.send(FATAL_ERROR, code, 0, text.encode())
        self._closed = True
        self.close()
