"""Exponentials of small matrices against eigenvectors."""

import numpy as np
import pytest

from qctl.cext import exponentials


def hermitian(m, real, size, seed):
    rng = np.random.default_rng(seed)
    part = rng.normal(size=(m, m)) + (0 if real else 1j * rng.normal(size=(m, m)))
    found = part + part.conj().T
    return np.ascontiguousarray(size * found / max(np.linalg.norm(found, 2), 1e-300), complex)


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize("m", [1, 2, 3, 7, 9, 27])
@pytest.mark.parametrize("size", [0.0, 1e-6, 0.39, 1.0, 7.0, 60.0])
def test_exponential_is_that_of_eigenvectors(m, size, real):
    h = hermitian(m, real, size * 1e9, seed=m)
    out = np.full((m, m), np.nan, complex)
    exponentials.exponential_of(h, 1e-9, out)
    values, vectors = np.linalg.eigh(h)
    wanted = (vectors * np.exp(-1e-9j * values)) @ vectors.conj().T
    np.testing.assert_allclose(out, wanted, atol=2e-13 * (1 + size))


def test_shapes_that_do_not_fit_are_refused():
    for shape, out in (((2, 3), (2, 3)), ((28, 28), (28, 28)), ((2, 2), (3, 3)), ((0, 0), (0, 0))):
        with pytest.raises(ValueError, match=r"not both \(m, m\)"):
            exponentials.exponential_of(np.zeros(shape, complex), 1.0, np.zeros(out, complex))


@pytest.mark.parametrize("real", [True, False])
def test_infinite_norm_gives_nan_and_ends(real):
    h = hermitian(3, real, 1e9, seed=1)
    h[0, 1] = h[1, 0] = np.inf
    out = np.zeros((3, 3), complex)
    exponentials.exponential_of(h, 1e-9, out)
    assert np.isnan(out).all()
    exponentials.exponential_of(hermitian(3, real, 1e200, seed=1), 1e200, out)
    assert np.isnan(out).all()


@pytest.mark.parametrize("real", [True, False])
def test_negative_time_is_the_inverse(real):
    h = hermitian(4, real, 60e9, seed=2)
    there, back = np.empty((4, 4), complex), np.empty((4, 4), complex)
    exponentials.exponential_of(h, 1e-9, there)
    exponentials.exponential_of(h, -1e-9, back)
    np.testing.assert_allclose(there @ back, np.eye(4), atol=1e-11)
