"""The demodulation kernels against slow NumPy twins."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.result import Counts

from qctl.cext.demodulate import count_strings, demodulate, discriminate, histogram, pack_bits


def twin(records, scale, offset, i, q, start, weights):
    volts = records * scale[:, None] + offset[:, None]
    signal = volts[:, i] + (1j * volts[:, q] if q >= 0 else 0)
    return (signal[:, start : start + len(weights)] * weights).sum(axis=1)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_shots=st.integers(0, 9),
    n_inputs=st.integers(1, 3),
    n_samples=st.integers(1, 70),
)
def test_demodulate_equals_its_twin(seed: int, n_shots: int, n_inputs: int, n_samples: int) -> None:
    rng = np.random.default_rng(seed)
    records = rng.integers(-32768, 32767, (n_shots, n_inputs, n_samples), dtype=np.int16, endpoint=True)
    scale, offset = rng.uniform(1e-6, 1e-4, n_inputs), rng.uniform(-0.1, 0.1, n_inputs)
    n_weights = int(rng.integers(1, n_samples + 1))
    start = int(rng.integers(0, n_samples - n_weights + 1))
    weights = (rng.normal(size=n_weights) + 1j * rng.normal(size=n_weights)) / n_weights
    i, q = int(rng.integers(0, n_inputs)), int(rng.integers(-1, n_inputs))
    iq = np.empty(n_shots, np.complex128)
    demodulate(records, scale, offset, i, q, start, weights, iq)
    full_scale = 32768 * scale.max() * np.abs(weights).sum() + 0.2
    np.testing.assert_allclose(iq, twin(records, scale, offset, i, q, start, weights), rtol=0, atol=2e-6 * full_scale)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 5000), size=st.sampled_from([1e-30, 1.0, 1e6]))
def test_single_precision_stays_within_the_stated_bound(seed: int, n: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    records = rng.integers(-32768, 32767, (3, 2, n), dtype=np.int16, endpoint=True)
    records[0] = 32767  # all of one sign: nothing cancels, and lanes grow as large as they can
    scale = rng.uniform(1e-6, 1e-4, 2)
    weights = size * np.exp(1j * rng.uniform(0, 2 * np.pi, n) * (rng.random() < 0.5))
    iq = np.empty(3, np.complex128)
    demodulate(records, scale, np.zeros(2), 0, 1, 0, weights, iq)
    error = iq - twin(records, scale, np.zeros(2), 0, 1, 0, weights)
    bound = (n / 8 + 4) * 2.0**-24 * (np.abs(records * scale[:, None]).sum(axis=1) * np.abs(weights)).sum(axis=1)
    assert (np.abs(error.real) <= bound).all()
    assert (np.abs(error.imag) <= bound).all()


def test_tone_gives_its_amplitude_and_phase() -> None:
    times_s = np.arange(500) / 5e8
    tone = 0.2 * np.exp(2j * np.pi * 35e6 * times_s + 0.7j)
    records = np.round(np.stack([tone.real, tone.imag]) / 1e-5).astype(np.int16)[None]
    weights = np.exp(-2j * np.pi * 35e6 * times_s) / 500
    iq = np.empty(1, np.complex128)
    demodulate(records, np.full(2, 1e-5), np.zeros(2), 0, 1, 0, weights, iq)
    assert abs(iq[0] - 0.2 * np.exp(0.7j)) < 1e-5


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"scale": np.ones(3)}, "inputs"),
        ({"i": 2}, "inputs 2"),
        ({"i": -1}, "inputs -1"),
        ({"q": 2}, "and 2"),
        ({"start": -1}, "reach past"),
        ({"start": 9}, "reach past"),
        ({"weights": np.ones(11, complex)}, "reach past"),
        ({"weights": np.ones(0, complex)}, "reach past"),
        ({"iq": np.empty(5, complex)}, "5 places for 4 shots"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(change: dict, word: str) -> None:
    wish = {"scale": np.ones(2), "i": 0, "q": 1, "start": 0, "weights": np.ones(4, complex), "iq": np.empty(4, complex)}
    wish |= change
    with pytest.raises(ValueError, match=word):
        demodulate(
            np.zeros((4, 2, 10), np.int16), wish["scale"], np.zeros(2), wish["i"], wish["q"], wish["start"],
            wish["weights"], wish["iq"],
        )  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-10, 10), st.floats(-1, 1))
def test_discriminate_equals_its_twin(seed: int, angle_rad: float, threshold_v: float) -> None:
    rng = np.random.default_rng(seed)
    iq = rng.normal(size=40) + 1j * rng.normal(size=40)
    states = np.empty(40, np.uint8)
    discriminate(iq, angle_rad, threshold_v, states)
    rotated = (iq * np.exp(-1j * angle_rad)).real
    sure = np.abs(rotated - threshold_v) > 1e-12
    assert np.array_equal(states[sure], (rotated > threshold_v)[sure])


def test_lengths_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="3 places for 2 shots"):
        discriminate(np.zeros(2, complex), 0.0, 0.0, np.empty(3, np.uint8))
    with pytest.raises(ValueError, match="2 shots of 65 bits"):
        pack_bits(np.zeros((2, 65), np.uint8), np.empty((2, 1), np.uint64))
    with pytest.raises(ValueError, match="1 bit strings are past"):
        histogram(np.array([[5]], np.uint64), np.empty(4, np.int64))
    with pytest.raises(ValueError, match="2 words"):
        histogram(np.zeros((3, 2), np.uint64), np.empty(4, np.int64))
    with pytest.raises(ValueError, match="1 dimensions"):
        count_strings(np.zeros(3, np.uint8))


@pytest.mark.parametrize("n_bits", [1, 3, 16, 17, 64, 65, 130])
def test_strings_are_in_the_order_of_qiskit(n_bits: int) -> None:
    rng = np.random.default_rng(n_bits)
    bits = (rng.random((200, n_bits)) < 0.5 / n_bits).astype(np.uint8)
    values = [sum(int(bit) << place for place, bit in enumerate(row)) for row in bits]
    expected = dict(Counts({hex(key): n for key, n in Counter(values).items()}, memory_slots=n_bits))
    assert count_strings(bits) == expected
    assert list(count_strings(bits)) == sorted(expected)


def test_bit_zero_is_rightmost() -> None:
    assert count_strings(np.array([[1, 0, 0]], np.uint8)) == {"001": 1}
    assert count_strings(np.zeros((0, 3), np.uint8)) == {}
    assert count_strings(np.zeros((3, 0), np.uint8)) == {}
