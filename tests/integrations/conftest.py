"""Starts emulated instruments without physics and a real server over them; imports the examples of docs/examples."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LAB = """
schema = 1
name = "bench"

[processors.qpu0]
platform = "transmon"
qubits = ["q0"]
native_gates = ["rz", "sx", "cz"]
shot_period_s = 2.0e-4
trigger = "trig0"

[processors.qpu0.qubit.q0]
frequency_hz = 4.70e9
anharmonicity_hz = -2.2e8
t1_s = 32.0e-6
t2_s = 22.0e-6
drive = {{ length_s = 2.0e-8, sigma_s = 5.0e-9, amplitude_v = 0.15, beta_s = 3.6e-10 }}
readout = {{ frequency_hz = 5.2e9, amplitude_v = 0.05, length_s = 1.0e-6, delay_s = 1.0e-7 }}

[ports."q0.drive"]
i = "awg0:1"
q = "awg0:2"
lo = "lo_drive"

[ports."q0.readout"]
i = "awg0:3"
q = "awg0:4"
lo = "lo_drive"
acquire_i = "dig0:1"
acquire_q = "dig0:2"

[instruments.lo_drive]
model = "rohde-schwarz-sgs100a"
address = "{lo_drive}"
group = "sources"
frequency_hz = 5.1e9
power_dbm = -20.0
limits = {{ power_dbm = [-30, 10], frequency_hz = [4.0e9, 6.0e9] }}
safe = {{ output = false }}

[instruments.dc0]
model = "qdevil-qdac2"
address = "{dc0}"
group = "sources"
output.1 = {{ limits_v = [-1, 1], slew_v_per_s = 1.0, safe_v = 0.0 }}

[instruments.awg0]
model = "tektronix-awg5014c"
address = "{awg0}"
group = "awg"
clock_hz = 1.2e9
reference = "internal"
trigger = {{ source = "trig0", line = 1 }}
allow_raw = true
safe = {{ outputs = "off" }}
output.1 = {{ limits_v = [-0.5, 0.5], amplitude_vpp = 0.4 }}
output.2 = {{ limits_v = [-0.5, 0.5], amplitude_vpp = 0.4 }}
output.3 = {{ limits_v = [-0.5, 0.5], amplitude_vpp = 0.4 }}
output.4 = {{ limits_v = [-0.5, 0.5], amplitude_vpp = 0.4 }}

[instruments.dig0]
model = "keysight-infiniium-s"
address = "{dig0}"
group = "digitizer"
clock_hz = 5.0e8
reference = "internal"
trigger = {{ source = "trig0", line = 1 }}
allow_raw = true
input.1 = {{ range_v = 0.8 }}
input.2 = {{ range_v = 0.8 }}

[instruments.trig0]
model = "qctl-trigger"
address = "{trig0}"
group = "sources"
clock_hz = 1.0e8
reference = "internal"
safe = {{ outputs = "off" }}
line.1 = {{ width_s = 1e-7 }}
"""
MODELS = {"lo_drive": "rohde-schwarz-sgs100a", "dc0": "qdevil-qdac2", "awg0": "tektronix-awg5014c"}
MODELS |= {"dig0": "keysight-infiniium-s", "trig0": "qctl-trigger"}


def _load(name: str, file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def example() -> Any:
    """Return a function that imports a file of docs/examples."""
    return lambda name: _load(f"example_{name}", ROOT / "docs" / "examples" / f"{name}.py")


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """Return the address of `qctl serve` and the addresses of the instruments behind it."""
    emulators = _load("emulators", ROOT / "tests" / "support" / "emulators.py")
    folder = tmp_path_factory.mktemp("bench")
    boxes = {name: emulators.Emulator(model, name, folder) for name, model in MODELS.items()}
    lab = folder / "lab.toml"
    lab.write_text(LAB.format(**{name: box.address for name, box in boxes.items()}))
    command = [sys.executable, "-m", "qctl", "serve", "--lab", str(lab), "--bind", "tcp://127.0.0.1:0"]
    server = subprocess.Popen(
        [*command, "--store", str(folder / "store"), "--workers", "1"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        assert line.startswith("ready "), line
        yield SimpleNamespace(server=line.split()[1], boxes=boxes, lab=lab, folder=folder)
    finally:
        server.send_signal(signal.SIGTERM)
        code = server.wait(30)
        if server.stdout is not None:
            server.stdout.close()
        for box in boxes.values():
            box.stop()
        assert code == 0
