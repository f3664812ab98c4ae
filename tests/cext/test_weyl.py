"""The canonical form of two-qubit unitaries, multiplied together again by NumPy."""

import numpy as np
import pytest

from qctl.cext.weyl import canonical

PAULIS = [np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1, -1])]


def turn(q):
    return q[0] * np.eye(2) - 1j * sum(x * p for x, p in zip(q[1:], PAULIS, strict=True))


def middle(c):
    made = np.eye(4, dtype=complex)
    for x, p in zip(c, PAULIS, strict=True):
        made = made @ (np.cos(x) * np.eye(4) + 1j * np.sin(x) * np.kron(p, p))
    return made


def random_unitary(rng, n):
    u, _ = np.linalg.qr(rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n)))
    return u / np.linalg.det(u) ** (1 / n)


def split(us):
    us = np.ascontiguousarray(us, complex).reshape(-1, 4, 4)
    coordinates, turns = np.zeros((len(us), 3)), np.zeros((len(us), 4, 4))
    canonical(us, coordinates, turns)
    return coordinates, turns


@pytest.mark.parametrize("special", [False, True])
def test_parts_multiply_to_the_unitary(special):
    rng = np.random.default_rng(3)
    us = [random_unitary(rng, 4) for _ in range(200)]
    if special:
        grid = np.pi / 8 * rng.integers(-6, 7, size=(200, 3))
        us = [
            np.kron(random_unitary(rng, 2), random_unitary(rng, 2))
            @ middle(c)
            @ np.kron(random_unitary(rng, 2), random_unitary(rng, 2))
            for c in grid
        ]
    for u, c, t in zip(us, *split(us), strict=True):
        made = np.kron(turn(t[0]), turn(t[1])) @ middle(c) @ np.kron(turn(t[2]), turn(t[3]))
        assert abs(np.vdot(made, u)) / 4 == pytest.approx(1, abs=1e-12)
        assert np.pi / 4 + 1e-12 > c[0] >= c[1] - 1e-12 and c[1] >= abs(c[2]) - 1e-12
        np.testing.assert_allclose(np.linalg.norm(t, axis=1), 1, atol=1e-12)


@pytest.mark.parametrize("n", [0, 1])
def test_few_are_fine(n):
    coordinates, turns = split(np.broadcast_to(np.eye(4), (n, 4, 4)))
    assert len(turns) == n and np.all(coordinates == 0)


@pytest.mark.parametrize(
    "shapes", [((1, 3, 4), (1, 3), (1, 4, 4)), ((2, 4, 4), (1, 3), (2, 4, 4)), ((1, 4, 4), (1, 3), (1, 3, 4))]
)
def test_shapes_that_do_not_fit_are_refused(shapes):
    first, second, third = shapes
    with pytest.raises(ValueError, match="don't fit"):
        canonical(np.zeros(first, complex), np.zeros(second), np.zeros(third))


def test_odd_strides_are_refused():
    with pytest.raises(ValueError, match="contiguous"):
        canonical(np.zeros((2, 4, 8), complex)[:, :, ::2], np.zeros((2, 3)), np.zeros((2, 4, 4)))
