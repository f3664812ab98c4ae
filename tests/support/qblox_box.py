"""An emulated Qblox cluster without a lab: the process, and the example lab's rack with addresses that reach it."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from qctl.lab import Lab, parse_lab

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "qblox2.toml"
MODULES = {2: ("qcm0", "qblox-qcm"), 3: ("qcm1", "qblox-qcm"), 4: ("qrm0", "qblox-qrm")}


@contextlib.contextmanager
def emulated_cluster(slots: Mapping[int, tuple[str, str]] = MODULES) -> Iterator[int]:
    """Run a cluster with a plant of nothing, and yield its port; a module's is its slot higher."""
    modules = ",".join(f"{slot}={name}:{model}" for slot, (name, model) in slots.items())
    command = [sys.executable, "-m", "qctl.hil.instruments", "--model", "qblox-cluster", "--name", "cluster0"]
    process = subprocess.Popen([*command, "--modules", modules], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline().split("::")[2])
    finally:
        process.terminate()
        process.wait(10)


def lab_at(port: int) -> Lab:
    """Return the example lab with its cluster at a port."""
    text = EXAMPLE.read_text()
    text = text.replace("127.0.0.1::5025::", f"127.0.0.1::{port}::")
    return parse_lab(re.sub(r"::2500(\d)::", lambda found: f"::{port + int(found[1])}::", text))
