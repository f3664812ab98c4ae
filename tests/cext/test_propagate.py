"""The kernel of exact propagation against scipy's exponentials, for each kind of vector instructions."""

import numpy as np
import pytest
import scipy.linalg

from qctl.cext import arrangement, propagate

from .test_arrangement import room, sparse

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
    groups, rows, parts = (np.empty(s, np.int32) for s in ((2 * n + 2, 4), (1 + n_controls) * n, (1 + n_controls) * n))
    columns, values = np.empty_like(lists[2]), np.empty_like(lists[3])
    g, f, r = arrangement.rows(*lists, groups, rows, parts, columns, values, np.empty(n + 1, np.int32))
    return matrices, bounds, blocks, [groups[:g], f, rows[:r], parts[:r], columns, values]


def slow(matrices, controls, dt, at, start, n_columns):
    found = np.empty((len(start), len(at), start.shape[1]))
    for q, x in enumerate(start):
        states = [x]
        for u, time in zip(controls[q // n_columns], np.broadcast_to(dt, controls.shape[1]), strict=True):
            states.append(scipy.linalg.expm(time * (matrices[0] + np.tensordot(u, matrices[1:], 1))) @ states[-1])
        found[q] = np.array(states)[at]
    return found


def work_of(n, n_controls, blocks):
    return np.empty(max(8 * blocks[1].size + 3 * (8 * ((n + 7) // 8) + 16), 16 * (n_controls + 3 * n)))


@pytest.mark.parametrize("most", LEVELS)
@pytest.mark.parametrize(
    ("n", "n_controls", "n_runs", "n_columns"), [(1, 1, 1, 1), (3, 0, 1, 3), (8, 2, 5, 1), (20, 3, 3, 6)]
)
def test_both_layouts_are_exponentials(n, n_controls, n_runs, n_columns, most):
    matrices, bounds, blocks, rows = system(n, n_controls)
    rng = np.random.default_rng(5)
    controls = rng.normal(size=(n_runs, 6, n_controls))
    controls[:, 2:4] = controls[:, 1:2]
    dt = np.array([0.3, 0.1, 0.2, 9.0, 0.0, 0.01])
    at = np.array([0, 2, 3, 3, 6])
    start = rng.normal(size=(n_runs * n_columns, n))
    wanted = slow(matrices, controls, dt, at, start, n_columns)
    weights = rng.normal(size=(2, n))
    work = work_of(n, n_controls, blocks)
    for layout, kernel in ((blocks, propagate.single), (rows, propagate.lanes)):
        for asked in (np.zeros((0, n)), weights):
            out = np.full((len(start), 5, len(asked) or n), np.nan)
            common = controls, dt, at, asked, 1e-13, n_columns
            kernel(bounds, *layout, *common, 0, 1, start, out, work, most)
            assert np.isnan(out[1:]).all()
            kernel(bounds, *layout, *common, 1, len(start), start, out, work, most)
            np.testing.assert_allclose(out, wanted @ weights.T if len(asked) else wanted, atol=1e-10)


@pytest.mark.parametrize("n_runs", [1, 7, 8, 9, 16, 17, 33])
def test_any_number_of_vectors_side_by_side(n_runs):
    _, bounds, blocks, rows = system(5, 2)
    rng = np.random.default_rng(n_runs)
    controls, start = rng.normal(size=(n_runs, 4, 2)), rng.normal(size=(n_runs, 5))
    arguments = controls, np.array([0.25]), np.array([1, 4]), np.zeros((0, 5)), 1e-14, 1, 0, n_runs, start
    out, other = np.empty((n_runs, 2, 5)), np.empty((n_runs, 2, 5))
    work = work_of(5, 2, blocks)
    propagate.lanes(bounds, *rows, *arguments, out, work)
    propagate.single(bounds, *blocks, *arguments, other, work)
    np.testing.assert_allclose(out, other, atol=1e-12)


def test_looser_tolerance_is_kept():
    matrices, bounds, blocks, _ = system(12, 1)
    rng = np.random.default_rng(2)
    controls, start = rng.normal(size=(1, 20, 1)), rng.normal(size=(1, 12))
    start /= np.abs(start).max()
    wanted = slow(matrices, controls, 0.4, [20], start, 1)
    for tolerance in (1e-3, 1e-6, 1e-9):
        out = np.empty((1, 1, 12))
        course = controls, np.array([0.4]), np.array([20]), np.zeros((0, 12)), tolerance / 8.0, 1, 0, 1
        propagate.single(bounds, *blocks, *course, start, out, work_of(12, 1, blocks))
        assert np.abs(out - wanted).max() < 12 * tolerance


def test_nothing_to_do_is_no_error():
    _, bounds, blocks, rows = system(4, 1)
    work = work_of(4, 1, blocks)
    for kernel, layout in ((propagate.single, blocks), (propagate.lanes, rows)):
        for runs, n_at in ((0, 1), (1, 0)):
            out = np.empty((runs, n_at, 4))
            course = (
                np.zeros((runs, 0, 1)),
                np.array([0.1]),
                np.zeros(n_at, np.int64),
                np.zeros((0, 4)),
                1e-9,
                1,
                0,
                runs,
            )
            kernel(bounds, *layout, *course, np.ones((runs, 4)), out, work)
        out = np.empty((1, 1, 4))
        kernel(
            bounds,
            *layout,
            np.zeros((1, 0, 1)),
            np.zeros(0),
            np.zeros(1, np.int64),
            np.zeros((0, 4)),
            1e-9,
            1,
            0,
            1,
            np.ones((1, 4)),
            out,
            work,
        )
        np.testing.assert_array_equal(out, np.ones((1, 1, 4)))


NAMES = ["controls", "dt_s", "at", "weights", "tolerance_rate", "n_columns", "first", "last", "start", "out", "work"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bounds": np.zeros((1, 3))}, "bounds have shape"),
        ({"dt_s": np.zeros(3)}, "dt has 3 lengths for 6 slices"),
        ({"start": np.zeros((3, 9))}, "start has 3 vectors"),
        ({"n_columns": 0}, "start has 2 vectors"),
        ({"weights": np.zeros((1, 8))}, "weights have shape"),
        ({"out": np.zeros((2, 1, 8))}, "out has shape"),
        ({"at": np.array([7])}, r"at\[0\] = 7"),
        ({"at": np.array([3, 2])}, r"at\[1\] = 2|out has shape"),
        ({"last": 3}, "vectors 0 to 3"),
        ({"work": np.zeros(50)}, "work has 50"),
        ({"start": np.zeros((4, 9))[::2]}, "contiguous"),
    ],
)
def test_courses_that_do_not_fit_are_refused(change, message):
    _, bounds, blocks, rows = system(9, 1)
    good = [np.zeros((2, 6, 1)), np.array([0.1]), np.array([6]), np.zeros((0, 9)), 1e-9, 1, 0, 2, np.ones((2, 9))]
    good += [np.empty((2, 1, 9)), work_of(9, 1, blocks)]
    course = dict(zip(NAMES, good, strict=True)) | {k: v for k, v in change.items() if k in NAMES}
    for kernel, layout in ((propagate.single, blocks), (propagate.lanes, rows)):
        with pytest.raises(ValueError, match=message):
            kernel(change.get("bounds", bounds), *layout, *course.values())


def test_layouts_that_do_not_fit_are_refused():
    _, bounds, blocks, rows = system(9, 1)
    course = [np.zeros((1, 6, 1)), np.array([0.1]), np.array([6]), np.zeros((0, 9)), 1e-9, 1, 0, 1, np.ones((1, 9))]
    course += [np.empty((1, 1, 9)), work_of(9, 1, blocks)]

    def changed(layout, k, value):
        return [value if j == k else array for j, array in enumerate(layout)]

    for k, change, message in [
        (0, lambda a: a[:-1], "don't fit 2 blocks"),
        (2, lambda a: a[:-1], "don't fit 2 blocks"),
        (4, lambda a: a[:-1], "touch_begin"),
        (1, lambda a: a + 9, "outside 9 coordinates"),
        (0, lambda a: a[::-1].copy(), "block 0 has pairs"),
        (0, lambda a: np.maximum(a, 1), "don't cover"),
        (3, lambda a: a + 1000, "is not one of"),
        (5, lambda a: a + 1, "has control 1 of 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            propagate.single(bounds, *changed(blocks, k, change(blocks[k])), *course)
    for k, change, message in [
        (1, lambda n: n + 100, "don't fit each other"),
        (3, lambda a: a[:-1], "don't fit each other"),
        (0, lambda a: a[1:], "doesn't begin at row"),
        (0, lambda a: a[:-1], "the groups have"),
        (2, lambda a: a + 1, "row 9 of 9"),
        (4, lambda a: a + 9, "in column"),
    ]:
        with pytest.raises(ValueError, match=message):
            propagate.lanes(bounds, *changed(rows, k, change(rows[k])), *course)
