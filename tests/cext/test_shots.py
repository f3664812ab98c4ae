"""The kernel that deals plays out to feeds against a slow twin."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qctl.cext import shots
from qctl.program.timeline import CAPTURE, PLAY

LENGTHS = np.array([0, 3, 10])


def deal(points, owner, n_feeds, lead=0, silence=20, **changed):
    """Return dealt plays, their bounds, spans, gaps and the bounds of these."""
    rows = [row for point in points for row in point]
    plays = np.array([(*row, k, 0, 0) for k, row in enumerate(rows)], PLAY)
    bounds = changed.get("bounds", np.cumsum([0, *map(len, points)]))
    n, n_points = len(rows), len(bounds) - 1
    dealt = np.zeros(changed.get("n", n), PLAY)
    out = (
        np.full((n_feeds, n_points + 1), -7),
        np.full((n_feeds, n_points + 1 + changed.get("more", 0)), -7),
        np.full((n_points, changed.get("columns", 3)), -7),
        np.full((n, 2), -7),
        np.full(n_points + 1, -7),
    )
    most = changed.get("room", max(map(len, points), default=0))
    shots.deal(
        plays, bounds, np.array(owner, np.int32), LENGTHS, lead, silence, dealt, *out, np.empty((most, 2), np.int64)
    )
    bounds, own, *rest = out
    assert own.tolist() == [[n - row[0] for n in row] for row in bounds.tolist()]
    return dealt, bounds, *rest


PLAYS = st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 200))


@given(st.lists(st.lists(PLAYS, max_size=12), max_size=4), st.lists(st.integers(-1, 1), min_size=4, max_size=4))
@settings(max_examples=150, deadline=None)
def test_plays_are_dealt_in_order_with_their_silences(points, owner):
    dealt, bounds, spans, gaps, gap_bounds = deal(points, owner, 2, lead=5)
    k = 0
    for p, point in enumerate(points):
        mine = []
        for f in range(2):
            found = [(row[1], row[2] + 5, k + j) for j, row in enumerate(point) if owner[row[0]] == f]
            part = dealt[bounds[f, p] : bounds[f, p + 1]]
            assert [(r["waveform"], r["start"], r["amplitude"]) for r in part] == found
            assert not part["port"].any()
            mine += [(start, start + LENGTHS[wave]) for wave, start, _ in found]
        k += len(point)
        until, silent = 0, []
        for start, end in sorted(mine):
            if start - until >= 20:
                silent.append([until, start])
            until = max(until, end)
        assert spans[p].tolist() == [min((s for s, _ in mine), default=0), until, len(mine)]
        assert gaps[gap_bounds[p] : gap_bounds[p + 1]].tolist() == silent
    assert bounds[0, 0] == 0 and (bounds[1:, 0] == bounds[:-1, -1]).all()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"points": [[(4, 0, 0)]]}, "port 4 of 4"),
        ({"points": [[(0, 3, 0)]]}, "waveform 3 of 3"),
        ({"owner": [2, 0, 0, 0]}, "port 0 is of feed 2 of 2"),
        ({"bounds": np.array([0, 2])}, "don't end at 1"),
        ({"bounds": np.array([0, 2, 1]), "room": 2}, "go down at point 1"),
        ({"n": 2}, "dealt has 2"),
        ({"columns": 2}, "spans are 1 x 2"),
        ({"room": 0}, "work has 0 rows"),
    ],
)
def test_what_does_not_fit_is_refused(changed, message):
    given_ = {"points": [[(0, 1, 0)]], "owner": [0, 0, 0, 0], "n_feeds": 2} | changed
    with pytest.raises(ValueError, match=message):
        deal(**given_)


def test_plays_are_counted_by_port_and_waveform():
    plays, counts = np.zeros(40, PLAY), np.ones((3, 4), np.int64)
    rng = np.random.default_rng(0)
    plays["port"], plays["waveform"] = rng.integers(0, 3, 40), rng.integers(0, 4, 40)
    shots.count(plays, counts)
    assert [
        [int(((plays["port"] == p) & (plays["waveform"] == w)).sum()) for w in range(4)] for p in range(3)
    ] == counts.tolist()
    shots.count(plays[:0], counts)
    assert not counts.any()
    plays["waveform"][7] = 4
    with pytest.raises(ValueError, match="play 7 has port"):
        shots.count(plays, counts)
    with pytest.raises(ValueError, match="contiguous"):
        shots.count(plays[::2], counts)


@given(
    st.lists(PLAYS, max_size=12), st.lists(st.integers(-1, 1), min_size=4, max_size=4), st.integers(0, 220),
    st.integers(0, 220),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_last_play_of_a_stretch_is_found(point, owner, first, n):
    plays = np.array([(0, 0, 0, 0, 0, 0), *((*row, 0, 0, 0) for row in point)], PLAY)
    ends = [
        start + 5 + LENGTHS[wave] if owner[port] >= 0 and first <= start + 5 < first + n else -1
        for port, wave, start in point
    ]
    wanted = int(np.argmax(ends)) if max(ends, default=-1) >= 0 else -1
    bounds = np.array([0, 1, len(plays)])
    assert shots.last(plays, bounds, np.array(owner, np.int32), LENGTHS, 5, 1, first, n) == wanted


@pytest.mark.parametrize(
    "changed", [{"point": 2}, {"point": -1}, {"owner": np.zeros(1, np.int32)}, {"lengths": np.zeros(1, int)}]
)
def test_last_play_of_what_does_not_fit_is_refused(changed):
    plays = np.array([(0, 0, 0, 0, 0, 0), (1, 1, 0, 0, 0, 0)], PLAY)
    given_ = {"owner": np.zeros(2, np.int32), "lengths": LENGTHS, "point": 1, **changed}
    with pytest.raises(ValueError, match=r"point|play 1 has port 1"):
        shots.last(plays, np.array([0, 1, 2]), given_["owner"], given_["lengths"], 0, given_["point"], 0, 1)


def test_first_point_that_begins_too_early_is_returned():
    plays = np.array([(0, 0, k, 0, 0, 0) for k in (0, -6, -7)], PLAY)
    for lead, wanted in ((0, 1), (6, 2), (7, -1)):
        n = len(plays)
        found = shots.deal(
            plays, np.arange(n + 1), np.zeros(1, np.int32), LENGTHS, lead, 20, plays.copy(),
            *np.zeros((2, 1, n + 1), int),
            np.zeros((n, 3), int), np.zeros((n, 2), int), np.zeros(n + 1, int), np.zeros((1, 2), int),
        )  # fmt: skip
        assert found == wanted


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=9))
def test_captures_are_counted_by_port_and_kind(captures):
    counts, wanted = np.full((4, 5), 7), np.zeros((4, 5), int)
    for pair in captures:
        wanted[pair] += 1
    shots.caught(np.array([(*pair, 0) for pair in captures], CAPTURE), counts)
    assert counts.tolist() == wanted.tolist()


@pytest.mark.parametrize("shape", [(1, 5), (2, 3)])
def test_captures_of_no_port_or_kind_are_not_counted(shape):
    with pytest.raises(ValueError, match=r"capture 1 has port 1 of ., kind 3 of"):
        shots.caught(np.array([(0, 0, 0), (1, 3, 0)], CAPTURE), np.empty(shape, np.int64))


@given(st.lists(st.lists(PLAYS, max_size=4), max_size=4), st.lists(st.integers(0, 1), min_size=4, max_size=4))
@settings(max_examples=200, deadline=None)
def test_points_are_alike_on_chosen_ports_alone(points, chosen):
    plays = np.array([(*row, 0, 0, 0) for point in points for row in point], PLAY)
    bounds = np.cumsum([0, *map(len, points)])
    mine = [[row for row in point if chosen[row[0]]] for point in points]
    found = shots.alike(plays, bounds, np.array(chosen, np.int8))
    if all(part == mine[0] for part in mine):
        played = np.array([(*row, 0, 0, 0) for part in mine[:1] for row in part], PLAY)
        assert found == played.tobytes()
    else:
        assert found is None


@pytest.mark.parametrize(("bounds", "n_ports"), [([0, 1], 4), ([0, 2], 1)])
def test_points_that_do_not_fit_are_not_compared(bounds, n_ports):
    with pytest.raises(ValueError, match=r"port 1 of 1|plays"):
        plays = np.array([(0, 0, 0, 0, 0, 0), (1, 0, 0, 0, 0, 0)], PLAY)
        shots.alike(plays, np.array(bounds), np.ones(n_ports, np.int8))


def dealt():
    """Return plays of two points, where these begin, the owner of each port, and what two feeds were dealt."""
    plays = np.zeros(7, PLAY)
    plays["port"] = [0, 1, 2, 0, 2, 2, 0]
    return plays, np.array([0, 3, 7]), np.array([1, -1, 0], np.int32), np.array([[0, 1, 3], [3, 4, 6]])


def test_places_are_those_where_the_plays_were_dealt():
    plays, bounds, owner, dealt_bounds = dealt()
    places = np.empty(7, np.int32)
    shots.places(plays, 0, 2, owner, bounds, dealt_bounds, places)
    assert places.tolist() == [3, -1, 0, 4, 1, 2, 5]
    alone = np.empty(4, np.int32)
    shots.places(plays, 1, 2, owner, bounds, np.array([[0, 2], [2, 4]]), alone)
    assert alone.tolist() == [2, 0, 1, 3]


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (1, 3, "points 3 to 2"),
        (2, 3, "points 0 to 3 of 2"),
        (1, 1, "2 were dealt"),
        (3, np.array([1], np.int32), "port 1 of 1"),
        (3, np.array([1, -1, 2], np.int32), "port 2 of 3"),
        (4, np.array([0, 3, 8]), "don't end at 7 plays"),
        (4, np.array([0, 4, 7]), "one more than was dealt"),
        (5, np.array([[0, 1, 2], [3, 4, 6]]), "one more than was dealt"),
        (5, np.array([[0, -1, 3], [3, 4, 6]]), "one more"),
        (6, np.empty(6, np.int32), "dealt_to has 6 rows of 7"),
    ],
)
def test_plays_that_were_not_dealt_are_refused(place, value, words):
    plays, bounds, owner, dealt_bounds = dealt()
    given = [plays, 0, 2, owner, bounds, dealt_bounds, np.empty(7, np.int32)]
    given[place] = value
    with pytest.raises(ValueError, match=words):
        shots.places(*given)
