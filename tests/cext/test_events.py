"""Events of a sequencer against a slow twin: order, gains, NCO steps and phases, and what can't be played."""

import numpy as np
import pytest

from qctl.cext import events as kernel

PLAY = np.dtype(
    [("port", "<u4"), ("waveform", "<u4"), ("start", "<i8")]
    + [(name, "<f8") for name in ("amplitude", "frequency_hz", "phase_rad")]
)
CAPTURE = np.dtype([("port", "<u4"), ("capture", "<u4"), ("start", "<i8")])
EVENT = np.dtype(
    [("start", "<i8")]
    + [(name, "<i4") for name in ("length", "gain", "steps", "phase", "i", "q", "acquisition", "weights")]
)
WAVES = np.array([[0, 1, 20], [2, 3, 40]], np.int32)
STEPS_PER_V = np.array([10_000.0, 20_000.0])
ACQUISITIONS = np.array([[0, -1, 1000, 4_000_000], [1, 2, 600, 8_000_000]], np.int32)


def call(plays, captures, n_points=1, /, **changed):
    """Gather points that are all alike."""
    values = {
        "plays": np.array(plays * n_points, PLAY), "bounds": np.arange(n_points + 1, dtype=np.int64) * len(plays),
        "captures": np.array(captures * n_points, CAPTURE),
        "capture_bounds": np.arange(n_points + 1, dtype=np.int64) * len(captures), "port": 1, "waves": WAVES,
        "steps_per_v": STEPS_PER_V, "acquisitions": ACQUISITIONS, "lead_ns": 0, "period_ns": 100_000,
        "events": np.zeros((len(plays) + len(captures)) * n_points, EVENT),
        "event_bounds": np.zeros(n_points + 1, np.int64),
        "reach": np.zeros(2, np.int64), "fault": np.zeros(3, np.int64),
    } | changed  # fmt: skip
    kernel.gather(*values.values())
    fault = values["fault"]
    return values["events"][: values["event_bounds"][-1]], values["event_bounds"], (kernel.FAULTS[fault[0]], *fault[1:])


def twin(plays, captures):
    rows = [(start, 0, k) for k, (port, _, start, *_) in enumerate(plays) if port == 1]
    rows += [(start, 1, k) for k, (port, _, start) in enumerate(captures) if port == 1]
    found, gain, phase_rad, zero, steps = [], 0, 0.0, -4, None
    for start, kind, k in sorted(rows):
        if kind == 0:
            _, wave, _, volts, hz, phase_rad = plays[k]
            gain, new = round(volts * STEPS_PER_V[wave]), round(hz * 4)
            i, q, length, acquisition, weights = *WAVES[wave], -1, -1
        else:
            acquisition, weights, length, new = ACQUISITIONS[captures[k][1]]
            i = q = -1
        if steps is not None and new != steps:
            zero = start
        steps = new
        turns = steps / 4e9 * (zero + 0.5) - phase_rad / (2 * np.pi)
        phase = round((turns % 1.0) * 1e9) % 10**9
        found.append((start, length, gain, steps, phase, i, q, acquisition, weights))
    return found


@pytest.mark.parametrize(("n_plays", "n_captures"), [(0, 0), (1, 0), (0, 1), (5, 2)])
def test_events_are_the_twins(n_plays, n_captures):
    rng = np.random.default_rng(n_plays)
    for _ in range(50):
        plays = [
            (int(rng.integers(3)), int(rng.integers(2)), 60 * k, float(rng.uniform(-1.6, 1.6)),
             float(rng.choice([1e6, 2e6, -50e6])), float(rng.normal() * 9))
            for k in range(n_plays)
        ]  # fmt: skip
        captures = [(1, int(rng.integers(2)), 1000 * k + 50) for k in range(n_captures)]
        found, bounds, fault = call(plays, captures, 3)
        assert fault[0] == ""
        wanted = twin(plays, captures)
        assert bounds.tolist() == [k * len(wanted) for k in range(4)]
        for p in range(3):
            got = np.array(found[bounds[p] : bounds[p + 1]].tolist()).reshape(-1, 9)
            difference = got - np.array(wanted, float).reshape(-1, 9)
            difference[:, 4] = (difference[:, 4] + 5e8) % 1e9 - 5e8
            assert np.abs(difference[:, 4]).max(initial=0) <= 1  # a phase on the edge of two steps
            assert not np.delete(difference, 4, axis=1).any()


@pytest.mark.parametrize(
    ("fault", "plays", "captures"),
    [
        ("gap", [(1, 0, 100, 0.1, 0.0, 0.0)], [(1, 0, 102)]),
        ("overlap", [(1, 0, 0, 0.1, 0.0, 0.0), (1, 0, 19, 0.1, 0.0, 0.0)], []),
        ("gain", [(1, 0, 0, 3.3, 0.0, 0.0)], []),
        ("gain", [(1, 0, 0, float("nan"), 0.0, 0.0)], []),
        ("frequency", [(1, 0, 0, 0.1, 5.1e8, 0.0)], []),
        ("acquisitions", [], [(1, 0, 0), (1, 0, 299)]),
        ("end", [(1, 0, 99_980, 0.1, 0.0, 0.0)], []),
        ("order", [(1, 0, -1, 0.1, 0.0, 0.0)], []),
    ],
)
def test_what_can_not_be_played_is_reported_with_point_and_row(fault, plays, captures):
    _, _, found = call(plays, captures, 2)
    row = -len(captures) if fault in ("gap", "acquisitions") else len(plays) - 1
    assert found == (fault, 0, row)


@pytest.mark.parametrize(("steps", "gain"), [(32_767, 32_767), (32_768, 32_767), (32_769, 32_767), (-32_769, -32_767)])
def test_gain_of_full_scale_is_the_largest(steps, gain):
    found, _, fault = call([(1, 0, 0, steps / STEPS_PER_V[0], 0.0, 0.0)], [])
    assert fault[0] == "" and found["gain"].tolist() == [gain]


@pytest.mark.parametrize("steps", [32_770, -32_770])
def test_gain_over_full_scale_is_reported(steps):
    _, _, fault = call([(1, 0, 0, steps / STEPS_PER_V[0], 0.0, 0.0)], [])
    assert fault == ("gain", 0, 0)


def test_lead_is_added():
    assert call([(1, 0, 10, 0.1, 0.0, 0.0)], [], lead_ns=7)[0]["start"].tolist() == [17]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"bounds": np.array([0, 2], np.int64)}, "bounds"), ({"event_bounds": np.zeros(3, np.int64)}, "event_bounds"),
        ({"capture_bounds": np.array([0, 1], np.int64)}, "capture_bounds"), ({"waves": WAVES[:, :2].copy()}, "waves"),
        ({"waves": np.zeros((0, 3), np.int32), "steps_per_v": np.zeros(0)}, "has waveform 0 of 0"),
        ({"steps_per_v": np.zeros(1)}, "steps_per_v"), ({"events": np.zeros(0, EVENT)}, "events has 0"),
        ({"fault": np.zeros(2, np.int64)}, "fault"), ({"steps_per_v": np.zeros(4)[::2]}, "contiguous"),
        ({}, "number 2 of 2"),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit_are_refused(changed, words):
    with pytest.raises(ValueError, match=words):
        call([(1, 0, 10, 0.1, 0.0, 0.0)], [(1, 2, 900)] if "number" in words else [], **changed)


def test_a_part_of_the_points_is_what_it_is_among_all():
    plays = [(1, k % 2, 60 * k, 0.3 * k, 1e6, 0.4 * k) for k in range(4)]
    captures = [(1, 1, 900)]
    whole, bounds, _ = call(plays, captures, 5)
    for first, count, captured_from in ((0, 5, 0), (2, 2, 0), (4, 1, 3), (5, 0, 0)):
        more = {
            "captures": np.array(captures * (5 - captured_from), CAPTURE), "reach": np.zeros(2, np.int64),
            "capture_bounds": np.arange(6 - captured_from), "event_bounds": np.zeros(count + 1, np.int64),
            "fault": np.zeros(3, np.int64), "first": first, "count": count, "captured_from": captured_from,
        }  # fmt: skip
        events, found, _ = call(plays, captures, 5, **more)
        assert events.tolist() == whole[bounds[first] : bounds[first + count]].tolist()
        assert found.tolist() == (bounds[first : first + count + 1] - bounds[first]).tolist()
    for wrong in ((4, 2, 0), (-1, 1, 0), (1, 1, 2)):
        with pytest.raises(ValueError, match="points"):
            call(plays, captures, 5, event_bounds=np.zeros(wrong[1] + 1, np.int64),
                 **dict(zip(("first", "count", "captured_from"), wrong, strict=True)))  # fmt: skip


def test_the_reach_of_gains_is_told():
    plays = [(1, 0, 100 * k, volts, 0.0, 0.0) for k, volts in enumerate((0.5, -1.25, 0.75))]
    reach = np.zeros(2, np.int64)
    call(plays, [], reach=reach)
    assert reach.tolist() == [-12_500, 7_500]


def spaced_twin(events, bounds, period_ns, turned, counted):
    last = None
    for p in range(len(bounds) - 1):
        for k in range(bounds[p], bounds[p + 1]):
            one, start = events[k], p * period_ns + int(events[k]["start"])
            if last is not None:
                old, before = last
                settings = 5 if k == bounds[p] else (one["gain"] != old["gain"]) + 2 * (one["steps"] != old["steps"])
                extra = counted * (
                    3 * (old["acquisition"] >= 0) + 3 * (one["acquisition"] >= 0 and one["weights"] >= 0)
                )
                if start - before < 4 * (1 + turned + settings + extra):
                    return False
            last = one, start
    return True


@pytest.mark.parametrize("seed", range(40))
def test_events_are_spaced_as_their_twin_says(seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 4, int(rng.integers(0, 5)))
    bounds = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    made = np.zeros(int(bounds[-1]), EVENT)
    for name in ("gain", "steps"):
        made[name] = rng.integers(0, 2, len(made))
    for name in ("acquisition", "weights"):
        made[name] = rng.integers(-1, 1, len(made))
    step = int(rng.choice([8, 16, 28, 48, 60]))
    made["start"] = step * (np.arange(len(made)) - np.repeat(bounds[:-1], counts))
    for turned in (False, True):
        for counted in (False, True):
            found = kernel.spaced(made, bounds, 4 * step, 4, turned, counted, 5, 3, 3)
            assert found == spaced_twin(made, bounds, 4 * step, turned, counted)


def test_spacing_of_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="events"):
        kernel.spaced(np.zeros(2, EVENT), np.array([0, 1]), 100, 4, False, False, 5, 3, 3)
