"""Starts an emulated instrument as its own process, without a plant, and talks to its back door."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["Emulator", "ask_back_door", "emulator"]


def ask_back_door(path: Path, **request: Any) -> dict[str, Any]:
    """Send one request to the back door of an emulator."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(10)
        line.connect(str(path))
        line.sendall(json.dumps(request).encode() + b"\n")
        answer: dict[str, Any] = json.loads(line.makefile().readline())
        return answer


class Emulator:
    """One running emulator: its address, its faults and its counters."""

    def __init__(
        self,
        model: str,
        name: str,
        folder: Path,
        bind: str = "127.0.0.1:0",
        serial: str = "B010001",
        baud: int = 9600,
        modules: str = "",
    ) -> None:
        self.control = folder / f"{name}.sock"
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "qctl.hil.instruments", "--model", model, "--name", name, "--plant", "none"),
                *("--bind", bind, "--serial", serial, "--control", str(self.control)),
                *("--baud", str(baud)),
                *(("--modules", modules) if modules else ()),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("ready "), f"{model} said {line!r}"
        self.address = line.split(maxsplit=1)[1].strip()

    @property
    def port(self) -> int:
        """Return the TCP port of a socket or HiSLIP address."""
        return int("".join(c if c.isdigit() else " " for c in self.address.split("127.0.0.1")[1]).split()[-1])

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send one request to the back door."""
        return ask_back_door(self.control, **request)

    def counters(self) -> dict[str, int]:
        """Return what the emulator counted."""
        return self.ask(get="counters")

    def faults(self, **faults: object) -> None:
        """Set what is wrong with it."""
        answer = self.ask(faults=faults)
        assert "error" not in answer, answer["error"]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this one process."""
        os.kill(self.process.pid, number)

    def stop(self) -> None:
        """End the process."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


@contextlib.contextmanager
def emulator(model: str, name: str, folder: Path) -> Iterator[Emulator]:
    """Run an emulator for a while."""
    running = Emulator(model, name, folder)
    try:
        yield running
    finally:
        running.stop()
