"""The example of docs/pulse-physics.md: its numbers against Rabi's formula, and its plot."""

import importlib.util
from pathlib import Path

import numpy as np

EXAMPLE = Path(__file__).parents[2] / "docs/examples/chevron.py"


def load():
    spec = importlib.util.spec_from_file_location("chevron", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_chevron_is_rabis_formula_where_other_levels_are_far():
    detunings_hz = np.array([-20e6, -5e6, 0.0, 10e6])
    found = load().chevron(detunings_hz, n_slices=100, rabi_hz=1e6, t1_s=1.0, t2_s=1.0)
    t = np.arange(101) * 1e-9
    total_hz = np.sqrt(1e6**2 + detunings_hz**2)[:, None]
    wanted = (1e6 / total_hz) ** 2 * np.sin(np.pi * total_hz * t) ** 2
    assert np.abs(found - wanted).max() < 2e-3


def test_chevron_is_drawn(tmp_path):
    load().draw(tmp_path / "chevron.png")
    assert (tmp_path / "chevron.png").read_bytes().startswith(b"\x89PNG")
