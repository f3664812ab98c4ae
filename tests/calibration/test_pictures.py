"""Pictures of a tune-up are written where there is a curve to see, and carry labels that fit every panel."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from qctl.calibration.bench import Finding, Outcome
from qctl.calibration.fits import Fit
from qctl.calibration.tuneup import _plot, figure_of


def outcome(node: str, n_points: int) -> Outcome:
    x = np.arange(float(n_points))
    curve = np.where(x < n_points / 2, x, np.nan)
    return Outcome(node, (Finding("q0", x, x, Fit({}, {}, 1.0, curve), None, "", ""),), "I (V)", "Q (V)", n_points, 1)


def test_single_points_are_not_drawn(tmp_path: Path) -> None:
    _plot(outcome("reference", 1), tmp_path)
    _plot(outcome("beta", 8), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["beta.png"]


def test_fit_is_drawn_over_the_part_that_it_was_made_of() -> None:
    (panel,) = figure_of(outcome("beta", 8)).axes
    measured, fitted = panel.lines
    assert len(measured.get_xdata()) == len(fitted.get_xdata()) == 8
    assert np.isnan(fitted.get_ydata()[-1])
