"""The sampling kernel against its NumPy twin."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qctl.cext import envelopes

RATE_HZ = 1.2e9


def sampled(kind, n, length_s, p=0.0, r=0.0):
    i, q = np.empty(n), np.empty(n)
    envelopes.sample(envelopes.KINDS.index(kind), length_s, p, r, RATE_HZ, i, q)
    return i + 1j * q


def twin(kind, n, length_s, p=0.0, r=0.0):
    t = length_s / 2 + (np.arange(n) + 0.5 - n / 2) / RATE_HZ
    u = t - length_s / 2
    if kind == "constant":
        return np.ones(n) + 0j
    if kind in ("gaussian", "drag"):
        floor = np.exp(-((length_s / 2) ** 2) / (2 * p**2))
        g = np.exp(-(u**2) / (2 * p**2))
        q = -r * g * u / p**2 / (1 - floor) if kind == "drag" else 0
        return (g - floor) / (1 - floor) + 1j * q
    if kind == "flat_top":
        edge = np.minimum(t, length_s - t)
        ramp = 0.5 - 0.5 * np.cos(np.pi * np.clip(edge, 0, None) / p) if p else np.ones(n)
        return np.where(edge < p, ramp, 1.0) + 0j
    return np.sin(2 * np.pi * p * t + r) + 0j


@pytest.mark.parametrize(
    ("kind", "p", "r"),
    [
        ("constant", 0, 0),
        ("gaussian", 5e-9, 0),
        ("drag", 5e-9, 3.6e-10),
        ("flat_top", 2e-9, 0),
        ("flat_top", 0, 0),
        ("sine", 3e7, 0.4),
    ],
)
@given(n=st.integers(1, 400), fraction=st.floats(-0.5, 0.5))
@settings(max_examples=30, deadline=None)
def test_envelope_equals_its_twin(kind, p, r, n, fraction):
    length_s = max((n + fraction) / RATE_HZ, 2 * p if kind == "flat_top" else 1e-12)
    np.testing.assert_allclose(sampled(kind, n, length_s, p, r), twin(kind, n, length_s, p, r), atol=1e-12)


@pytest.mark.parametrize("kind", ["gaussian", "drag", "flat_top"])
def test_envelope_is_symmetric_off_the_grid(kind):
    wave = sampled(kind, 25, 20.3e-9, 3e-9, 3.6e-10)
    np.testing.assert_allclose(wave.real, wave.real[::-1], atol=1e-14)
    np.testing.assert_allclose(wave.imag, -wave.imag[::-1], atol=1e-14)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="out_q 2"):
        envelopes.sample(0, 1e-9, 0, 0, RATE_HZ, np.ones(3), np.ones(2))
    with pytest.raises(ValueError, match="rise_s"):
        envelopes.sample(3, 1e-9, 1e-9, 0, RATE_HZ, np.ones(3), np.ones(3))
    with pytest.raises(ValueError, match="sigma_s"):
        envelopes.sample(1, 1e-9, 0, 0, RATE_HZ, np.ones(3), np.ones(3))
