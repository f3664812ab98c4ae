"""A controller behind a port: calls that wait for their reply, and events that are kept for who asks.

After a time-out or a broken port the session is over; the next call begins a new one, so that what the device still
sends of the old one meets nobody. A call itself is never begun again: only the caller knows whether that is safe.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, Protocol

from qctl.errors import DeviceError, DeviceTimeoutError, QctlError, RefusedError, VersionError
from qctl.firmware_io.handshake import agree
from qctl.firmware_io.messages import (
    PROTOCOL_VERSIONS,
    Done,
    ErrorCode,
    ErrorReply,
    Hello,
    HelloReply,
    Kind,
    NoPayload,
    Payload,
)
from qctl.firmware_io.sequencer_messages import Identification
from qctl.firmware_io.session import BOUND_S, Event, Reply, Session

__all__ = ["Controller", "Port"]

_BOUND_TURN_S = 0.05
"""How long to listen at a time while the device takes no requests."""


class Port(Protocol):
    """What carries the bytes."""

    @property
    def ahead_bytes(self) -> int:
        """Return how many bytes may be under way: what it carries in about a tenth of a second."""
        ...

    def send(self, data: bytes) -> None:
        """Send bytes."""
        ...

    def receive(self, timeout_s: float) -> bytes:
        """Return the bytes that are there, waiting for the first one; empty after the time-out."""
        ...

    def close(self) -> None:
        """Close the port."""
        ...


class Controller:
    """One device behind a port.

    Parameters
    ----------
    name : str
        The instrument's name in lab.toml, for errors.
    open_port : callable
        Opens the port; called again after it broke.
    identity : str
        What the device's identity must begin with.
    retry_s : float
        How long a reply may take before the request is sent again.
    asks : Kind
        What a new session asks first: the device's limits, as its kind of device has them.
    """

    def __init__(
        self, name: str, open_port: Callable[[], Port], identity: str = "", retry_s: float = 0.2,
        asks: Kind = Kind.CAPABILITIES,
    ) -> None:  # fmt: skip
        self.name = name
        self.identity = ""
        self.generation = 0
        self.capabilities: Any = None
        self.identification: Identification | None = None
        self._asks = asks
        self._open_port = open_port
        self._expected = identity
        self._retry_s = retry_s
        self._port: Port | None = None
        self._session: Session | None = None
        self._last_session = random.randrange(1, 65536)
        self._events: deque[Any] = deque(maxlen=256)
        self.others: deque[Any] = deque(maxlen=64)
        self.notes: deque[Any] = deque(maxlen=64)
        self._closed = False

    @property
    def up(self) -> bool:
        """Say whether a session is open."""
        return self._session is not None

    def open(self) -> None:
        """Open the port and a session; do nothing when one is open.

        Raises
        ------
        DeviceError
            If the port can't be opened, nothing answers, or another device does.
        RefusedError
            If the device refuses one of the first questions; no session is open then.
        VersionError
            If host and device share no protocol version.
        """
        if self._closed:
            raise DeviceError(f"{self.name}: the link is closed", instrument=self.name)
        if self._session is not None:
            return
        try:
            if self._port is None:
                self._port = self._open_port()
        except DeviceError as error:
            self._fail(error)
        self._last_session = self._last_session % 65535 + 1
        self._session = Session(self._last_session, self._retry_s, ahead_bytes=self._port.ahead_bytes)
        self._events.clear()
        try:
            self._introduce()
        except QctlError:  # half a session is none
            self._drop()
            raise

    def _introduce(self) -> None:
        """Greet the device, check who it is and ask for its limits."""
        hello: HelloReply = self.call(Kind.HELLO, Hello(*PROTOCOL_VERSIONS))
        if not PROTOCOL_VERSIONS[0] <= hello.chosen <= PROTOCOL_VERSIONS[1]:
            raise VersionError(
                f"{self.name} speaks the firmware protocol {hello.lowest} to {hello.highest}, this qctl "
                f"{PROTOCOL_VERSIONS[0]} to {PROTOCOL_VERSIONS[1]}; update the older of the two",
                instrument=self.name,
            )
        if not hello.identity.startswith(self._expected) or (self.identity and hello.identity != self.identity):
            before = f"{self.identity!r} before" if self.identity else f"{self._expected!r}"
            raise DeviceError(f"{self.name} answers as {hello.identity!r}, not as {before}", instrument=self.name)
        self.identity = hello.identity
        self.generation += 1
        if self._asks is Kind.SEQUENCER_CAPABILITIES:
            self._identify()
        self.capabilities = self.call(self._asks)

    def _identify(self) -> None:
        """Ask a sequencer who it is, and take its window."""
        try:
            found: Identification = self.call(Kind.IDENTIFY)
            agree(found, self.identity)
        except VersionError as error:
            raise VersionError(f"{self.name}: {error.message}", instrument=self.name) from error
        self.identification = found
        assert self._session is not None
        self._session.window = max(1, found.window)

    def call(self, kind: Kind, value: Payload | None = None) -> Any:
        """Send a request and return the value of its reply.

        Raises
        ------
        RefusedError
            If the device refuses, with its own words.
        DeviceTimeoutError
            If it does not reply; its state is unknown.
        """
        return self.call_all([(kind, value if value is not None else NoPayload())])[0]

    def call_all(self, requests: Iterable[tuple[Kind, Payload]]) -> list[Any]:
        """Send requests, as many ahead of their replies as the device takes, and return the values of the replies.

        Raises
        ------
        RefusedError
            If the device refuses one, with its own words; those that it had taken ahead were executed after it.
        DeviceTimeoutError
            If it does not reply, or takes no requests for a while; its state is unknown.
        """
        self.open()
        session, port = self._session, self._port
        assert session is not None
        assert port is not None
        left = iter(requests)
        waiting = next(left, None)
        values: list[Any] = []
        refused: Reply | None = None
        patience_s = session.tries * session.retry_s + BOUND_S
        idle_s = time.monotonic()
        while session.busy or waiting is not None:
            now_s = time.monotonic()
            if session.busy or session.room(now_s):
                idle_s = now_s
            elif now_s - idle_s >= patience_s:
                self._fail(DeviceTimeoutError(f"takes no requests for {now_s - idle_s:.1f} s"))
            while waiting is not None and session.room(now_s):
                session.request(*waiting, now_s)
                waiting = next(left, None)
            deadline_s = session.next_deadline_s()
            for reply in self._turn(session, port, now_s + _BOUND_TURN_S if deadline_s is None else deadline_s):
                values.append(reply.value)
                if isinstance(reply.value, ErrorReply) and refused is None:
                    refused, waiting = reply, None
        if refused is not None:
            self._refused(refused.request, refused.value)
        return values

    def next_done(self, block_number: int, timeout_s: float) -> Done | None:
        """Return the event that ends a block, or None if it does not come in time."""
        session, port = self._session, self._port
        end_s = time.monotonic() + timeout_s
        while True:
            while self._events:
                event = self._events.popleft()
                if isinstance(event, Done) and event.block_number == block_number:
                    return event
                self.others.append(event)
            if session is None or port is None or time.monotonic() >= end_s:
                return None
            self._turn(session, port, end_s)

    def forget(self) -> None:
        """End the session, and take whoever answers next: the device begins anew, perhaps with another firmware."""
        self._drop()
        self.identity = ""

    def close(self) -> None:
        """Close the port for good."""
        self._closed = True
        self._drop()

    def _turn(self, session: Session, port: Port, deadline_s: float) -> list[Reply]:
        """Send what is to be sent, wait for bytes at most until the deadline, and return the replies among them.

        What acknowledges an event goes out with the next request: that spares both sides a packet of its own.
        """
        try:
            outgoing = session.take_outgoing()
            if outgoing:
                port.send(outgoing)
            wait_s = deadline_s - time.monotonic()
            replies: list[Reply] = []
            data = port.receive(wait_s)
            now_s = time.monotonic()
            for found in session.receive(data, now_s):
                if isinstance(found, Reply):
                    replies.append(found)
                elif isinstance(found, Event):
                    self._events.append(found.value)
                else:
                    self.notes.append(found.value)
            if not replies:
                session.expire(now_s)
        except DeviceError as error:
            self._fail(error)
        return replies

    def _refused(self, kind: Kind, reply: ErrorReply) -> NoReturn:
        if reply.code in (ErrorCode.SESSION, ErrorCode.SEQUENCE):
            self._drop()
            raise DeviceError(
                f"{self.name} has forgotten the session ({reply.text}); it may have been switched off and on",
                instrument=self.name,
            )
        known = {code.value: code.name.lower() for code in ErrorCode}
        raise RefusedError(
            f"{self.name} refused {kind.name}: {known.get(reply.code, reply.code)}, {reply.text}",
            instrument=self.name,
            words=reply.text,
        )

    def _drop(self) -> None:
        self._session = None
        self.capabilities = None
        if self._port is not None:
            self._port.close()
            self._port = None

    def _fail(self, error: QctlError) -> NoReturn:
        self._drop()
        kind = DeviceTimeoutError if isinstance(error, DeviceTimeoutError) else DeviceError
        raise kind(f"{self.name}: {error.message}", instrument=self.name) from error
