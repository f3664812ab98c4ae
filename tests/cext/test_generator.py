"""The kernels that write equations of motion, against Kronecker products."""

import numpy as np
import pytest

from qctl.cext import generator


def coordinates(d):
    """Return (d * d, d * d) complex: the vector of a Hermitian matrix, row by row, from its real coordinates."""
    found = np.zeros((d, d, d * d), complex)
    at = 0
    for k in range(d):
        for i in range(d - k):
            found[i, i + k, at] = found[i + k, i, at] = 1
            at += 1
        for i in range(d - k if k else 0):
            found[i, i + k, at], found[i + k, i, at] = 1j, -1j
            at += 1
    return found.reshape(d * d, d * d)


def random_matrices(rng, *shape):
    found = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    found[rng.random(shape) < 0.5] = 0
    return found


def dense(begin, length, columns, values):
    n = len(begin)
    found = np.zeros((n, n))
    for row in range(n):
        inside = slice(begin[row], begin[row] + length[row])
        assert (np.diff(columns[inside]) > 0).all()
        assert values[inside].all()
        found[row, columns[inside]] = values[inside]
    return found


@pytest.mark.parametrize("d", [1, 2, 3, 9])
@pytest.mark.parametrize("n_jumps", [0, 1, 3])
def test_hermitian_rows_are_those_of_kronecker_products(d, n_jumps):
    rng = np.random.default_rng(d)
    k, jumps = random_matrices(rng, d, d), random_matrices(rng, n_jumps, d, d)
    re, im = np.empty((d, d), np.int32), np.empty((d, d), np.int32)
    generator.places(re, im)
    n = d * d
    begin, length = np.empty(n, np.int32), np.empty(n, np.int32)
    columns, values = np.zeros(n * n + 5, np.int32), np.zeros(n * n + 5)
    work, listed = np.zeros(4 * n), np.empty(2 * n, np.int32)
    used = generator.hermitian_rows(k, jumps, re, im, begin, length, columns, values, 5, work, listed)
    assert used == 5 + length.sum()
    assert not work.any()
    assert not columns[:5].any()
    found = dense(begin, length, columns, values)
    one = np.eye(d)
    whole = np.kron(k, one) + np.kron(one, k.conj())
    for jump in jumps:
        whole += np.kron(jump, jump.conj())
    t = coordinates(d)
    np.testing.assert_allclose(found, np.linalg.solve(t, whole @ t), atol=1e-12)
    if used > 6:
        small = columns[: used - 1], values[: used - 1]
        assert generator.hermitian_rows(k, jumps, re, im, begin, length, *small, 5, np.zeros(4 * n), listed) == -1


@pytest.mark.parametrize("d", [1, 2, 3, 10])
def test_vector_rows_are_real_and_imaginary_parts(d):
    k = random_matrices(np.random.default_rng(d), d, d)
    begin, length = np.empty(2 * d, np.int32), np.empty(2 * d, np.int32)
    columns, values = np.empty(4 * d * d, np.int32), np.empty(4 * d * d)
    used = generator.vector_rows(k, begin, length, columns, values, 0, np.zeros(4 * d), np.empty(2 * d, np.int32))
    assert used == length.sum()
    wanted = np.block([[k.real, -k.imag], [k.imag, k.real]])
    np.testing.assert_array_equal(dense(begin, length, columns, values), wanted)


def test_no_levels_have_no_rows():
    i, f = np.empty(0, np.int32), np.empty(0)
    square, none = np.empty((0, 0), np.int32), np.empty((0, 0), complex)
    generator.places(square, square)
    assert generator.hermitian_rows(none, none[None], square, square, i, i, i, f, 0, f, i) == 0
    assert generator.vector_rows(none, i, i, i, f, 0, f, i) == 0


def test_shapes_that_do_not_fit_are_refused():
    k, jumps, re = np.zeros((2, 2), complex), np.zeros((1, 2, 2), complex), np.zeros((2, 2), np.int32)
    i4, i8, f5, i5 = np.zeros(4, np.int32), np.zeros(8, np.int32), np.zeros(5), np.zeros(5, np.int32)
    f8, f16 = np.zeros(8), np.zeros(16)
    with pytest.raises(ValueError, match=r"re \(2, 2\) and im \(3, 3\)"):
        generator.places(re, np.zeros((3, 3), np.int32))
    with pytest.raises(ValueError, match="don't fit each other"):
        generator.hermitian_rows(k, np.zeros((1, 3, 3), complex), re, re, i4, i4, i5, f5, 0, f16, i8)
    with pytest.raises(ValueError, match="begin and length have 5"):
        generator.hermitian_rows(k, jumps, re, re, i5, i4, i5, f5, 0, f16, i8)
    with pytest.raises(ValueError, match="6 of them used"):
        generator.hermitian_rows(k, jumps, re, re, i4, i4, i5, f5, 6, f16, i8)
    with pytest.raises(ValueError, match="room for 5 and 8"):
        generator.hermitian_rows(k, jumps, re, re, i4, i4, i5, f8, 0, f16, i8)
    with pytest.raises(ValueError, match="work has 8"):
        generator.hermitian_rows(k, jumps, re, re, i4, i4, i5, f5, 0, f8, i8)
    with pytest.raises(ValueError, match="k has shape"):
        generator.vector_rows(np.zeros((2, 3), complex), i4, i4, i5, f5, 0, f8, i4)
    with pytest.raises(ValueError, match="work has 16"):
        generator.vector_rows(k, i4, i4, i5, f5, 0, f16, i4)
    with pytest.raises(ValueError, match="contiguous"):
        generator.vector_rows(np.zeros((2, 4), complex)[:, ::2], i4, i4, i5, f5, 0, f8, i4)
