"""Sweeps whose every point is marked by the strength of its readout, and a check that the marks come back in order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import qctl

__all__ = ["marked_sweep", "marks", "misplaced"]

LOW_V, HIGH_V = 0.01, 0.05


def marks(n_points: int, seed: int) -> NDArray[np.float64]:
    """Return readout amplitudes in an order that no mistake would leave as it is."""
    return np.random.default_rng(seed).permutation(np.linspace(LOW_V, HIGH_V, n_points))


def marked_sweep(values: NDArray[np.float64], length_s: float = 1e-6, n_inner: int = 1) -> qctl.Program:
    """Return a program that reads q0 out at each of these amplitudes, n_inner times each in an inner sweep."""
    p = qctl.Program(ports=["q0.drive", "q0.readout"])
    with p.sweep("amp", values) as amp:
        if n_inner == 1:
            _read(p, amp, length_s)
        else:
            with p.sweep("wait", np.arange(n_inner) * 20e-9) as wait:
                p.delay("q0.readout", wait)
                _read(p, amp, length_s)
    return p


def _read(p: qctl.Program, amp: Any, length_s: float) -> None:
    p.play("q0.readout", qctl.constant(length_s, amp))
    p.capture("q0.readout", qctl.constant(length_s, 1.0), into="m")


def misplaced(iq: NDArray[np.complex128], values: NDArray[np.float64], within: float) -> float:
    """Return the part of points whose mean signal is further from its mark than `within` of the largest."""
    turned = iq * np.exp(-1j * np.angle((iq * values).sum()))
    slope = float((turned.real * values).sum() / (values**2).sum())
    return float((np.abs(turned - slope * values) > within * slope * HIGH_V).mean())
