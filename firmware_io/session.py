"""The host's side of a session as a pure state machine: bytes and times in, bytes, replies and events out.

It owns no port and no clock: the caller passes the time, sends what `take_outgoing` returns, and asks `next_deadline_s`
how long it may wait. One request is outstanding; it is sent again, byte for byte, until its reply comes or `tries` are
used up. A reply of another session or number is nobody's and is dropped. docs/firmware-protocol.md, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from qctl.errors import DeviceTimeoutError, InternalError, WireError
from qctl.firmware_io.messages import Kind, NoPayload, Payload, decode_event, decode_reply, encode_payload
from qctl.firmware_io.packets import FrameReader, Packet, encode_packet

__all__ = ["Event", "Reply", "Session"]

RETRY_S = 0.2
TRIES = 4


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to the outstanding request."""

    request: Kind
    value: Any


@dataclass(frozen=True, slots=True)
class Event:
    """What the device told by itself."""

    value: Any


@dataclass(slots=True)
class _Outstanding:
    kind: Kind
    number: int
    frame: bytes
    n_tries: int
    deadline_s: float


@dataclass(slots=True)
class Session:
    """One session, from hello to the next hello.

    Attributes
    ----------
    session : int
        Its number, 1 to 65,535; another one than the last.
    retry_s : float
        How long a reply may take before the request is sent again.
    tries : int
        How often a request is sent in all.
    """

    session: int
    retry_s: float = RETRY_S
    tries: int = TRIES
    n_retries: int = 0
    _reader: FrameReader = field(default_factory=FrameReader)
    _outgoing: bytearray = field(default_factory=bytearray)
    _number: int = 0
    _last_event: int = 0
    _outstanding: _Outstanding | None = None

    @property
    def busy(self) -> bool:
        """Say whether a request is outstanding."""
        return self._outstanding is not None

    @property
    def n_dropped(self) -> int:
        """Return how many damaged frames were dropped."""
        return self._reader.n_dropped

    def request(self, kind: Kind, value: Payload, now_s: float) -> None:
        """Queue a request.

        Raises
        ------
        InternalError
            If one is outstanding already.
        WireError
            If the value does not fit its layout; nothing is queued.
        """
        if self._outstanding is not None:
            raise InternalError(f"request {kind.name} while {self._outstanding.kind.name} is outstanding")
        payload = encode_payload(value)
        number = 0 if kind is Kind.HELLO else self._number % 65535 + 1
        self._number = number
        frame = encode_packet(Packet(kind, self.session, number, payload))
        if kind is Kind.HELLO:
            frame = b"\0" + frame
        self._outstanding = _Outstanding(kind, number, frame, 1, now_s + self.retry_s)
        self._outgoing += frame

    def take_outgoing(self) -> bytes:
        """Return the bytes to send now, once."""
        data = bytes(self._outgoing)
        self._outgoing.clear()
        return data

    def next_deadline_s(self) -> float | None:
        """Return when `expire` has something to do; None when nothing is outstanding."""
        return None if self._outstanding is None else self._outstanding.deadline_s

    def expire(self, now_s: float) -> None:
        """Send the outstanding request again if its time is over.

        Raises
        ------
        DeviceTimeoutError
            If it has been sent often enough; the session is over then, and the device's state is unknown.
        """
        waiting = self._outstanding
        if waiting is None or now_s < waiting.deadline_s:
            return
        if waiting.n_tries >= self.tries:
            self._outstanding = None
            raise DeviceTimeoutError(
                f"no reply to {waiting.kind.name} number {waiting.number} after {waiting.n_tries} tries, "
                f"{self.n_dropped} damaged frames dropped"
            )
        waiting.n_tries += 1
        waiting.deadline_s = now_s + self.retry_s
        self.n_retries += 1
        self._outgoing += waiting.frame

    def receive(self, data: bytes) -> list[Reply | Event]:
        """Take bytes from the device; return what they bring, and queue the acknowledgements."""
        found: list[Reply | Event] = []
        for packet in self._reader.feed(data):
            if packet.session != self.session:
                continue
            if 0xC0 <= packet.kind <= 0xDF:
                found += self._event(packet)
            else:
                found += self._reply(packet)
        return found

    def _event(self, packet: Packet) -> list[Reply | Event]:
        try:
            value = decode_event(packet.kind, packet.payload)
        except WireError:
            return []
        ack = Packet(Kind.ACK, self.session, packet.number, encode_payload(NoPayload()))
        self._outgoing += encode_packet(ack)
        if packet.number == self._last_event or value is None:
            return []
        self._last_event = packet.number
        return [Event(value)]

    def _reply(self, packet: Packet) -> list[Reply | Event]:
        waiting = self._outstanding
        if waiting is None or packet.number != waiting.number:
            return []
        try:
            value = decode_reply(waiting.kind, packet.kind, packet.payload)
        except WireError:
            return []
        self._outstanding = None
        return [Reply(waiting.kind, value)]
