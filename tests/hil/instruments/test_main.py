"""The command line of an emulator."""

import subprocess
import sys
from pathlib import Path


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "qctl.hil.instruments", *words], capture_output=True, text=True, timeout=60
    )


def test_unknown_model_is_refused() -> None:
    done = run("--model", "abacus", "--name", "x")
    assert done.returncode != 0 and "abacus" in done.stderr


def test_missing_plant_is_one_clear_line(tmp_path: Path) -> None:
    done = run("--model", "qdevil-qdac2", "--name", "dc0", "--plant", str(tmp_path / "none.sock"))
    assert done.returncode == 1
    assert done.stderr.startswith("dc0: ") and len(done.stderr.splitlines()) == 1
