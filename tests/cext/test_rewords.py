"""Words of changed plays against the words of all plays that are rendered anew, and what is refused."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from turned import turned_lines

from qctl.cext import words
from qctl.cext.rewords import Rewords
from qctl.cext.row_names import RowNames, lay

RATE_HZ = 1.2e9
ENVELOPES = np.random.default_rng(1).normal(size=45) * 0.05 + 0.05j
OFFSETS = np.array([0, 15, 35, 45])
CODINGS = ((8191, 8191, 0), (32767, 0, 0), (2047, 0, 4))
HALF_V, GAIN, PHASE_RAD = (0.5, 0.4), 1.1, 0.2
SIZE = 2 * words.DIGEST_BYTES


def rendered(plays, bounds, pieces, n_outputs, coding):
    """Return name and words of each row of one feed: of pieces (point, first, n)."""
    cuts, points = [((first, n, 1),) for _, first, n in pieces], [point for point, _, _ in pieces]
    table, spans, _, n_words, _, longest = lay(cuts, points, n_outputs)
    shape = (len(pieces), n_outputs)
    made, digests = np.empty(n_words, np.uint16), np.empty((*shape, words.DIGEST_BYTES), np.uint8)
    over = np.empty(shape, np.int64)
    fine = words.render(
        plays, bounds, table, ENVELOPES.real.copy(), ENVELOPES.imag.copy(), OFFSETS, RATE_HZ,
        np.array(HALF_V[:n_outputs]), GAIN, PHASE_RAD, *coding, np.zeros((2, longest)), made, digests, over,
        np.empty(shape), np.empty((*shape, 2), np.int32),
    )  # fmt: skip
    made.setflags(write=False)
    named = [x.tobytes().hex() for x in digests.reshape(-1, words.DIGEST_BYTES)]
    return fine, [(name, made[a:b]) for name, (a, b) in zip(named, spans.tolist(), strict=True)]


class Generator:
    """One generator with two feeds: port 0 has two outputs, port 1 has one."""

    def __init__(self, points, angles, starts, waveforms, cuts, coding, volts=0.3, frequency_hz=1e8):
        self.turned, self.plays, self.bounds, self.gates = turned_lines(points, angles)
        self.plays["start"], self.plays["waveform"] = starts, waveforms
        self.plays["amplitude"], self.plays["frequency_hz"] = volts, frequency_hz
        self.coding, self.n = coding, len(points)
        order = np.argsort(self.plays["port"], kind="stable")
        self.dealt = self.plays[order].copy()
        self.places = np.argsort(order).astype(np.int32)
        sizes = [[point.count(q) for point in points] for q in range(2)]
        flat = np.cumsum([0, *sizes[0], *sizes[1]])
        self.dealt_bounds = np.array([flat[: self.n + 1], flat[self.n :]])
        self.pieces = [(p, *piece) for p, cut in enumerate(cuts) for piece in cut]
        self.steps = np.cumsum([0, *map(len, cuts)])

    def rows(self):
        """Return whether all is in range, and names and words of all rows, rendered anew."""
        fine, found = True, []
        for f, n_outputs in enumerate((2, 1)):
            a, b = self.dealt_bounds[f, [0, -1]]
            plays = self.plays[np.argsort(self.plays["port"], kind="stable")][a:b].copy()
            good, rows = rendered(plays, self.dealt_bounds[f] - a, self.pieces, n_outputs, self.coding)
            fine, found = fine and good, [*found, rows]
        return fine, [row for k in range(len(self.pieces)) for row in (*found[0][2 * k : 2 * k + 2], found[1][k])]

    def given(self):
        """Return what the kernel takes, the texts and the points."""
        _, rows = self.rows()
        ends = (3 * self.steps).tolist()
        points = [tuple(rows[a:b]) for a, b in itertools.pairwise(ends)]
        texts = [b"head"] + ["".join(f"<{name}>" for name, _ in point).encode() for point in points]
        digits = np.concatenate([1 + (SIZE + 2) * np.arange(len(point)) for point in points]).astype(np.int64)
        lengths = np.array([n for *_, n in self.pieces], np.int64)
        settings_ = np.array([(*HALF_V, GAIN, PHASE_RAD), (HALF_V[0], HALF_V[0], GAIN, PHASE_RAD)])
        return [
            self.dealt, self.dealt_bounds, self.places, 0, 0, np.array([[0, 2], [1, 1]], np.int32), settings_,
            np.array([piece[1:] for piece in self.pieces], np.int64), self.steps, ENVELOPES.real.copy(),
            ENVELOPES.imag.copy(), OFFSETS, RATE_HZ, *self.coding,
            RowNames(self.steps, lengths, digits, [name for name, _ in rows], [held for _, held in rows]),
        ], texts, points  # fmt: skip


@st.composite
def generators(draw):
    """Return a generator of some points; plays come one after the other, or anywhere."""
    points = draw(st.lists(st.lists(st.integers(0, 1), max_size=6), min_size=1, max_size=3))
    n = sum(map(len, points))
    angles = draw(st.lists(st.floats(-7, 7), min_size=n, max_size=n))
    waveforms = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    apart, cuts = draw(st.booleans()), draw(st.sampled_from([[(0, 400)], [(0, 90), (90, 307)], [(0, 203)]]))
    starts, k = [], 0
    for point in points:
        at = 0
        for _ in point:
            begin = at if apart else draw(st.integers(0, 60))
            while not any(a <= begin and begin + 20 <= a + m for a, m in cuts):
                begin += 1
            starts.append(begin)
            at, k = begin + 20 + draw(st.sampled_from([0, 0, 1, 13])), k + 1
            at = at if at < 180 else 0
    turns = st.lists(st.tuples(st.integers(0, max(n - 1, 0)), st.floats(-7, 7)), max_size=4)
    hz, coding = draw(st.sampled_from([0.0, 1e8, -4.1e8])), draw(st.sampled_from(CODINGS))
    return (
        Generator(points, angles, starts, waveforms, [cuts] * len(points), coding, frequency_hz=hz),
        draw(st.lists(turns, max_size=5)) if n else [],
    )  # fmt: skip


@given(generators())
@settings(max_examples=250, deadline=None)
def test_words_and_names_are_those_that_are_rendered_anew(drawn):
    box, turns = drawn
    given_, texts, points = box.given()
    made, rows_of = Rewords(*given_), given_[-1]
    for rows in turns:
        which = dict(rows)
        box.turned.turn(box.gates[list(which)], np.array(list(which.values())))
        before = list(zip(rows_of.names, rows_of.held, strict=True))
        new_texts, new_points, changed = list(texts), list(points), []
        assert made.turned(box.turned, 0, box.turned.n_points, new_texts, new_points, changed)
        _, anew = box.rows()
        names = [name for name, _ in anew]
        assert rows_of.names == names and sorted(changed) == [k for k, (old, _) in enumerate(before) if old != names[k]]
        assert [held.tobytes() for held in rows_of.held] == [held.tobytes() for _, held in anew]
        assert not any(held.flags.writeable for held in rows_of.held)
        assert [(name, held.tobytes()) for point in new_points for name, held in point] == [
            (name, held.tobytes()) for name, held in anew
        ]
        assert b"".join(new_texts[1:]).decode() == "".join(f"<{name}>" for name in names)
        for column in range(3):
            own = dict(anew[column::3])
            assert rows_of.counts[column] == {name: names[column::3].count(name) for name in own}
            assert rows_of.sizes[column] == sum(len(held) for held in own.values())
        assert rows_of.total == {name: names.count(name) for name in names}
        assert all(a.tobytes() == b.tobytes() for (_, a), (_, b) in zip(before, points_rows(points), strict=True))
        touched = set(np.searchsorted(3 * box.steps, changed, "right") - 1)
        assert all(new_points[p] is points[p] for p in range(box.n) if p not in touched)
        texts, points = new_texts, new_points


def points_rows(points):
    """Return the rows of all points."""
    return [row for point in points for row in point]


def two(volts=0.3):
    return Generator(
        [[0, 0], [0, 1]], [0.1] * 4, [0, 20, 0, 20], [0, 1, 0, 1], [[(0, 100)], [(0, 100)]], CODINGS[0], volts
    )


def test_a_sample_out_of_range_is_told():
    told = []
    for volts in np.linspace(1, 12, 23).tolist():
        box = Generator([[0]], [0.0], [0], [0], [[(0, 100)]], CODINGS[0], volts, 0.0)
        if not box.rows()[0]:
            break
        given_, texts, points = box.given()
        made = Rewords(*given_)
        for angle in np.linspace(0.1, 6, 20).tolist():
            box.turned.turn(box.gates, np.array([angle]))
            fine = made.turned(box.turned, 0, 1, list(texts), list(points), [])
            assert fine == box.rows()[0]
            told.append(fine)
            if not fine:
                break
    assert True in told and False in told


@pytest.mark.parametrize(
    ("place", "value", "words_"),
    [
        (1, np.array([[0, 2, 3]]), "feed 1 of 1"),
        (1, np.array([[0, 2], [3, 4]]), "2 x 2 of 2 points"),
        (1, np.array([[0, 2, 5], [3, 3, 4]]), "bounds of feed 0"),
        (2, np.array([0, 1, 2, 4], np.int32), "place 4 of 4"),
        (5, np.array([[0, 3], [1, 1]], np.int32), "feed 0 of 2 has 3"),
        (5, np.empty((0, 2), np.int32), "0 feeds"),
        (6, np.ones((1, 4)), "settings of 1"),
        (7, np.array([[0, 100], [0, 30]]), "have 100 words, not 30"),
        (7, np.array([[0, 100]]), "don't end at 1 pieces"),
        (7, np.array([[0, 100], [50, 100]]), "in no piece of point 1"),
        (8, np.array([0, 1, 3]), "don't end at 2 pieces"),
        (9, np.zeros(4), "4, 45 samples"),
        (11, np.array([0, 15, 44]), "don't span"),
        (11, np.array([0, 45]), "waveform 1 of 1"),
        (
            16,
            RowNames(np.array([0, 1]), np.array([5]), np.zeros(1, int), ["a"], [np.zeros(5, np.uint16)]),
            "1 x 1 rows",
        ),
    ],
)
def test_what_does_not_fit_is_refused(place, value, words_):
    given_, *_ = two().given()
    given_[place] = value
    with pytest.raises(ValueError, match=words_):
        Rewords(*given_)


def test_points_and_texts_of_others_are_refused():
    box = two()
    given_, texts, points = box.given()
    made = Rewords(*given_)
    box.turned.turn(box.gates[3:], np.array([1.0]))
    for low, high, some_texts, some_points, words_ in (
        (0, 2, texts, points, "points 0 to 2 of 1"),
        (-1, 1, texts, points, "points -1"),
        (0, 1, texts[:2], points, "2 texts"),
        (0, 1, texts, points[:1], "1 points"),
        (0, 1, [b"", b"", b""], points, "name at 85 of 0 bytes"),
    ):
        with pytest.raises(ValueError, match=words_):
            made.turned(box.turned, low, high, list(some_texts), list(some_points), [])
    given_, texts, points = box.given()
    for place, value, words_ in ((3, 2, "point 1 is not one of 2 from 2 on"), (4, 9, "play 3 is outside of 9 to 13")):
        other = list(given_)
        other[place] = value
        with pytest.raises(ValueError, match=words_):
            Rewords(*other).turned(box.turned, 0, 1, texts, points, [])
