"""The host's side of a session as a pure state machine: bytes and times in, bytes, replies and events out.

It owns no port and no clock: the caller passes the time, sends what `take_outgoing` returns, and asks `next_deadline_s`
how long it may wait. As many requests are outstanding as `room` says, one if the device does not say more; they are
sent again, byte for byte, until their replies come or `tries` are used up. A reply of another session or number is
nobody's and is dropped. docs/firmware-protocol.md, section 3.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from qctl.errors import DeviceTimeoutError, InternalError, WireError
from qctl.firmware_io.messages import (
    Kind,
    Payload,
    decode_event,
    decode_note,
    decode_reply,
    encode_payload,
)
from qctl.firmware_io.packets import FrameReader, Packet, encode_packet
from qctl.firmware_io.sequencer_messages import WindowSize

__all__ = ["Event", "Note", "Reply", "Session"]

RETRY_S = 0.2
TRIES = 4
ROUND = 65_535
"""Numbers go from this one to 1."""
BOUND_S = 2.0
"""How long a bound of the window holds without being said again."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to the outstanding request."""

    request: Kind
    value: Any


@dataclass(frozen=True, slots=True)
class Event:
    """What the device told by itself."""

    value: Any


@dataclass(frozen=True, slots=True)
class Note:
    """What the device told by itself, without minding whether it arrives."""

    value: Any


@dataclass(slots=True)
class _Outstanding:
    kind: Kind
    number: int
    frame: bytes
    reply: Reply | None = None


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
    window : int
        How many requests the device takes ahead of its replies, as it says.
    ahead_bytes : int
        How many bytes of requests may be on their way: what the line carries well within `retry_s`. One request always
        may.
    """

    session: int
    retry_s: float = RETRY_S
    tries: int = TRIES
    window: int = 1
    ahead_bytes: int = 1 << 20
    n_retries: int = 0
    _reader: FrameReader = field(default_factory=FrameReader)
    _outgoing: bytearray = field(default_factory=bytearray)
    _number: int = 0
    _last_event: int = 0
    _outstanding: deque[_Outstanding] = field(default_factory=deque)
    _n_bytes: int = 0
    _n_tries: int = 0
    _deadline_s: float = 0.0
    _gap: int = 0
    _bound: int | None = None
    _bound_until_s: float = 0.0

    @property
    def busy(self) -> bool:
        """Say whether a request is outstanding."""
        return bool(self._outstanding)

    @property
    def n_dropped(self) -> int:
        """Return how many damaged frames were dropped."""
        return self._reader.n_dropped

    def room(self, now_s: float) -> int:
        """Return how many requests may be made now; 0 while hello waits for its reply, or the line is full."""
        if self._outstanding and (self._outstanding[0].kind is Kind.HELLO or self._n_bytes >= self.ahead_bytes):
            return 0
        if self._bound is not None and now_s >= self._bound_until_s:
            self._bound = None
        most = self.window if self._bound is None else min(self.window, self._bound)
        return max(0, most - len(self._outstanding))

    def request(self, kind: Kind, value: Payload, now_s: float) -> None:
        """Queue a request.

        Raises
        ------
        InternalError
            If as many are outstanding as may be; hello goes alone.
        WireError
            If the value does not fit its layout; nothing is queued.
        """
        if self._outstanding and (kind is Kind.HELLO or not self.room(now_s)):
            raise InternalError(f"request {kind.name} while {self._outstanding[-1].kind.name} is outstanding")
        payload = encode_payload(value)
        number = 0 if kind is Kind.HELLO else self._number % ROUND + 1
        self._number = number
        frame = encode_packet(Packet(kind, self.session, number, payload))
        if kind is Kind.HELLO:
            frame = b"\0" + frame
        if not self._outstanding:
            self._begin_wait(now_s)
        self._outstanding.append(_Outstanding(kind, number, frame))
        self._n_bytes += len(frame)
        self._outgoing += frame

    def take_outgoing(self) -> bytes:
        """Return the bytes to send now, once."""
        data = bytes(self._outgoing)
        self._outgoing.clear()
        return data

    def next_deadline_s(self) -> float | None:
        """Return when `expire` has something to do; None when nothing is outstanding."""
        return self._deadline_s if self._outstanding else None

    def expire(self, now_s: float) -> None:
        """Send the outstanding requests again if the time of the oldest is over.

        Raises
        ------
        DeviceTimeoutError
            If it has been sent often enough; the session is over then, and the device's state is unknown.
        """
        if not self._outstanding or now_s < self._deadline_s:
            return
        if self._n_tries >= self.tries:
            oldest = self._outstanding[0]
            self._outstanding.clear()
            self._n_bytes = 0
            raise DeviceTimeoutError(
                f"no reply to {oldest.kind.name} number {oldest.number} after {self._n_tries} tries, "
                f"{self.n_dropped} damaged frames dropped"
            )
        self._n_tries += 1
        self._send_again(now_s)

    def receive(self, data: bytes, now_s: float = 0.0) -> list[Reply | Event | Note]:
        """Take bytes from the device; return what they bring, and queue the acknowledgements.

        Replies come in the order of their requests: one that overtook another waits for it.
        """
        found: list[Reply | Event | Note] = []
        for packet in self._reader.feed(data):
            if packet.session != self.session:
                continue
            if 0xC0 <= packet.kind <= 0xDF:
                found += self._event(packet)
            elif 0xE0 <= packet.kind <= 0xEF:
                found += self._note(packet, now_s)
            else:
                found += self._reply(packet, now_s)
        return found

    def _begin_wait(self, now_s: float) -> None:
        """Give the oldest request its time."""
        self._n_tries = 1
        self._deadline_s = now_s + self.retry_s

    def _send_again(self, now_s: float) -> None:
        """Send all that waits for its reply, from the oldest on."""
        self._deadline_s = now_s + self.retry_s
        for waiting in self._outstanding:
            if waiting.reply is None:
                self.n_retries += 1
                self._outgoing += waiting.frame

    def _event(self, packet: Packet) -> list[Reply | Event | Note]:
        try:
            value = decode_event(packet.kind, packet.payload)
        except WireError:
            return []
        ack = Packet(Kind.ACK, self.session, packet.number)
        self._outgoing += encode_packet(ack)
        if not 1 <= (packet.number - self._last_event) % ROUND <= ROUND // 2 or value is None:
            return []
        self._last_event = packet.number
        return [Event(value)]

    def _note(self, packet: Packet, now_s: float) -> list[Reply | Event | Note]:
        try:
            value = decode_note(packet.kind, packet.payload)
        except WireError:
            return []
        if packet.kind == Kind.GAP:
            waits = any(packet.number == waiting.number and waiting.reply is None for waiting in self._outstanding)
            if waits and packet.number != self._gap:
                self._gap = packet.number
                self._send_again(now_s)
            return []
        if isinstance(value, WindowSize):
            self._bound, self._bound_until_s = value.size, now_s + BOUND_S
            return []
        return [] if value is None else [Note(value)]

    def _reply(self, packet: Packet, now_s: float) -> list[Reply | Event | Note]:
        place = (packet.number - self._outstanding[0].number) % ROUND if self._outstanding else 0
        if place >= len(self._outstanding) or self._outstanding[place].number != packet.number:
            return []
        waiting = self._outstanding[place]
        if waiting.reply is None:
            try:
                waiting.reply = Reply(waiting.kind, decode_reply(waiting.kind, packet.kind, packet.payload))
            except WireError:
                return []
        found: list[Reply | Event | Note] = []
        while self._outstanding and self._outstanding[0].reply is not None:
            found.append(self._outstanding[0].reply)
            self._n_bytes -= len(self._outstanding.popleft().frame)
        if found:
            self._begin_wait(now_s)
        return found
