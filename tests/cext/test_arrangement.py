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


def row_room(n_parts, n, n_elements):
    i = np.int32
    return [
        np.empty((n_parts + 1) * n, i),
        np.empty((n_parts - 1) * n, i),
        np.empty(n_elements, i),
        np.empty(n_elements),
    ]


@pytest.mark.parametrize(("n_parts", "n"), SIZES)
@pytest.mark.parametrize("filled", [0.0, 0.2, 1.0])
def test_rows_are_the_matrices(n_parts, n, filled):
    matrices = random_parts(n_parts, n, filled)
    lists = sparse(matrices)
    counts, controlled, columns, values = arrays = row_room(n_parts, n, lists[2].size)
    n_counts, n_controlled = arrangement.rows(*lists, *arrays)
    found = np.zeros_like(matrices)
    at = part_at = element = 0
    for row in range(n):
        own, n_others = counts[at : at + 2]
        others = counts[at + 2 : at + 2 + n_others].tolist()
        assert all(others)
        parts = [0, *(1 + controlled[part_at : part_at + n_others])]
        for part, count in zip(parts, [own, *others], strict=True):
            inside = slice(element, element + count)
            found[part, row, columns[inside]] = values[inside]
            element += count
        at += 2 + n_others
        part_at += n_others
    np.testing.assert_array_equal(found, matrices)
    assert (at, part_at, element) == (n_counts, n_controlled, lists[2].size)


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
    assert arrangement.rows(*lists, *row_room(2, 0, 0)) == (0, 0)


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
    room_of_rows = row_room(2, 9, columns.size)
    for k, message in enumerate(["out_counts 26", "out_controlled 8", "out_columns", "out_columns"]):
        wrong = [array[:-1] if j == k else array for j, array in enumerate(room_of_rows)]
        with pytest.raises(ValueError, match=message):
            arrangement.rows(*lists, *wrong)
    with pytest.raises(ValueError, match="the rows have"):
        arrangement.rows(begin, np.minimum(length, 1), columns, values, *room_of_rows)


def test_rows_that_overlap_are_refused():
    begin, length, columns, values = sparse(random_parts(2, 9, 1.0))
    begin = np.zeros_like(begin)  # all rows are the first one, so that there are more pairs than elements
    for call, arrays in (
        (arrangement.blocks, room(2, 9, columns.size)),
        (arrangement.rows, row_room(2, 9, columns.size)),
        (arrangement.bounds, [np.empty((9, 2))]),
    ):
        with pytest.raises(ValueError, match="row 1 of matrix 0 has element 0, which another row has too"):
            call(begin, length, columns, values, *arrays)
