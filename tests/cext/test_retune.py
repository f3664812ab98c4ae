"""Events and text with other phases against events and text that are made anew of the same plays."""

import functools
import itertools
import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from turned import turned_lines

from qctl.cext import events as kernel
from qctl.cext import q1asm
from qctl.cext.retune import Retune

CAPTURE = np.dtype([("port", "<u4"), ("capture", "<u4"), ("start", "<i8")])
EVENT = np.dtype(
    [("start", "<i8")]
    + [(name, "<i4") for name in ("length", "gain", "steps", "phase", "i", "q", "acquisition", "weights")]
)
WAVES = np.array([[0, 1, 20], [2, 3, 20]], np.int32)
STEPS_PER_V = np.array([10_000.0, 20_000.0])
ACQUISITIONS = np.array([[0, -1, 300, 4_000_000]], np.int32)
PERIOD_NS, PORT = 20_000, 1
ANGLES = st.sampled_from([0.0, 0.1, np.pi / 2, -2.0])


def gathered(plays, bounds, captures, capture_bounds, first):
    """Return the events of the points from `first` on, which captures are of."""
    n = len(capture_bounds) - 1
    events, event_bounds, fault = (
        np.zeros(len(plays) + len(captures), EVENT),
        np.zeros(n + 1, np.int64),
        np.zeros(3, int),
    )
    kernel.gather(
        plays, bounds, captures, capture_bounds, PORT, WAVES, STEPS_PER_V, ACQUISITIONS, 0, PERIOD_NS, events,
        event_bounds, np.zeros(2, np.int64), fault, first, n, first,
    )  # fmt: skip
    assert not fault[0]
    return events[: event_bounds[-1]].copy(), event_bounds


def texts(events, bounds):
    """Return the text of each point, where that of each event begins, and where each point does."""
    text, places, sizes = np.zeros(100_000, np.uint8), np.zeros(len(events), np.int64), np.zeros(2, np.int64)
    ends = np.zeros((len(bounds) - 1, 2), np.int64)
    q1asm.emit(events, bounds, PERIOD_NS, 100, True, text, places, sizes, ends)
    begins = [0, *ends[:, 0].tolist()]
    return [text[a:b].tobytes() for a, b in itertools.pairwise(begins)], places, begins


@st.composite
def runs(draw):
    """Return the qubits of pulses, angles, gaps, what plays differ in, the first point, and what turns."""
    points = draw(st.lists(st.lists(st.integers(0, 1), max_size=8), min_size=1, max_size=4))
    n = sum(map(len, points))
    each = st.lists(ANGLES, min_size=n, max_size=n)
    angles, gaps = draw(each), draw(st.lists(st.sampled_from([20, 150]), min_size=n, max_size=n))
    kinds = draw(st.lists(st.integers(0, 7), min_size=n, max_size=n))
    captured = draw(st.lists(st.booleans(), min_size=len(points), max_size=len(points)))
    turns = draw(st.lists(st.lists(st.tuples(st.integers(0, max(n - 1, 0)), ANGLES), max_size=4), max_size=4))
    return points, angles, gaps, kinds, captured, draw(st.integers(0, len(points) - 1)), turns if n else []


@given(runs())
@settings(max_examples=200, deadline=None)
def test_events_and_text_are_those_that_are_made_anew(run):
    points, angles, gaps, kinds, captured, first, turns = run
    turned, plays, bounds, gates = turned_lines(points, angles)
    for a, b in itertools.pairwise(bounds):
        plays["start"][a:b] = np.cumsum([100, *gaps[a:b]])[: b - a]
    plays["amplitude"] = np.where(np.array(kinds) == 1, 0.2, 0.1)
    plays["frequency_hz"] = np.where(np.array(kinds) == 2, 2e6, 1e6)
    rows = [[(PORT, 0, 130 + 400 * k) for k in range(2)] if caught else [] for caught in captured[first:]]
    captures, capture_bounds = (
        np.array(functools.reduce(operator.iadd, rows, []), CAPTURE),
        np.cumsum([0, *map(len, rows)]),
    )
    plays["start"][np.isin(plays["start"], np.arange(126, 134)) | np.isin(plays["start"], np.arange(526, 534))] += 8
    events, event_bounds = gathered(plays, bounds, captures, capture_bounds, first)
    made = Retune(events, event_bounds, plays, bounds, captures, capture_bounds, PORT, first)
    pieces, places, begins = texts(events, event_bounds)
    for p, text in enumerate(pieces):
        made.place(p, text, places, begins[p])
    pieces = [b"before", *pieces, b"behind"]
    for rows in turns:
        which = dict(rows)
        turned.turn(gates[list(which)], np.array(list(which.values())))
        old, old_events, uneven = list(pieces), events.copy(), []
        low, high = turned.points_from(first, len(points))
        n = made.turned(turned, low, high, pieces, 1, uneven)
        again, again_bounds = gathered(plays, bounds, captures, capture_bounds, first)
        assert (again == events).all() and (again_bounds == event_bounds).all()
        new, places, begins = texts(again, again_bounds)
        for p in uneven:
            pieces[1 + p] = new[p]
            made.place(p, new[p], places, begins[p])
        assert pieces == [b"before", *new, b"behind"]
        differs = (events != old_events) if len(events) else np.zeros(0, bool)
        changed = {int(np.searchsorted(event_bounds, k, "right")) - 1 for k in np.flatnonzero(differs)}
        assert n == len(changed) and set(uneven) <= changed
        assert all(pieces[1 + p] is old[1 + p] for p in range(len(new)) if p not in changed)


def one():
    turned, plays, bounds, gates = turned_lines([[1, 1], [1]], [0.1, 0.2, 0.3])
    plays["start"], plays["amplitude"], plays["frequency_hz"] = [100, 200, 100], 0.1, 1e6
    captures, capture_bounds = np.zeros(0, CAPTURE), np.zeros(3, np.int64)
    events, event_bounds = gathered(plays, bounds, captures, capture_bounds, 0)
    return turned, gates, [events, event_bounds, plays, bounds, captures, capture_bounds, PORT, 0]


def test_a_sequencer_without_text_says_which_points_change_their_number_of_lines():
    turned, gates, given_ = one()
    made = Retune(*given_)
    turned.turn(gates[:1], np.array([0.7]))
    uneven = []
    assert made.turned(turned, 0, 1, None, 0, uneven) == 1 and uneven == []
    turned.turn(gates[1:2], np.array([0.0]))
    assert made.turned(turned, 0, 1, None, 0, uneven) == 1 and uneven == [0]
    turned.turn(gates[1:2], np.array([0.0]))
    assert turned.n_points == 0


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (1, np.array([0, 2, 4]), "don't end at 3 events"),
        (1, np.array([0, 1, 3]), "1 events, and more plays"),
        (1, np.array([0, 3, 3]), "3 events, and fewer plays"),
        (3, np.array([0, 2, 4]), "don't end at 3 plays"),
        (5, np.array([0, 0, 1]), "don't end at 0 captures"),
        (6, 0, "2 events, and fewer plays"),
        (7, 1, "points 1 to 3 of 2"),
        (7, -1, "points -1 to 1 of 2"),
    ],
)
def test_events_that_are_not_of_the_plays_are_refused(place, value, words):
    *_, given_ = one()
    given_[place] = value
    with pytest.raises(ValueError, match=words):
        Retune(*given_)


def test_text_without_the_phases_is_refused():
    turned, gates, given_ = one()
    made = Retune(*given_)
    pieces, places, begins = texts(given_[0], given_[1])
    for p, text, at, words in (
        (0, pieces[0].replace(b"set_ph", b"set_pp"), 0, "is not at 64"),
        (0, pieces[0][:60], 0, "in the 60 characters"),
        (0, pieces[0], 3, "is not at"),
        (1, pieces[0], begins[1], "is not at 64"),
        (2, pieces[0], 0, "point 2 of 2"),
        (-1, pieces[0], 0, "point -1 of 2"),
    ):
        with pytest.raises(ValueError, match=words):
            made.place(p, text, places, at)
    with pytest.raises(ValueError, match="begins has 2 rows"):
        made.place(0, pieces[0], places[:2].copy(), 0)
    turned.turn(gates[:1], np.array([0.7]))
    for low, high, given_pieces, at, words in (
        (0, 2, pieces, 0, "points 0 to 2 of 1"),
        (-1, 1, pieces, 0, "points -1 to 1"),
        (0, 1, pieces, 1, "texts 1 to 3 of 2"),
        (0, 1, pieces, -1, "texts -1 to 1 of 2"),
    ):
        with pytest.raises(ValueError, match=words):
            made.turned(turned, low, high, given_pieces, at, [])
    other, *_ = turned_lines([[1]], [0.1])
    with pytest.raises(ValueError, match="1 plays, not 3"):
        made.turned(other, 0, 0, None, 0, [])


def test_points_of_others_are_refused():
    turned, gates, given_ = one()
    given_[0], given_[1] = gathered(given_[2], given_[3], given_[4], np.zeros(2, np.int64), 1)
    given_[5], given_[7] = np.zeros(2, np.int64), 1
    made = Retune(*given_)
    turned.turn(gates[:1], np.array([0.7]))
    with pytest.raises(ValueError, match="point 0 is outside of 1 to 2"):
        made.turned(turned, 0, 1, None, 0, [])
