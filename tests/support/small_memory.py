"""A server whose compiler believes that the boxes hold less; the emulated boxes and all else are as ever.

What it believes is read from a JSON file before each job: {"awg": {"sequence": 7}, "digitizer": {…}}, paths of the
families' capability tables, and the most that is there. So that a few points are cut as thousands would be.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

BELIEFS = "QCTL_TEST_BELIEFS"


def prepare(request: Any) -> Any:
    """Prepare a job with the capabilities of the file."""
    from qctl.instruments.capability import replaced
    from qctl.instruments.keysight_infiniium import capabilities as digitizer
    from qctl.instruments.tektronix_awg5014 import capabilities as awg
    from qctl.server.prepare import prepare as as_ever

    believed = json.loads(Path(os.environ[BELIEFS]).read_text())
    before = [(module, module.TABLES[module.MODEL]) for module in (awg, digitizer)]
    try:
        for module, name in ((awg, "awg"), (digitizer, "digitizer")):
            for path, most in believed.get(name, {}).items():
                module.TABLES[module.MODEL] = replaced(module.TABLES[module.MODEL], path, high=most)
        return as_ever(request)
    finally:
        for module, table in before:
            module.TABLES[module.MODEL] = table


def start_small(beliefs: Path) -> Any:
    """Return what starts such a server in place of `qctl serve`, with the same arguments."""

    def start(arguments: Sequence[str]) -> Any:
        from qctl.cli.running import Running

        options = dict(zip(arguments[1::2], arguments[2::2], strict=True))
        command = [sys.executable, str(Path(__file__).resolve()), options["--lab"], options["--store"]]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, BELIEFS: str(beliefs)}
        )
        assert process.stdout is not None
        word, _, address = process.stdout.readline().strip().partition(" ")
        assert word == "ready"
        return Running(process, address)

    return start


def main() -> None:
    """Serve until SIGTERM."""
    sys.path.insert(0, str(Path(__file__).parent))
    from qctl.server.app import ServerConfig, serve

    lab, store = map(Path, sys.argv[1:])
    config = ServerConfig(lab, "tcp://127.0.0.1:0", store, prepare="small_memory:prepare", n_workers=1)
    serve(config, lambda address: print(f"ready {address}", flush=True))


if __name__ == "__main__":
    main()
