"""An emulated data server without a lab: the process, and the example lab with addresses that reach it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from emulators import Emulator

from qctl.lab import Lab, parse_lab

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "zurich2.toml"
DEVICES = "1=qc0:zurich-shfqc,2=hd0:zurich-hdawg"


@contextlib.contextmanager
def zurich_server(folder: Path, devices: str = DEVICES) -> Iterator[Emulator]:
    """Run a data server with an SHFQC (dev12001) and an HDAWG (dev12002), and a plant of nothing."""
    server = Emulator("zurich-data-server", "zds0", folder, modules=devices)
    try:
        yield server
    finally:
        server.stop()


def lab_at(server: Emulator) -> Lab:
    """Return the example lab behind an emulated data server."""
    return parse_lab(EXAMPLE.read_text().replace("zhinst://127.0.0.1:8004", server.address))
