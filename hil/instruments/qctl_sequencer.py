"""Emulated sequencer: programs sent as objects, executed by the plain interpreter, on ticks of wall time.

Source: docs/firmware-protocol.md, protocol version 1, section 7, and docs/firmware-instructions.md. What a block does
is known when it starts, but for messages `trigger`: each has it worked out anew. It is perfect: nothing is ever late.
Its inputs stay low. Its counters see the ions that the plant has: where counts decide, shots are played one by one.
"""

from __future__ import annotations

import asyncio
import hashlib
import struct
import time
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from qctl.errors import DeviceError, QctlError
from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.firmware_link import (
    E_FULL,
    E_HASH,
    E_PAYLOAD,
    E_RANGE,
    E_REFERENCE,
    E_STATE,
    FirmwareLink,
    Problem,
)
from qctl.hil.instruments.plant_link import Plant
from qctl.hil.instruments.trigger_packets import Packet
from qctl.hil.plant.event_blocks import EVENT
from qctl.hil.sequencer.counting import Use, shot_of, steered, stored, use_of
from qctl.hil.sequencer.interpreter import Fault, Played, Surroundings, play
from qctl.hil.sequencer.refusals import Limits, refused

__all__ = ["QctlSequencer"]

_MAX_RESULTS, _MAX_TRACE, _MAX_OBJECT, _LATENCY = 1 << 24, 4096, 1 << 20, 2
_TOP = 2**32 - 1
_LIMITS = Limits(tick_hz=1_000_000_000, max_instructions=65_535)
_IDLE, _RUNNING, _ARMED, _SAFE = range(4)
_DONE, _FAULTED, _MARKED = 0xC1, 0xC2, 0xC3
_FEATURES = 0b001111
_WATCHDOG_MS = 1000
_HARDWARE = 6
_NOT_FOLLOWED = "a program that counts can't wait for triggers: the ions behind it don't follow"


class QctlSequencer(FirmwareLink):
    """The sequencer; the plant has the ions that its tones, lines and counters are wired to."""

    kind = "sequencer"
    word = "sequencer"
    window = 8
    own_faults = FirmwareLink.own_faults | {"clock_drift"}
    n_outputs = 64
    n_inputs = 8
    asking = frozenset((0x28, 0x30, 0x31, 0x32, 0x33, 0x39))

    def __init__(self, config: EmulatorConfig, plant: Plant) -> None:
        self._light: asyncio.Task[None] | None = None
        self._aborting: asyncio.Task[None] | None = None
        self._end: asyncio.TimerHandle | None = None
        self._watch: asyncio.TimerHandle | None = None
        super().__init__(config, plant)

    def _forget(self) -> None:
        super()._forget()
        self._halt()
        self._begun_s = time.monotonic()
        self._past_ticks, self._drift = 0, 0.0
        self._state, self._number, self._n_shots = _IDLE, 0, 0
        self._head, self._object = b"", bytearray()
        self._program, self._use = b"", Use(False, False, -1, False)
        self._arming = (0, 0, 0, _TOP)
        self._played = Played(registers=[0] * 16)
        self._watchdog_ms = _WATCHDOG_MS
        self._triggers: list[int] = []

    async def power_cycle(self) -> None:
        """Forget everything, as after a power cut."""
        self._drop_events()
        self._forget()

    def _take(self, packet: Packet) -> None:
        super()._take(packet)
        if packet.session == self._session:  # nothing else keeps the watchdog quiet
            self._guard()

    # requests ----------------------------------------------------------------------------------------

    def _begin(self, hello: bytes) -> None:
        self._halt()
        self._state, self._watchdog_ms = _IDLE, _WATCHDOG_MS
        self.send(hello)

    def _length_of(self, kind: int) -> int | None:
        return self._requests[kind][0] if kind in self._requests else None

    def _carry_out(self, packet: Packet) -> None:
        self._answer(packet, getattr(self, self._requests[packet.kind][1])(packet.payload))

    _requests: ClassVar[dict[int, tuple[int, str]]] = {
        0x07: (0, "_told"), 0x08: (0, "_make_safe"), 0x0B: (1, "_set_reference"), 0x28: (0, "_identified"),
        0x29: (40, "_open_object"), 0x2A: (-1, "_write_object"), 0x2B: (0, "_close_object"), 0x2C: (16, "_arm"),
        0x2D: (4, "_start"), 0x2E: (0, "_trigger"), 0x2F: (0, "_stop"), 0x30: (2, "_registers"), 0x31: (8, "_results"),
        0x32: (8, "_trace"), 0x33: (8, "_clock"), 0x34: (4, "_set_watchdog"), 0x35: (4, "_set_telemetry"),
        0x39: (0, "_capabilities"),
    }  # fmt: skip

    def _ticks(self) -> int:
        return self._past_ticks + int((time.monotonic() - self._begun_s) * _LIMITS.tick_hz * (1 + self._drift))

    def new_faults(self, faults: dict[str, Any]) -> None:
        """Take the present faults; a clock that begins to drift goes on from where it is."""
        drift = float(faults.get("clock_drift") or 0) * 1e-6
        if drift != self._drift:
            self._past_ticks, self._begun_s = self._ticks(), time.monotonic()
            self._drift = drift
        super().new_faults(faults)

    def _told(self, payload: bytes) -> bytes:
        shots = self._fired() if self._state == _RUNNING else self._played.n_shots
        return struct.pack(
            "<BBHIII", self._state, self._reference(), self._last_error, self._number, shots, self._n_shots
        )

    def _identified(self, payload: bytes) -> bytes:
        up_ms = self._ticks() * 1000 // _LIMITS.tick_hz
        return struct.pack("<HHBBHIBBHII", 1, 1, 1, 0, 0, _FEATURES, self.window, 0, 1024, _LIMITS.tick_hz, up_ms)

    def _capabilities(self, payload: bytes) -> bytes:
        counts = (_LIMITS.n_lines, _LIMITS.n_inputs, _LIMITS.n_tones, _LIMITS.n_counters, _LIMITS.n_registers, 0)
        rest = (_LIMITS.max_instructions, _MAX_RESULTS, _MAX_TRACE, 1, _LATENCY, _LIMITS.max_wait_ticks, _TOP)
        return struct.pack("<I6BH9I", _LIMITS.tick_hz, *counts, 1024, *rest, _MAX_OBJECT, 0)

    def _open_object(self, payload: bytes) -> bytes:
        kind, zero, more, length = struct.unpack_from("<BBHI", payload)
        if zero or more:
            raise Problem(E_PAYLOAD, "reserved is not 0")
        if kind != 1:
            raise Problem(E_RANGE, f"object of kind {kind}")
        if not 1 <= length <= _MAX_OBJECT:
            raise Problem(E_FULL, f"{length} bytes, there is room for {_MAX_OBJECT}")
        if self._faults.get("full_buffer"):
            raise Problem(E_FULL, "memory is full")
        if payload != self._head:
            self._head, self._object = payload, bytearray()
        return struct.pack("<I", len(self._object))

    def _write_object(self, payload: bytes) -> bytes:
        if not 5 <= len(payload) <= 1024:
            raise Problem(E_PAYLOAD, f"{len(payload)} bytes")
        (offset,) = struct.unpack_from("<I", payload)
        length = struct.unpack_from("<I", self._head, 4)[0] if self._head else 0
        if offset != len(self._object) or offset + len(payload) - 4 > length:
            raise Problem(E_RANGE, f"{len(self._object)} of {length} bytes are here")
        self._object += payload[4:]
        return struct.pack("<I", len(self._object))

    def _close_object(self, payload: bytes) -> bytes:
        if self._state in (_RUNNING, _ARMED):
            raise Problem(E_STATE, "armed or running")
        program, head = bytes(self._object), self._head
        self._head, self._object = b"", bytearray()
        if not head or len(program) != struct.unpack_from("<I", head, 4)[0]:
            raise Problem(E_HASH, f"{len(program)} bytes")
        if hashlib.sha256(program).digest() != head[8:]:
            raise Problem(E_HASH, "SHA-256 differs")
        why = refused(program, _LIMITS)
        if why:
            raise Problem(E_RANGE, why)
        self._program, self._use = program, use_of(program)
        self.plant.tell_count(waveforms=1, waveform_bytes=len(program))
        return struct.pack("<I", len(program))

    def _arm(self, payload: bytes) -> bytes:
        arming = struct.unpack("<IIII", payload)
        if self._state in (_RUNNING, _SAFE) or not self._program:
            raise Problem(E_STATE, "safe, running, or no program")
        if self._reference() == 2:
            raise Problem(E_REFERENCE, "external reference is not locked")
        if not arming[0] or not arming[1]:
            raise Problem(E_RANGE, "block number or shots 0")
        self._arming, self._state = arming, _ARMED
        return payload

    def _start(self, payload: bytes) -> bytes:
        (number,) = struct.unpack("<I", payload)
        if self._state != _ARMED or number != self._arming[0]:
            raise Problem(E_STATE, f"block {number} is not armed")
        if self._use.counts and self._use.waits >= 0:
            raise Problem(E_RANGE, f"instruction {self._use.waits}: {_NOT_FOLLOWED}")
        self._state, self._number, self._n_shots = _RUNNING, number, self._arming[1]
        self._triggers, self._block_tick = [], self._ticks()
        if self._use.counts:
            self._light = asyncio.get_running_loop().create_task(self._shine(self._light))
        else:
            self._work_out()
        return payload

    def _trigger(self, payload: bytes) -> bytes:
        if self._state == _RUNNING:
            self._triggers.append(self._ticks() - self._block_tick)
            self._work_out()
        return b""

    def _stop(self, payload: bytes) -> bytes:
        fired = self._fired() if self._state == _RUNNING else self._played.n_shots
        if self._state == _RUNNING:
            self._finish(1, fired)
        self._state = _IDLE if self._state == _ARMED else self._state
        return struct.pack("<I", fired)

    def _make_safe(self, payload: bytes) -> bytes:
        self._stop(payload)
        self._state = _IDLE
        return b""

    def _registers(self, payload: bytes) -> bytes:
        first, count = payload
        if first + count > _LIMITS.n_registers:
            raise Problem(E_RANGE, f"{_LIMITS.n_registers} registers")
        return payload + struct.pack(f"<{count}i", *self._played.registers[first : first + count])

    def _rows(self, payload: bytes, found: list[bytes], most: int) -> bytes:
        first, count, zero = struct.unpack("<IHH", payload)
        if zero:
            raise Problem(E_PAYLOAD, "reserved is not 0")
        if count > most:
            raise Problem(E_RANGE, f"{most} rows in one reply")
        return struct.pack("<IHH", first, len(found), 0) + b"".join(found)

    def _results(self, payload: bytes) -> bytes:
        first, count, _ = struct.unpack("<IHH", payload)
        here = self._played.results[first : first + count]
        return self._rows(payload, [struct.pack("<i", value) for value in here], 254)

    def _trace(self, payload: bytes) -> bytes:
        first, count, _ = struct.unpack("<IHH", payload)
        here = self._played.traced()[:_MAX_TRACE][first : first + count]
        return self._rows(payload, [struct.pack("<IIQQ", *event, event[2]) for event in here], 42)

    def _clock(self, payload: bytes) -> bytes:
        return payload + struct.pack("<QQ", self._ticks(), self._ticks())

    def _set_watchdog(self, payload: bytes) -> bytes:
        (self._watchdog_ms,) = struct.unpack("<I", payload)
        return payload

    def _set_telemetry(self, payload: bytes) -> bytes:
        return payload

    # blocks ------------------------------------------------------------------------------------------

    def _work_out(self) -> None:
        """Say what the block does with the triggers that came, and when it ends."""
        around = Surroundings(triggers=tuple(self._triggers))
        _, n_shots, period, max_late = self._arming
        self._played = play(
            self._program, around, n_shots=n_shots, period_ticks=period, max_late_ticks=max_late,
            trigger_latency_ticks=_LATENCY, max_results=_MAX_RESULTS, max_steps=1_000_000,
        )  # fmt: skip
        if self._end is not None:
            self._end.cancel()
        if not self._played.waits:
            left_s = (self._block_tick + self._played.end_tick - self._ticks()) / _LIMITS.tick_hz
            self._end = asyncio.get_running_loop().call_later(max(0.0, left_s), self._over)

    async def _shine(self, before: asyncio.Task[None] | None) -> None:
        """Play a block on the ions, after what is left of the one before."""
        if before is not None:
            await asyncio.wait([before])
        number = self._number
        try:
            played = await self._seen(self._program, self._use, *self._arming[1:])
        except QctlError:
            played = Played(registers=[0] * 16, fault=Fault(_HARDWARE, 0, 0, 0))
        if self._state == _RUNNING and self._number == number:
            self._played = played
            if not played.waits:
                self._over()

    async def _seen(self, program: bytes, use: Use, n_shots: int, period: int, max_late: int) -> Played:
        """Return what a block does whose counters see the ions; alike shots are played at once, others one by one."""
        tick_s = 1 / _LIMITS.tick_hz
        shot = None if use.decides else shot_of(program, period)
        if shot is not None:
            rows, ticks = shot
            _, counts = await self.plant.events(rows, tick_s, n_shots, ticks * tick_s)
            return stored(program, counts, period, _MAX_RESULTS, use.computes)
        loop, light = asyncio.get_running_loop(), asyncio.current_task()

        def part(rows: NDArray[Any], begins: bool) -> list[int]:
            if self._state != _RUNNING or self._light is not light:
                raise DeviceError("the block was stopped")
            return asyncio.run_coroutine_threadsafe(self.plant.events_of_part(rows, tick_s, begins), loop).result()

        played = await asyncio.to_thread(
            steered, program, part, n_shots=n_shots, period_ticks=period, max_late_ticks=max_late,
            max_results=_MAX_RESULTS,
        )  # fmt: skip
        if not played.waits:
            shot_s = max(1, played.end_tick) * tick_s / played.n_shots
            await self.plant.events(np.array([], EVENT), tick_s, played.n_shots, shot_s)
        return played

    def _over(self) -> None:
        fault = self._played.fault
        if fault is not None:
            self._tell(_FAULTED, struct.pack("<BBHIQII", fault.code, 0, 0, *fault[1:], 0))
        self._finish(0 if fault is None else 2, self._played.n_shots)

    def _finish(self, reason: int, n_shots: int) -> None:
        for event in self._played.events:
            if event.output.startswith("mark ") and reason != 1:
                self._tell(_MARKED, struct.pack("<IiQ", int(event.output[5:]), event.value, event.tick))
        self._halt()
        self._state, self._played.n_shots = _IDLE, n_shots
        self._tell(_DONE, struct.pack("<IIBBH", self._number, n_shots, reason, 0, 0))

    def _fired(self) -> int:
        """Return how many shots have begun by now."""
        period, end = self._arming[2], max(1, self._played.end_tick)
        past = self._ticks() - self._block_tick
        return min(self._played.n_shots, past // period + 1 if period else 1 + past * self._n_shots // end)

    def _halt(self) -> None:
        for timer in (self._end, self._watch):
            if timer is not None:
                timer.cancel()
        self._end = self._watch = None
        if self._light is not None and not self._light.done():
            self._aborting = asyncio.get_running_loop().create_task(self.plant.abort())

    def _guard(self) -> None:
        """Wind up the watchdog."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._watchdog_ms and self._state in (_RUNNING, _ARMED):
            loop = asyncio.get_running_loop()
            self._watch = loop.call_later(self._watchdog_ms / 1000, self._silence)

    def _silence(self) -> None:
        running = self._state == _RUNNING
        self._tell(_FAULTED, struct.pack("<BBHIQII", 2, 0, 0, 0, self._ticks(), self._watchdog_ms, 0))
        if running:
            self._finish(2, self._fired())
        self._halt()
        self._state = _SAFE
