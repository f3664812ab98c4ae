"""Patched phases against a slow twin, angles that differ, phases that go to dealt plays, and what is refused."""

import functools
import itertools
import operator

import numpy as np
import pytest

from qctl.cext import patch

ROW = np.dtype([("op", "<u2"), ("flags", "<u2"), ("a", "<u4"), ("b", "<u4"), ("c", "<u4")])
PLAY = np.dtype(
    [("port", "<u4"), ("waveform", "<u4"), ("start", "<i8")]
    + [(name, "<f8") for name in ("amplitude", "frequency_hz", "phase_rad")]
)
NOP, BARRIER, MEASURE, RESET, DELAY, SX, RZ, CZ = 0, 7, 8, 9, 0xA, 0x109, 0x10E, 0x117
N_LINES = 6
PLACES = np.array([1, 0], np.int32)
# drive lines 0 and 3, readout lines 1 and 4; the flux line of the pair is 2
QUBITS = np.array([[0, 2, 0, 1, 0, 0, 0, 0, 0], [0, 2, 3, 4, 0, 0, 0, 0, 0]], np.int32)
COUPLERS = np.array([[-1, 0], [0, -1]], np.int32)
PAIRS = np.array([[0, 2, 0, 0, 1]], np.int32)
PAIR_VALUES = np.array([[0.3, 0.7, -1.1]])


def row(op, a=0, b=0, angle=None):
    low, high = (b, 0) if angle is None else np.array([angle]).view("<u4").tolist()
    return (op, int(angle is not None), a, low, high)


def random_lines(seed, n_sequences, n_rows):
    """Return rows, bounds, order, counts and plays of random lines of gates; their items are in a random order."""
    rng = np.random.default_rng(seed)
    rows, bounds, order, counts, n_plays = [], [0], [], [], 0
    for _ in range(n_sequences):
        n = int(rng.integers(0, n_rows + 1))
        kinds = rng.choice([NOP, BARRIER, MEASURE, RESET, DELAY, SX, SX, RZ, RZ, RZ, CZ], n).tolist()
        own = [
            row(kind, q := int(rng.integers(2)), 1 - q, float(rng.normal()) if kind == RZ else None) for kind in kinds
        ]
        items = rng.permutation(n).tolist()
        order += items
        counts.append((n, sum(kind in (MEASURE, SX, CZ) for kind in kinds), kinds.count(MEASURE), 0))
        n_plays += counts[-1][1]
        rows += own
        bounds.append(len(rows))
    plays = np.zeros(n_plays, PLAY)
    return (
        np.array(rows, ROW), np.array(bounds, np.int64), np.array(order, np.int32),
        np.array(counts, np.int64).reshape(-1, 4), plays,
    )  # fmt: skip


def twin(rows, bounds, order, counts):
    """Return the phase of each play."""
    found = []
    for s in range(len(bounds) - 1):
        phases = [0.0] * N_LINES
        for k in order[bounds[s] : bounds[s] + counts[s, 0]].tolist():
            op, _, a, b, c = rows[bounds[s] + k].tolist()
            if op == RZ:
                phases[QUBITS[PLACES[a], 2]] -= float(np.array([b, c], "<u4").view("<f8")[0])
            elif op in (SX, MEASURE):
                found.append(phases[QUBITS[PLACES[a], 2 if op == SX else 3]])
            elif op == CZ:
                found.append(phases[2])
                phases[0] -= PAIR_VALUES[0, 1]
                phases[3] -= PAIR_VALUES[0, 2]
    return np.array(found)


def turns(rows, bounds, order, counts, plays, **other):
    given = {
        "rows": rows, "bounds": bounds, "places": PLACES, "qubits": QUBITS, "couplers": COUPLERS, "pairs": PAIRS,
        "pair_values": PAIR_VALUES, "n_lines": N_LINES, "order": order, "counts": counts, "plays": plays,
    }  # fmt: skip
    return patch.Turns(**(given | other))


def turn(made, gates, radians):
    """Return the sequences that changed, and which plays of all."""
    made.turn(np.array(gates, np.int64), np.array(radians, float))
    sequences, bounds, changed = (x.tolist() for x in made.found())
    assert (made.n_points, made.n_changed) == (len(sequences), len(changed)) and bounds[-1] == len(changed)
    assert all(a < b for a, b in itertools.pairwise(bounds)), "each of them has a play that changed"
    return sequences, [changed[a:b] for a, b in itertools.pairwise(bounds)]


@pytest.mark.parametrize(("n_sequences", "n_rows"), [(0, 0), (1, 0), (1, 1), (1, 40), (5, 12), (30, 3)])
@pytest.mark.parametrize("seed", range(5))
def test_phases_are_those_of_a_twin(n_sequences, n_rows, seed):
    rows, bounds, order, counts, plays = random_lines(seed, n_sequences, n_rows)
    plays["phase_rad"] = twin(rows, bounds, order, counts)
    made = turns(rows, bounds, order, counts, plays)
    rng = np.random.default_rng(seed)
    found = np.flatnonzero(rows["op"] == RZ)
    for _ in range(4):
        gates = rng.choice(found, min(3, len(found)), replace=False) if len(found) else np.empty(0, int)
        angles = rng.normal(size=len(gates))
        before = plays.copy()
        touched, changed = turn(made, gates, angles)
        assert (plays["phase_rad"].view("i8") == twin(rows, bounds, order, counts).view("i8")).all()
        assert set(touched) <= set((np.searchsorted(bounds, gates, "right") - 1).tolist())
        differs = np.flatnonzero(plays["phase_rad"].view("i8") != before["phase_rad"].view("i8")).tolist()
        assert functools.reduce(operator.iadd, changed, []) == differs and touched == sorted(touched)
        ends = np.cumsum(counts[:, 1])
        assert [np.searchsorted(ends, own, "right").tolist() for own in changed] == [
            [s] * len(own) for s, own in zip(touched, changed, strict=True)
        ]
        assert made.lines == sum({1 << int(QUBITS[PLACES[rows["a"][g]], 2]) for g in gates.tolist()})
        for low, high in ((0, n_sequences), (1, 3), (n_sequences, n_sequences)):
            begin, end = made.points_from(low, high)
            assert touched[begin:end] == [s for s in touched if low <= s < high]
        for name in ("port", "waveform", "start", "amplitude", "frequency_hz"):
            assert (plays[name] == before[name]).all()


def test_the_same_angle_changes_nothing():
    rows, bounds, order, counts, plays = random_lines(3, 4, 20)
    plays["phase_rad"] = twin(rows, bounds, order, counts)
    made = turns(rows, bounds, order, counts, plays)
    gates = np.flatnonzero(rows["op"] == RZ)
    angles = np.stack([rows["b"][gates], rows["c"][gates]], axis=1).view("<f8").ravel()
    assert turn(made, gates, angles) == ([], [])


def line():
    rows = np.array([row(RZ, 0, angle=0.5), row(SX, 0), row(CZ, 0, 1), row(MEASURE, 1, 0)], ROW)
    return rows, np.array([0, 4]), np.arange(4, dtype=np.int32), np.array([[4, 3, 1, 0]]), np.zeros(3, PLAY)


@pytest.mark.parametrize(
    ("gates", "radians", "words"),
    [
        ([1], [0.1], "gate 1 of 4 is no rz"),
        ([4], [0.1], "gate 4 of 4"),
        ([-1], [0.1], "gate -1 of 4"),
        ([0], [np.nan], "not finite"),
        ([0], [np.inf], "not finite"),
        ([0], [0.1, 0.2], "1 gates, 2 angles"),
    ],
)
def test_angles_that_can_not_be_set_are_refused_and_nothing_changes(gates, radians, words):
    rows, *rest = line()
    before = rows.copy()
    made = turns(rows, *rest)
    with pytest.raises(ValueError, match=words):
        turn(made, gates, radians)
    assert (rows == before).all() and not rest[-1]["phase_rad"].any()


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"bounds": np.array([0, 3])}, "don't end at 4 rows"),
        ({"bounds": np.array([1, 4])}, "don't end at 4 rows"),
        ({"order": np.arange(3, dtype=np.int32)}, "order has 3"),
        ({"order": np.array([0, 1, 2, 4], np.int32)}, "is row 4 of 4"),
        ({"counts": np.array([[5, 3, 1, 0]])}, "5 items of 4 rows"),
        ({"counts": np.array([[4, 3]])}, "not 1 x 4"),
        ({"plays": np.zeros(2, PLAY)}, "not 3"),
        ({"places": np.array([0, 2], np.int32)}, "place 2 of 2"),
        ({"places": np.array([0], np.int32)}, "qubit over 1"),
        ({"qubits": QUBITS[:, :8].copy()}, "8 columns"),
        ({"n_lines": 3}, "lines 3, 4 of 3"),
        ({"couplers": np.full((2, 2), 1, np.int32)}, "coupler 1 of 1"),
        ({"couplers": np.full((2, 2), -1, np.int32)}, "row 2 has no line"),
        ({"couplers": np.zeros((1, 2), np.int32)}, "1 x 2"),
        ({"pairs": np.array([[0, 6, 0, 0, 1]], np.int32)}, "line 6"),
        ({"pair_values": np.zeros((1, 2))}, "not 1 x 3"),
    ],
)
def test_what_does_not_fit_is_refused(other, words):
    with pytest.raises(ValueError, match=words):
        turns(**(dict(zip(("rows", "bounds", "order", "counts", "plays"), line(), strict=True)) | other))


@pytest.mark.parametrize("bad", [row(0x200), row(0x202), row(0x100), (RZ, 0, 0, 0, 0)])
def test_other_instructions_are_refused(bad):
    rows, *rest = line()
    rows[0] = bad
    with pytest.raises(ValueError, match="row 0 has"):
        turns(rows, *rest)


def test_a_drive_that_is_not_there_is_refused():
    qubits = QUBITS.copy()
    qubits[1, 2] = -1
    with pytest.raises(ValueError, match="row 0 has no line"):
        turns(*line(), qubits=qubits)


def test_strided_arrays_are_refused():
    rows, bounds, order, counts, plays = line()
    with pytest.raises(ValueError):
        turns(rows, bounds, order, counts, np.zeros(6, PLAY)[::2])
    with pytest.raises(ValueError):
        turns(np.repeat(rows, 2)[::2], bounds, order, counts, plays)


def differing(old, new):
    gates, radians = np.empty(len(old), np.int64), np.empty(len(old))
    n = patch.differing(old, new, gates, radians)
    return n if n < 0 else (gates[:n].tolist(), radians[:n].tolist())


@pytest.mark.parametrize("n", [0, 1, 7])
def test_only_other_angles_are_differences_that_can_be_patched(n):
    rows = np.array([row(RZ, k % 2, angle=0.1 * k) for k in range(n)], ROW)
    assert differing(rows, rows.copy()) == ([], [])
    for k in range(n):
        new = rows.copy()
        new[k] = row(RZ, k % 2, angle=-3.0)
        assert differing(rows, new) == ([k], [-3.0])
        for other in (row(SX, k % 2), row(RZ, 1 - k % 2, angle=0.1 * k), (RZ, 0, k % 2, 0, 0)):
            new[k] = other
            assert differing(rows, new) == -1
    assert differing(rows, np.zeros(n + 1, ROW)) == -1
    delays = np.array([row(DELAY, 0, angle=1e-9)], ROW)
    assert differing(delays, np.array([row(DELAY, 0, angle=2e-9)], ROW)) == -1
    with pytest.raises(ValueError, match="not 1"):
        patch.differing(delays, delays, np.empty(2, np.int64), np.empty(1))
