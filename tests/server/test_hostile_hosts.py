"""Hosts of drivers that misbehave: what became of them is told, and none keeps the server from its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import qctl

SUPPORT = Path(__file__).parents[1] / "support"
LAB = """
schema = 1
name = "hostile"

[instruments.dead0]
model = "qcodes:hostile_drivers.Dies"
address = "TCPIP::127.0.0.1::9::SOCKET"

[instruments.slow0]
model = "qcodes:hostile_drivers.Lingers"
address = "TCPIP::127.0.0.1::10::SOCKET"
init = { file = "FILE" }
"""


def test_dead_host_is_told_of_and_threads_of_a_driver_are_not_waited_for(tmp_path: Path) -> None:
    said = tmp_path / "said"
    (tmp_path / "lab.toml").write_text(LAB.replace("FILE", str(said)))
    command = [sys.executable, "-m", "qctl", "serve", "--bind", "tcp://127.0.0.1:0", "--workers", "1"]
    paths = os.pathsep.join(filter(None, (str(SUPPORT), os.environ.get("PYTHONPATH"))))
    server = subprocess.Popen(
        [*command, "--lab", str(tmp_path / "lab.toml"), "--store", str(tmp_path / "store")],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": paths},
        text=True,
    )
    try:
        assert server.stdout is not None
        with qctl.connect(server.stdout.readline().split()[1]) as lab:
            until = time.monotonic() + 60
            while (rows := {row["name"]: row for row in lab.instrument_rows()})["dead0"]["link"] != "down":
                assert time.monotonic() < until, rows["dead0"]
            assert rows["dead0"]["why"] == "the host of dead0 (group dead0) ended; it is started again"
            assert rows["dead0"].keys() >= rows["slow0"].keys()
            assert lab.instruments["slow0"].get("odd") == 7
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0
        if server.stdout is not None:
            server.stdout.close()
    assert not said.exists()
