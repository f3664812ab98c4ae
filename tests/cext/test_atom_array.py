"""Exact evolution of atom arrays against scipy's matrix exponential of the whole Hamiltonian."""

import numpy as np
import pytest
from scipy.linalg import expm

from qctl.cext.atom_array import evolve


def dense(levels, energies, couplings, interaction):
    """Return the Hamiltonian of one step as a matrix, atom 0 the fastest index."""
    n_states = int(np.prod(levels))
    total = np.diag(interaction.astype(complex))
    for s, d in enumerate(levels):
        own = np.diag(energies[s, :d]).astype(complex)
        for level in range(1, d):
            own[level, 0] += couplings[s, level - 1]
            own[0, level] += np.conj(couplings[s, level - 1])
        below, above = int(np.prod(levels[:s])), int(np.prod(levels[s + 1 :]))
        total += np.kron(np.eye(above), np.kron(own, np.eye(below)))
    assert total.shape == (n_states, n_states)
    return total


def case(rng, levels, n_steps, n_epochs=2, size=1.0):
    """Return random arguments for some levels."""
    n, n_states = len(levels), int(np.prod(levels))
    return {
        "levels": np.array(levels, np.int32),
        "energies": size * rng.normal(size=(n_steps, n, 3)),
        "couplings": size * (rng.normal(size=(n_steps, n, 2)) + 1j * rng.normal(size=(n_steps, n, 2))),
        "interactions": size * rng.normal(size=(n_epochs, n_states)),
        "epochs": rng.integers(n_epochs, size=n_steps).astype(np.int32),
        "lengths": rng.random(n_steps),
    }


def started(rng, levels):
    n_states = int(np.prod(levels))
    state = rng.normal(size=n_states) + 1j * rng.normal(size=n_states)
    return state / np.linalg.norm(state)


def slow(case, state):
    for k, length in enumerate(case["lengths"]):
        own = case["energies"][k], case["couplings"][k], case["interactions"][case["epochs"][k]]
        state = expm(-1j * length * dense(case["levels"], *own)) @ state
    return state


LEVELS = [(), (1,), (2,), (3,), (2, 2), (3, 2), (2, 3), (1, 2, 1), (2, 2, 2, 2), (3, 3, 2), (2, 3, 1, 2), (3, 3, 3)]


@pytest.mark.parametrize("levels", LEVELS)
@pytest.mark.parametrize("size", [0.0, 1e-3, 1.0, 40.0])
def test_state_is_that_of_matrix_exponentials(levels, size):
    rng = np.random.default_rng(len(levels))
    given = case(rng, levels, 4, size=size)
    state = started(rng, levels)
    wanted = slow(given, state)
    assert evolve(**given, state=state) == 4
    np.testing.assert_allclose(state, wanted, rtol=0, atol=1e-12)


def test_undriven_steps_of_any_length_are_phases():
    rng = np.random.default_rng(2)
    given = case(rng, (2, 2), 1)
    given["couplings"][:] = 0
    given["lengths"][:] = 1e6
    state = started(rng, (2, 2))
    populations = np.abs(state) ** 2
    evolve(**given, state=state)
    np.testing.assert_allclose(np.abs(state) ** 2, populations, rtol=0, atol=1e-12)


def test_long_and_strong_steps_keep_the_norm():
    rng = np.random.default_rng(3)
    given = case(rng, (2, 2, 3), 2, size=1e4)
    state = started(rng, (2, 2, 3))
    wanted = slow(given, state)
    evolve(**given, state=state)
    np.testing.assert_allclose(state, wanted, rtol=0, atol=1e-8)


def test_losses_are_a_non_hermitian_hamiltonian_and_stop_at_the_floor():
    rng = np.random.default_rng(4)
    n_steps = 400
    given = case(rng, (2, 2), n_steps)
    for name in ("energies", "couplings", "interactions", "epochs"):
        given[name] = np.repeat(given[name][:1], len(given[name]), axis=0)
    given["epochs"][:] = 0
    given["lengths"][:] = 0.005
    losses = np.array([0.0, 0.3, 0.2, 0.6])
    start = started(rng, (2, 2))
    whole = dense((2, 2), given["energies"][0], given["couplings"][0], given["interactions"][0])
    state = start.copy()
    assert evolve(**given, state=state, losses=losses) == n_steps
    np.testing.assert_allclose(state, expm(-1j * 2.0 * (whole - 0.5j * np.diag(losses))) @ start, rtol=0, atol=1e-5)
    left = np.linalg.norm(state) ** 2
    floor, state = (1 + left) / 2, start.copy()
    played = evolve(**given, state=state, losses=losses, floor=floor)
    assert 0 < played < n_steps
    assert np.linalg.norm(state) ** 2 <= floor
    assert evolve(**given, state=state, losses=losses, first=played) == n_steps
    np.testing.assert_allclose(np.linalg.norm(state) ** 2, left, rtol=1e-12)


def test_no_steps_change_nothing():
    rng = np.random.default_rng(5)
    given = case(rng, (2,), 0)
    state = started(rng, (2,))
    before = state.copy()
    assert evolve(**given, state=state) == 0
    np.testing.assert_array_equal(state, before)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c | {"levels": np.array([4, 2], np.int32)}, r"levels\[0\] = 4 is outside \[1, 3\]"),
        (lambda c: c | {"levels": np.full(31, 1, np.int32)}, "31 atoms are over 30"),
        (lambda c: c | {"levels": np.full(30, 3, np.int32)}, "30 atoms have over"),
        (lambda c: c | {"energies": c["energies"][:, :1].copy()}, r"energies \(3, 1, 3\) are not \(3, 2, 3\)"),
        (lambda c: c | {"couplings": c["couplings"][:2].copy()}, r"couplings \(2, 2, 2\) are not \(3, 2, 2\)"),
        (lambda c: c | {"interactions": c["interactions"][:, :2].copy()}, r"are not of 6 states"),
        (lambda c: c | {"state": np.zeros(5, complex)}, "state 5 and interactions"),
        (lambda c: c | {"epochs": np.zeros(2, np.int32)}, "epochs 2 and lengths 3 differ"),
        (lambda c: c | {"epochs": np.full(3, 2, np.int32)}, r"epochs\[0\] = 2 is outside \[0, 2\)"),
        (lambda c: c | {"lengths": np.array([0.0, -1.0, 0.0])}, r"lengths\[1\] = -1.0 is no length"),
        (lambda c: c | {"lengths": np.array([0.0, np.nan, 0.0])}, r"lengths\[1\] = nan is no length"),
        (lambda c: c | {"energies": np.full((3, 2, 3), np.nan)}, "have to be finite"),
        (lambda c: c | {"losses": np.zeros(2)}, "losses 2 are not of 6 states"),
        (lambda c: c | {"first": 4}, r"first = 4 is outside \[0, 3\]"),
    ],
)
def test_what_does_not_fit_is_refused(change, words):
    rng = np.random.default_rng(6)
    given = case(rng, (3, 2), 3) | {"state": started(rng, (3, 2))}
    with pytest.raises(ValueError, match=words):
        evolve(**change(given))


def test_odd_strides_are_refused():
    rng = np.random.default_rng(7)
    given = case(rng, (2, 2), 2)
    with pytest.raises(ValueError, match="contiguous"):
        evolve(**given, state=np.zeros(8, complex)[::2])
