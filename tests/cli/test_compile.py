"""`qctl compile`: timeline and commands as text, files, JSON, and one clear line on failure."""

import json
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from qctl.cli.app import main
from qctl.cli.compile import compile_file
from qctl.cli.serve import _check_driven
from qctl.errors import RequestError
from qctl.instruments.registry import MODELS, Model

QBLOX = str(Path(__file__).parents[2] / "docs" / "examples" / "qblox2.toml")
ZURICH = QBLOX.replace("qblox2", "zurich2")
LAB = str(Path(__file__).parents[1] / "support" / "transmon5.toml")
BELL = """OPENQASM 2.0;
include "qelib1.inc";
qreg q[2];
creg c[2];
h q[0];
cx q[0],q[1];
measure q -> c;
"""


FEEDBACK = BELL.replace("measure q -> c;", "measure q[0] -> c[0];\n  if (c == 1) x q[1];")


@pytest.fixture
def run(tmp_path):
    app = typer.Typer()
    app.command()(compile_file)
    file = tmp_path / "bell.qasm"
    file.write_text(BELL)
    return lambda *words: CliRunner().invoke(app, [str(file), "--lab", LAB, *words])


def test_timeline_lists_each_pulse_at_its_tick(run):
    result = run("--target", "qpu0")
    assert result.exit_code == 0
    assert "        30  q1.flux        cz on q0-q1, 0.3 V" in result.output
    assert "play(0.15) q0.drive, w0" in result.output
    assert "awg0: 250 of 16200000 waveform samples" in result.output


def test_commands_are_those_of_the_driver(run):
    result = run("--target", "qpu0", "--emit", "scpi")
    assert result.exit_code == 0
    assert "SEQ:LENG 1" in result.output
    assert result.output.count("#3500<500 bytes>") == 5
    assert ":ACQ:" in result.output
    assert "trig0 (qctl-trigger) takes no text commands" in result.output


def test_files_and_json(run, tmp_path):
    result = run("--out", str(tmp_path / "out"), "--json", "--shots", "70000")
    summary = json.loads(result.output)
    assert summary["ok"] and summary["text"] == {}
    assert [batch["n_shots"] for batch in summary["batches"]] == [14_000] * 5
    assert {Path(path).name for path in summary["files"]} == {
        "bell.timeline.txt",
        "bell.pulses.txt",
        "bell.pulses.png",
    }
    assert all(Path(path).stat().st_size for path in summary["files"])


def test_the_processor_is_named_as_in_run(run):
    result = run("--qpu", "qpu0")
    assert result.exit_code == 0 and "1 point in 1 batch, 1 two-qubit gate, 3 pulses" in result.output


def test_what_is_wrong_with_the_lab_is_not_said_of_the_program(run, tmp_path):
    result = run("--lab", str(tmp_path / "lab.toml"))
    assert (result.exit_code, result.stderr) == (1, f"{tmp_path / 'lab.toml'}: No such file or directory\n")


def test_snapshots_that_are_not_there_are_said_not_passed_over(run, tmp_path):
    result = run("--snapshots", str(tmp_path / "nosuch"))
    assert result.exit_code == 1 and result.stderr.startswith(f"there is no folder {tmp_path / 'nosuch'}")
    (tmp_path / "empty").mkdir()
    result = run("--snapshots", str(tmp_path / "empty"))
    assert f"with the design values of lab.toml ({tmp_path / 'empty'} has none of qpu0)" in result.output


def test_unknown_target_is_one_line(run):
    result = run("--target", "qpu7")
    assert result.exit_code == 1
    assert "did you mean qpu0?" in result.stderr
    assert json.loads(run("--target", "qpu7", "--json").output)["code"] == "request"


def test_refusal_of_feedback_names_file_line_and_column(run, tmp_path):
    (tmp_path / "bell.qasm").write_text(FEEDBACK)
    found = run()
    assert found.exit_code == 1
    assert found.stderr.startswith(f"{tmp_path}/bell.qasm: line 8, column 3: if at instruction 3 depends on")


def test_q1asm_of_a_qblox_lab_is_written_as_text_and_as_the_vendors_json(tmp_path):
    source, out = tmp_path / "bell.qasm", tmp_path / "out"
    source.write_text(BELL)
    with pytest.raises(SystemExit) as done:
        main(["compile", str(source), "--target", "qpu0", "--emit", "q1asm", "--out", str(out), "--lab", QBLOX])
    assert done.value.code == 0
    names = {path.name for path in out.iterdir()}
    assert {"bell.qcm0.seq0.q1asm", "bell.qcm0.seq0.json", "bell.qrm0.seq0.q1asm"} <= names
    assert "acquire 0,R1," in (out / "bell.qrm0.seq0.q1asm").read_text()
    assert sorted(json.loads((out / "bell.qrm0.seq0.json").read_text())) == [
        "acquisitions", "program", "waveforms", "weights",
    ]  # fmt: skip
    settings = json.loads((out / "bell.qrm0.seq0.settings.json").read_text())
    assert (settings["port"], settings["outputs"], settings["lo_hz"]) == ("q0.readout", [1, 2], None)


def test_seqc_of_a_zurich_lab_is_written_with_its_command_tables(tmp_path):
    source, out = tmp_path / "bell.qasm", tmp_path / "out"
    source.write_text(BELL)
    with pytest.raises(SystemExit) as done:
        main(["compile", str(source), "--target", "qpu0", "--emit", "seqc", "--out", str(out), "--lab", ZURICH])
    assert done.value.code == 0
    cores = ("bell.hd0.awg0", "bell.qc0.awg0", "bell.qc0.awg1")
    parts = {f"{core}.{part}" for core in cores for part in ("seqc", "json", "settings.json")}
    assert {path.name for path in out.iterdir()} == parts | {"bell.qc0.qa0.seqc", "bell.qc0.qa0.settings.json"}
    settings = json.loads((out / "bell.qc0.qa0.settings.json").read_text())
    assert len(settings["integrators"]["1"]["weights"]) == 2000 and settings["outputs"] == [7]
    assert "startQA(QA_GEN_0|QA_GEN_1,QA_INT_0|QA_INT_1,0,0,0);" in (out / "bell.qc0.qa0.seqc").read_text()
    assert json.loads((out / "bell.qc0.awg0.json").read_text())["header"] == {"version": "1.1.0"}


def test_seqc_of_a_lab_without_such_boxes_is_refused(run):
    assert "no instrument of this processor is a Zurich Instruments box" in run("--emit", "seqc").stderr


def test_lab_whose_modules_are_not_driven_yet_is_not_served(monkeypatch):
    _check_driven(Path(QBLOX))
    monkeypatch.setitem(MODELS, "qblox-qcm", Model("qblox-qcm", "player", "", "qblox"))
    with pytest.raises(RequestError, match="qblox-qcm can be compiled for, but is not driven yet"):
        _check_driven(Path(QBLOX))
    _check_driven(Path(LAB))


def test_blocks_of_a_generator_are_files_beside_its_commands(tmp_path):
    head, _, rest = Path(LAB).read_text().partition("[instruments.awg0]\n")
    lab = tmp_path / "lab.toml"
    entry = rest.replace("tektronix-awg5014c", "tabor-p2584m", 1).replace("clock_hz = 1.2e9", "clock_hz = 2e9", 1)
    lab.write_text(f"{head}[instruments.awg0]\n{entry}")
    (tmp_path / "x.qasm").write_text(BELL)
    app, out = typer.Typer(), tmp_path / "out"
    app.command()(compile_file)
    words = ["--lab", str(lab), "--qpu", "qpu0", "--emit", "scpi", "--out", str(out)]
    result = CliRunner().invoke(app, [str(tmp_path / "x.qasm"), *words])
    assert result.exit_code == 0, result.output
    assert ":TRAC:DATA #42048<2048 bytes>" in (out / "x.awg0.txt").read_text()
    assert (out / "x.awg0.outputs0.segment1.bin").stat().st_size == 2048
    assert "padded samples (silence after the last pulse of a shot)" in result.output


def test_waits_for_results_are_told(tmp_path):
    source, out = tmp_path / "reset.qasm", tmp_path / "out"
    source.write_text(FEEDBACK)
    with pytest.raises(SystemExit) as done:
        main(["compile", str(source), "--target", "qpu0", "--emit", "timeline", "--out", str(out), "--lab", QBLOX])
    assert done.value.code == 0
    text = (out / "reset.timeline.txt").read_text()
    assert re.search(r"# what depends on c\[0\] begins (39[2-9]|4\d\d) ns after it", text)
    assert re.search(r"sx on q\d, [\d.]+ V, if c\[0\] is 1", text)
