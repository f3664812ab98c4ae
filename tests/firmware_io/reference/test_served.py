"""The firmware as an instrument of a server: a circuit runs on it, and a server that is killed leaves it safe."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from asking import Asker, connect
from descendants import family_of
from test_process import Run, firmware, image

import qctl
from qctl.firmware_io.kinds import Kind
from qctl.hil.bench.processes import start

__all__ = ["firmware", "image"]

PATIENCE_S = 60.0
"""No shorter on a busy machine than it takes; the watchdog's own time is 5 s."""
SILENCED = (3, 0)
"""What `safe` writes to a synthesiser that no program here uses, as to all others."""
SAFE = 3
LAB = """
schema = 1
name = "one ion on the reference firmware"
[processors.qpu0]
platform = "ion"
qubits = ["i0"]
native_gates = ["rz", "rphi"]
shot_period_s = 2.0e-2
trigger = "ctl0"
detection = { beam = "detect", amplitude_v = 0.3 }
preparation = [{ beam = "pump", length_s = 2.0e-5, amplitude_v = 0.3 }]
[processors.qpu0.qubit.i0]
frequency_hz = 1.2642812e10
t1_s = 1.0e3
t2_s = 1.0
drive = { beam = "raman0", length_s = 3.0e-6, amplitude_v = 0.2 }
readout = { length_s = 3.0e-3, threshold_counts = 6, bright_counts = 22.0, dark_counts = 0.3 }
[processors.qpu0.mode.com]
axis = "x"
frequency_hz = 3.05e6
lamb_dicke = { i0 = 0.1 }
n_bar = 0.05
heating_per_s = 40.0
[processors.qpu0.beam.raman0]
purpose = "raman"
wavelength_m = 3.55e-7
qubits = ["i0"]
addressing = "local"
[processors.qpu0.beam.pump]
purpose = "repump"
wavelength_m = 3.69e-7
modulator_hz = 2.0e8
[processors.qpu0.beam.detect]
purpose = "detection"
wavelength_m = 3.69e-7
modulator_hz = 2.0e8
[instruments.ctl0]
model = "qctl-sequencer"
address = "ADDRESS"
timeout_s = 5.0
clock_hz = 1.0e6
reference = "internal"
safe = { outputs = "off" }
line.1 = { width_s = 1.0e-6 }
output.1 = { limits_v = [-0.5, 0.5], amplitude_vpp = 1.0, lo_hz = 1.2442812e10 }
output.2 = { limits_v = [-0.5, 0.5], amplitude_vpp = 1.0 }
output.3 = { limits_v = [-0.5, 0.5], amplitude_vpp = 1.0 }
input.1 = { range_v = 3.3 }
[ports."raman0.drive"]
output = "ctl0:1"
[ports."pump.drive"]
output = "ctl0:2"
[ports."detect.drive"]
output = "ctl0:3"
[ports."i0.readout"]
acquire = "ctl0:1"
"""


def amplitudes(log: Path, since: int = 0) -> list[tuple[int, int]]:
    """Return each setting of a synthesiser's amplitude, as (synthesiser, amplitude), from a line of the log on."""
    rows = ([int(word) for word in line.split()] for line in log.read_text().splitlines()[since:])
    return [(row[3], row[4]) for row in rows if len(row) == 6 and row[1] == 3]


@pytest.mark.full
@pytest.mark.timeout(90)
def test_a_circuit_runs_on_it_and_a_killed_server_leaves_it_safe(firmware: Run, tmp_path: Path) -> None:
    address, log = firmware("--tcp", "0")
    toml = tmp_path / "lab.toml"
    toml.write_text(LAB.replace("ADDRESS", f"TCPIP::{address.removeprefix('tcp:').replace(':', '::')}::SOCKET"))
    bind = ["--bind", "tcp://127.0.0.1:0", "--store", str(tmp_path / "store")]
    server = start(["serve", "--lab", str(toml), *bind])
    pids = family_of(server.process.pid)
    circuit = qctl.Circuit(1)
    circuit.rphi(3.141592653589793, 0.0, 0)
    circuit.measure_all()
    try:
        with qctl.connect(server.address) as lab:
            assert lab.instruments["ctl0"].get("firmware") == "1.0.0"
            assert lab.run(circuit, shots=20).result(60).counts == {"0": 20}  # its inputs are low: no photon came
            before = len(log.read_text().splitlines())
            job = lab.run(circuit, shots=1000)  # twenty seconds
            deadline = time.monotonic() + 30
            while not any(amplitude for _, amplitude in amplitudes(log, before)):
                assert time.monotonic() < deadline, job.state
                time.sleep(0.05)
            pids = family_of(server.process.pid)
            n_silenced = amplitudes(log).count(SILENCED)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        server.process.wait()
    deadline = time.monotonic() + PATIENCE_S
    while amplitudes(log).count(SILENCED) == n_silenced:
        assert time.monotonic() < deadline, "it plays on"
        time.sleep(0.05)
    n_lines = len(log.read_text().splitlines())
    assert not any(dict(amplitudes(log)).values())
    time.sleep(0.1)  # five shots, if it still played
    assert len(log.read_text().splitlines()) == n_lines
    asker = Asker(connect(address), 0x4321)
    asker.hello()
    assert asker.ask(Kind.STATUS)[0] == SAFE
