"""`qctl simulate` says what a program takes, plays it, and refuses what doesn't fit."""

import json
from pathlib import Path

import pytest

from qctl.cli.app import main

LAB = Path(__file__).parents[1] / "support" / "transmon5.toml"
BELL = """OPENQASM 2.0;
include "qelib1.inc";
qreg q[2]; creg c[2];
h q[0]; cx q[0],q[1];
measure q -> c;
"""


@pytest.fixture
def bell(tmp_path):
    file = tmp_path / "bell.qasm"
    file.write_text(BELL)
    return str(file)


def played(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main(["simulate", *words])
    out, err = capsys.readouterr()
    return ended.value.code, out, err


def test_counts_as_json_and_as_text(bell, capsys):
    code, out, _ = played(capsys, bell, "--shots", "500", "--seed", "1", "--json")
    found = json.loads(out)
    assert code == 0
    assert set(found["counts"]) == {"00", "11"}
    assert sum(found["counts"].values()) == 500
    assert found["method"] == "statevector"
    assert found["estimate"]["memory_bytes"] == 64
    code, out, _ = played(capsys, bell, "--shots", "500", "--seed", "1")
    assert code == 0
    assert f"00  {found['counts']['00']:>8}" in out
    assert out.splitlines()[-1].startswith("statevector: ")


def test_a_lab_brings_its_noise_and_what_it_lacks_is_said(bell, capsys):
    code, out, err = played(capsys, bell, "--shots", "2000", "--seed", "1", "--lab", str(LAB))
    assert code == 0
    assert "fidelity of q0" in " ".join(err.split())
    assert out.splitlines()[-1].startswith("density: ")


def test_the_estimate_alone_and_the_bar(bell, capsys, monkeypatch):
    code, out, _ = played(capsys, bell, "--estimate")
    assert (code, out.startswith("statevector: about ")) == (0, True)
    code, out, _ = played(capsys, bell, "--estimate", "--json", "--method", "density")
    assert json.loads(out)["method"] == "density"
    monkeypatch.setattr("qctl.simulation.pace.QUIET_S", 0.0)
    code, _, err = played(capsys, bell, "--method", "density")
    assert code == 0
    assert "100/100" in err


def test_what_does_not_fit_is_refused_with_its_need(tmp_path, capsys):
    file = tmp_path / "wide.qasm"
    file.write_text(BELL.replace("q[2]; creg c[2]", "q[39]; creg c[39]").replace("h q[0];", "t q[38];"))
    code, _, err = played(capsys, str(file), "--method", "statevector")
    assert code != 0
    assert "it needs 8.19e+03 GiB; half of this machine's memory is" in err
