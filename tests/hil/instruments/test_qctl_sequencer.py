"""The emulated sequencer's watchdog: only good packets of the open session keep it quiet."""

from __future__ import annotations

import asyncio
import hashlib
import struct
from collections.abc import Callable
from typing import Any

import pytest

from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.plant_link import NoPlant
from qctl.hil.instruments.qctl_sequencer import QctlSequencer
from qctl.hil.instruments.trigger_packets import Packet, pack, unpack

SESSION = 7
HALT = b"QSEQ" + struct.pack("<HHII", 1, 1, 10**9, 0) + bytes(8)


class Timer:
    """What `call_later` returns."""

    def __init__(self, when_s: float, act: Callable[[], None]) -> None:
        self.when_s, self.act, self.cancelled = when_s, act, False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """An event loop of timers alone, whose time a test moves on."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.timers: list[Timer] = []

    def call_later(self, delay_s: float, act: Callable[..., None], *words: Any) -> Timer:
        self.timers.append(Timer(self.now_s + delay_s, lambda: act(*words)))
        return self.timers[-1]

    def advance(self, s: float) -> None:
        self.now_s += s
        due = [timer for timer in self.timers if timer.when_s <= self.now_s]
        self.timers = [timer for timer in self.timers if timer.when_s > self.now_s]
        for timer in due:
            if not timer.cancelled:
                timer.act()


class Armed:
    """A sequencer with an armed program and a watchdog of 1 s."""

    def __init__(self) -> None:
        self.sent = b""
        self.box = QctlSequencer(EmulatorConfig("qctl-sequencer", "ctl0"), NoPlant())
        self.box.send = self._keep
        self.number = -1
        head = struct.pack("<BBHI", 1, 0, 0, len(HALT)) + hashlib.sha256(HALT).digest()
        self.ask(0x01, struct.pack("<HH", 1, 1))
        for kind, payload in ((0x29, head), (0x2A, bytes(4) + HALT), (0x2B, b"")):
            self.ask(kind, payload)
        self.ask(0x2C, struct.pack("<IIII", 1, 1, 0, 0))
        assert self.state() == 2

    def _keep(self, frame: bytes) -> None:
        self.sent = frame

    def ask(self, kind: int, payload: bytes = b"") -> bytes:
        self.number += 1
        self.box.receive(pack(Packet(kind, SESSION, self.number, payload)))
        reply = unpack(self.sent[:-1])
        assert reply is not None
        assert reply.kind == kind | 0x80, reply
        return reply.payload

    def state(self) -> int:
        return self.ask(0x07)[0]


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    found = Loop()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: found)
    return found


@pytest.mark.parametrize(
    "noise",
    [
        b"\x05garbage\0",
        b"\xff",
        pack(Packet(0x07, SESSION, 9))[:-3] + b"\x01\0",
        pack(Packet(0x07, SESSION + 1, 9)),
        pack(Packet(0x10, SESSION + 1, 1)),
    ],
    ids=["no packet", "no frame", "damaged", "another session", "another session's ack"],
)
def test_only_packets_of_the_session_wind_the_watchdog(loop: Loop, noise: bytes) -> None:
    armed = Armed()
    for _ in range(5):
        loop.advance(0.4)
        armed.box.receive(noise)
    armed.box.receive(b"\0")
    assert armed.state() == 3


def test_requests_and_acknowledgements_keep_it_quiet(loop: Loop) -> None:
    armed = Armed()
    for _ in range(5):
        loop.advance(0.4)
        assert armed.state() == 2
        loop.advance(0.4)
        armed.box.receive(pack(Packet(0x10, SESSION, 1)))
