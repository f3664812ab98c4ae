"""The command line against a running lab: what it prints, its JSON, its exit codes, one clear line on failure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

BELL = """OPENQASM 2.0;
include "qelib1.inc";
qreg q[2];
creg c[2];
h q[0];
cx q[0],q[1];
measure q -> c;
"""


@pytest.fixture(scope="module")
def bell(tuned: Any) -> tuple[Path, dict[str, Any]]:
    """Return a file, and what running it printed."""
    path = tuned.folder / "bell.qasm"
    path.write_text(BELL)
    return path, tuned.run_file(path, 1000)


def printed(done: Any) -> Any:
    """Return the JSON of a command that succeeded, alone on standard output."""
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def refused(done: Any, *words: str) -> None:
    """Check that a command failed with code 1 and one line with these words; with JSON, one line of that too."""
    assert done.returncode == 1, done.stdout + done.stderr
    told = done.stdout.strip().splitlines()
    if told:
        assert len(told) == 1, done.stdout
        assert json.loads(told[0])["ok"] is False
    said = (done.stderr.strip() or done.stdout.strip()).strip()
    assert len(said.splitlines()) == 1, said
    assert "Traceback" not in said
    for word in words:
        assert word in said, said


def test_run_prints_counts_job_and_timings(tuned: Any, bell: tuple[Path, dict[str, Any]]) -> None:
    path, shown = bell
    assert sum(shown["counts"].values()) == 1000 and set(shown["counts"]) <= {"00", "01", "10", "11"}
    assert {"queued_s", "parse_s", "compile_s", "lower_s", "upload_s", "fire_s", "read_s", "reduce_s"} <= set(
        shown["timings"]
    )
    done = tuned.online("run", str(path), "--shots", "100")
    assert done.returncode == 0 and "11" in done.stdout and "job" in done.stdout.splitlines()[-1]
    refused(tuned.online("run", "absent.qasm"), "absent.qasm")
    broken = tuned.folder / "broken.qasm"
    broken.write_text(BELL.replace("cx q[0],q[1]", "cy2 q[0],q[1]"))
    refused(tuned.online("run", str(broken), "--json"), "cy2", "line 6")


def test_server_that_is_not_there_is_one_line(tuned: Any, bell: tuple[Path, dict[str, Any]]) -> None:
    done = tuned.command("run", str(bell[0]), "--server", "tcp://127.0.0.1:9")
    refused(done, "tcp://127.0.0.1:9", "qctl serve")


def test_jobs(tuned: Any, bell: tuple[Path, dict[str, Any]]) -> None:
    job = bell[1]["job"]
    rows = printed(tuned.online("jobs", "list", "--limit", "6", "--json"))
    assert job in [row["id"] for row in rows] and len(rows) == 6
    row = printed(tuned.online("jobs", "show", str(job), "--json"))
    assert (row["id"], row["state"], row["shots"], row["name"]) == (job, "done", 1000, "bell.qasm")
    shown = tuned.online("jobs", "show", str(job)).stdout
    assert all(word in shown for word in (str(job), "bell.qasm", "submitted", "took", "1000"))
    refused(tuned.online("jobs", "cancel", str(job)), "it is done already")
    refused(tuned.online("jobs", "show", "1000000", "--json"), "1000000")
    refused(tuned.online("jobs", "cancel", "1000000"), "1000000")


def test_instruments(tuned: Any) -> None:
    rows = printed(tuned.online("instruments", "list", "--json"))
    assert {row["name"] for row in rows} == set(tuned.client.description.instruments)
    assert {row["link"] for row in rows} == {"up"}
    assert len(tuned.online("instruments", "list").stdout.splitlines()) == len(rows)
    assert printed(tuned.online("instruments", "get", "lo_drive", "power_dbm", "--json")) == {"power_dbm": 10.0}
    assert "output_on" in printed(tuned.online("instruments", "get", "lo_drive", "--json"))
    assert printed(tuned.online("instruments", "set", "dc0", "output1_voltage_v", "-0.0", "--json")) is not None
    assert "QDAC" in printed(tuned.online("instruments", "call", "dc0", "identify", "--json"))
    refused(tuned.online("instruments", "get", "lo_driv"), "lo_drive")
    refused(tuned.online("instruments", "get", "lo_drive", "powr", "--json"), "powr", "power_dbm")
    refused(tuned.online("instruments", "set", "lo_drive", "power_dbm", "15.1"), "lo_drive", "power_dbm", "15")
    refused(tuned.online("instruments", "set", "lo_drive", "power_dbm", "nan"), "lo_drive", "power_dbm")
    refused(tuned.online("instruments", "call", "lo_drive", "close"), "close")


def test_compile(tuned: Any, bell: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    words = ["compile", str(bell[0]), "--lab", str(tuned.toml), "--target", "qpu0"]
    timeline = printed(tuned.command(*words, "--emit", "timeline", "--json"))
    assert (timeline["two_qubit_gates"], timeline["pulses"]) == (1, 3)
    assert "q0.drive" in timeline["text"]["timeline"] and "capture" in timeline["text"]["timeline"]
    assert all(row["used"] <= row["allowed"] for row in timeline["resources"])
    done = tuned.command(*words, "--emit", "scpi", "--out", str(tmp_path / "out"), "--json")
    files = printed(done)["files"]
    text = next(Path(file) for file in files if ".awg0." in file).read_text()
    assert "SEQ:ELEM1:WAV" in text and "AWGC:RUN" in text
    refused(tuned.command(*words[:4], "--target", "qpu9"), "qpu9")
    refused(tuned.command("compile", "absent.qasm", "--lab", str(tuned.toml), "--json"), "absent.qasm")


def test_assembly(tuned: Any, tmp_path: Path, bell: tuple[Path, dict[str, Any]]) -> None:
    source, stored = tmp_path / "two.txt", tmp_path / "two.qis"
    source.write_text("qis 1.0\nqubits q[0] q[1]\nbits c[0] c[1]\nh q[0]\ncx q[0], q[1]\n")
    with source.open("a") as file:
        file.write("measure q[0], c[0]\nmeasure q[1], c[1]\n")
    made = printed(tuned.command("asm", str(source), "--out", str(stored), "--json"))
    assert (made["n_instructions"], made["n_bytes"]) == (4, stored.stat().st_size)
    shown = printed(tuned.command("dis", str(stored), "--json"))
    assert shown["hash"] == made["hash"] and "cx q[0], q[1]" in shown["text"]
    assert sum(tuned.run_file(stored, 200)["counts"].values()) == 200
    source.write_text("qis 1.0\nqubits q[0]\nnonsense q[0]\n")
    refused(tuned.command("asm", str(source)), "nonsense", "3")
    stored.write_bytes(stored.read_bytes()[:-7])
    refused(tuned.command("dis", str(stored), "--json"))
    refused(tuned.online("run", str(stored), "--json"))


def test_check(tuned: Any, tmp_path: Path) -> None:
    picture = tmp_path / "wiring.png"
    shown = printed(tuned.command("check", str(tuned.toml), "--out", str(picture), "--json"))
    assert shown["ok"] and shown["name"] == "transmon5" and picture.stat().st_size > 10_000
    broken = tmp_path / "broken.toml"
    broken.write_text(tuned.toml.read_text().replace('i = "awg0:1"', 'i = "awg9:1"', 1))
    refused(tuned.command("check", str(broken), "--out", str(picture)), "awg9")
    refused(tuned.command("check", str(tmp_path / "absent.toml"), "--json"), "absent.toml")
