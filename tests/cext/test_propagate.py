"""The kernel of exact propagation against scipy's exponentials, for each kind of vector instructions."""

import numpy as np
import pytest
import scipy.linalg

from qctl.cext import arrangement, propagate

from .test_arrangement import room, row_room, sparse

LEVELS = range(propagate.widest() + 1)


def system(n, n_controls, seed=1):
    """Return dense matrices whose motion turns and decays, and their layouts."""
    rng = np.random.default_rng([n, n_controls, seed])
    matrices = rng.normal(size=(1 + n_controls, n, n))
    matrices[rng.random(matrices.shape) < 0.6] = 0
    matrices -= matrices.swapaxes(1, 2)
    matrices[0] -= np.diag(0.1 * rng.random(n))
    lists = sparse(matrices)
    bounds = np.empty((n, 1 + n_controls))
    bounds = bounds[: arrangement.bounds(*lists, bounds)]
    arrays = room(1 + n_controls, n, lists[2].size)
    p, t, v = arrangement.blocks(*lists, *arrays)
    cuts = (None, p, p, t, t + 1, v, v)
    blocks = [array[:cut] for array, cut in zip(arrays, cuts, strict=False)]
    counts, controlled, columns, values = row_room(1 + n_controls, n, lists[2].size)
    c, k = arrangement.rows(*lists, counts, controlled, columns, values)
    return matrices, [n, bounds, *blocks], [n, bounds, counts[:c], controlled[:k], columns, values]


KERNELS = ((propagate.Blocks, propagate.single), (propagate.Rows, propagate.lanes))


def slow(matrices, controls, dt, at, start, n_columns):
    found = np.empty((len(start), len(at), start.shape[1]))
    for q, x in enumerate(start):
        states = [x]
        for u, time in zip(controls[q // n_columns], np.broadcast_to(dt, controls.shape[1]), strict=True):
            states.append(scipy.linalg.expm(time * (matrices[0] + np.tensordot(u, matrices[1:], 1))) @ states[-1])
        found[q] = np.array(states)[at]
    return found


@pytest.mark.parametrize("most", LEVELS)
@pytest.mark.parametrize(
    ("n", "n_controls", "n_runs", "n_columns"), [(1, 1, 1, 1), (3, 0, 1, 3), (8, 2, 5, 1), (20, 3, 3, 6)]
)
def test_both_layouts_are_exponentials(n, n_controls, n_runs, n_columns, most):
    matrices, *layouts = system(n, n_controls)
    rng = np.random.default_rng(5)
    controls = rng.normal(size=(n_runs, 6, n_controls))
    controls[:, 2:4] = controls[:, 1:2]
    dt = np.array([0.3, 0.1, 0.2, 9.0, 0.0, 0.01])
    at = np.array([0, 2, 3, 3, 6])
    start = rng.normal(size=(n_runs * n_columns, n))
    wanted = slow(matrices, controls, dt, at, start, n_columns)
    weights = rng.normal(size=(2, n))
    for layout, (made, kernel) in zip(layouts, KERNELS, strict=True):
        whole = made(*layout)
        work = np.empty(whole.n_work)
        for asked in (np.zeros((0, n)), weights):
            out = np.full((len(start), 5, len(asked) or n), np.nan)
            course = propagate.Course(controls, dt, at, asked, 1e-13, n_columns)
            kernel(whole, course, 0, 1, start, out, work, most)
            assert np.isnan(out[1:]).all()
            kernel(whole, course, 1, len(start), start, out, work, most)
            np.testing.assert_allclose(out, wanted @ weights.T if len(asked) else wanted, atol=1e-10)


@pytest.mark.parametrize("most", LEVELS)
@pytest.mark.parametrize("n_runs", [1, 7, 8, 9, 16, 17, 24, 25, 32, 33, 61])
def test_any_number_of_vectors_side_by_side(n_runs, most):
    _, blocks, rows = system(5, 2)
    rng = np.random.default_rng(n_runs)
    controls, start = rng.normal(size=(n_runs, 4, 2)), rng.normal(size=(n_runs, 5))
    course = propagate.Course(controls, np.array([0.25]), np.array([1, 4]), np.zeros((0, 5)), 1e-14, 1)
    out, other = np.empty((n_runs, 2, 5)), np.empty((n_runs, 2, 5))
    whole, single = propagate.Rows(*rows), propagate.Blocks(*blocks)
    propagate.lanes(whole, course, 0, n_runs, start, out, np.empty(whole.n_work), most)
    propagate.single(single, course, 0, n_runs, start, other, np.empty(single.n_work), most)
    np.testing.assert_allclose(out, other, atol=1e-12)


def test_looser_tolerance_is_kept():
    matrices, blocks, _ = system(12, 1)
    rng = np.random.default_rng(2)
    controls, start = rng.normal(size=(1, 20, 1)), rng.normal(size=(1, 12))
    start /= np.abs(start).max()
    wanted = slow(matrices, controls, 0.4, [20], start, 1)
    whole = propagate.Blocks(*blocks)
    for tolerance in (1e-3, 1e-6, 1e-9):
        out = np.empty((1, 1, 12))
        course = propagate.Course(controls, np.array([0.4]), np.array([20]), np.zeros((0, 12)), tolerance / 8.0, 1)
        propagate.single(whole, course, 0, 1, start, out, np.empty(whole.n_work))
        assert np.abs(out - wanted).max() < 12 * tolerance


def test_nothing_to_do_is_no_error():
    _, *layouts = system(4, 1)
    for layout, (made, kernel) in zip(layouts, KERNELS, strict=True):
        whole = made(*layout)
        work = np.empty(whole.n_work)
        for runs, n_at, lengths in ((0, 1, 1), (1, 0, 1), (1, 1, 0)):
            out, at = np.empty((runs, n_at, 4)), np.zeros(n_at, np.int64)
            controls = np.zeros((runs, 0, 1))
            course = propagate.Course(controls, np.full(lengths, 0.1), at, np.zeros((0, 4)), 1e-9, 1)
            kernel(whole, course, 0, runs, np.ones((runs, 4)), out, work)
        np.testing.assert_array_equal(out, np.ones((1, 1, 4)))


def test_no_coordinates_have_no_motion():
    none = np.empty(0, np.int32)
    rows = propagate.Rows(0, np.zeros((0, 1)), none, none, none, np.empty(0))
    course = propagate.Course(np.zeros((1, 2, 0)), np.array([1.0]), np.array([2]), np.zeros((0, 0)), 1e-9, 1)
    propagate.lanes(rows, course, 0, 1, np.empty((1, 0)), np.empty((1, 1, 0)), np.empty(rows.n_work))


COURSE = ["controls", "dt_s", "at", "weights", "tolerance_rate", "n_columns"]
CALL = ["first", "last", "start", "out", "work"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"controls": np.zeros((2, 6, 2))}, "the course has 2 controls, bounds are for 1"),
        ({"dt_s": np.zeros(3)}, "dt has 3 lengths for 6 slices"),
        ({"start": np.zeros((3, 9))}, r"start has shape \(3, 9\)"),
        ({"start": np.zeros((2, 8))}, r"start has shape \(2, 8\)"),
        ({"n_columns": 0}, "n_columns = 0"),
        ({"weights": np.zeros((1, 8))}, "weights have shape"),
        ({"out": np.zeros((2, 1, 8))}, "out has shape"),
        ({"at": np.array([7])}, r"at\[0\] = 7"),
        ({"at": np.array([3, 2])}, r"at\[1\] = 2"),
        ({"last": 3}, "vectors 0 to 3"),
        ({"work": np.zeros(50)}, "work has 50"),
        ({"start": np.zeros((4, 9))[::2]}, "contiguous"),
    ],
)
def test_courses_that_do_not_fit_are_refused(change, message):
    _, *layouts = system(9, 1)
    for layout, (made, kernel) in zip(layouts, KERNELS, strict=True):
        whole = made(*layout)
        course = [np.zeros((2, 6, 1)), np.array([0.1]), np.array([6]), np.zeros((0, 9)), 1e-9, 1]
        call = [0, 2, np.ones((2, 9)), np.empty((2, 1, 9)), np.empty(whole.n_work)]
        given = dict(zip(COURSE + CALL, course + call, strict=True)) | change
        with pytest.raises(ValueError, match=message):
            kernel(whole, propagate.Course(*(given[k] for k in COURSE)), *(given[k] for k in CALL))


def test_layouts_that_do_not_fit_are_refused():
    _, blocks, rows = system(9, 1)

    def changed(layout, k, change):
        return [change(array) if j == k else array for j, array in enumerate(layout)]

    for k, change, message in [
        (0, lambda n: -1, "for -1 coordinates"),
        (1, lambda a: a[:, :0].copy(), "bounds have shape"),
        (2, lambda a: a[:-1], "don't fit 2 blocks"),
        (4, lambda a: a[:-1], "don't fit 2 blocks"),
        (6, lambda a: a[:-1], "touch_begin"),
        (3, lambda a: a + 9, "outside 9 coordinates"),
        (2, lambda a: a[::-1].copy(), "block 0 has pairs"),
        (2, lambda a: np.maximum(a, 1), "don't cover"),
        (5, lambda a: a + 1000, "is not one of"),
        (7, lambda a: a + 1, "has control 1 of 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            propagate.Blocks(*changed(blocks, k, change))
    for k, change, message in [
        (0, lambda n: 8, "don't fit each other"),
        (2, lambda a: a[:-1], "don't fit each other"),
        (4, lambda a: a[:-1], "don't fit each other"),
        (2, lambda a: a + 100, "goes beyond them"),
        (2, lambda a: np.where(np.arange(a.size) == 0, -1, a).astype(np.int32), "has -1 elements"),
        (2, lambda a: np.where(np.arange(a.size) == 0, a + 1, a).astype(np.int32), "the rows have"),
        (3, lambda a: a + 1, "has control 1 of 1"),
        (4, lambda a: a + 9, "in column"),
    ]:
        with pytest.raises(ValueError, match=message):
            propagate.Rows(*changed(rows, k, change))
