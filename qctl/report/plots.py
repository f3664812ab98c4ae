"""Plots of results: measured curves with their fits, IQ clouds, histograms of counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Curve", "curves", "histogram", "iq_clouds"]

Curve = tuple[str, NDArray[np.float64], NDArray[np.float64], NDArray[np.float64] | None]
"""Title, x, measured y, fitted y or None."""

_MEASURED, _FITTED, _ONE = "#4477aa", "#cc6677", "#cc6677"


def _axes(n: int, columns: int, height: float = 2.3) -> tuple[Figure, list[Any]]:
    from matplotlib.figure import Figure

    columns = max(1, min(columns, n))
    rows = max(1, -(-n // columns))
    figure = Figure(figsize=(2.9 * columns, height * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for spare in grid[n:]:
        spare.set_axis_off()
    return figure, list(grid[:n])


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)


def curves(series: Sequence[Curve], x_label: str, y_label: str, columns: int = 5) -> Figure:
    """Draw one small panel for each measured curve, with its fit."""
    figure, panels = _axes(len(series), columns)
    for axes, (title, x, y, fitted) in zip(panels, series, strict=True):
        axes.plot(x, y, ".", ms=3, color=_MEASURED)
        if fitted is not None:
            axes.plot(x, fitted, "-", lw=1, color=_FITTED)
        axes.set_title(title, fontsize=9)
        axes.set_xlabel(x_label, fontsize=8)
        _plain(axes)
    if panels:
        panels[0].set_ylabel(y_label, fontsize=8)
    return figure


def iq_clouds(
    clouds: Mapping[str, tuple[NDArray[np.complex128], NDArray[np.complex128]]],
    thresholds: Mapping[str, tuple[float, float]] | None = None,
) -> Figure:
    """Draw single shots in the IQ plane, prepared in |0> and |1>, with the decision line.

    Parameters
    ----------
    clouds : mapping of qubit to (iq0, iq1)
        Each (n_shots,) complex128 in volts.
    thresholds : mapping of qubit to (angle_rad, threshold_v), optional
        The line that separates them.
    """
    figure, panels = _axes(len(clouds), 5, 2.7)
    for axes, (name, (zero, one)) in zip(panels, clouds.items(), strict=True):
        for label, shots, colour in (("0", zero, _MEASURED), ("1", one, _ONE)):
            axes.plot(shots.real * 1e3, shots.imag * 1e3, ".", ms=1, alpha=0.35, color=colour, label=f"|{label}⟩")
        if thresholds and name in thresholds:
            angle, cut = thresholds[name]
            reach = 4 * float(np.std(np.concatenate([zero, one])))
            middle = cut * np.exp(1j * angle) * 1e3
            centre = complex(np.mean(np.concatenate([zero, one])))
            along = 1j * np.exp(1j * angle)
            middle += along * (centre * np.conj(along)).real * 1e3
            line = middle + along * np.array([-reach, reach]) * 500
            axes.plot(line.real, line.imag, "--", lw=0.8, color="#666666")
        axes.set_title(name, fontsize=9)
        axes.set_xlabel("I (mV)", fontsize=8)
        axes.set_aspect("equal", adjustable="datalim")
        _plain(axes)
    if panels:
        panels[0].set_ylabel("Q (mV)", fontsize=8)
        panels[0].legend(fontsize=7, frameon=False, markerscale=6)
    return figure


def histogram(
    counts: Mapping[str, int], ideal: Mapping[str, float] | None = None, title: str = "", most: int = 16
) -> Figure:
    """Draw counts as bars, with the ideal probabilities as outlines; the rarest outcomes are summed up."""
    from matplotlib.figure import Figure

    shots = max(1, sum(counts.values()))
    wanted = dict(ideal or {})
    names = sorted(
        set(counts) | {k for k, p in wanted.items() if p > 1e-6},
        key=lambda k: -max(counts.get(k, 0) / shots, wanted.get(k, 0.0)),
    )
    shown = sorted(names[:most])
    rest = names[most:]
    measured = [counts.get(k, 0) / shots for k in shown]
    expected = [wanted.get(k, 0.0) for k in shown]
    if rest:
        shown.append("rest")
        measured.append(sum(counts.get(k, 0) for k in rest) / shots)
        expected.append(sum(wanted.get(k, 0.0) for k in rest))
    figure = Figure(figsize=(max(3.0, 0.38 * len(shown) + 1.2), 2.6), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(shown))
    axes.bar(places, measured, width=0.6, color=_MEASURED, label="measured")
    if ideal is not None:
        axes.bar(places, expected, width=0.8, fill=False, edgecolor=_FITTED, label="ideal")
        axes.legend(fontsize=7, frameon=False)
    axes.set_xticks(places, shown, rotation=90 if len(shown) > 4 else 0, fontsize=7, family="monospace")
    axes.set_ylabel("fraction", fontsize=8)
    axes.set_title(title, fontsize=9)
    _plain(axes)
    return figure
