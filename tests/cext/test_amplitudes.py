"""Norms, samples, collapses and Pauli sums of a state against numpy's own words."""

import numpy as np
import pytest

from qctl.cext import amplitudes

TYPES = (np.complex64, np.complex128)
SIZES = (0, 1, 2, 5, 7, 13)


def random_state(n_qubits: int, dtype, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    state = rng.normal(size=2**n_qubits) + 1j * rng.normal(size=2**n_qubits)
    return (state / np.linalg.norm(state)).astype(dtype)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("n", (0, 1, 3, 4096, 4097, 20_000))
def test_block_sums(dtype, n):
    state = (np.arange(n) * (0.5 - 0.25j)).astype(dtype)
    out = np.full(-(-n // amplitudes.BLOCK), np.nan)
    amplitudes.block_sums(state, out)
    weights = np.abs(state.astype(complex)) ** 2
    assert out == pytest.approx([weights[i : i + 4096].sum() for i in range(0, n, 4096)], rel=1e-13)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("n", SIZES)
def test_sorted_numbers_find_their_amplitudes(dtype, n):
    state = random_state(n, dtype)
    state[::3] = 0
    if n < 2:
        state[-1] = 1
    sums = np.empty(-(-len(state) // amplitudes.BLOCK))
    amplitudes.block_sums(state, sums)
    total = sums.sum()
    values = np.sort(np.random.default_rng(1).random(500)) * total
    found = np.empty(500, np.int64)
    amplitudes.find(state, sums, values, found)
    running = np.cumsum(np.abs(state.astype(complex)) ** 2)
    expected = np.searchsorted(running, values, side="right")
    near = np.abs(running[np.minimum(expected, len(state) - 1)] - values) < 1e-12
    assert ((found == expected) | near).all()
    edge = np.empty(2, np.int64)
    amplitudes.find(state, sums, np.array([0.0, total * 2]), edge)
    assert edge.tolist() == [np.flatnonzero(state)[0], np.flatnonzero(state)[-1]]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("n", SIZES[1:])
def test_collapse_keeps_one_outcome(dtype, n):
    for qubit in range(n):
        for outcome in (0, 1):
            for flip in (False, True):
                state = random_state(n, dtype, qubit)
                axes = state.reshape(2 ** (n - qubit - 1), 2, 2**qubit)
                p = float((np.abs(axes[:, 1].astype(complex)) ** 2).sum())
                assert amplitudes.probability_of_one(state, qubit) == pytest.approx(p, rel=1e-12)
                expected = np.zeros_like(axes)
                expected[:, 0 if flip else outcome] = axes[:, outcome] * 2.5
                amplitudes.collapse(state, qubit, bool(outcome), 2.5, flip)
                assert np.allclose(state, expected.ravel(), rtol=1e-6, atol=0)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("n", SIZES)
def test_flipped_sums(dtype, n):
    state = random_state(n, dtype, 3)
    rng = np.random.default_rng(n)
    index = np.arange(2**n)
    for n_terms in (0, 1, 4):
        flip = int(rng.integers(2**n))
        signs = rng.integers(2**n, size=n_terms).astype(np.uint64)
        weights = rng.normal(size=n_terms) + 1j * rng.normal(size=n_terms)
        parity = np.array([[(i & s).bit_count() % 2 for i in index.tolist()] for s in signs.tolist()]).reshape(-1, 2**n)
        by = weights @ (1 - 2 * parity)
        error = 1e-6 if dtype is np.complex64 else 1e-12
        found = amplitudes.flipped_sum(state, flip, signs, np.ascontiguousarray(weights.real))
        wide = state.astype(complex)
        assert found == pytest.approx((wide[index ^ flip].conj() * wide * by.real).sum(), abs=error)
        out = np.ones(2**n, dtype)
        amplitudes.add_flipped(state, flip, signs, weights, out)
        assert np.abs(out - (1 + (wide * by)[index ^ flip])).max() < error


def test_what_does_not_fit_is_refused():
    state, none = np.ones(4, complex), np.zeros(0, np.uint64)
    with pytest.raises(ValueError, match="out has shape"):
        amplitudes.block_sums(state, np.zeros(2))
    with pytest.raises(ValueError, match="don't fit"):
        amplitudes.find(state, np.zeros(1), np.zeros(2), np.zeros(1, np.int64))
    with pytest.raises(ValueError, match="shape"):
        amplitudes.probability_of_one(np.ones(3, complex), 0)
    with pytest.raises(ValueError, match="qubit = 2"):
        amplitudes.probability_of_one(state, 2)
    with pytest.raises(ValueError, match="qubit = -1"):
        amplitudes.collapse(state, -1, True, 1.0)
    with pytest.raises(ValueError, match="flip = 4"):
        amplitudes.flipped_sum(state, 4, none, np.zeros(0))
    with pytest.raises(ValueError, match="don't fit"):
        amplitudes.flipped_sum(state, 0, none, np.zeros(1))
    with pytest.raises(ValueError, match="don't fit"):
        amplitudes.add_flipped(state, 0, none, np.zeros(0, complex), np.ones(2, complex))
    with pytest.raises(ValueError, match="contiguous"):
        amplitudes.block_sums(np.ones(8, complex)[::2], np.zeros(1))
