"""An emulated QICK board without a lab, and boards that are no good, behind Pyro servers of their own."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from emulators import Emulator, emulator

from qctl.hil.instruments.qick.soccfg import board_config
from qctl.lab import Lab, parse_lab

__all__ = ["board_server", "lab_at", "odd_board"]

MODEL = "qick-tproc-v2"
LAB = """
schema = 1
name = "one"
[processors.qpu0]
platform = "transmon"
qubits = ["q0"]
native_gates = ["rz", "sx"]
shot_period_s = 2.0e-5
trigger = "board0"
[processors.qpu0.qubit.q0]
frequency_hz = 4.72e9
anharmonicity_hz = -2.2e8
t1_s = 32.0e-6
t2_s = 22.0e-6
drive = { length_s = 2.0926e-8, sigma_s = 5.0e-9, amplitude_v = 0.15, beta_s = 3.6e-10 }
readout = { frequency_hz = 5.92e9, amplitude_v = 0.05, length_s = 1.0e-6, delay_s = 1.0e-7 }
[instruments.board0]
model = "MODEL"
address = "ADDRESS"
timeout_s = TIMEOUT
allow_pickle = true
board = '''BOARD'''
clock_hz = 6.88128e9
reference = "external"
safe = { outputs = "off" }
line.1 = { width_s = 1.0e-7 }
output.1 = { limits_v = [-1.0, 1.0], amplitude_vpp = 2.0, lo_hz = 5.1e9 }
output.3 = { limits_v = [-1.0, 1.0], amplitude_vpp = 2.0, lo_hz = 5.9e9 }
input.1 = { range_v = 1.0 }
[ports."q0.drive"]
output = "board0:1"
[ports."q0.readout"]
output = "board0:3"
acquire = "board0:1"
feedline = "f0"
"""

_ODD = """
import sys, time, Pyro4, Pyro4.naming
sys.path[:0] = [{path!r}]
class Odd:
    autoproxy = []
    def get_cfg(self):
        {deed}
Pyro4.config.REQUIRE_EXPOSE = False
Pyro4.config.SERIALIZER = "pickle"
Pyro4.config.SERIALIZERS_ACCEPTED = {{"pickle"}}
Pyro4.config.PICKLE_PROTOCOL_VERSION = 4
_, daemon, _ = Pyro4.naming.startNS("127.0.0.1", 0, enableBroadcast=False)
daemon.nameserver.register("myqick", daemon.register(Odd(), "myqick"))
print("qick://" + daemon.locationStr + "/myqick", flush=True)
daemon.requestLoop()
"""


def board_server(folder: Path, model: str = MODEL) -> AbstractContextManager[Emulator]:
    """Run a board with a plant of nothing."""
    return emulator(model, "board0", folder)


@contextlib.contextmanager
def odd_board(deed: str, folder: Path) -> Iterator[str]:
    """Run a Pyro server whose `get_cfg` does something else, and give its address."""
    script = _ODD.format(deed=deed, path=str(folder))
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait(10)


def lab_at(address: str, timeout_s: float = 5.0, board: dict[str, Any] | None = None, model: str = MODEL) -> Lab:
    """Return a lab of one transmon on a board."""
    text = LAB.replace("ADDRESS", address).replace("TIMEOUT", repr(timeout_s)).replace("MODEL", model)
    return parse_lab(text.replace("BOARD", json.dumps(board or board_config(model))))
