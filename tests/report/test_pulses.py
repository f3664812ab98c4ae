"""The picture of a timeline's pulses."""

from pathlib import Path

import qctl
from qctl.report.pulses import draw_pulses

LAB = Path(__file__).parents[1] / "support" / "transmon5.toml"


def test_picture_is_written(tmp_path):
    c = qctl.Circuit(2)
    c.h(0)
    c.cx(0, 1)
    c.measure_all()
    path = draw_pulses(qctl.compile(c, LAB).timeline, tmp_path / "pulses.svg")
    text = path.read_text()
    assert "<svg" in text
    assert path.stat().st_size > 5000


def test_program_without_pulses_is_drawn_too(tmp_path):
    p = qctl.Program(ports=["q0.drive"])
    p.shift_phase("q0.drive", 1.0)
    from qctl.compiler.pipeline import compile_program
    from qctl.lab import load_lab

    assert draw_pulses(compile_program(p, load_lab(LAB)).timeline, tmp_path / "empty.png").exists()
