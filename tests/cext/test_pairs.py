"""The ZZ kernel against slow NumPy."""

import numpy as np
import pytest

from qctl.cext import pairs

COUPLERS = np.array([[0, 1], [2, 1]], np.int64)


def random_state(rng, d):
    m = rng.normal(size=(d, d)) + 1j * rng.normal(size=(d, d))
    rho = m @ m.conj().T
    return rho / np.trace(rho)


def scene(groups, seed=0):
    """Return the flat state, its places and the density matrices of groups of transmons."""
    rng = np.random.default_rng(seed)
    n = sum(len(group) for group in groups)
    places, states, begin = np.empty((n, 3), np.int64), [], 0
    for group in groups:
        for k, q in enumerate(group):
            places[q] = begin, 3**k, 3 ** (len(group) - 1 - k)
        states.append(random_state(rng, 3 ** len(group)))
        begin += states[-1].size
    zz = 1e5 * rng.normal(size=(2, 3, 3))
    zz[:, 0] = zz[:, :, 0] = 0
    return np.concatenate([s.ravel() for s in states]), places, states, zz


def level(group, q):
    """Return the level of a transmon in each state of its group."""
    return np.arange(3 ** len(group)) // 3 ** (len(group) - 1 - group.index(q)) % 3


def slow_turn(groups, states, zz, alive, time_s):
    """Turn each group by its own pairs exactly, and by its neighbours' populations."""
    states = [state.copy() for state in states]
    home = {q: k for k, group in enumerate(groups) for q in group}

    def populations(q):
        k = home[q]
        return np.array([states[k].diagonal().real[level(groups[k], q) == m].sum() for m in range(3)])

    for (low, high), table in zip(COUPLERS.tolist(), zz, strict=True):
        if not (alive[low] and alive[high]):
            continue
        if home[low] == home[high]:
            group = groups[home[low]]
            phase = np.exp(-1j * time_s * table[level(group, low), level(group, high)])
            states[home[low]] *= np.outer(phase, phase.conj())
            continue
        for q, other, own in ((low, high, table), (high, low, table.T)):
            turns = np.exp(-1j * time_s * (own[:, None, :] - own[None, :, :]))
            factor = turns @ populations(other)
            np.fill_diagonal(factor, 1.0)
            here = level(groups[home[q]], q)
            states[home[q]] *= factor[np.ix_(here, here)]
    return np.concatenate([state.ravel() for state in states])


@pytest.mark.parametrize("groups", [[(0,), (1,), (2,)], [(0, 1), (2,)], [(2, 0), (1,)], [(1, 2, 0)]])
@pytest.mark.parametrize("alive", [(1, 1, 1), (1, 1, 0)])
def test_turning_is_exact_within_groups_and_by_populations_between(groups, alive):
    rho, places, states, zz = scene(groups)
    assert pairs.turn(rho, places, COUPLERS, zz, np.array(alive, np.int64), 3e-6, 0.0) == -1
    np.testing.assert_allclose(rho, slow_turn(groups, states, zz, alive, 3e-6), atol=1e-13)


def test_groups_that_would_correlate_are_named_and_nothing_turns():
    rho, places, _, zz = scene([(0,), (1,), (2,)])
    zz[0] *= 1e-9
    before = rho.copy()
    assert pairs.turn(rho, places, COUPLERS, zz, np.ones(3, np.int64), 1e-6, 1e-3) == 1
    np.testing.assert_array_equal(rho, before)
    assert pairs.turn(rho, places, COUPLERS, zz, np.ones(3, np.int64), 1e-6, 1e-9) == -1
    together, places, _, zz = scene([(0, 1, 2)])
    assert pairs.turn(together, places, COUPLERS, zz, np.ones(3, np.int64), 1e-6, 1e-3) == -1


def test_transmons_without_coherence_stay_apart():
    rho = np.concatenate([np.diag([0.6, 0.4, 0.0]).ravel()] * 2).astype(complex)
    places = np.array([[0, 1, 1], [9, 1, 1]], np.int64)
    zz = np.zeros((1, 3, 3))
    zz[0, 1, 1] = 1e6
    before = rho.copy()
    assert pairs.turn(rho, places, COUPLERS[:1], zz, np.ones(2, np.int64), 1e-6, 1e-3) == -1
    np.testing.assert_allclose(rho, before, atol=1e-15)


def test_one_transmon_without_couplers_is_left_alone():
    rho = random_state(np.random.default_rng(3), 3).ravel()
    before = rho.copy()
    places = np.array([[0, 1, 1]], np.int64)
    assert pairs.turn(rho, places, COUPLERS[:0], np.zeros((0, 3, 3)), np.ones(1, np.int64), 1e-6, 1.0) == -1
    np.testing.assert_array_equal(rho, before)


def test_shapes_that_do_not_fit_are_refused():
    rho, places, _, zz = scene([(0,), (1,), (2,)])
    alive = np.ones(3, np.int64)
    with pytest.raises(ValueError, match="couplers"):
        pairs.turn(rho, places, COUPLERS[:1], zz, alive, 1.0, 0.0)
    with pytest.raises(ValueError, match="places"):
        pairs.turn(rho, places[:, :2].copy(), COUPLERS, zz, alive, 1.0, 0.0)
    with pytest.raises(ValueError, match="not in a state of 26"):
        pairs.turn(rho[:26], places, COUPLERS, zz, alive, 1.0, 0.0)
    with pytest.raises(ValueError, match=r"joins \(0, 3\)"):
        pairs.turn(rho, places, COUPLERS + np.array([0, 2]), zz, alive, 1.0, 0.0)
    with pytest.raises(ValueError, match="alive has 2"):
        pairs.turn(rho, places, COUPLERS, zz, alive[:2], 1.0, 0.0)
