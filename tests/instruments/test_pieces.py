"""How shots are cut into waveforms and looped silence, with random pulses."""

from hypothesis import given, settings
from hypothesis import strategies as st

from qctl.instruments.capability import limit
from qctl.instruments.pieces import LOOPED_SAMPLES, cuts_of, longest_shot_samples, looped_samples, padded
from qctl.instruments.registry import capability_of

GAP = st.one_of(st.integers(0, 600), st.integers(LOOPED_SAMPLES - 2, LOOPED_SAMPLES + 600), st.integers(0, 40_000_000))
PULSE = st.tuples(GAP, st.integers(0, 3000), st.integers(-500, 500))

AWG5014 = capability_of("tektronix-awg5014c")
LOOPS = limit(AWG5014, "loops.count").most
TABLES = [AWG5014, *(capability_of(f"keysight-{name}") for name in ("33500b", "33600a", "m8190a", "m8190a-12bit"))]
TABLES += [capability_of(name) for name in ("tektronix-awg70000a", "tabor-p2584m")]


def spans(rows):
    """Return starts and ends of pulses, each some samples after the end of the one before, some of them overlapping."""
    starts, ends, at = [], [], 0
    for gap, length, early in rows:
        starts.append(max(at + gap + min(early, 0), 0))
        ends.append(starts[-1] + length)
        at = max(at, ends[-1])
    return starts, ends


def cut(starts, ends, table=AWG5014):
    """Return the cuts of points whose silences are found here."""
    gaps, bounds = [], [0]
    for begin, end in zip(starts, ends, strict=True):
        until = 0
        for first, last in sorted(zip(begin, end, strict=True)):
            if first - until >= looped_samples(table):
                gaps.append((until, first))
            until = max(until, last)
        bounds.append(len(gaps))
    return cuts_of(table, [max(end, default=0) for end in ends], gaps, bounds)


@given(st.lists(st.lists(PULSE, min_size=3, max_size=3), min_size=1, max_size=4), st.randoms(), st.sampled_from(TABLES))
@settings(max_examples=400, deadline=None)
def test_pieces_are_gapless_hold_every_pulse_and_keep_to_the_box(points, random, can):
    length, most = limit(can, "channels.output.length"), limit(can, "loops.count").most
    table = [spans(rows) for rows in points]
    order = random.sample(range(3), 3)
    starts, ends = ([[row[k][i] for i in order] for row in table] for k in (0, 1))
    for pieces, begin, end in zip(cut(starts, ends, can), starts, ends, strict=True):
        at = 0
        for piece in pieces:
            assert piece.first == at
            at += piece.n_samples * piece.n_loops
            assert piece.n_samples >= length.least and piece.n_samples % (length.step or 1) == 0
            assert 1 <= piece.n_loops <= most
        assert at == padded(can, max(end))
        for first, last in zip(begin, end, strict=True):
            if first == last:
                continue
            inside = [p for p in pieces if p.first < last and first < p.first + p.n_samples * p.n_loops]
            assert len(inside) == 1 and inside[0].n_loops == 1
            assert inside[0].first <= first and last <= inside[0].first + inside[0].n_samples
        loud = sum(last - first for first, last in zip(begin, end, strict=True))
        played = sum(piece.n_samples for piece in pieces if piece.n_loops == 1)
        assert played <= loud + 4 * (looped_samples(can) + 2 * length.least)


def test_no_pulse_is_the_shortest_silence():
    assert cut([[], []], [[], []]) == [((0, 250, 1),)] * 2


def test_long_silence_is_several_steps():
    n = 3 * LOOPS + 5
    (pieces,) = cut([[250 * n]], [[250 * n + 300]])
    assert [piece.n_loops for piece in pieces] == [LOOPS] * 3 + [5, 1]
    assert longest_shot_samples(AWG5014) == 8000 * LOOPS * 250
