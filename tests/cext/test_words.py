"""The kernel of DAC words against a NumPy twin and hashlib."""

import hashlib
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qctl.cext import words
from qctl.program.timeline import PLAY

RATE_HZ = 1.2e9
ENVELOPES = np.random.default_rng(1).normal(size=55) * 0.1 + 0.1j
OFFSETS = np.array([0, 15, 35, 35, 55])
AWG5014 = (8191, 8191, 0)
CODINGS = (AWG5014, (32767, 0, 0), (8191, 0, 2), (2047, 0, 4), (32767, 32768, 0), (127, 128, 0))
"""Code of full scale, code of 0 V, bits below the code."""


def render(
    plays, pieces, half_v=(0.5, 0.4), gain=1.0, phase_rad=0.0, env=ENVELOPES, offsets=OFFSETS, coding=AWG5014, **changed
):
    """Return words (row for each piece and output), digests, over, over_v and reached."""
    plays = np.array(plays, PLAY)
    if plays.ndim == 1:
        plays = plays[None, :]
    bounds = np.arange(len(plays) + 1) * plays.shape[1]
    padded = [-(-n // words.GROUP) * words.GROUP for _, _, n in pieces]
    places = np.cumsum([0, *(len(half_v) * n for n in padded)])
    table = np.array([(*piece, place) for piece, place in zip(pieces, places, strict=False)], np.int64).reshape(-1, 4)
    made = np.full(changed.get("n_words", int(places[-1])), 7, np.uint16)
    shape = (len(pieces), len(half_v))
    out = (
        np.empty((*shape, words.DIGEST_BYTES), np.uint8),
        np.empty(shape, np.int64),
        np.empty(shape),
        np.empty((*shape, 2), np.int32),
    )
    volts = np.zeros((2, changed.get("room", max((n for *_, n in pieces), default=0))))
    words.render(
        plays.ravel(), changed.get("bounds", bounds), table, env.real.copy(), env.imag.copy(), offsets, RATE_HZ,
        np.array(half_v, float), gain, phase_rad, *coding, volts, made, *out,
    )  # fmt: skip
    assert not volts.any()
    rows = [
        [made[place + k * size : place + k * size + n] for k in range(len(half_v))]
        for (*_, n), place, size in zip(pieces, places, padded, strict=False)
    ]
    return rows, *out


def twin(plays, first, n, half_v, gain, phase_rad, top=8191):
    """Return the codes of one piece before rounding."""
    z = np.zeros(n, complex)
    for _, waveform, start, amplitude, frequency_hz, phase in plays:
        env = ENVELOPES[OFFSETS[waveform] : OFFSETS[waveform + 1]]
        if first <= start < first + n:
            k = start + np.arange(len(env))
            z[k - first] += amplitude * env * np.exp(1j * (2 * np.pi * frequency_hz * (k + 0.5) / RATE_HZ - phase))
    lines = [z.real, gain * (z * np.exp(1j * phase_rad)).imag]
    return [line * (top / half) for line, half in zip(lines, half_v, strict=False)]


def digest(row, silence=8191):
    """Return the hash that the kernel's docstring promises."""
    padded = np.concatenate([row, np.full(-len(row) % 4, silence, np.uint16)]).reshape(-1, 4)
    loud = (padded != silence).any(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], loud.astype(int), [0]])))
    stream = struct.pack("<q", len(row))
    for begin, end in edges.reshape(-1, 2).tolist():
        stream += struct.pack("<qq", begin, end - begin) + padded[begin:end].tobytes()
    dealt = np.frombuffer(stream + bytes(-len(stream) % 512), "<u8").reshape(-1, 4)
    tree = {"fanout": 4, "depth": 2, "inner_size": 64}
    leaves = [
        hashlib.blake2b(dealt[:, j].tobytes(), digest_size=64, node_offset=j, last_node=j == 3, **tree).digest()
        for j in range(4)
    ]
    return hashlib.blake2b(b"".join(leaves), digest_size=20, node_depth=1, last_node=True, **tree).digest()


PLAYS = st.tuples(
    st.just(0),
    st.integers(0, 3),
    st.integers(0, 60),
    st.floats(-0.3, 0.3),
    st.sampled_from([0.0, 1e8, -4.1e8]),
    st.floats(-7, 7),
)


@given(
    st.lists(PLAYS, max_size=5),
    st.floats(0.5, 1.5),
    st.sampled_from([0.0, 0.2]),
    st.sampled_from([(0.5,), (0.5, 0.3)]),
    st.integers(80, 700),
    st.sampled_from(CODINGS),
)
@settings(max_examples=120, deadline=None)
def test_words_digests_and_reach_equal_their_twin(plays, gain, phase_rad, half_v, n, coding):
    top, zero, shift = coding
    ((rows,), digests, over, over_v, reached) = render(plays, [(0, 0, n)], half_v, gain, phase_rad, coding=coding)
    for k, codes in enumerate(twin(plays, 0, n, half_v, gain, phase_rad, top)):
        clear = np.abs(np.abs(codes - np.floor(codes)) - 0.5) > 1e-6
        whole = np.clip(np.rint(codes), -top, top).astype(int) + zero
        np.testing.assert_array_equal(rows[k][clear], (whole << shift).astype(np.uint16)[clear])
        assert digests[0, k].tobytes() == digest(rows[k], zero << shift)
        back = (rows[k].view(np.int16) if zero == 0 else rows[k]).astype(int) >> shift
        assert reached[0, k].tolist() == [min(zero, back.min()), max(zero, back.max())]
        beyond = np.flatnonzero(np.abs(codes) > top + 0.5)
        if len(beyond):
            assert over[0, k] == beyond[0]
            assert over_v[0, k] == pytest.approx(codes[beyond[0]] / top * half_v[k])
        elif np.abs(codes).max() < top + 0.4:
            assert over[0, k] == -1


@pytest.mark.parametrize("apart", [0, 14, 20, 25, 60])
@pytest.mark.parametrize("half_v", [(0.5,), (0.5, 0.3)])
@pytest.mark.parametrize("shuffled", [False, True])
def test_many_pulses_in_turn_equal_their_twin_where_some_overlap(apart, half_v, shuffled):
    rng = np.random.default_rng(apart)
    starts = np.cumsum(rng.integers(apart, apart + 12, 90))
    amplitudes, phases = rng.choice([0.02, -0.01, 0.03], 90), rng.choice([0.0, 1.1, -2.3, 1e-9], 90)
    kinds, carriers = rng.integers(0, 4, 90), rng.choice([0.0, 1e8], 90)
    plays = [(0, *row) for row in zip(kinds, starts, amplitudes, carriers, phases, strict=True)]
    if shuffled:
        plays = [plays[k] for k in rng.permutation(90)]
    n = int(starts[-1]) + 75
    ((rows,), digests, over, _, reached) = render(plays, [(0, 0, n)], half_v, 1.1, 0.2)
    assert (over < 0).all()
    for k, codes in enumerate(twin(plays, 0, n, half_v, 1.1, 0.2)):
        clear = np.abs(np.abs(codes - np.floor(codes)) - 0.5) > 1e-6
        np.testing.assert_array_equal(rows[k][clear], (np.rint(codes).astype(int) + 8191)[clear])
        assert digests[0, k].tobytes() == digest(rows[k])
        assert reached[0, k].tolist() == [min(rows[k].min(), 8191), max(rows[k].max(), 8191)]


def test_a_pulse_out_of_range_among_many_is_named_and_the_others_are_as_they_were():
    fine = [(0, 0, 30 * k, 0.02 * (k % 3), 0.0, 0.1 * k) for k in range(40)]
    bad = fine.copy()
    bad[17] = (0, 0, 30 * 17, 9.0, 0.0, 0.0)
    ((rows,), _, over, *_), ((wanted,), *_) = render(bad, [(0, 0, 1300)]), render(fine, [(0, 0, 1300)])
    assert (over[0] >= 30 * 17).all() and (over[0] < 30 * 17 + 15).all()
    away = np.r_[0 : 30 * 17, 30 * 18 : 1300]
    for row, other in zip(rows, wanted, strict=True):
        np.testing.assert_array_equal(row[away], other[away])


@pytest.mark.parametrize("n", [255, 256, 257, 511, 512, 513, 1024])
@pytest.mark.parametrize("gap", [0, 3, 4, 9, 260])
def test_the_hash_finds_runs_that_cross_what_is_looked_at_together(n, gap):
    env = np.full(n, 0.1 + 0.1j)
    plays = [(0, 0, k * (n + gap), 1.0, 0.0, 0.0) for k in range(3)]
    total = 3 * (n + gap) + 10
    ((rows,), digests, *_) = render(plays, [(0, 0, total)], env=env, offsets=np.array([0, n]))
    assert digests[0, 0].tobytes() == digest(rows[0]) and digests[0, 1].tobytes() == digest(rows[1])


@pytest.mark.parametrize("silent", [0, 40, 700, 2500, 5990])
@pytest.mark.parametrize("longer", [0, 1])
def test_the_hashes_of_a_pair_are_right_where_one_row_is_silent_for_longer(silent, longer):
    env = np.full(6000, 0.1 + 0.1j)
    (env.real if longer else env.imag)[:silent] = 0.0
    (env.imag if longer else env.real)[::64] = 0.0
    ((rows,), digests, *_) = render([(0, 0, 5, 1.0, 0.0, 0.0)], [(0, 0, 6010)], env=env, offsets=np.array([0, 6000]))
    assert [digests[0, k].tobytes() for k in range(2)] == [digest(row) for row in rows]


@pytest.mark.parametrize("carrier_hz", [0.0, 1e8, 1.5e8])
def test_phases_that_differ_by_rounding_alone_give_the_same_words(carrier_hz):
    phases = [1.1, 1.1 + 2 * np.pi, 1.1 - 40 * np.pi, np.nextafter(1.1, 2.0)]
    pieces = [(k, 0, 60) for k in range(len(phases))]
    table = [[(0, 0, 12, 0.3, carrier_hz, phase)] for phase in phases]
    rows, digests, *_ = render(table, pieces)
    assert len({(row[0].tobytes(), row[1].tobytes()) for row in rows}) == 1
    assert len({digests[k].tobytes() for k in range(len(phases))}) == 1


@given(st.lists(PLAYS, min_size=1, max_size=4), st.lists(st.floats(-0.3, 0.3), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_points_that_share_carriers_are_rendered_like_single_ones(plays, amplitudes):
    table = [[(*play[:3], play[3] + a, *play[4:]) for play in plays] for a in amplitudes]
    many, *_ = render(table, [(k, 0, 90) for k in range(len(table))])
    for row, one in zip(many, table, strict=True):
        ((alone,), *_) = render(one, [(0, 0, 90)])
        np.testing.assert_array_equal(row, alone)


def test_pieces_hold_the_samples_of_the_whole():
    plays = [
        (0, 0, 5, 0.2, 3e8, 0.1),
        (0, 1, 400, 0.3, 3e8, 0.2),
        (0, 2, 30, 0.1, 0.0, 0.0),
        (0, 3, 410, 0.1, 1e8, 1.0),
    ]
    ((whole,), *_) = render(plays, [(0, 0, 500)])
    (first, silent, last), digests, *_ = render(plays, [(0, 0, 100), (0, 100, 250), (0, 350, 150)])
    for k in range(2):
        np.testing.assert_array_equal(np.concatenate([first[k], silent[k], last[k]]), whole[k])
    assert (silent[0] == 8191).all()
    assert digests[1, 0].tobytes() == digests[1, 1].tobytes() == digest(silent[0])


@pytest.mark.parametrize("n", [1, 55, 56, 57, 64, 232, 233, 300, 488, 489, 6000])
def test_hash_is_a_tree_of_blake2b_at_the_edges_of_its_stripes(n):
    env = np.full(n, 0.1 + 0j)
    plays = np.array([(0, 0, 3, 1.0, 0.0, 0.0)], PLAY)
    ((rows,), digests, *_) = render(plays, [(0, 0, n + 9)], env=env, offsets=np.array([0, n]))
    assert [digests[0, k].tobytes() for k in range(2)] == [digest(row) for row in rows]


@pytest.mark.parametrize("bad", [0.51, -0.51, np.nan, np.inf])
def test_first_sample_out_of_range_is_named_and_clipped(bad):
    env = np.array([0.5, -0.5, bad, bad]) + 0j
    plays = np.array([(0, 0, 2, 1.0, 0.0, 0.0)], PLAY)
    ((rows,), _, over, over_v, _) = render(plays, [(0, 0, 8)], (0.5,), env=env, offsets=np.array([0, 4]))
    assert over[0, 0] == 4
    assert over_v[0, 0] == bad or np.isnan(bad)
    assert rows[0][2:4].tolist() == [16382, 0]
    assert set(rows[0][4:6].tolist()) <= {0, 16382}


@pytest.mark.parametrize(
    ("plays", "pieces", "changed", "message"),
    [
        ([(0, 4, 0, 1, 0, 0)], [(0, 0, 80)], {}, "waveform 4 of 4"),
        ([(0, 1, 66, 1, 0, 0)], [(0, 0, 80)], {}, "play 0 at sample 66 is outside the 80"),
        ([(0, 1, 2, 1, 0, 0)], [(1, 0, 80)], {}, "piece 0 is of point 1 of 1"),
        ([(0, 1, 2, 1, 0, 0)], [(0, -1, 80)], {}, "80 samples from -1"),
        ([(0, 1, 2, 1, 0, 0)], [(0, 0, 80)], {"room": 79}, "room for 79"),
        ([(0, 1, 2, 1, 0, 0)], [(0, 0, 80)], {"n_words": 159}, "outside 159"),
        ([(0, 1, 2, 1, 0, 0)], [(0, 0, 80)], {"half_v": (0.0,)}, "not above 0"),
        ([(0, 1, 2, 1, 0, 0)], [(0, 0, 80)], {"half_v": (1.0, 1.0, 1.0)}, "3 outputs"),
        ([(0, 1, 2, 1, 0, 0)], [(0, 0, 80)], {"offsets": np.array([0, 20])}, "don't span"),
        ([(0, 1, 2, 1, 0, 0)], [(0, 0, 80)], {"coding": (0, 0, 0)}, "are no coding of 16 bits"),
        ([(0, 1, 2, 1, 0, 0)], [(0, 0, 80)], {"coding": (32768, 0, 0)}, "are no coding of 16 bits"),
        ([(0, 1, 2, 1, 0, 0)], [(0, 0, 80)], {"coding": (8191, 8190, 0)}, "are no coding of 16 bits"),
        ([(0, 1, 2, 1, 0, 0)], [(0, 0, 80)], {"coding": (8191, 0, 3)}, "are no coding of 16 bits"),
        ([(0, 1, 2, 1, 0, 0)], [(0, 0, 80)], {"coding": (8191, 8192, 3)}, "are no coding of 16 bits"),
        ([(0, 1, 2, 1, 0, 0)], [(0, 0, 80)], {"coding": (1, 0, -1)}, "are no coding of 16 bits"),
        ([(0, 1, 2, 1, 0, 0)], [(0, 0, 80)], {"bounds": np.array([0, 2])}, "don't end at 1"),
        ([(0, 1, 2, 1, 0, 0)], [(0, 0, 80)], {"bounds": np.array([0, 2, 1])}, "go down at point 1"),
    ],
)
def test_what_does_not_fit_is_refused(plays, pieces, changed, message):
    with pytest.raises(ValueError, match=message):
        render(plays, pieces, **changed)
