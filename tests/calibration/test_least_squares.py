"""Least squares beside MINPACK, through scipy: the same minimum, the same covariance, from the starts of a tune-up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.optimize import curve_fit

from qctl.calibration.least_squares import least_squares

U = np.linspace(0, 1, 61)


def fringe(u: Any, offset: float, amplitude: float, frequency: float, phase: float, rate: float) -> Any:
    return offset + amplitude * np.exp(-u * rate) * np.cos(2 * np.pi * frequency * u + phase)


def peak(u: Any, offset: float, height: float, centre: float, width: float) -> Any:
    return offset + height / (1 + ((u - centre) / width) ** 2)


def decay(u: Any, offset: float, amplitude: float, rate: float) -> Any:
    return offset + amplitude * np.exp(-u * rate)


MODELS = [
    (fringe, (0.5, 0.45, 4.3, 0.6, 1.1), (0.45, 0.4, 4.2, 0.5, 0.5)),
    (fringe, (0.1, -0.3, 9.7, 2.0, 3.0), (0.12, -0.2, 9.8, 1.8, 2.0)),
    (peak, (0.1, 0.8, 0.42, 0.05), (0.12, 0.7, 0.43, 0.02)),
    (peak, (0.9, -0.8, 0.7, 0.1), (0.9, -0.7, 0.7, 0.2)),
    (decay, (0.05, 0.9, 2.7), (0.3, 0.6, 0.5)),
    (decay, (0.05, 0.9, 2.7), (0.3, 0.6, 6.0)),
]


@pytest.mark.parametrize(("model", "true", "start"), MODELS)
@pytest.mark.parametrize("noise", [0.0, 1e-3, 0.03, 0.1])
@pytest.mark.parametrize("seed", range(5))
def test_minimum_and_covariance_are_those_of_minpack(
    model: Callable[..., Any], true: tuple[float, ...], start: tuple[float, ...], noise: float, seed: int
) -> None:
    y = model(U, *true) + np.random.default_rng(seed).normal(0, noise, len(U))
    wanted, wanted_covariance = curve_fit(model, U, y, p0=start, maxfev=4000)
    result = least_squares(model, U, y, start)
    assert result is not None
    found, covariance = result
    cost, wanted_cost = (float(np.sum((model(U, *one) - y) ** 2)) for one in (found, wanted))
    assert cost <= wanted_cost * (1 + 1e-6) + 1e-15
    if noise:
        errors = np.sqrt(np.diag(wanted_covariance))
        assert np.all(np.abs(found - wanted) < 1e-3 * errors)
        assert np.sqrt(np.diag(covariance)) == pytest.approx(errors, rel=1e-3)
    else:
        assert found == pytest.approx(true, abs=1e-6)


def test_parameter_without_effect_stays_and_has_no_error() -> None:
    result = least_squares(lambda u, a, b: a + 0 * b * u, U, np.full(len(U), 2.0), (1.0, 7.0))
    assert result is not None
    (a, b), covariance = result
    assert a == pytest.approx(2.0)
    assert b == 7.0
    assert not np.isfinite(covariance[1, 1])


def test_model_that_overflows_is_no_error() -> None:
    result = least_squares(decay, U, decay(U, 0.0, 1.0, 2.0), (0.0, 1.0, -700.0))
    assert result is None or np.all(np.isfinite(result[0]))
    assert least_squares(lambda u, a: np.full(len(u), np.nan) * a, U, np.ones(len(U)), (1.0,)) is None
