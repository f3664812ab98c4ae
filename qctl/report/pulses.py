"""Draw the pulses of a timeline: one row a port, envelopes in volts over time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from qctl.program.sampling import envelope_samples
from qctl.program.timeline import Straight, Timeline

__all__ = ["draw_pulses", "pulse_figure"]

_COLOURS = {"drive": "tab:blue", "flux": "tab:orange", "readout": "tab:green"}


def draw_pulses(timeline: Timeline, path: str | Path, point: int = 0) -> Path:
    """Draw one point of a timeline to a picture, and return its path.

    Parameters
    ----------
    timeline : Timeline
        What is drawn; ports without plays and captures are left out.
    path : path
        Picture to write (.png, .svg or .pdf).
    point : int
        Point of the sweep.
    """
    target = Path(path)
    pulse_figure(timeline, point).savefig(target, dpi=110)
    return target


def pulse_figure(timeline: Timeline, point: int = 0) -> Figure:
    """Return one point of a timeline as a figure; ports without plays and captures are left out."""
    straight = timeline.straight(point)
    used = sorted({*straight.plays["port"].tolist(), *straight.captures["port"].tolist()})
    n = max(len(used), 1)
    figure = Figure(figsize=(9, 0.75 * n + 0.9), layout="constrained")
    axes = figure.subplots(n, 1, sharex=True, squeeze=False)
    for axis, port in zip(axes[:, 0], used, strict=False):
        _draw_port(axis, straight, timeline, int(port))
    axes[-1, 0].set_xlabel("time (ns)")
    figure.legend(
        handles=[
            Patch(color="tab:gray", alpha=0.6, label="in phase"),
            Line2D([], [], color="tab:red", linewidth=0.8, label="quadrature"),
            Patch(color="black", alpha=0.08, label="capture"),
        ],
        loc="outside lower right",
        ncols=3,
        fontsize=7,
        frameon=False,
    )
    axes[0, 0].set_title(
        f"{timeline.processor}: point {point} of {timeline.n_points}, {straight.length_s * 1e9:.6g} ns"
    )
    return figure


def _draw_port(axis: Axes, straight: Straight, timeline: Timeline, port: int) -> None:
    clock = straight.ports[port]
    rate_hz = float(clock.rate_hz)
    colour = _COLOURS.get(clock.name.rpartition(".")[2], "tab:gray")
    peak_v = 0.0
    for play in straight.plays[straight.plays["port"] == port]:
        waveform = straight.waveforms[int(play["waveform"])]
        samples = envelope_samples(waveform, clock.rate_hz) * play["amplitude"]
        ticks = np.arange(len(samples) + 1)
        if waveform.kind == "constant" and len(samples):
            samples, ticks = samples[:1], ticks[[0, -1]]  # one step: cooling lasts for a million ticks
        at_ns = (int(play["start"]) + ticks) / rate_hz * 1e9
        peak_v = max(peak_v, float(np.max(np.abs(samples), initial=0.0)))
        axis.stairs(samples.real, at_ns, color=colour, fill=True, alpha=0.6)
        if np.any(samples.imag):
            axis.stairs(samples.imag, at_ns, color="tab:red", linewidth=0.8)
    for capture in straight.captures[straight.captures["port"] == port]:
        spec = timeline.specs[int(capture["capture"])]
        begin_ns = int(capture["start"]) / rate_hz * 1e9
        axis.axvspan(begin_ns, begin_ns + spec.length_s * 1e9, color="black", alpha=0.08)
    if peak_v:
        axis.text(1.005, 0.5, f"{peak_v:.3g} V", transform=axis.transAxes, va="center", fontsize=7)
    axis.set_ylabel(clock.name, rotation=0, ha="right", va="center", fontsize=8)
    axis.set_yticks([])
    axis.axhline(0, color="black", linewidth=0.4)
