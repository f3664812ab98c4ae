"""The examples of docs/noise.md run, and its plot's points are on its line."""

import importlib.util
import re
from pathlib import Path

import numpy as np

DOCS = Path(__file__).parents[2] / "docs"


def test_the_pages_examples_run_in_order():
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "noise.md").read_text("utf-8"), re.S)
    assert len(blocks) == 2
    space: dict = {}
    for block in blocks:
        exec(compile(block, "docs/noise.md", "exec"), space)


def test_trajectories_of_the_plot_are_within_their_errors_of_the_density_matrix():
    spec = importlib.util.spec_from_file_location("ghz_fidelity", DOCS / "examples" / "ghz_fidelity.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    strengths = np.array([0.0, 0.05, 0.15])
    exact, mean, error = module.curves(strengths, 300)
    assert exact[0] == 1.0 or abs(exact[0] - 1) < 1e-12
    assert (np.diff(exact) < 0).all()
    assert (np.abs(mean - exact) <= 4 * error + 1e-9).all()
