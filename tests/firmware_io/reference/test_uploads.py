"""Programs that are sent over a bad wire arrive whole or not at all: the host's session against the firmware."""

from __future__ import annotations

import ctypes
import random
import time

import pytest
from device import LibraryDevice
from programs import program_bytes

from qctl.errors import DeviceError
from qctl.firmware_io.controller import Controller
from qctl.firmware_io.kinds import Kind
from qctl.firmware_io.messages import Fire
from qctl.firmware_io.sequencer import read_trace, upload
from qctl.firmware_io.sequencer_messages import NEVER, PROGRAM, Arming, Watchdog
from qctl.hil.faults.pipe import FaultyPipe
from qctl.hil.faults.present import WireFaults

N_BYTES = 4096
FLIPPED, LOST, TORN, CUT = 1e-4, 0.01, 0.002, 0.005
"""Shares of bytes, of packets, of packets, and of turns in which the connection breaks."""


class BadPort:
    """A port to a device in this process, with a bad wire each way; each frame is lost or torn as a whole."""

    ahead_bytes = 1 << 20

    def __init__(self, device: LibraryDevice, rng: random.Random, cut: float) -> None:
        self.device, self.rng, self.cut = device, rng, cut
        faults = WireFaults(flipped=FLIPPED, lost=LOST, torn=TORN)
        self.there, self.back = (FaultyPipe(faults, rng.randrange(2**32), datagrams=True) for _ in range(2))

    def send(self, data: bytes) -> None:
        self._through(self.there, data)
        for piece in self.there.take(time.monotonic()):
            self.device.send(piece.data)
        self.device.run(100)

    def receive(self, timeout_s: float) -> bytes:
        if self.rng.random() < self.cut:
            raise DeviceError("the connection was cut")
        data = self.device.receive(0)
        self._through(self.back, data)
        got = b"".join(piece.data for piece in self.back.take(time.monotonic()))
        if not got:
            time.sleep(0.0002)
        return got

    def close(self) -> None:
        pass

    def _through(self, pipe: FaultyPipe, data: bytes) -> None:
        for frame in data.split(b"\0")[:-1]:
            pipe.put(frame + b"\0", time.monotonic())


def program_in_use(device: LibraryDevice, n_bytes: int) -> bytes:
    """Return the bytes of the program that would be executed, as they stand in memory; empty if there is none."""
    at = ctypes.c_void_p.in_dll(device.library, "sequencer").value
    return ctypes.string_at(at - 16, n_bytes) if at else b""


@pytest.mark.parametrize("n_uploads", [100, pytest.param(10_000, marks=[pytest.mark.full, pytest.mark.timeout(900)])])
def test_every_accepted_program_is_whole(device: LibraryDevice, n_uploads: int) -> None:
    rng = random.Random(n_uploads)
    cut = CUT if n_uploads > 1000 else 10 * CUT  # a few uploads shall meet some too
    controller = Controller(
        "seq0", lambda: BadPort(device, rng, cut), "qctl,sequencer", retry_s=0.004, asks=Kind.SEQUENCER_CAPABILITIES
    )
    accepted, n_broken = b"", 0
    for number in range(1, n_uploads + 1):
        rows = [(0x10, rng.randrange(16), 0, rng.getrandbits(31)) for _ in range(N_BYTES // 8 - 6)]
        content = program_bytes([(8, 0, 0, 60), (1, 0, 255, number & 255), *rows, (8, 0, 0, 60), (0, 0, 0, 0)])
        while True:
            try:
                upload(controller, PROGRAM, content, tries=1)
                break
            except DeviceError:
                n_broken += 1
                assert program_in_use(device, len(content)) in (accepted, content)
        accepted = content
        assert program_in_use(device, len(content)) == accepted
        if number % 50 == 0:
            assert run(controller, number) == [(1, number & 255, 60, 60)]
    assert n_broken > n_uploads / 500


def run(controller: Controller, number: int) -> list[tuple[int, int, int, int]]:
    """Run the program once; return its trace."""
    while True:
        try:
            controller.call(Kind.SET_WATCHDOG, Watchdog(60_000))
            controller.call(Kind.ARM, Arming(number, 1, 0, NEVER))
            controller.call(Kind.START, Fire(number))
            assert controller.next_done(number, 2.0) is not None
            return [tuple(int(value) for value in row) for row in read_trace(controller)]
        except DeviceError:
            continue
