"""The sampling kernels against their NumPy twins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qctl.cext import envelopes
from qctl.program.timeline import PLAY

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


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 60), st.floats(-2, 2), st.floats(-5e8, 5e8), st.floats(-7, 7)),
        max_size=5,
    )
)
@settings(max_examples=60, deadline=None)
def test_mix_equals_its_twin(rows):
    rng = np.random.default_rng(1)
    env = rng.normal(size=35) + 1j * rng.normal(size=35)
    offsets = np.array([0, 15, 35])
    plays = np.array([(0, w, start, a, f, phase) for w, start, a, f, phase in rows], PLAY)
    i, q = rng.normal(size=80), rng.normal(size=80)
    expected = i + 1j * q
    for w, start, a, f, phase in rows:
        piece = env[offsets[w] : offsets[w + 1]]
        k = start + np.arange(len(piece))
        expected[k] += a * piece * np.exp(1j * (phase + 2 * np.pi * f * (k + 0.5) / RATE_HZ))
    envelopes.mix(plays, env.real.copy(), env.imag.copy(), offsets, RATE_HZ, i, q)
    np.testing.assert_allclose(i + 1j * q, expected, atol=1e-11)


@pytest.mark.parametrize(("waveform", "start"), [(2, 0), (0, -1), (0, 66), (1, 2**62)])
def test_play_outside_the_buffers_is_refused(waveform, start):
    plays = np.array([(0, waveform, start, 1.0, 0.0, 0.0)], PLAY)
    env = np.ones(35)
    with pytest.raises(ValueError, match="play 0"):
        envelopes.mix(plays, env, env, np.array([0, 15, 35]), RATE_HZ, np.zeros(80), np.zeros(80))


def test_shapes_that_do_not_fit_are_refused():
    ones = np.ones(3)
    with pytest.raises(ValueError, match="out_q 2"):
        envelopes.sample(0, 1e-9, 0, 0, RATE_HZ, np.ones(3), np.ones(2))
    with pytest.raises(ValueError, match="rise_s"):
        envelopes.sample(3, 1e-9, 1e-9, 0, RATE_HZ, np.ones(3), np.ones(3))
    with pytest.raises(ValueError, match="sigma_s"):
        envelopes.sample(1, 1e-9, 0, 0, RATE_HZ, np.ones(3), np.ones(3))
    with pytest.raises(ValueError, match="don't span"):
        envelopes.mix(np.empty(0, PLAY), ones, ones, np.array([0, 2]), RATE_HZ, np.ones(3), np.ones(3))
    with pytest.raises(ValueError, match="q 2"):
        envelopes.correct_mixer(1.0, 0.0, ones, np.ones(2))


@given(st.floats(0.5, 2), st.floats(-0.5, 0.5))
@settings(max_examples=20, deadline=None)
def test_mixer_correction_equals_its_twin(gain, phase_rad):
    rng = np.random.default_rng(2)
    i, q = rng.normal(size=9), rng.normal(size=9)
    expected = gain * ((i + 1j * q) * np.exp(1j * phase_rad)).imag
    envelopes.correct_mixer(gain, phase_rad, i, q)
    np.testing.assert_allclose(q, expected, atol=1e-13)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=50), st.floats(0.02, 2.25))
@settings(max_examples=60, deadline=None)
def test_words_equal_their_twin(values, half_v):
    volts = np.array(values) * half_v
    words = np.zeros(len(volts), np.uint16)
    assert envelopes.quantise_14bit(volts, half_v, words) == -1
    np.testing.assert_array_equal(words, np.rint(volts * (8191 / half_v)).astype(int) + 8191)
    assert np.max(np.abs((words.astype(float) - 8191) / 8191 * half_v - volts)) <= 0.5001 * half_v / 8191


@pytest.mark.parametrize("bad", [0.51, -0.51, np.nan, np.inf])
def test_first_sample_over_range_is_named(bad):
    words = np.zeros(4, np.uint16)
    assert envelopes.quantise_14bit(np.array([0.5, -0.5, bad, bad]), 0.5, words) == 2
    assert words[0] == 16382 and words[1] == 0
