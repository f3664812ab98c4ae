"""A whole virtual lab as processes: it comes up, takes faults, revives a killed box, and leaves nothing behind."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qctl.hil.lab import running_labs
from qctl.lab import load_lab

QCTL_HIL = [sys.executable, "-c", "import sys; from qctl.cli.hil import hil; sys.argv[0] = 'qctl hil'; hil()"]


def wait_ended(pid, timeout_s=10.0):
    """Wait until any process has ended, child or not; one that is gone already has."""
    with contextlib.suppress(ProcessLookupError):
        watched = os.pidfd_open(pid)
        try:
            assert select.select([watched], [], [], timeout_s)[0], f"process {pid} goes on"
        finally:
            os.close(watched)


def command(*words, lab):
    done = subprocess.run([*QCTL_HIL, *words, "--lab", lab, "--json"], capture_output=True, text=True, timeout=30)
    return done.returncode, json.loads(done.stdout)


@pytest.fixture
def lab(tmp_path):
    options = ["lab", "transmon2", "--seed", "3", "--out", "lab.toml", "--truth", "truth.json"]
    process = subprocess.Popen([*QCTL_HIL, *options], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    word, address = process.stdout.readline().split()
    assert word == "ready"
    yield process, address, tmp_path
    process.terminate()
    assert process.wait(20) in (0, -signal.SIGKILL)
    process.stdout.close()


def test_lab_is_described_when_ready_and_gone_after_sigterm(lab):
    process, address, folder = lab
    described = load_lab(folder / "lab.toml")
    assert {"awg0", "awg1", "dig0", "trig0", "lo_drive", "lo_readout", "dc0"} == set(described.instruments)
    assert set(json.loads((folder / "truth.json").read_text())) == {"qubits", "couplers", "gates"}
    note = running_labs()[address]
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    for pid in (note["plant"], *note["pids"].values()):
        wait_ended(pid)
    assert not Path(address).parent.exists()


def test_children_end_and_clean_up_when_the_supervisor_is_killed(lab):
    process, address, _ = lab
    note = running_labs()[address]
    process.kill()
    process.wait(20)
    for pid in (note["plant"], *note["pids"].values()):
        wait_ended(pid)
    assert not Path(address).parent.exists()


def test_faults_are_set_listed_and_cleared_on_a_running_lab(lab):
    _, address, _ = lab
    assert command("fault", "set", "scale", "--on", "awg0:1", lab=address) == (
        0,
        {"name": "scale", "on": "q0.drive", "value": 0.5},
    )
    assert command("fault", "list", lab=address)[1] == [{"name": "scale", "on": "q0.drive", "value": 0.5}]
    code, answer = command("fault", "set", "melt", lab=address)
    assert code == 1 and answer["code"] == "request"
    assert command("fault", "clear", lab=address)[0] == 0
    assert command("fault", "list", lab=address)[1] == []


def test_killed_instrument_comes_back_at_its_address(lab):
    _, address, folder = lab
    note = running_labs()[address]
    where = load_lab(folder / "lab.toml").instruments["awg0"].address
    os.kill(note["pids"]["awg0"], signal.SIGKILL)
    wait_ended(note["pids"]["awg0"])
    for _ in range(1000):
        found = running_labs().get(address, note)
        if found["pids"]["awg0"] != note["pids"]["awg0"]:
            break
        select.select([], [], [], 0.01)
    assert found["pids"]["awg0"] != note["pids"]["awg0"]
    assert found["addresses"]["awg0"] == where
