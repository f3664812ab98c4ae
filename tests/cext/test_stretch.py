"""The kernel for stretches without flux against a slow walk of small steps through the same slices."""

import numpy as np
import pytest

from qctl.cext import pairs, qutrit, stretch
from qctl.hil.physics.relaxation import collapse_rates, idle_step, sample_relaxation

DT_S = 1 / 1.2e9
LIVES = [(3e-6, 2e-6, 0.01), (2e-6, 3e-6, 0.0), (5e-6, 1e-6, 0.02)]
COUPLERS = np.array([[0, 1], [2, 1]], np.int64)


class Scene:
    """Three transmons, the last two of them one group or not, and random drives."""

    def __init__(self, together, pieces, stops, seed=0):
        rng = np.random.default_rng(seed)
        self.groups = [(0,), (2, 1)] if together else [(0,), (1,), (2,)]
        self.places = np.empty((3, 3), np.int64)
        states, begin = [], 0
        for group in self.groups:
            d = 3 ** len(group)
            for k, q in enumerate(group):
                self.places[q] = begin, 3**k, d // 3 ** (k + 1)
            m = rng.normal(size=(d, d)) + 1j * rng.normal(size=(d, d))
            states.append((m @ m.conj().T / np.trace(m @ m.conj().T)).ravel())
            begin += d * d
        self.rho = np.concatenate(states)
        self.zz = 3e5 * rng.normal(size=(2, 3, 3))
        self.zz[:, 0] = self.zz[:, :, 0] = 0
        self.levels = 1e8 * rng.normal(size=(3, 2))
        self.rates = np.array([collapse_rates(*life) for life in LIVES])
        self.relaxation = np.stack([sample_relaxation(*life, DT_S) for life in LIVES])
        rows, begin = [], 0
        for q, start, stop in pieces:
            rows.append((q, start, stop, begin))
            begin += stop - start
        self.pieces = np.array(rows, np.int64).reshape(-1, 4)
        self.omega = 2e8 * (rng.normal(size=begin) + 1j * rng.normal(size=begin))
        self.stops = np.array(stops, np.int64)
        self.resting = np.zeros(3, np.int64)

    def arguments(self, start, stop, slices, joint=False):
        """Return what `advance` takes."""
        span = np.array([start, stop, *slices], np.int64)
        progress, cuts = np.full(8, -1, np.int64), np.empty(5 + 2 * len(self.pieces), np.int64)
        return [
            self.rho, self.places, COUPLERS, self.zz, self.levels, self.rates, self.relaxation, self.pieces, self.omega,
            self.stops, self.resting, span, joint, DT_S, progress, cuts,
        ]  # fmt: skip

    def slow_one(self, rho, q, start, stop):
        """Advance one transmon through its drives and the idling between."""
        begin, left, right = self.places[q].tolist()
        d = 3 * left * right
        view = rho[begin : begin + d * d].reshape(d, d)
        now = start
        for _, first, last, at in [row for row in self.pieces.tolist() if row[0] == q] + [(q, stop, stop, 0)]:
            low, high = min(max(first, start), stop), min(last, stop)
            if low > now:
                qutrit.apply_local(view, left, right, idle_step(*LIVES[q], *self.levels[q], (low - now) * DT_S))
                now = low
            if low < high:
                states = np.eye(9, dtype=complex).reshape(9, 3, 3)
                drive = self.omega[at + low - first : at + high - first]
                qutrit.propagate(drive, self.levels[q : q + 1], DT_S, self.relaxation[q], states)
                qutrit.apply_map(view, left, right, np.ascontiguousarray(states.reshape(9, 9).T))
                now = high

    def slow(self, cuts):
        """Walk through slices, half of the ZZ before and half after each; halves that meet act as one."""
        rho, due = self.rho.copy(), 0
        before = (self.stops > cuts[0]).astype(np.int64)
        for left, right in zip(cuts, [*cuts[1:], cuts[-1]], strict=True):
            alive = (self.stops > left).astype(np.int64)
            if (alive != before).any():
                pairs.turn(rho, self.places, COUPLERS, self.zz, before, due * DT_S / 2, 0.0)
                due = 0
            pairs.turn(rho, self.places, COUPLERS, self.zz, alive, (due + right - left) * DT_S / 2, 0.0)
            for q in np.flatnonzero(alive).tolist():
                self.slow_one(rho, q, left, right)
            due, before = right - left, alive
        return rho


PIECES = [(0, 10, 34), (0, 60, 70), (1, 20, 44), (2, 90, 95)]


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize(
    ("pieces", "stops", "slices", "cuts"),
    [
        (PIECES, (200, 200, 200), (1000, 1000), [5, 10, 20, 34, 44, 60, 70, 90, 95, 120]),
        (PIECES, (200, 80, 200), (1000, 12), [5, 10, 20, 27, 34, 44, 60, 70, 80, 90, 95, 120]),
        ([], (200, 200, 200), (50, 10), [5, 43, 81, 120]),
        ([(1, 0, 300)], (200, 200, 200), (50, 115), [5, 120]),
    ],
)
def test_advancing_is_a_walk_through_the_slices(together, pieces, stops, slices, cuts):
    scene = Scene(together, pieces, stops)
    wanted = scene.slow(cuts)
    assert stretch.advance(*scene.arguments(5, 120, slices)) == -1
    np.testing.assert_allclose(scene.rho, wanted, atol=1e-12)
    assert scene.resting.tolist() == [0, 0, 0]


def test_transmons_at_rest_stay_so_and_neighbours_of_theirs_go_in_one_piece():
    scene = Scene(False, [(1, 20, 44)], (200, 200, 200))
    scene.resting[:] = 1, 1, 1
    before = scene.rho.copy()
    wanted = before.copy()
    scene.slow_one(wanted, 1, 20, 120)
    assert stretch.advance(*scene.arguments(5, 120, (10, 10))) == -1
    np.testing.assert_allclose(scene.rho, wanted, atol=1e-12)
    assert scene.resting.tolist() == [1, 0, 1]


def test_a_coupler_that_would_correlate_is_named_until_its_groups_are_one():
    scene = Scene(False, PIECES, (100_000, 100_000, 100_000))
    scene.zz[0] *= 1e-9
    arguments = scene.arguments(5, 120, (1000, 1000), joint=True)
    assert stretch.advance(*arguments) == 1
    one, two, three = scene.rho.reshape(3, 3, 3)
    scene.groups, scene.rho = [(0,), (2, 1)], np.concatenate([one.ravel(), np.kron(three, two).ravel()])
    scene.places = np.array([[0, 1, 1], [9, 3, 1], [9, 1, 3]], np.int64)
    wanted = scene.slow([5, 10, 20, 34, 44, 60, 70, 90, 95, 120])
    arguments[:2] = scene.rho, scene.places
    assert stretch.advance(*arguments) == -1
    np.testing.assert_allclose(scene.rho, wanted, atol=1e-12)


def test_no_time_changes_nothing():
    scene = Scene(True, PIECES, (200, 200, 200))
    before = scene.rho.copy()
    assert stretch.advance(*scene.arguments(5, 5, (10, 10))) == -1
    np.testing.assert_array_equal(scene.rho, before)


@pytest.mark.parametrize(
    ("place", "change", "says"),
    [
        (0, lambda x: x[:26], "not in a state of 26"),
        (4, lambda x: x[:2], r"levels \(2, 2\)"),
        (6, lambda x: x[:, :2].copy(), r"relaxation \(3, 2, 14\)"),
        (7, lambda x: x[:, :3].copy(), r"pieces \(4, 3\)"),
        (7, lambda x: x + np.array([2, 0, 0, 0]), "piece 2 of transmon 3"),
        (8, lambda x: x[:-1], "is not in 3 transmons and 62 samples"),
        (9, lambda x: x[:2], "stops 2"),
        (11, lambda x: x * np.array([1, 1, 0, 1]), "slices of 0"),
        (14, lambda x: x[:7], "progress 7"),
        (15, lambda x: x[:12], "cuts 12"),
    ],
)
def test_what_does_not_fit_is_refused(place, change, says):
    arguments = Scene(False, PIECES, (200, 200, 200)).arguments(5, 120, (10, 10))
    arguments[place] = change(arguments[place])
    with pytest.raises(ValueError, match=says):
        stretch.advance(*arguments)
