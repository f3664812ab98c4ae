"""The kernels of coupled transmons against slow NumPy."""

import functools

import numpy as np
import pytest

from qctl.cext import lindblad, qutrit
from qctl.hil.physics.relaxation import idle_step

LOWER = np.diag(np.sqrt([1.0, 2.0]), 1)
NUMBER = np.diag([0.0, 1.0, 2.0])


def embed(n, **local):
    return functools.reduce(np.kron, [local.get(f"t{k}", np.eye(3)) for k in range(n)])


def slow_unitary(levels, drives, exchange, kerr, dt_s):
    n = len(levels)
    total = np.zeros((3**n, 3**n), complex)
    for a in range(n):
        total += embed(n, **{f"t{a}": np.diag([0, *levels[a]])})
        drive = drives[a] / 2 * LOWER.T
        total += embed(n, **{f"t{a}": drive + drive.conj().T})
        for b in range(a):
            hop = embed(n, **{f"t{a}": LOWER.T, f"t{b}": LOWER})
            total += exchange[a, b] * (hop + hop.T) + kerr[a, b] * embed(n, **{f"t{a}": NUMBER, f"t{b}": NUMBER})
    values, vectors = np.linalg.eigh(total)
    return vectors @ np.diag(np.exp(-1j * dt_s * values)) @ vectors.conj().T


def case(seed, n, driven):
    rng = np.random.default_rng(seed)
    levels = 2e9 * rng.normal(size=(5, n, 2))
    levels[2] = levels[1]
    drives = np.zeros((5, n), complex)
    if driven:
        drives[1:3] = 2e8 * (rng.normal(size=n) + 1j * rng.normal(size=n))
    symmetric = [rng.normal(size=(n, n)) for _ in range(2)]
    exchange, kerr = (scale * (m + m.T) for scale, m in zip((3e7, 3e5), symmetric, strict=True))
    return rng, levels, drives, exchange, kerr


def room(n_samples, n, per_step):
    n_steps = -(-n_samples // per_step)
    return np.full((n_steps, 3**n, 3**n), np.nan, complex), np.full(n_steps, -1)


@pytest.mark.parametrize("driven", [False, True])
@pytest.mark.parametrize(("n", "per_step"), [(1, 1), (2, 1), (2, 2), (3, 2), (3, 5)])
def test_unitaries_are_those_of_eigenvectors(n, per_step, driven):
    _, levels, drives, exchange, kerr = case(n, n, driven)
    out, order = room(5, n, per_step)
    found = lindblad.unitaries(levels, drives, exchange, kerr, 8e-10, per_step, order, out)
    out = out[:found][order]
    for step in range(len(out)):
        wanted = np.eye(3**n)
        for k in range(step * per_step, min(5, (step + 1) * per_step)):
            wanted = slow_unitary(levels[k], drives[k], exchange, kerr, 8e-10) @ wanted
        np.testing.assert_allclose(out[step], wanted, atol=1e-11)


@pytest.mark.parametrize(("n", "rest"), [(1, 3), (2, 1), (2, 3), (3, 1)])
def test_propagation_is_steps_between_relaxation(n, rest):
    rng, levels, drives, exchange, kerr = case(7, n, True)
    steps, order = room(5, n, 1)
    found = lindblad.unitaries(levels, drives, exchange, kerr, 8e-10, 1, order, steps)
    order[:] = rng.permutation(found)[[0, 1, 2, 1, 3]]
    half, whole = (
        np.stack([idle_step(3e-7 + k * 1e-7, 2e-7, 0.01, 0.0, 0.0, t).real for k in range(n)]) for t in (4e-10, 8e-10)
    )
    d = 3**n * rest
    m = rng.normal(size=(d, d)) + 1j * rng.normal(size=(d, d))
    rho = m @ m.conj().T
    rho /= np.trace(rho)
    wanted = rho.copy()
    for k in range(6):
        for q in range(n):
            numbers = (half if k in (0, 5) else whole)[q].astype(complex)
            qutrit.apply_local(wanted, 3**q, 3 ** (n - 1 - q) * rest, numbers)
        if k < 5:
            u = np.kron(steps[order[k]], np.eye(rest))
            wanted = np.ascontiguousarray(u @ wanted @ u.conj().T)
    lindblad.propagate(steps, order, half, whole, rho, np.empty_like(rho))
    np.testing.assert_allclose(rho, wanted, atol=1e-12)


def test_shapes_that_do_not_fit_are_refused():
    levels, drives, square = np.zeros((4, 2, 2)), np.zeros((4, 2), complex), np.zeros((2, 2))
    out, order = np.zeros((4, 9, 9), complex), np.arange(4)
    with pytest.raises(ValueError, match="levels have shape"):
        lindblad.unitaries(np.zeros((4, 4, 2)), drives, square, square, 1e-9, 1, order, out)
    with pytest.raises(ValueError, match="drives have shape"):
        lindblad.unitaries(levels, np.zeros((3, 2), complex), square, square, 1e-9, 1, order, out)
    with pytest.raises(ValueError, match="exchange"):
        lindblad.unitaries(levels, drives, np.zeros((3, 3)), square, 1e-9, 1, order, out)
    with pytest.raises(ValueError, match="out has shape"):
        lindblad.unitaries(levels, drives, square, square, 1e-9, 2, order, out)
    with pytest.raises(ValueError, match="order 3"):
        lindblad.unitaries(levels, drives, square, square, 1e-9, 1, order[:3], out)
    relaxation = np.zeros((2, 14))
    rho = np.zeros((9, 9), complex)
    with pytest.raises(ValueError, match="don't fit"):
        lindblad.propagate(np.zeros((1, 27, 27), complex), order[:1], relaxation, relaxation, rho, rho.copy())
    with pytest.raises(ValueError, match="relaxation has shapes"):
        lindblad.propagate(out, order, np.zeros((2, 13)), relaxation, rho, rho.copy())
    with pytest.raises(ValueError, match="rho has shape"):
        lindblad.propagate(out, order, relaxation, relaxation, np.zeros((10, 10), complex), rho)
    with pytest.raises(ValueError, match="work has shape"):
        lindblad.propagate(out, order, relaxation, relaxation, rho, np.zeros((18, 18), complex))
    with pytest.raises(ValueError, match=r"order\[1\] = 4 is outside \[0, 4\)"):
        lindblad.propagate(out, np.array([0, 4]), relaxation, relaxation, rho, rho.copy())
    with pytest.raises(ValueError, match=r"order\[0\] = -1"):
        lindblad.propagate(out, np.array([-1]), relaxation, relaxation, rho, rho.copy())


@pytest.mark.parametrize("per_step", [1, 3, 4])
@pytest.mark.parametrize("n_samples", [1, 2, 7, 8, 9, 20])
def test_steps_that_are_alike_stand_there_once_but_for_the_first_and_the_last(n_samples, per_step):
    _, levels, drives, exchange, kerr = case(3, 2, True)
    held = np.zeros(n_samples, int) + 3 * (np.arange(n_samples) >= 6)  # two plateaus, the second one not driven
    out, order = room(n_samples, 2, per_step)
    found = lindblad.unitaries(levels[held], drives[held], exchange, kerr, 8e-10, per_step, order, out)
    singly, alone = room(n_samples, 2, 1)
    each = singly[: lindblad.unitaries(levels[held], drives[held], exchange, kerr, 8e-10, 1, alone, singly)][alone]
    wanted = [
        functools.reduce(lambda before, u: u @ before, each[k : k + per_step]) for k in range(0, n_samples, per_step)
    ]
    np.testing.assert_allclose(out[:found][order], wanted, atol=1e-12)
    assert np.isnan(out[found:]).all()
    assert sorted(set(order.tolist())) == list(range(found)) and order[0] == 0 and order[-1] == found - 1
    assert np.count_nonzero(order == 0) == np.count_nonzero(order == found - 1) == 1
    if (n_samples, per_step) == (20, 1):
        assert found == 4  # the first one, the rest of the first plateau, the second one, the last one


def test_no_samples_and_no_steps_change_nothing():
    empty, order = np.zeros((0, 9, 9), complex), np.zeros(0, int)
    none = np.zeros((0, 2, 2)), np.zeros((0, 2), complex), np.zeros((2, 2)), np.zeros((2, 2))
    assert lindblad.unitaries(*none, 1e-9, 1, order, empty) == 0
    rho = np.eye(9, dtype=complex)
    lindblad.propagate(empty, order, np.zeros((2, 14)), np.zeros((2, 14)), rho, rho.copy())
    np.testing.assert_array_equal(rho, np.eye(9))
