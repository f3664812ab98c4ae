"""What the pages say runs on a virtual lab: Python blocks in their order, examples as scripts, the README's faults."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import qcodes
from whole_lab import ENVIRONMENT

import qctl

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "docs/python.md", "docs/existing-scripts.md"]
ADDRESS = "tcp://127.0.0.1:5650"


def blocks(page: str, address: str) -> list[str]:
    """Return the Python blocks of a page, with the address of a running server for the one that `qctl serve` has."""
    found = re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S)
    found = [re.sub(r"\b(connect|visa_manager)\(\)", rf'\1("{ADDRESS}")', block) for block in found]
    return [block.replace(ADDRESS, address) for block in found]


@pytest.mark.parametrize("page", PAGES)
def test_python_blocks_of_a_page_run_in_their_order(
    tuned: Any, page: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tuned.folder)
    space: dict[str, Any] = {"__name__": "__main__"}
    found = blocks(page, tuned.address)
    assert found
    for number, block in enumerate(found):
        exec(compile(block, f"{page}, block {number}", "exec"), space)
    assert capsys.readouterr().out
    if "QctlInstrument" in space:
        qcodes.Instrument.close_all()


def test_numbers_that_the_page_promises_are_those_of_the_lab(tuned: Any) -> None:
    space: dict[str, Any] = {}
    lead = [block for block in blocks("docs/python.md", tuned.address) if "calibrate(" not in block]
    for block in lead[:5]:
        exec(block, space)
    try:
        ones = [counts.get("1", 0) / 400 for counts in space["job"].result().counts]
        assert ones == pytest.approx([0.0, 0.5, 1.0], abs=0.15)
        assert set(space["result"].counts) <= {"00", "01", "10", "11"}
        population = space["rabi"].dataset["q0_population"]
        assert population.shape == (31,) and population.min() < 0.1 and population.max() > 0.9
    finally:
        space["lab"].close()


@pytest.mark.parametrize("script", ["plain_pyvisa", "qcodes_loop"])
def test_examples_run_as_scripts(tuned: Any, script: str, tmp_path: Path) -> None:
    where = tuned.client.description.instrument("lo_drive").address
    words = [where] if script == "plain_pyvisa" else [tuned.address, str(tmp_path / "loop.db")]
    command = [sys.executable, str(ROOT / "docs" / "examples" / f"{script}.py"), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=ENVIRONMENT, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert ("5000000000.0" if script == "plain_pyvisa" else "lo_drive_power_dbm") in done.stdout


def test_faults_of_the_readme_can_be_set(tuned: Any) -> None:
    commands = re.findall(r"`qctl hil (fault [^`]+)`", (ROOT / "README.md").read_text())
    assert commands
    for command in commands:
        tuned.hil(*command.split())


def test_every_public_name_is_on_the_page() -> None:
    page = (ROOT / "docs" / "python.md").read_text()
    assert [name for name in qctl.__all__ if not re.search(rf"\b{name}\b", page)] == []
