"""The link of all emulated firmware: sessions, numbered requests with a reply each, windows of them, and events.

Source: docs/firmware-protocol.md, protocol version 1, section 3.
"""

from __future__ import annotations

import asyncio
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.plant_link import Plant
from qctl.hil.instruments.trigger_packets import Deframer, Packet, pack, unpack

__all__ = ["FirmwareLink", "Problem"]

_RESEND_S, _N_RESENDS = 0.1, 10
_ROUND = 65_535
_NAMES = {
    0x01: "HELLO", 0x05: "FIRE", 0x06: "STOP", 0x07: "STATUS", 0x08: "SAFE", 0x0B: "SET_REFERENCE", 0x2D: "FIRE",
    0x2F: "STOP",
}  # fmt: skip

HELLO, ACK, GAP, ERROR = 0x01, 0x10, 0xE0, 0xFF
E_KIND, E_PAYLOAD, E_RANGE, E_STATE, E_SEQUENCE, E_SESSION, E_REFERENCE, E_FAULT, E_HASH = range(1, 10)
E_FULL = 11


class Problem(Exception):
    """An error reply: its code and its text for people."""


class FirmwareLink(ABC):
    """The packets of a controller.

    Parameters
    ----------
    config : EmulatorConfig
        Name and serial number.
    plant : Plant
        What plays.

    Attributes
    ----------
    send : callable
        Takes the bytes of one frame; set by the server.
    """

    word: ClassVar[str]
    """What it is, in its identity."""
    window: ClassVar[int] = 1
    """Requests that it takes ahead of its replies."""
    n_inputs = 0
    own_faults = frozenset({"unlocked", "full_buffer", "firmware", "protocol"})
    asking: ClassVar[frozenset[int]] = frozenset()
    """Requests of its kind alone that change nothing; they are answered while it plays."""

    def __init__(self, config: EmulatorConfig, plant: Plant) -> None:
        self.plant = plant
        self.counters: dict[str, int] = {"frames_dropped": 0}
        self.send: Callable[[bytes], None] = lambda frame: None
        self._identity = f"qctl,{self.word},{config.serial},1.0".encode("ascii")[:255]
        self.trip: Callable[[], None] = lambda: None
        self._faults: dict[str, Any] = {}
        self._reset_at = ""
        self._resend: asyncio.TimerHandle | None = None
        self._forget()

    def _forget(self) -> None:
        """Begin as after a power cut."""
        self._deframer = Deframer()
        self._session = self._session_before = 0
        self._last = 0
        self._replies: dict[int, bytes] = {}
        self._gap_told = False
        self._hello = b""
        self._external = 0
        self._last_error = 0
        self._event_number = 0
        self._events: list[Packet] = []

    # what subclasses do ----------------------------------------------------------------------------

    @abstractmethod
    def _length_of(self, kind: int) -> int | None:
        """Return the bytes of a request's payload: -1 for any number, None for a kind that is not known."""

    @abstractmethod
    def _carry_out(self, packet: Packet) -> None:
        """Do what a request of the right length says, and `_answer` it, now or later; raise Problem to refuse."""

    @abstractmethod
    def _begin(self, hello: bytes) -> None:
        """Stop what runs, since a new session begins, and send the answer to its hello."""

    def _busy(self) -> bool:
        """Say whether the request that is due is still being executed."""
        return False

    # what the servers call -------------------------------------------------------------------------

    def new_faults(self, faults: dict[str, Any]) -> None:
        """Take the present faults; the box shows those of its reference, its memory, its versions and its resets."""
        if faults.get("reset_at") != self._faults.get("reset_at"):
            self._reset_at = str(faults.get("reset_at") or "")
        self._faults = faults

    def receive(self, data: bytes) -> None:
        """Take bytes from the wire."""
        for frame in self._deframer.feed(data):
            packet = unpack(frame)
            if packet is None:
                self.counters["frames_dropped"] += 1
            else:
                self._take(packet)

    # sessions and numbers --------------------------------------------------------------------------

    def _take(self, packet: Packet) -> None:
        if self._reset_at and self._name_of(packet.kind) == self._reset_at:
            self._reset_at = ""
            self.trip()
        elif packet.kind == HELLO:
            self._take_hello(packet)
        elif packet.kind == ACK:
            if packet.session == self._session and self._events and self._events[0].number == packet.number:
                self._events.pop(0)
                self._send_event()
        elif packet.session != self._session or not self._session:
            self._refuse(packet, E_SESSION, "no such session")
        else:
            self._take_number(packet)

    def _name_of(self, kind: int) -> str:
        """Return what a kind of request is called by ``reset_at``."""
        return _NAMES.get(kind) or ("ASK" if kind in self.asking else "LOAD")

    def _take_number(self, packet: Packet) -> None:
        expected = self._last % _ROUND + 1
        ahead = (packet.number - expected) % _ROUND if packet.number else self.window
        if ahead == 0:
            if not self._busy():
                self._execute(packet)
        elif packet.number in self._replies and ahead >= _ROUND - self.window:
            self.send(self._replies[packet.number])
        elif ahead < self.window:
            if not self._gap_told:
                self._gap_told = True
                self.send(pack(Packet(GAP, self._session, expected)))
        else:
            self._refuse(packet, E_SEQUENCE, f"expected {expected}")

    def _execute(self, packet: Packet) -> None:
        """Execute the request that is due, or refuse it."""
        length = self._length_of(packet.kind)
        try:
            if length is None:
                raise Problem(E_KIND, "unknown kind")
            if length not in (-1, len(packet.payload)):
                raise Problem(E_PAYLOAD, f"{len(packet.payload)} bytes, expected {length}")
            self._carry_out(packet)
        except Problem as problem:
            self._answer_problem(packet, problem)

    def _take_hello(self, packet: Packet) -> None:
        if len(packet.payload) != 4 or packet.session == 0 or packet.number != 0:
            self._refuse(packet, E_PAYLOAD, "hello")
            return
        repeated = packet.session == self._session and (self._last == 0 or self.window > 1)
        if repeated and self._hello:
            self.send(self._hello)
            return
        if self.window > 1 and packet.session == self._session_before:
            return
        lowest, highest = struct.unpack("<HH", packet.payload)
        mine = int(self._faults.get("protocol") or 1)
        chosen = mine if lowest <= mine <= highest else 0
        identity = self._identity
        if firmware := self._faults.get("firmware"):
            identity = identity.rpartition(b",")[0] + b"," + str(firmware).encode("ascii", "replace")[:32]
        payload = struct.pack("<HHHB", mine, mine, chosen, len(identity)) + identity
        self._hello = pack(Packet(HELLO | 0x80, packet.session, 0, payload))
        self._drop_events()
        self._session_before = self._session
        self._session = packet.session if chosen else 0
        self._last, self._event_number = 0, 0
        self._replies.clear()
        self._gap_told = False
        self._begin(self._hello)

    def _answer(self, packet: Packet, payload: bytes) -> None:
        """Reply to a request that was executed."""
        frame = pack(Packet(packet.kind | 0x80, packet.session, packet.number, payload))
        self._executed(packet, frame)
        self.send(frame)

    def _answer_problem(self, packet: Packet, problem: Problem) -> None:
        """Reply to a request that was not."""
        code, text = problem.args
        self._executed(packet, self._refuse(packet, code, text))

    def _executed(self, packet: Packet, reply: bytes) -> None:
        self._last = packet.number
        self._gap_told = False
        self._replies[packet.number] = reply
        while len(self._replies) > self.window:
            del self._replies[next(iter(self._replies))]

    def _refuse(self, packet: Packet, code: int, text: str) -> bytes:
        self._last_error = code
        words = text.encode("ascii", "replace")[:255]
        frame = pack(Packet(ERROR, packet.session, packet.number, bytes((packet.kind, code, len(words))) + words))
        self.send(frame)
        return frame

    def _set_reference(self, payload: bytes) -> bytes:
        if payload[0] > 1:
            raise Problem(E_RANGE, "source is 0 or 1")
        self._external = payload[0]
        return payload

    def _reference(self) -> int:
        return 0 if not self._external else 2 if self._faults.get("unlocked") else 1

    # events --------------------------------------------------------------------------------------------

    def _tell(self, kind: int, payload: bytes) -> None:
        """Send an event when those before it are acknowledged."""
        self._event_number = self._event_number % _ROUND + 1
        self._events.append(Packet(kind, self._session, self._event_number, payload))
        if len(self._events) == 1:
            self._send_event()

    def _drop_events(self) -> None:
        self._events.clear()
        if self._resend is not None:
            self._resend.cancel()
            self._resend = None

    def _send_event(self, times: int = 0) -> None:
        if self._resend is not None:
            self._resend.cancel()
            self._resend = None
        if not self._events:
            return
        if times > _N_RESENDS:
            self._events.pop(0)
            self._send_event()
            return
        self.send(pack(self._events[0]))
        self._resend = asyncio.get_running_loop().call_later(_RESEND_S, self._send_event, times + 1)
