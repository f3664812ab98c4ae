"""How shots are cut into waveforms and looped silence, with random pulses."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from qctl.instruments.tektronix_awg5014 import capabilities as can
from qctl.instruments.tektronix_awg5014.pieces import LOOPED_SAMPLES, cuts_of, longest_shot_samples

GAP = st.one_of(st.integers(0, 600), st.integers(LOOPED_SAMPLES - 2, LOOPED_SAMPLES + 600), st.integers(0, 40_000_000))
PULSE = st.tuples(GAP, st.integers(0, 3000), st.integers(-500, 500))


def spans(rows):
    """Return starts and ends of pulses, each some samples after the end of the one before, some of them overlapping."""
    starts, ends, at = [], [], 0
    for gap, length, early in rows:
        starts.append(max(at + gap + min(early, 0), 0))
        ends.append(starts[-1] + length)
        at = max(at, ends[-1])
    return starts, ends


@given(st.lists(st.lists(PULSE, min_size=3, max_size=3), min_size=1, max_size=4), st.randoms())
@settings(max_examples=200, deadline=None)
def test_pieces_are_gapless_hold_every_pulse_and_keep_to_the_box(points, random):
    table = [spans(rows) for rows in points]
    order = random.sample(range(3), 3)
    starts, ends = (np.array([[row[k][i] for i in order] for row in table]) for k in (0, 1))
    for cut, begin, end in zip(cuts_of(starts, ends), starts.tolist(), ends.tolist(), strict=True):
        at = 0
        for piece in cut:
            assert piece.first == at
            at += piece.n_samples * piece.n_loops
            assert can.LENGTH_SAMPLES.low <= piece.n_samples
            assert 1 <= piece.n_loops <= int(can.LOOPS.high)
        assert at == max(*end, can.LENGTH_SAMPLES.low)
        for first, last in zip(begin, end, strict=True):
            if first == last:
                continue
            inside = [p for p in cut if p.first < last and first < p.first + p.n_samples * p.n_loops]
            assert len(inside) == 1 and inside[0].n_loops == 1
            assert inside[0].first <= first and last <= inside[0].first + inside[0].n_samples
        loud = sum(last - first for first, last in zip(begin, end, strict=True))
        played = sum(piece.n_samples for piece in cut if piece.n_loops == 1)
        assert played <= loud + 4 * (LOOPED_SAMPLES + 500)


def test_no_pulse_is_the_shortest_silence():
    assert cuts_of(np.empty((2, 0), np.int64), np.empty((2, 0), np.int64)) == [((0, 250, 1),)] * 2


def test_long_silence_is_several_steps():
    n = 3 * int(can.LOOPS.high) + 5
    (cut,) = cuts_of(np.array([[250 * n]]), np.array([[250 * n + 300]]))
    assert [piece.n_loops for piece in cut] == [int(can.LOOPS.high)] * 3 + [5, 1]
    assert longest_shot_samples() == can.MAX_ELEMENTS * int(can.LOOPS.high) * 250
