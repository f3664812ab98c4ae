"""The three-level kernels against slow NumPy."""

import numpy as np
import pytest

from qctl.cext import qutrit
from qctl.hil.physics.relaxation import idle_step, sample_relaxation

LOWER = np.diag(np.sqrt([1.0, 2.0]), 1)


def slow_exponential(level1, level2, drive, dt_s):
    hamiltonian = np.diag([0, level1, level2]).astype(complex) + drive / 2 * LOWER.T + np.conj(drive) / 2 * LOWER
    values, vectors = np.linalg.eigh(hamiltonian)
    return vectors @ np.diag(np.exp(-1j * dt_s * values)) @ vectors.conj().T


def slow_relax(step, x):
    """Apply 14 numbers to the coherences and populations of one 3x3 matrix."""
    y = np.empty_like(x)
    y[[0, 1, 2], [0, 1, 2]] = step[:9].reshape(3, 3) @ np.diag(x)
    y[[0, 1], [1, 2]] = step[9:13].reshape(2, 2) @ x[[0, 1], [1, 2]]
    y[[1, 2], [0, 1]] = step[9:13].reshape(2, 2).conj() @ x[[1, 2], [0, 1]]
    y[0, 2], y[2, 0] = step[13] * x[0, 2], np.conj(step[13]) * x[2, 0]
    return y


def random_state(rng, d):
    m = rng.normal(size=(d, d)) + 1j * rng.normal(size=(d, d))
    rho = m @ m.conj().T
    return rho / np.trace(rho)


@pytest.mark.parametrize("seed", range(10))
def test_exponential_is_that_of_eigenvectors(seed):
    rng = np.random.default_rng(seed)
    level1, level2 = rng.normal(size=2) * 10.0 ** rng.uniform(5, 10.5)
    drive = (rng.normal() + 1j * rng.normal()) * 10.0 ** rng.uniform(3, 10)
    out = np.empty((3, 3), complex)
    qutrit.exponential(level1, level2, drive, 8e-10, out)
    np.testing.assert_allclose(out, slow_exponential(level1, level2, drive, 8e-10), atol=1e-12)


def test_exponential_without_drive_is_a_phase():
    out = np.empty((3, 3), complex)
    qutrit.exponential(1e9, -3e9, 0.0, 8e-10, out)
    np.testing.assert_allclose(out, np.diag(np.exp(-1j * 8e-10 * np.array([0, 1e9, -3e9]))), atol=1e-14)


@pytest.mark.parametrize("rows", [1, 7])
def test_propagation_is_simpsons_rule_of_relaxation(rows):
    rng = np.random.default_rng(rows)
    dt_s = 8e-10
    drive = 1e8 * (rng.normal(size=7) + 1j * rng.normal(size=7))
    levels = 1e9 * rng.normal(size=(rows, 2))
    relaxation = sample_relaxation(3e-7, 2e-7, 0.01, dt_s)
    states = np.stack([random_state(rng, 3) for _ in range(2)])
    wanted = states.copy()
    for s in range(2):
        for k in range(7):
            u = slow_exponential(*levels[k % rows], drive[k], dt_s / 2)
            x = slow_relax(relaxation[0], wanted[s])
            x = slow_relax(relaxation[2], u @ x @ u.conj().T)
            wanted[s] = slow_relax(relaxation[0], u @ x @ u.conj().T)
    qutrit.propagate(drive, levels, dt_s, relaxation, states)
    np.testing.assert_allclose(states, wanted, atol=1e-12)
    np.testing.assert_allclose(np.trace(states, axis1=1, axis2=2), 1, atol=1e-12)


@pytest.mark.parametrize(("left", "right"), [(1, 1), (3, 1), (1, 9), (3, 3)])
def test_local_maps_act_on_one_transmon_of_many(left, right):
    rng = np.random.default_rng(left + right)
    d = 3 * left * right
    step = idle_step(3e-6, 2e-6, 0.01, 1e7, -3e6, 1e-6)
    rho = random_state(rng, d)
    cube = rho.reshape(left, 3, right, left, 3, right)
    wanted = np.empty_like(cube)
    matrix = np.empty((9, 9), complex)
    for k in range(9):
        matrix[:, k] = slow_relax(step, np.eye(9)[k].reshape(3, 3).astype(complex)).ravel()
    for a, b, c, e in np.ndindex(left, right, left, right):
        wanted[a, :, b, c, :, e] = slow_relax(step, cube[a, :, b, c, :, e])
    stepped, mapped = rho.copy(), rho.copy()
    qutrit.apply_local(stepped, left, right, step)
    qutrit.apply_map(mapped, left, right, matrix)
    np.testing.assert_allclose(stepped, wanted.reshape(d, d), atol=1e-13)
    np.testing.assert_allclose(mapped, wanted.reshape(d, d), atol=1e-13)


def test_shapes_that_do_not_fit_are_refused():
    good = sample_relaxation(3e-5, 2e-5, 0.0, 1e-9)
    state, drive = np.zeros((1, 3, 3), complex), np.zeros(5, complex)
    with pytest.raises(ValueError, match=r"levels have shape \(4, 2\)"):
        qutrit.propagate(drive, np.zeros((4, 2)), 1e-9, good, state)
    with pytest.raises(ValueError, match="relaxation has shape"):
        qutrit.propagate(drive, np.zeros((5, 2)), 1e-9, good[:2].copy(), state)
    with pytest.raises(ValueError, match="states have shape"):
        qutrit.propagate(drive, np.zeros((5, 2)), 1e-9, good, np.zeros((1, 3, 2), complex))
    with pytest.raises(ValueError, match=r"not \(27, 27\)"):
        qutrit.apply_local(np.zeros((9, 9), complex), 3, 3, np.zeros(14, complex))
    with pytest.raises(ValueError, match="step has 13"):
        qutrit.apply_local(np.zeros((9, 9), complex), 3, 1, np.zeros(13, complex))
    with pytest.raises(ValueError, match="matrix has shape"):
        qutrit.apply_map(np.zeros((9, 9), complex), 3, 1, np.zeros((9, 8), complex))
    with pytest.raises(ValueError, match="out has shape"):
        qutrit.exponential(0.0, 0.0, 0.0, 1e-9, np.zeros((3, 2), complex))


def test_no_samples_change_nothing():
    state = np.eye(3, dtype=complex)[None].copy()
    qutrit.propagate(np.zeros(0, complex), np.zeros((1, 2)), 1e-9, sample_relaxation(3e-5, 2e-5, 0.0, 1e-9), state)
    np.testing.assert_array_equal(state[0], np.eye(3))
