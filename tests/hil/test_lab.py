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
from descendants import children_of

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


def test_description_of_another_lab_is_not_overwritten(tmp_path):
    file = tmp_path / "lab.toml"
    file.write_text('schema = 1\nname = "the real one"\n')
    done = subprocess.run([*QCTL_HIL, "lab", "--out", str(file)], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{file} describes no virtual lab and is not overwritten; name another file with --out\n"
    assert "the real one" in file.read_text()


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
    assert command("fault", "set", "delay", "--on", "dig0", lab=address)[0] == 0
    cleared = command("fault", "clear", "scale", "--on", "q0", lab=address)
    assert cleared == (0, {"ok": True, "cleared": [{"name": "scale", "on": "q0.drive", "value": 0.5}]})
    assert command("fault", "list", lab=address)[1] == [{"name": "delay", "on": "dig0", "value": 0.5}]
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


# A lab whose plant refuses awg0, never answers its hello, or refuses it from the second time on.
STUBBORN = """
import sys
from qctl.errors import RequestError
from qctl.hil.plant import verbs
how, seen, greet = sys.argv.pop(1), [], verbs._hello
def hello(plant, session, message):
    if message["name"] == "awg0":
        seen.append(1)
        if how == "silent":
            return verbs.LATER
        if how == "refuses" or (how == "refuses_again" and len(seen) > 1):
            raise RequestError("awg0 has no cable")
    return greet(plant, session, message)
verbs.VERBS["hello"] = hello
from qctl.cli.hil import hil
sys.argv[0] = "qctl hil"
hil()
"""


def stubborn_lab(folder, how):
    command = [sys.executable, "-c", STUBBORN, how, "lab", "transmon2", "--out", "lab.toml"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder)


def test_lab_whose_plant_refuses_a_box_ends_and_says_so(tmp_path):
    process = stubborn_lab(tmp_path, "refuses")
    said, complaint = process.communicate(timeout=30)
    assert process.returncode == 1 and said == ""
    assert "awg0 has no cable" in complaint and "awg0 ended before it was ready" in complaint


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("how", ["silent", "refuses_again"])
def test_lab_whose_boxes_do_not_come_up_ends_at_once_when_told_to(tmp_path, how, number):
    process = stubborn_lab(tmp_path, how)
    try:
        for _ in range(2000):
            if len(below := children_of(process.pid)) == 8:
                break
            select.select([], [], [], 0.01)
        if how == "refuses_again":
            address = process.stdout.readline().split()[1]
            below = children_of(process.pid)
            os.kill(running_labs()[address]["pids"]["awg0"], signal.SIGKILL)
            for _ in range(3):
                assert "no cable" in process.stderr.readline()
        assert below
        process.send_signal(number)
        assert process.wait(5) == 0
        for pid in below:
            wait_ended(pid, 1.0)
    finally:
        process.kill()
        process.communicate(timeout=10)


TOLD_EARLY = """
import os, sys, threading
from pathlib import Path
import qctl.hil.lab as hil
threading.Thread(target=threading.Event().wait, daemon=True).start()  # hears signals, as NumPy's threads do
lab = hil.VirtualLab("transmon1", 1)
def tell(models):
    print(lab._folder, flush=True)
    os.kill(os.getpid(), int(sys.argv[1]))
hil._import_all = tell
sys.exit(lab.run(Path("lab.toml"), None, print))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_that_another_thread_hears_ends_the_start_cleanly(tmp_path, number):
    command = [sys.executable, "-c", TOLD_EARLY, str(int(number))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not Path(done.stdout.strip()).exists()


def test_closed_terminal_ends_a_lab_unless_nohup_keeps_it(tmp_path):
    options = ["lab", "transmon1", "--out", "lab.toml"]
    process = subprocess.Popen(["nohup", *QCTL_HIL, *options], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    address = process.stdout.readline().split()[1]
    process.send_signal(signal.SIGHUP)
    assert command("fault", "list", lab=address) == (0, [])
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    process.stdout.close()
