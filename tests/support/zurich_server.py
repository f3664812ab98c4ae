"""An emulated data server without a lab: the process, and the example lab with addresses that reach it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from emulators import ask_back_door

from qctl.lab import Lab, parse_lab

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "zurich2.toml"
DEVICES = "1=qc0:zurich-shfqc,2=hd0:zurich-hdawg"


class ZurichServer:
    """One running data server with an SHFQC (dev12001) and an HDAWG (dev12002)."""

    def __init__(self, folder: Path, devices: str = DEVICES) -> None:
        self._control = folder / "zds0.sock"
        command = [sys.executable, "-m", "qctl.hil.instruments", "--model", "zurich-data-server", "--name", "zds0"]
        command += ["--modules", devices, "--control", str(self._control)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().split()[1]

    @property
    def port(self) -> int:
        """Return where it listens."""
        return int(self.address.rpartition(":")[2])

    def counters(self) -> dict[str, int]:
        """Return what it counted."""
        return dict(ask_back_door(self._control, get="counters"))

    def faults(self, **faults: object) -> None:
        """Set what is wrong with it."""
        ask_back_door(self._control, faults=faults)

    def end(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait(10)


@contextlib.contextmanager
def zurich_server(folder: Path, devices: str = DEVICES) -> Iterator[ZurichServer]:
    """Run a data server with a plant of nothing."""
    server = ZurichServer(folder, devices)
    try:
        yield server
    finally:
        server.end()


def lab_at(server: ZurichServer) -> Lab:
    """Return the example lab behind an emulated data server."""
    return parse_lab(EXAMPLE.read_text().replace("zhinst://127.0.0.1:8004", server.address))
