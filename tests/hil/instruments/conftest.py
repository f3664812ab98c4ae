"""Emulated instruments as processes of their own, and pyvisa-py to judge them."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pyvisa
from pyvisa.resources import MessageBasedResource

from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.scpi.box import Box
from qctl.hil.instruments.scpi.session import Session
from qctl.hil.instruments.scpi.stream import Stream

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))
from recording_plant import RecordingPlant


class Emulation:
    """One running emulator and clients of it."""

    def __init__(self, model: str, folder: Path) -> None:
        self._back_door = folder / "control.sock"
        words = ["-m", "qctl.hil.instruments", "--model", model, "--name", "box", "--serial", "7"]
        self.process = subprocess.Popen(
            [sys.executable, *words, "--control", str(self._back_door)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        word, _, self.address = self.process.stdout.readline().strip().partition(" ")
        assert word == "ready"
        self._visa = pyvisa.ResourceManager("@py")
        self._open: list[Any] = []

    def client(self, timeout_ms: int = 5000) -> MessageBasedResource:
        """Return a new pyvisa-py client."""
        more = {"read_termination": "\n", "write_termination": "\n"} if self.address.endswith("SOCKET") else {}
        found = self._visa.open_resource(self.address, timeout=timeout_ms, **more)
        assert isinstance(found, MessageBasedResource)
        self._open.append(found)
        return found

    def plug(self) -> socket.socket:
        """Return a new plain socket to it."""
        place = self.address.split("::")
        port = place[2].partition(",")[2] or place[2]
        found = socket.create_connection((place[1], int(port)), timeout=5)
        self._open.append(found)
        return found

    def control(self, **request: Any) -> dict[str, Any]:
        """Ask the back door."""
        with socket.socket(socket.AF_UNIX) as plug, plug.makefile("rw") as lines:
            plug.settimeout(5)
            plug.connect(str(self._back_door))
            lines.write(json.dumps(request) + "\n")
            lines.flush()
            return dict(json.loads(lines.readline()))

    def stop(self) -> int:
        """End it with SIGTERM and return its exit code."""
        for client in self._open:
            client.close()
        self._open.clear()
        self.process.terminate()
        code = self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def _started(model: str, folder: Path) -> Iterator[Emulation]:
    emulation = Emulation(model, folder)
    yield emulation
    assert emulation.stop() == 0


@pytest.fixture
def awg(tmp_path: Path) -> Iterator[Emulation]:
    """An AWG5014C on a raw socket."""
    yield from _started("tektronix-awg5014c", tmp_path)


@pytest.fixture
def scope(tmp_path: Path) -> Iterator[Emulation]:
    """An Infiniium on HiSLIP."""
    yield from _started("keysight-infiniium-s", tmp_path)


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Emulation]:
    """An SGS100A on HiSLIP."""
    yield from _started("rohde-schwarz-sgs100a", tmp_path)


@pytest.fixture
def dac(tmp_path: Path) -> Iterator[Emulation]:
    """A QDAC-II on a raw socket."""
    yield from _started("qdevil-qdac2", tmp_path)


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Emulation]:
    """A trigger controller on a pty."""
    yield from _started("qctl-trigger", tmp_path)


class Bench:
    """A box in this process, with a plant that notes what it is told."""

    def __init__(self, kind: type[Box], loop: asyncio.AbstractEventLoop) -> None:
        self.plant = RecordingPlant()
        self.box = kind(EmulatorConfig("model", "box", "7"), self.plant)
        self.loop = loop
        self._out: list[bytes] = []
        self._stream = Stream()
        self._session = Session(self.box, lambda reply, tag: self._out.extend(bytes(piece) for piece in reply))

    def ask(self, message: bytes | str) -> bytes:
        """Send one message and return what it brought."""
        raw = message.encode("latin-1") if isinstance(message, str) else message
        self.loop.run_until_complete(self._ask(raw))
        out = b"".join(self._out)
        self._out.clear()
        return out

    def wait(self, time_s: float) -> None:
        """Let its tasks run for a while of wall time."""
        self.loop.run_until_complete(asyncio.sleep(time_s))

    def error(self) -> int:
        """Return and remove the oldest error number."""
        return self.box.status.pop()[0]

    async def _ask(self, raw: bytes) -> None:
        self._session.receive(self._stream.feed(raw + b"\n"))
        for _ in range(50):
            await asyncio.sleep(0)


@pytest.fixture
def bench() -> Iterator[Callable[[type[Box]], Bench]]:
    """Make a box of a kind in this process."""
    loop = asyncio.new_event_loop()
    yield lambda kind: Bench(kind, loop)
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
