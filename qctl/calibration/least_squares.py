"""Least squares of a model with few parameters: Levenberg's and Marquardt's steps on numpy alone.

A tune-up fits some hundred short curves with three to five parameters from good starts. Loading a library of optimizers
takes a process longer than all of them together.

Source: K. Madsen, H. B. Nielsen, O. Tingleff, Methods for Non-Linear Least Squares Problems (2004), algorithm 3.16; the
scaling by the largest columns so far is Moré's (Lecture Notes in Mathematics 630, 105, 1978).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["least_squares"]

Floats = NDArray[np.float64]

_STEP = float(np.sqrt(np.finfo(float).eps))
_FIRST_DAMPING = 1e-3
_TOLERANCE = 1e-10
_MOST_STEPS = 800


def least_squares(
    model: Callable[..., Floats], x: Floats, y: Floats, start: Sequence[float]
) -> tuple[Floats, Floats] | None:
    """Return the parameters with the least sum of squares near a start, and their covariance.

    Parameters
    ----------
    model : callable of (x, *parameters)
        Returns what y would be.
    x, y : (n,) float64
        The data; n is at least the number of parameters.
    start : sequence of float
        Where the parameters start from.

    Returns
    -------
    (p,) and (p, p) float64, or None
        The covariance takes the scatter around the curve for the errors of all points; it is infinite where they
        don't decide the parameters. None if the steps don't come to an end, or the model is not finite.
    """
    at = np.array(start, float)

    def residual_at(place: Floats) -> Floats:
        found: Floats = model(x, *place) - y
        return found

    with np.errstate(over="ignore", invalid="ignore"):
        residual = residual_at(at)
        cost = float(residual @ residual)
        scale = np.zeros(len(at))
        damping, growth, fresh = _FIRST_DAMPING, 2.0, True
        for _ in range(_MOST_STEPS):
            if fresh:
                slopes = _slopes(residual_at, at, residual)
                normal, slope = slopes.T @ slopes, slopes.T @ residual
                scale = np.maximum(scale, normal.diagonal())
            # A parameter without any effect stays where it is.
            step = -np.linalg.solve(normal + np.diag(np.where(scale, damping * scale, 1.0)), slope)
            foreseen = float(step @ (damping * scale * step - slope))
            new_residual = residual_at(at + step)
            new_cost = float(new_residual @ new_residual)
            fresh = new_cost < cost
            is_end = foreseen <= _TOLERANCE * cost or bool((np.abs(step) <= _STEP * np.abs(at)).all())
            if fresh:
                gain = (cost - new_cost) / foreseen
                at, residual, cost = at + step, new_residual, new_cost
                damping *= max(1 / 3, 1 - (2 * gain - 1) ** 3)
                growth = 2.0
            else:
                damping *= growth
                growth *= 2.0
            if is_end:
                return at, _covariance(_slopes(residual_at, at, residual), cost)
            if not np.isfinite(damping):
                return None
    return None


def _slopes(residual_at: Callable[[Floats], Floats], at: Floats, residual: Floats) -> Floats:
    """Return the derivatives by each parameter, as forward differences: (n, p)."""
    columns = []
    for k, value in enumerate(at):
        step = _STEP * (abs(value) or 1.0)
        moved = at.copy()
        moved[k] += step
        columns.append((residual_at(moved) - residual) / step)
    return np.stack(columns, axis=1)


def _covariance(slopes: Floats, cost: float) -> Floats:
    n, p = slopes.shape
    unknown: Floats = np.full((p, p), np.inf)
    if n == p:
        return unknown
    try:
        covariance: Floats = np.linalg.inv(slopes.T @ slopes) * (cost / (n - p))
    except np.linalg.LinAlgError:
        return unknown
    return covariance
