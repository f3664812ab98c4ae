"""Emulated trigger controller: firmware that speaks packets over a pty and fires the shots of the virtual lab.

Source: docs/firmware-protocol.md, protocol version 1, sections 3 (sessions, numbers) and 4 (messages).
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Callable
from typing import Any

from qctl.errors import QctlError
from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.plant_link import Plant
from qctl.hil.instruments.trigger_packets import Deframer, Packet, pack, unpack

__all__ = ["QctlTrigger"]

_TICK_HZ = 100_000_000
_N_LINES = 8
_TOP = 2**32 - 1
_MIN_PERIOD = 100
_CAPABILITIES = struct.pack("<IBBHIIIIII", _TICK_HZ, _N_LINES, 0, 1024, _TOP, 1, _TOP, _MIN_PERIOD, _TOP, _TOP)
_LINE, _BLOCK, _STATUS, _DONE = (struct.Struct(form) for form in ("<BBHII", "<II", "<BBHIII", "<IIBBH"))
_RESEND_S, _N_RESENDS = 0.1, 10
_PLANT_PATIENCE_S = 0.1

HELLO, CAPABILITIES, SET_LINE, SET_BLOCK, FIRE, STOP, STATUS, SAFE = range(1, 9)
GET_LINE, GET_BLOCK, SET_REFERENCE, ACK, DONE, ERROR = 0x09, 0x0A, 0x0B, 0x10, 0xC1, 0xFF
E_KIND, E_PAYLOAD, E_RANGE, E_STATE, E_SEQUENCE, E_SESSION, E_REFERENCE, E_FAULT = range(1, 9)
COMPLETE, STOPPED, FAULT = range(3)
EACH_SHOT, ONCE_A_BLOCK = 1, 2
_LENGTHS = {HELLO: 4, CAPABILITIES: 0, SET_LINE: 12, SET_BLOCK: 8, FIRE: 4, STOP: 0, STATUS: 0, SAFE: 0,
            GET_LINE: 1, GET_BLOCK: 0, SET_REFERENCE: 1}  # fmt: skip


class _Problem(Exception):
    """An error reply: its code and its text for people."""


class QctlTrigger:
    """The controller; its shot blocks are fired by the plant.

    Parameters
    ----------
    config : EmulatorConfig
        Name and serial number.
    plant : Plant
        What fires.

    Attributes
    ----------
    send : callable
        Takes the bytes of one frame; set by the server.
    """

    kind = "trigger"
    n_outputs = _N_LINES
    n_inputs = 0
    own_faults = frozenset({"unlocked"})

    def __init__(self, config: EmulatorConfig, plant: Plant) -> None:
        self.plant = plant
        self.counters: dict[str, int] = {"frames_dropped": 0}
        self.send: Callable[[bytes], None] = lambda frame: None
        self._identity = f"qctl,trigger,{config.serial},1.0".encode("ascii")[:255]
        self._faults: dict[str, Any] = {}
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
        self._lines = {n: (n, 0, 0, 0, 10) for n in range(1, _N_LINES + 1)}
        self._block = (100_000, 1)
        self._external = 0
        self._last_error = 0
        self._number = self._n_fired = self._n_shots = 0
        self._period_s = 0.0
        self._stopped = False
        self._event_number = 0
        self._events: list[Packet] = []

    # what the servers call -------------------------------------------------------------------------

    def new_faults(self, faults: dict[str, Any]) -> None:
        """Take the present faults; ``unlocked`` is this box's own."""
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
        if packet.kind == HELLO:
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

    def _take_hello(self, packet: Packet) -> None:
        if len(packet.payload) != 4 or packet.session == 0 or packet.number != 0:
            self._refuse(packet, E_PAYLOAD, "hello")
            return
        if packet.session == self._session and self._last == 0 and self._hello:
            self.send(self._hello)
            return
        lowest, highest = struct.unpack("<HH", packet.payload)
        chosen = 1 if lowest <= 1 <= highest else 0
        payload = struct.pack("<HHHB", 1, 1, chosen, len(self._identity)) + self._identity
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
            length = _LENGTHS.get(packet.kind)
            if length is None:
                raise _Problem(E_KIND, "unknown kind")
            if len(packet.payload) != length:
                raise _Problem(E_PAYLOAD, f"{len(packet.payload)} bytes, expected {length}")
            if packet.kind in (STOP, SAFE) or (packet.kind == STATUS and self._task is not None):
                self._later(self._answer_later(packet))
                return
            self._answer(packet, self._do(packet.kind, packet.payload))
        except _Problem as problem:
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
            self._lines = {n: (n, 0, 0, line[3], line[4]) for n, line in self._lines.items()}
        self._answer(packet, b"" if packet.kind == SAFE else struct.pack("<I", self._n_fired))

    def _answer(self, packet: Packet, payload: bytes) -> None:
        self._last = packet.number
        self._reply = pack(Packet(packet.kind | 0x80, packet.session, packet.number, payload))
        self.send(self._reply)

    def _answer_problem(self, packet: Packet, problem: _Problem) -> None:
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
        if kind == CAPABILITIES:
            return _CAPABILITIES
        if kind == STATUS:
            return self._status()
        if kind == GET_LINE:
            return _LINE.pack(*self._line(payload[0]))
        if kind == GET_BLOCK:
            return _BLOCK.pack(*self._block)
        if self._task is not None:
            raise _Problem(E_STATE, "firing")
        if kind == SET_LINE:
            return self._set_line(payload)
        if kind == SET_BLOCK:
            return self._set_block(payload)
        if kind == SET_REFERENCE:
            if payload[0] > 1:
                raise _Problem(E_RANGE, "source is 0 or 1")
            self._external = payload[0]
            return payload
        return self._fire(payload)

    def _line(self, number: int) -> tuple[int, int, int, int, int]:
        if number not in self._lines:
            raise _Problem(E_RANGE, f"line 1 to {_N_LINES}")
        return self._lines[number]

    def _set_line(self, payload: bytes) -> bytes:
        number, enabled, reserved, delay, width = _LINE.unpack(payload)
        self._line(number)
        if reserved:
            raise _Problem(E_PAYLOAD, "reserved is not 0")
        if enabled > ONCE_A_BLOCK or width < 1:
            raise _Problem(E_RANGE, "enabled is 0 to 2, width is 1 or more")
        self._lines[number] = (number, enabled, 0, delay, width)
        return payload

    def _set_block(self, payload: bytes) -> bytes:
        period, n_shots = _BLOCK.unpack(payload)
        if period < _MIN_PERIOD or n_shots < 1:
            raise _Problem(E_RANGE, "period below limit" if period < _MIN_PERIOD else "no shots")
        self._block = (period, n_shots)
        return payload

    def _reference(self) -> int:
        return 0 if not self._external else 2 if self._faults.get("unlocked") else 1

    def _status(self) -> bytes:
        firing = int(self._task is not None)
        return _STATUS.pack(firing, self._reference(), self._last_error, self._number, self._n_fired, self._n_shots)

    def _fire(self, payload: bytes) -> bytes:
        (number,) = struct.unpack("<I", payload)
        period, n_shots = self._block
        if not number:
            raise _Problem(E_RANGE, "block number 0")
        if self._reference() == 2:
            raise _Problem(E_REFERENCE, "external reference is not locked")
        on = [line for line in self._lines.values() if line[1] == EACH_SHOT]
        once = [line[0] for line in self._lines.values() if line[1] == ONCE_A_BLOCK]
        if any(line[3] + line[4] >= period for line in on):
            raise _Problem(E_RANGE, "a pulse is longer than the period")
        self._number, self._n_shots, self._n_fired = number, n_shots, 0
        self._period_s = period / _TICK_HZ
        self._stopped = False
        self._task = asyncio.get_running_loop().create_task(
            self._run(number, on[0][0] if on else 0, once, n_shots, self._session)
        )
        return payload

    async def _run(self, number: int, line: int, once: list[int], n_shots: int, session: int) -> None:
        reason = FAULT
        try:
            n_fired = await self.plant.fire(line, n_shots, self._period_s, once)
            self._n_fired = n_shots if n_fired is None else n_fired
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
