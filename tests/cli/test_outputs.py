"""What becomes of a command whose output is closed, full, or a folder that can't be written."""

import subprocess
import sys
from pathlib import Path

import pytest

QCTL = Path(sys.executable).with_name("qctl")
BELL = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q -> c;'


@pytest.fixture
def bell(tmp_path) -> Path:
    path = tmp_path / "bell.qasm"
    path.write_text(BELL)
    return path


@pytest.mark.parametrize("words", ["--help", "--version", "dis {bell}", "simulate {bell} --shots 10"])
def test_a_full_disk_and_a_closed_output_end_in_a_line(words, bell) -> None:
    command = f"{QCTL} {words.format(bell=bell)}"
    full = subprocess.run(f"{command} > /dev/full", shell=True, capture_output=True, text=True)
    assert full.returncode == 1 and len(full.stderr.splitlines()) == 1, full.stderr
    closed = subprocess.run(f"{command} >&-", shell=True, capture_output=True, text=True)
    assert "Traceback" not in closed.stderr
    gone = subprocess.run(f"{command} | head -0", shell=True, capture_output=True, text=True)
    assert "Traceback" not in gone.stderr and "BrokenPipe" not in gone.stderr


@pytest.mark.parametrize("words", ["run {bell} --out {bell}", "compile {bell} --lab {lab} --out {bell}"])
def test_a_folder_that_is_none_is_refused_before_anything_is_done(words, bell) -> None:
    lab = Path(__file__).parents[1] / "support" / "transmon5.toml"
    done = subprocess.run([QCTL, *words.format(bell=bell, lab=lab).split()], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.strip().endswith(f"{bell}: this is no folder"), done.stderr


def test_names_of_jobs_and_numbers_stay_within_bounds(bell) -> None:
    for shots in ("99999999999999999999", "nan", "-1"):
        done = subprocess.run(
            [
                QCTL,
                "compile",
                bell,
                "--lab",
                Path(__file__).parents[1] / "support" / "transmon5.toml",
                "--shots",
                shots,
            ],
            capture_output=True,
            text=True,
        )
        assert done.returncode and "Traceback" not in done.stderr, done.stderr
