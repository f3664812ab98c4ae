"""Outcomes, jumps and noise of many shots: what is certain exactly, what is chance against NumPy's own."""

import numpy as np
import pytest

from qctl.cext import chance

BEFORE = (1, 2, 0)


def draw(populations, sizes, edges, n_shots, seed=1, members=None):
    random = np.random.Generator(np.random.SFC64(seed))
    n, _, n_bins = edges.shape
    counts = np.full((n, 3 + 3 * n_bins), np.nan)
    order = np.arange(n) if members is None else np.array(members)
    joined = np.concatenate(populations)
    chance.count_paths(random.bit_generator, n_shots, joined, order, np.array(sizes), edges, counts)
    return counts


def no_jumps(n, n_bins=4):
    return np.zeros((n, 3, n_bins))


def test_certain_levels_are_counted_for_the_members_they_belong_to():
    joint = np.zeros(9)
    joint[3 * 2 + 1] = 1.0  # first member in level 2, second in level 1
    counts = draw([joint, np.array([1.0, 0.0, 0.0])], [2, 1], no_jumps(3), 50, members=(2, 0, 1))
    np.testing.assert_array_equal(counts[:, :3], [[0, 50, 0], [50, 0, 0], [0, 0, 50]])
    assert not counts[:, 3:].any()


def test_certain_jumps_take_every_shot_to_their_time():
    edges = no_jumps(2)
    edges[0, 0, 2:] = 1.0  # level 1 falls to 0, always at the third time
    counts = draw([np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])], [1, 1], edges, 40)
    assert counts[0, 3 + 2] == 40
    assert counts[0].sum() == 40
    assert counts[1, 2] == 40


def test_jumps_are_those_of_the_level_that_the_shot_began_in():
    edges = np.zeros((1, 3, 4))
    edges[:, :] = np.cumsum([0.1, 0.2, 0.3, 0.4])
    for level in range(3):
        counts = draw([np.eye(3)[level]], [1], edges, 1000)[0]
        kind = BEFORE.index(level)
        assert counts[3 + 4 * kind : 7 + 4 * kind].sum() == 1000
        assert not counts[:3].any()


def test_every_shot_takes_one_path():
    random = np.random.default_rng(3)
    edges = np.cumsum(random.random((3, 3, 8)) / 20, axis=2)
    groups = [random.dirichlet(np.ones(9)), random.dirichlet(np.ones(3))]
    for n_shots in (0, 1, 7, 400):
        counts = draw(groups, [2, 1], edges, n_shots)
        np.testing.assert_array_equal(counts.sum(axis=1), n_shots)
        assert (counts >= 0).all()


def test_means_and_spreads_are_multinomial():
    random = np.random.default_rng(5)
    edges = np.cumsum(random.random((2, 3, 4)) / 8, axis=2)
    joint = random.dirichlet(np.ones(9))
    n_shots, rounds = 100, 4000
    found = np.stack([draw([joint], [2], edges, n_shots, seed=k) for k in range(rounds)])
    cube = joint.reshape(3, 3)
    for q, levels in enumerate((cube.sum(axis=1), cube.sum(axis=0))):
        steps = np.diff(edges[q], prepend=0.0, axis=1)
        odds = levels.copy()
        for kind, before in enumerate(BEFORE):
            odds[before] -= levels[before] * edges[q, kind, -1]
        odds = np.concatenate([odds, *(levels[before] * steps[kind] for kind, before in enumerate(BEFORE))])
        spread = np.sqrt(n_shots * odds * (1 - odds))
        assert np.all(np.abs(found[:, q].mean(axis=0) - n_shots * odds) < 5 * spread / np.sqrt(rounds))
        np.testing.assert_allclose(found[:, q].std(axis=0), spread, rtol=0.1)
    together = (found[:, 0, :1] * found[:, 1, :1]).mean() - found[:, 0, 0].mean() * found[:, 1, 0].mean()
    stay = 1 - edges[0, 2, -1], 1 - edges[1, 2, -1]
    wanted = n_shots * stay[0] * stay[1] * (cube[0, 0] - cube[0].sum() * cube[:, 0].sum())
    assert abs(together - wanted) < 5 * n_shots / np.sqrt(rounds)


def test_rounding_below_zero_and_a_sum_that_is_not_one_are_taken():
    counts = draw([np.array([2.0, -1e-17, 2.0])], [1], no_jumps(1), 1000)[0]
    assert counts[1] == 0
    assert abs(counts[0] - 500) < 100


def test_a_seed_draws_the_same_again():
    edges = np.full((1, 3, 4), 0.02).cumsum(axis=2)
    once, again, other = (draw([np.array([0.3, 0.4, 0.3])], [1], edges, 400, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(once, again)
    assert (once != other).any()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"edges": np.zeros((1, 2, 4))}, "edges"),
        ({"edges": np.zeros((1, 3, 0))}, "edges"),
        ({"counts": np.zeros((1, 14))}, "counts"),
        ({"n_shots": -1}, "n_shots = -1"),
        ({"sizes": np.array([2])}, "2 members"),
        ({"sizes": np.array([9])}, r"outside \[1, 8\]"),
        ({"sizes": np.array([0])}, r"outside \[1, 8\]"),
        ({"members": np.array([1])}, "each of 1 transmons once"),
        ({"populations": np.ones(2)}, "not 1 and 2"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(change, words):
    arguments = {
        "bit_generator": np.random.SFC64(1), "n_shots": 10, "populations": np.ones(3), "members": np.array([0]),
        "sizes": np.array([1]), "edges": np.zeros((1, 3, 4)), "counts": np.zeros((1, 15)),
    }  # fmt: skip
    with pytest.raises(ValueError, match=words):
        chance.count_paths(**(arguments | change))


def slow_mean(random, total, n_shots, noise_v, axes):
    """Return a mean record by NumPy's own normal numbers."""
    record = random.standard_normal((len(axes), len(total)), np.float32)
    record *= np.float32(noise_v / np.sqrt(n_shots))
    for row, axis in zip(record, axes, strict=True):
        if axis >= 0:
            row += (total.imag if axis else total.real) / n_shots
    return record


@pytest.mark.parametrize("n_samples", [0, 1, 2, 501])
@pytest.mark.parametrize("axes", [(), (0,), (1, 0), (-1, 1, 1)])
def test_mean_records_are_those_of_numpy(axes, n_samples):
    random = np.random.default_rng(n_samples)
    total = 400 * (random.normal(size=n_samples) + 1j * random.normal(size=n_samples))
    record = np.full((len(axes), n_samples), np.nan, np.float32)
    once, again = (np.random.Generator(np.random.SFC64(3)) for _ in range(2))
    chance.noisy_mean(once.bit_generator, total, 400, 0.3, np.array(axes, np.int8), record)
    np.testing.assert_allclose(record, slow_mean(again, total, 400, 0.3, axes), rtol=1e-6, atol=1e-7)
    assert once.random() == again.random()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"total": np.zeros(4, complex)}, "total 4"),
        ({"axes": np.zeros(1, np.int8)}, "axes 1"),
        ({"axes": np.array([0, 2], np.int8)}, r"axes\[1\] = 2 is outside \[-1, 1\]"),
        ({"axes": np.array([-2, 0], np.int8)}, r"axes\[0\] = -2"),
        ({"n_shots": 0}, "n_shots = 0 is below 1"),
    ],
)
def test_mean_records_that_do_not_fit_are_refused(change, words):
    arguments = {
        "bit_generator": np.random.SFC64(1), "total": np.zeros(5, complex), "n_shots": 10, "noise_v": 0.1,
        "axes": np.zeros(2, np.int8), "record": np.zeros((2, 5), np.float32),
    }  # fmt: skip
    with pytest.raises(ValueError, match=words):
        chance.noisy_mean(**(arguments | change))
