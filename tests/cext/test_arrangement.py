"""Layouts of sparse matrices against the dense matrices they stand for."""

import numpy as np
import pytest

from qctl.cext import arrangement


def sparse(matrices):
    """Return begin, length, columns, values of dense (n_parts, n, n) matrices."""
    n_parts, n, _ = matrices.shape
    begin, length = np.zeros((n_parts, n), np.int32), np.zeros((n_parts, n), np.int32)
    columns, values = [], []
    for part in range(n_parts):
        for row in range(n):
            inside = np.flatnonzero(matrices[part, row])
            begin[part, row], length[part, row] = len(columns), inside.size
            columns += inside.tolist()
            values += matrices[part, row, inside].tolist()
    return begin, length, np.array(columns, np.int32), np.array(values, float)


def random_parts(n_parts, n, filled=0.3):
    rng = np.random.default_rng([n_parts, n])
    found = rng.normal(size=(n_parts, n, n))
    found[rng.random(found.shape) > filled] = 0
    return found


def room(n_parts, n, n_elements):
    n_blocks = (n + 7) // 8
    pairs = min(n_elements, n_blocks * (n + 7))
    touches = min(n_elements, n_blocks * (n + 7) * (n_parts - 1))
    i = np.int32
    arrays = [np.empty(n_blocks + 1, i), np.empty(pairs, i), np.empty((pairs, 8)), np.empty(pairs, i)]
    arrays += [np.empty(pairs + 1, i), np.empty(touches, i), np.empty((touches, 8))]
    return [*arrays, np.empty(2 * n + (n_parts - 1) * (n + 7), i)]


SIZES = [(1, 1), (1, 7), (3, 8), (2, 9), (4, 25)]


@pytest.mark.parametrize(("n_parts", "n"), SIZES)
@pytest.mark.parametrize("filled", [0.0, 0.2, 1.0])
def test_blocks_are_the_matrices(n_parts, n, filled):
    matrices = random_parts(n_parts, n, filled)
    lists = sparse(matrices)
    arrays = room(n_parts, n, lists[2].size)
    n_pairs, n_touched, n_values = arrangement.blocks(*lists, *arrays)
    block_begin, offsets, fixed, touched, touch_begin, touch_controls, touch_values, _ = arrays
    found = np.zeros_like(matrices)

    def put(part, pair, numbers):
        block = np.searchsorted(block_begin, pair, side="right") - 1
        for k in range(8):
            row = 8 * block + k
            if numbers[k]:
                found[part, row, row + offsets[pair]] = numbers[k]

    for pair in range(n_pairs):
        put(0, pair, fixed[pair])
    for t in range(n_touched):
        for e in range(touch_begin[t], touch_begin[t + 1]):
            put(1 + touch_controls[e], touched[t], touch_values[e])
    assert touch_begin[n_touched] == n_values
    np.testing.assert_array_equal(found, matrices)


@pytest.mark.parametrize(("n_parts", "n"), SIZES)
@pytest.mark.parametrize("filled", [0.0, 0.2, 1.0])
def test_rows_by_length_are_the_matrices(n_parts, n, filled):
    matrices = random_parts(n_parts, n, filled)
    lists = sparse(matrices)
    groups, rows, parts = (np.empty(s, np.int32) for s in ((2 * n + 2, 4), n_parts * n, n_parts * n))
    columns, values = np.empty_like(lists[2]), np.empty_like(lists[3])
    n_groups, n_fixed, n_rows = arrangement.rows(
        *lists, groups, rows, parts, columns, values, np.empty(n + 1, np.int32)
    )
    found = np.zeros_like(matrices)
    seen = 0
    for g in range(n_groups):
        count, first_row, n_in_group, first_element = groups[g]
        assert g in (0, n_fixed) or count > groups[g - 1, 0]
        for k in range(n_in_group):
            part = 1 + parts[first_row + k] if g >= n_fixed else 0
            inside = slice(first_element + count * k, first_element + count * (k + 1))
            found[part, rows[first_row + k], columns[inside]] = values[inside]
            seen += part == 0
    np.testing.assert_array_equal(found, matrices)
    assert seen == (n if lists[2].size else 0)
    assert n_rows == (groups[:n_groups, 2].sum() if n_groups else 0)


@pytest.mark.parametrize(("n_parts", "n"), SIZES)
def test_bounds_keep_the_largest_row_for_any_controls(n_parts, n):
    matrices = random_parts(n_parts, n)
    out = np.empty((n, n_parts))
    kept = arrangement.bounds(*sparse(matrices), out)
    sums = np.abs(matrices).sum(axis=2).T
    rng = np.random.default_rng(3)
    for u in rng.random((50, n_parts)):
        assert np.isclose((out[:kept] @ u).max(initial=0), (sums @ u).max())
    assert all(np.isclose(row, sums).all(axis=1).any() for row in out[:kept])


def test_no_rows_have_no_layout():
    lists = sparse(np.zeros((2, 0, 0)))
    assert arrangement.blocks(*lists, *room(2, 0, 0)) == (0, 0, 0)
    assert arrangement.bounds(*lists, np.empty((0, 2))) == 0
    none = np.empty(0, np.int32)
    groups = np.empty((2, 4), np.int32)
    assert arrangement.rows(*lists, groups, none, none, none, np.empty(0), np.empty(1, np.int32)) == (0, 0, 0)


def test_what_does_not_fit_is_refused():
    lists = sparse(random_parts(2, 9))
    begin, length, columns, values = lists
    arrays = room(2, 9, columns.size)
    with pytest.raises(ValueError, match="don't fit each other"):
        arrangement.bounds(begin, length[:1], columns, values, np.empty((9, 2)))
    with pytest.raises(ValueError, match=r"out has shape \(9, 3\)"):
        arrangement.bounds(*lists, np.empty((9, 3)))
    with pytest.raises(ValueError, match="in column 9 of 9"):
        arrangement.bounds(begin, length, np.full_like(columns, 9), values, np.empty((9, 2)))
    with pytest.raises(ValueError, match="row 0 of matrix 0 has"):
        arrangement.bounds(begin - 1, length, columns, values, np.empty((9, 2)))
    for k, message in enumerate(["no room for 2 blocks"] * 5 + ["touch_controls"] * 2 + ["work has"]):
        wrong = [array[:-1] if j == k else array for j, array in enumerate(arrays)]
        with pytest.raises(ValueError, match=message):
            arrangement.blocks(*lists, *wrong)
    groups, rows = np.empty((20, 4), np.int32), np.empty(18, np.int32)
    with pytest.raises(ValueError, match="groups and rows"):
        arrangement.rows(*lists, groups[:19], rows, rows, columns.copy(), values.copy(), np.empty(10, np.int32))
    with pytest.raises(ValueError, match="out_columns"):
        arrangement.rows(*lists, groups, rows, rows, columns[1:].copy(), values.copy(), np.empty(10, np.int32))
    twice = np.concatenate([columns, columns]), np.concatenate([values, values])
    with pytest.raises(ValueError, match="elements in 9 columns"):
        arrangement.rows(
            np.zeros_like(begin),
            np.full_like(length, 10),
            *twice,
            groups,
            rows,
            rows,
            twice[0].copy(),
            twice[1].copy(),
            np.empty(10, np.int32),
        )
