"""The fits recover known parameters from noisy curves, and refuse curves that show nothing."""

import numpy as np
import pytest

from qctl.calibration.fits import fit_cosine, fit_decay, fit_parabola, fit_peak, fit_phase
from qctl.errors import RequestError


@pytest.mark.parametrize("centre", [-22e6, -3.1e6, 0.4e6, 28e6])
def test_peak_is_found_anywhere_in_the_span(centre):
    rng = np.random.default_rng(1)
    x = np.linspace(-40e6, 40e6, 81)
    y = 0.1 + 0.7 / (1 + ((x - centre) / 2.5e6) ** 2) + rng.normal(0, 0.03, len(x))
    fit = fit_peak(x, y)
    assert fit.accepted
    assert abs(fit.values["centre"] - centre) < 5 * fit.errors["centre"] < 1e6


def test_dip_is_found_as_well():
    x = np.linspace(0.2, 0.4, 61)
    fit = fit_peak(x, 0.9 - 0.8 / (1 + ((x - 0.31) / 0.01) ** 2))
    assert fit.accepted
    assert fit.values["centre"] == pytest.approx(0.31, abs=1e-6)
    assert fit.values["height"] < 0


@pytest.mark.parametrize("seed", range(5))
def test_noise_alone_is_refused(seed):
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 1, 81)
    y = rng.normal(0, 1, len(x))
    assert not fit_peak(x, y).accepted
    assert not fit_cosine(x, y).accepted
    assert not fit_cosine(x, y, decaying=True).accepted
    assert not fit_decay(x, y).accepted
    assert not fit_phase(2 * np.pi * x, y).accepted


@pytest.mark.parametrize(("frequency", "phase"), [(1.7, 3.0), (2.4, -0.4), (9.3, 1.5), (0.8, np.pi)])
def test_cosine_recovers_frequency_and_phase(frequency, phase):
    rng = np.random.default_rng(3)
    x = np.linspace(0.05, 1, 61)
    y = 0.5 + 0.45 * np.cos(2 * np.pi * frequency * x + phase) + rng.normal(0, 0.02, len(x))
    fit = fit_cosine(x, y)
    assert fit.accepted
    assert fit.values["frequency"] == pytest.approx(frequency, abs=0.03)
    assert np.cos(fit.values["phase"] - phase) > 0.98


def test_ramsey_recovers_detuning_and_decay():
    rng = np.random.default_rng(4)
    t = np.linspace(0, 4e-6, 101)
    y = 0.5 + 0.5 * np.exp(-t / 5e-6) * np.cos(2 * np.pi * 1.3e6 * t) + rng.normal(0, 0.02, len(t))
    fit = fit_cosine(t, y, decaying=True)
    assert fit.accepted
    assert fit.values["frequency"] == pytest.approx(1.3e6, abs=4e3)
    assert fit.values["decay"] == pytest.approx(5e-6, rel=0.25)


def test_decay_recovers_t1():
    t = np.linspace(0, 100e-6, 41)
    fit = fit_decay(t, 0.02 + 0.95 * np.exp(-t / 30e-6))
    assert fit.values["decay"] == pytest.approx(30e-6, rel=1e-6)


def test_parabola_outside_the_span_is_refused():
    x = np.linspace(0, 1, 11)
    assert fit_parabola(x, (x - 0.4) ** 2).values["centre"] == pytest.approx(0.4)
    assert not fit_parabola(x, (x - 1.8) ** 2).accepted


@pytest.mark.parametrize("phase", [-3.0, -1.0, 0.0, 2.2])
def test_phase_is_where_the_signal_is_largest(phase):
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    fit = fit_phase(angle, 0.5 + 0.4 * np.cos(angle - phase))
    assert fit.values["phase"] == pytest.approx(phase)


def test_not_finite_and_misshapen_data_is_refused():
    x = np.linspace(0, 1, 20)
    assert "finite" in fit_peak(x, np.full(20, np.nan)).reason
    with pytest.raises(RequestError, match="at least 6"):
        fit_peak([0, 1], [0, 1])
    with pytest.raises(RequestError, match="two equal vectors"):
        fit_cosine(x, np.zeros((20, 2)))
