"""A lab takes its board's soccfg in, and what is compiled for it needs nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

import qctl
from qctl.errors import CompileError, RequestError
from qctl.instruments.qick.body import QickBody, settings_of
from qctl.lab import load_lab, parse_lab

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def circuit() -> qctl.Circuit:
    c = qctl.Circuit(2)
    c.sx(0)
    c.cz(0, 1)
    c.measure_all()
    return c


def test_the_file_beside_lab_toml_is_part_of_the_lab() -> None:
    lab = load_lab(EXAMPLES / "qick2.toml")
    assert lab.instruments["board0"].board == (EXAMPLES / "qick_zcu216.json").read_text("utf-8")
    (program,) = qctl.compile(circuit(), lab, shots=10).programs
    body = QickBody.from_bytes(program.body)
    assert (body.n_points, body.n_shots, len(body.readouts)) == (1, 10, 2)
    assert "REG_WR r2 imm #9\n" in body.program and all(row.fits for row in program.usage)
    found = settings_of(body, program.blobs)
    assert "program" not in found and found["waves"][0].keys() == {"freq", "phase", "env", "gain", "length", "conf"}


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    lab = tmp_path / "lab.toml"
    lab.write_text((EXAMPLES / "qick2.toml").read_text("utf-8"), "utf-8")
    with pytest.raises(RequestError, match=r"lab\.toml: instruments\.board0\.board: .*qick_zcu216\.json: No such file"):
        load_lab(lab)


def test_a_lab_of_text_alone_can_not_be_compiled_for() -> None:
    lab = parse_lab((EXAMPLES / "qick2.toml").read_text("utf-8"))
    with pytest.raises(CompileError, match=r"instruments\.board0\.board names the file 'qick_zcu216\.json'"):
        qctl.compile(circuit(), lab)
