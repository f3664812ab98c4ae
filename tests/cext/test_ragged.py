"""The kernel that numbers waveforms of plays that last a tick more or less, beside its twin in numpy."""

import numpy as np
import pytest

from qctl.cext import ragged
from qctl.program.timeline import PLAY


def twin(plays, lasts, clocks, nearest):
    """Return new numbers, the kinds that they stand for, and the counts."""
    n_waves, waves = nearest.shape[1], plays["waveform"].astype(np.int64)
    kinds = clocks[plays["port"]] * n_waves + waves
    more = lasts - nearest.ravel()[kinds]
    others = np.flatnonzero(np.abs(more) == 1)
    found, places = np.unique(2 * kinds[others] + (more[others] > 0), return_inverse=True)
    waves[others] = n_waves + places.reshape(-1)
    counts = np.zeros((len(clocks), n_waves + len(found)), np.int64)
    np.add.at(counts, (plays["port"], waves), 1)
    return waves, tuple(found.tolist()), counts


@pytest.mark.parametrize("n_plays", [0, 1, 2, 17, 1000])
@pytest.mark.parametrize("seed", range(5))
def test_kernel_and_twin_number_alike(n_plays, seed):
    rng = np.random.default_rng(100 * seed + n_plays)
    n_ports, n_waves = (int(n) for n in rng.integers(1, 7, 2))
    clocks = rng.integers(0, n_ports, n_ports).astype(np.int32)
    nearest = rng.integers(0, 100, (n_ports, n_waves))
    plays = np.zeros(n_plays, PLAY)
    plays["port"], plays["waveform"] = rng.integers(0, n_ports, n_plays), rng.integers(0, n_waves, n_plays)
    plays["start"], plays["phase_rad"] = rng.integers(0, 10**6, n_plays), rng.normal(size=n_plays)
    given = plays.copy()
    wild = rng.choice([-(2**63), 2**63 - 1, -3, -2, 2], n_plays)
    more = np.where(rng.random(n_plays) < 0.1, wild, rng.integers(-1, 2, n_plays))
    lasts = nearest[clocks[plays["port"]], plays["waveform"]] + more  # the furthest wrap around, here as in the kernel
    waves, kinds, counts = twin(plays, lasts, clocks, nearest)
    found, counted = ragged.fit(plays, lasts, clocks, nearest)
    assert found == kinds
    np.testing.assert_array_equal(plays["waveform"], waves)
    if kinds:
        np.testing.assert_array_equal(counted, counts)
    else:
        assert counted is None
    plays["waveform"] = given["waveform"]
    assert plays.tobytes() == given.tobytes()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lasts": np.zeros(2, np.int64)}, "lasts has 2 rows; there are 3 plays"),
        ({"clocks": np.array([0, 2], np.int32)}, "clock 2 of port 1 is outside 2"),
        ({"clocks": np.array([-1, 1], np.int32)}, "clock -1 of port 0 is outside 2"),
        ({"clocks": np.zeros(1, np.int32)}, "play 2 has port 1 of 1, waveform 3 of 4"),
        ({"nearest": np.zeros((2, 3), np.int64)}, "play 2 has port 1 of 2, waveform 3 of 3"),
        ({"nearest": np.array([[0] * 4, [0, -1, 0, 0]])}, "waveform 1 lasts -1 ticks of clock 1"),
        ({"nearest": np.array([[0] * 4, [0, 0, 2**63 - 1, 0]])}, "waveform 2 lasts 9223372036854775807"),
        ({"nearest": np.zeros((4, 4), np.int64)[::2]}, "not C-contiguous"),
    ],
)
def test_what_does_not_fit_is_refused(change, words):
    plays = np.zeros(3, PLAY)
    plays["port"], plays["waveform"] = [0, 0, 1], [0, 1, 3]
    lasts, clocks = np.zeros(3, np.int64), np.arange(2, dtype=np.int32)
    given = {"plays": plays, "lasts": lasts, "clocks": clocks, "nearest": np.zeros((2, 4), np.int64)}
    with pytest.raises(ValueError, match=words):
        ragged.fit(*(given | change).values())
