"""The command line: one clear line on failure, JSON on request, nothing imported for --help."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qctl.circuit import Circuit
from qctl.cli.run import _bound as bound
from qctl.cli.screen import Screen
from qctl.errors import RequestError

QCTL = [sys.executable, "-c", "from qctl.cli.app import main; main()"]


def qctl(*arguments: str) -> tuple[int, str, str]:
    done = subprocess.run([*QCTL, *arguments], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "bell.qasm"
    path.write_text(json.dumps({"bits": 2}))
    return path


def test_help_names_the_commands_that_are_there() -> None:
    code, out, _ = qctl("--help")
    present = {line.split()[0] for line in out.splitlines() if line.startswith("  ")}
    modules = {path.stem for path in (Path(__file__).parents[2] / "qctl" / "cli").glob("*.py")}
    assert code == 0 and {"serve", "run", "jobs", "instruments"} <= present
    assert ("demo" in present) == ("demo" in modules)


def test_help_imports_no_command() -> None:
    script = "import sys; sys.argv = ['qctl', '--help']\nfrom qctl.cli.app import main\n"
    script += "try: main()\nexcept SystemExit: pass\n"
    script += "print([m for m in ('numpy', 'zmq', 'sqlalchemy', 'qiskit') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nope"], 2, "there is no command nope"),
        (["jbos"], 2, "did you mean jobs?"),
        (["run"], 2, "Missing argument"),
        (["run", "/not/there"], 1, "No such file"),
        (["serve", "--lab", "/not/there"], 1, "is not there"),
        (["run", "x", "--shots", "0"], 2, "'--shots': Input should be greater than or equal to 1 (given: 0)"),
        (["run", "x", "--shots=zz"], 2, "(given: zz)"),
        (
            ["calibrate", "--only", "foo", "--only", "rabi"],
            1,
            "there is no node foo; there are reference, spectroscopy, delays, rabi",
        ),
        (["jobs", "list", "--server", "tcp://127.0.0.1:9"], 1, "nothing listens at tcp://127.0.0.1:9: start a server"),
    ],
)
def test_failure_is_one_clear_line(arguments: list[str], code: int, words: str) -> None:
    found, out, err = qctl(*arguments)
    assert (found, out, len(err.splitlines())) == (code, "", 1)
    assert words in err


def test_failure_is_json_too_when_json_is_asked_for() -> None:
    code, out, err = qctl("run", "/not/there", "--json")
    assert code == 1 and json.loads(out) == {
        "ok": False,
        "code": "request",
        "message": "/not/there: No such file or directory",
    }
    assert err == "qctl run: /not/there: No such file or directory\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--json"], "Missing argument"),
        (["run", "x", "--shots", "0", "--json"], "(given: 0)"),
        (["nope", "--json"], "no command nope"),
        (["jobs", "show", "x", "--json"], "Invalid value"),
    ],
)
def test_wrong_usage_is_json_too_when_json_is_asked_for(arguments: list[str], words: str) -> None:
    code, out, err = qctl(*arguments)
    found = json.loads(out)
    assert code == 2 and found["ok"] is False and found["code"] == "request" and words in found["message"]
    assert err.endswith(f"{found['message']}\n") and len(err.splitlines()) == 1


def test_help_lists_what_may_be_named() -> None:
    from qctl.calibration.tuneup import NODES
    from qctl.cli.calibrate import NODES as listed
    from qctl.cli.jobs import _STATES
    from qctl.hil.plant.faults import FAULTS
    from qctl.store.states import JobState

    assert listed == tuple(NODES) and set(_STATES) == set(JobState)
    shown = "".join(qctl("calibrate", "--help")[1].split())
    assert all(node in shown for node in NODES)
    code, shown, _ = qctl("hil", "fault", "list", "--all")
    assert code == 0 and all(name in shown for name in FAULTS)


def test_progress_shows_nothing_before_there_is_any(capsys) -> None:
    with pytest.raises(RequestError), Screen().progress("tune up"):
        raise RequestError("there is no such processor")
    assert capsys.readouterr().err == ""


def test_file_that_is_neither_text_nor_program_is_named(tmp_path: Path) -> None:
    path = tmp_path / "picture.qasm"
    path.write_bytes(b"\x89PNG")
    code, _, err = qctl("run", str(path))
    assert code == 1 and "picture.qasm: neither OpenQASM text (byte 0 is not UTF-8) nor a .qis file" in err


@pytest.mark.parametrize("address", ["tcp://0.0.0.0:5650", "tcp://192.168.0.7:5650", "tcp://*:5650", "ipc:///tmp/x"])
def test_server_is_on_loopback_only(address: str) -> None:
    lab = Path(__file__).parents[1] / "support" / "transmon5.toml"
    code, _, err = qctl("serve", "--lab", str(lab), "--bind", address)
    assert code == 1 and len(err.splitlines()) == 1 and address in err


def test_run_prints_counts_job_and_timings(server, program: Path, tmp_path: Path) -> None:
    code, out, _ = qctl(
        "run", str(program), "--shots", "100", "--server", server.address, "--json", "--out", str(tmp_path / "o")
    )
    found = json.loads(out)
    assert code == 0 and found["counts"] == {"00": 50, "11": 50} and found["shots"] == 100
    assert found["job"] > 0 and found["timings"]["fire_s"] > 0
    assert json.loads((tmp_path / "o" / "result.json").read_text())["state"] == "done"
    code, out, _ = qctl("run", str(program), "--server", server.address)
    assert code == 0 and out.splitlines()[0].split()[:2] == ["00", "500"]


INPUTS = """OPENQASM 3.0; include "stdgates.inc"; input float a; input float b;
qubit q; bit c; rx(a) q; rz(b) q; c = measure q;"""


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["a=0.3"], "--bind gives no number for b"),
        (["a=0.3", "b=1", "c=2", "d=1"], "the program has no parameter c, d; it has a, b"),
        (["x=1"], "--bind gives no number for a, b; the program has no parameter x; it has a, b"),
        (["a=nan"], "--bind a=nan is not NAME=NUMBER with a finite number"),
        (["a"], "--bind a is not NAME=NUMBER"),
        (["a=1", "a=2"], "--bind names a twice"),
    ],
)
def test_wrong_parameters_are_named_before_anything_is_sent(tmp_path: Path, words: list[str], complaint: str) -> None:
    path = tmp_path / "inputs.qasm"
    path.write_text(INPUTS)
    with pytest.raises(RequestError, match=re.escape(complaint)):
        bound(path, INPUTS, words)


def test_parameters_are_bound(tmp_path: Path) -> None:
    path = tmp_path / "inputs.qasm"
    want = Circuit.from_qasm(INPUTS).bind(a=0.3, b=-1.0)
    assert bound(path, INPUTS, ["a=0.3", "b=-1"]) == want.to_bytes()
    assert bound(path, Circuit.from_qasm(INPUTS).to_bytes(), ["b=-1", "a=0.3"]) == want.to_bytes()


def test_run_says_when_nothing_was_calibrated(start, program: Path) -> None:
    code, out, err = qctl("run", str(program), "--server", start().address)
    assert code == 0 and ", not calibrated, " in out and "`qctl calibrate` measures better ones" in err


def test_interrupted_run_cancels_its_job(server, lab, tmp_path: Path) -> None:
    path = tmp_path / "long.qasm"
    path.write_text(json.dumps({"block_s": 60}))
    process = subprocess.Popen([*QCTL, "run", str(path), "--server", server.address], stderr=subprocess.PIPE, text=True)
    for event in lab.events("progress.", timeout_s=30):
        if event.body["stage"] == "playing":
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    row = lab.jobs(limit=1)[0]
    assert process.returncode == 130 and err == f"qctl run: job {row['id']} was cancelled\nqctl run: interrupted\n"
    assert row["name"] == "long.qasm"
    with pytest.raises(Exception, match="cancelled"):
        lab.job(row["id"]).result(20)


def test_jobs_and_instruments(server, program: Path) -> None:
    at = ["--server", server.address, "--json"]
    job = str(json.loads(qctl("run", str(program), *at)[1])["job"])
    assert json.loads(qctl("jobs", "show", job, *at)[1])["state"] == "done"
    assert json.loads(qctl("jobs", "replay", job, *at)[1])["id"] > int(job)
    code, _, err = qctl("jobs", "cancel", job, "--server", server.address)
    assert code == 1 and err == f"qctl jobs: job {job} can't be cancelled: it is done already\n"
    assert job in {str(row["id"]) for row in json.loads(qctl("jobs", "list", *at)[1])}
    assert qctl("instruments", "set", "lo_drive", "power_dbm", "-7.5", *at)[0] == 0
    assert json.loads(qctl("instruments", "get", "lo_drive", "power_dbm", *at)[1]) == {"power_dbm": -7.5}
    assert {row["name"] for row in json.loads(qctl("instruments", "list", *at)[1])} >= {"awg0", "dig0", "dc0"}
    code, _, err = qctl("instruments", "set", "lo_drive", "power_dbm", "nan", *at)
    assert code == 1 and "power_dbm = nan is outside [-20, 15]" in err
