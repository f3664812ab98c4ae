"""What all emulated firmware has: sessions, numbered requests with one reply each, blocks of shots, and events.

Source: docs/firmware-protocol.md, protocol version 1, sections 3 (sessions, numbers) and 4 (messages).
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from qctl.errors import QctlError
from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.plant_link import Plant
from qctl.hil.instruments.trigger_packets import Deframer, Packet, pack, unpack

__all__ = ["E_PAYLOAD", "E_RANGE", "E_STATE", "FirmwareBox", "Problem"]

_STATUS, _DONE = struct.Struct("<BBHIII"), struct.Struct("<IIBBH")
_RESEND_S, _N_RESENDS = 0.1, 10
_PLANT_PATIENCE_S = 0.1

HELLO, FIRE, STOP, STATUS, SAFE = 0x01, 0x05, 0x06, 0x07, 0x08
SET_REFERENCE, ACK, DONE, ERROR = 0x0B, 0x10, 0xC1, 0xFF
E_KIND, E_PAYLOAD, E_RANGE, E_STATE, E_SEQUENCE, E_SESSION, E_REFERENCE, E_FAULT = range(1, 9)
COMPLETE, STOPPED, FAULT = range(3)
_NAMES = {HELLO: "HELLO", FIRE: "FIRE", STOP: "STOP", STATUS: "STATUS", SAFE: "SAFE", SET_REFERENCE: "SET_REFERENCE"}
_LENGTHS = {FIRE: 4, STOP: 0, STATUS: 0, SAFE: 0, SET_REFERENCE: 1}


class Problem(Exception):
    """An error reply: its code and its text for people."""


class FirmwareBox(ABC):
    """A controller on a serial line; its blocks of shots are played by the plant.

    Subclasses say who they are, which settings they know, and how they play a block.

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
    lengths: ClassVar[dict[int, int]]
    """Bytes of each request that it knows beside those of all firmware; -1 for any number."""
    asking: ClassVar[frozenset[int]]
    """Requests among them that change nothing, and are answered while a block plays."""
    n_inputs = 0
    own_faults = frozenset({"unlocked"})

    def __init__(self, config: EmulatorConfig, plant: Plant) -> None:
        self.plant = plant
        self.counters: dict[str, int] = {"frames_dropped": 0}
        self.send: Callable[[bytes], None] = lambda frame: None
        self._identity = f"qctl,{self.word},{config.serial},1.0".encode("ascii")[:255]
        self.trip: Callable[[], None] = lambda: None
        self._faults: dict[str, Any] = {}
        self._reset_at = ""
        self._task: asyncio.Task[None] | None = None
        self._slow: asyncio.Task[None] | None = None
        self._resend: asyncio.TimerHandle | None = None
        self._forget()

    def _forget(self) -> None:
        self._deframer = Deframer()
        self._session = 0
        self._last = 0
        self._reply = b""
        self._hello = b""
        self._external = 0
        self._last_error = 0
        self._number = self._n_fired = self._n_shots = 0
        self._stopped = False
        self._event_number = 0
        self._events: list[Packet] = []
        self.reset()

    # what subclasses do ----------------------------------------------------------------------------

    @abstractmethod
    def reset(self) -> None:
        """Take the settings that the box has when it is switched on."""

    @abstractmethod
    def answer(self, kind: int, payload: bytes) -> bytes:
        """Execute one of `lengths`, and return the reply's payload; raise Problem to refuse."""

    @abstractmethod
    def ready(self) -> int:
        """Return the shots of the block that is about to begin; raise Problem if it can't."""

    @abstractmethod
    async def play(self) -> int:
        """Play the block, and return how many shots there were."""

    @abstractmethod
    def low(self) -> None:
        """Bring all outputs to their safe state."""

    # what the servers call -------------------------------------------------------------------------

    def new_faults(self, faults: dict[str, Any]) -> None:
        """Take the present faults; the box shows those of its reference, its memory, its versions and its resets."""
        if faults.get("reset_at") != self._faults.get("reset_at"):
            self._reset_at = str(faults.get("reset_at") or "")
        self._faults = faults

    async def power_cycle(self) -> None:
        """Forget everything, as after a power cut."""
        if self._slow is not None:
            self._slow.cancel()
        await self._halt()
        self._drop_events()
        self._forget()

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
        elif packet.number == self._last and self._reply:
            self.send(self._reply)
        elif packet.number != self._last % 65535 + 1:
            self._refuse(packet, E_SEQUENCE, f"expected {self._last % 65535 + 1}")
        elif self._slow is None:
            self._execute(packet)

    def _name_of(self, kind: int) -> str:
        """Return what a kind of request is called by ``reset_at``."""
        return _NAMES.get(kind) or ("ASK" if kind in self.asking else "LOAD")

    def _take_hello(self, packet: Packet) -> None:
        if len(packet.payload) != 4 or packet.session == 0 or packet.number != 0:
            self._refuse(packet, E_PAYLOAD, "hello")
            return
        if packet.session == self._session and self._last == 0 and self._hello:
            self.send(self._hello)
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
        self._session = packet.session if chosen else 0
        self._last, self._reply, self._event_number = 0, b"", 0
        if self._task is not None:
            self._later(self._halt_then(self._hello))
        else:
            self.send(self._hello)

    async def _halt_then(self, frame: bytes) -> None:
        await self._halt()
        self.send(frame)

    def _later(self, work: Any) -> None:
        if self._slow is not None:
            self._slow.cancel()
        task = self._slow = asyncio.get_running_loop().create_task(work)

        def done(finished: asyncio.Task[None]) -> None:
            if self._slow is task:
                self._slow = None

        task.add_done_callback(done)

    def _execute(self, packet: Packet) -> None:
        try:
            length = _LENGTHS.get(packet.kind, self.lengths.get(packet.kind))
            if length is None:
                raise Problem(E_KIND, "unknown kind")
            if length not in (-1, len(packet.payload)):
                raise Problem(E_PAYLOAD, f"{len(packet.payload)} bytes, expected {length}")
            if packet.kind in (STOP, SAFE) or (packet.kind == STATUS and self._task is not None):
                self._later(self._answer_later(packet))
                return
            self._answer(packet, self._do(packet.kind, packet.payload))
        except Problem as problem:
            self._answer_problem(packet, problem)

    async def _answer_later(self, packet: Packet) -> None:
        if packet.kind == STATUS:
            # While the plant computes, lab time and the shots stand still: a real box answers at once.
            with contextlib.suppress(TimeoutError):
                n_fired = await asyncio.wait_for(self.plant.fired(), _PLANT_PATIENCE_S)
                if self._task is not None:
                    self._n_fired = max(0, min(self._n_shots, n_fired))
            self._answer(packet, self._status())
            return
        await self._halt()
        if packet.kind == SAFE:
            self.low()
        self._answer(packet, b"" if packet.kind == SAFE else struct.pack("<I", self._n_fired))

    def _answer(self, packet: Packet, payload: bytes) -> None:
        self._last = packet.number
        self._reply = pack(Packet(packet.kind | 0x80, packet.session, packet.number, payload))
        self.send(self._reply)

    def _answer_problem(self, packet: Packet, problem: Problem) -> None:
        code, text = problem.args
        self._last = packet.number
        self._reply = self._refuse(packet, code, text)

    def _refuse(self, packet: Packet, code: int, text: str) -> bytes:
        self._last_error = code
        words = text.encode("ascii", "replace")[:255]
        frame = pack(Packet(ERROR, packet.session, packet.number, bytes((packet.kind, code, len(words))) + words))
        self.send(frame)
        return frame

    # messages ----------------------------------------------------------------------------------------

    def _do(self, kind: int, payload: bytes) -> bytes:
        if kind == STATUS:
            return self._status()
        if self._task is not None and kind not in self.asking:
            raise Problem(E_STATE, "firing")
        if kind == SET_REFERENCE:
            if payload[0] > 1:
                raise Problem(E_RANGE, "source is 0 or 1")
            self._external = payload[0]
            return payload
        if kind == FIRE:
            return self._fire(payload)
        if self._faults.get("full_buffer") and kind not in self.asking:
            raise Problem(E_STATE, "memory is full")
        return self.answer(kind, payload)

    def _reference(self) -> int:
        return 0 if not self._external else 2 if self._faults.get("unlocked") else 1

    def _status(self) -> bytes:
        firing = int(self._task is not None)
        return _STATUS.pack(firing, self._reference(), self._last_error, self._number, self._n_fired, self._n_shots)

    def _fire(self, payload: bytes) -> bytes:
        (number,) = struct.unpack("<I", payload)
        if not number:
            raise Problem(E_RANGE, "block number 0")
        if self._reference() == 2:
            raise Problem(E_REFERENCE, "external reference is not locked")
        self._n_shots = self.ready()
        self._number, self._n_fired = number, 0
        self._stopped = False
        self._task = asyncio.get_running_loop().create_task(self._run(number, self._n_shots, self._session))
        return payload

    async def _run(self, number: int, n_shots: int, session: int) -> None:
        reason = FAULT
        try:
            self._n_fired = await self.play()
            reason = COMPLETE if self._n_fired == n_shots else STOPPED
        except QctlError:
            self._last_error = E_FAULT
            self._n_fired = 0
        finally:
            self._task = None
        if self._stopped and self._n_fired < n_shots:
            reason = STOPPED
        if session != self._session:
            return
        self._event_number = self._event_number % 65535 + 1
        payload = _DONE.pack(number, self._n_fired, reason, 0, 0)
        self._events.append(Packet(DONE, self._session, self._event_number, payload))
        if len(self._events) == 1:
            self._send_event()

    async def _halt(self) -> None:
        task = self._task
        if task is not None:
            self._stopped = True
            await self.plant.abort()
            await asyncio.wait([task])

    # events --------------------------------------------------------------------------------------------

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
