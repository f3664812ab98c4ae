"""tProcessor assembly against a slow writer that never loops, over random trains, and each refusal."""

from __future__ import annotations

import numpy as np
import pytest

from qctl.cext import tproc


def written(events, bounds, period=100_000, resume=99_000, pace=1.0, room=None):
    done, sizes = np.empty(len(events), np.int64), np.zeros(2, np.int64)
    text = np.full(1_000_000 if room is None else room, 63, np.uint8)
    tproc.emit(events, bounds, period, resume, pace, text, done, sizes)
    return text.tobytes()[: sizes[0]].decode("ascii"), done, sizes


def played(text):
    """Return the events of a text in time, with where the points end; and the instructions before each."""
    lines, events, ends, costs = text.splitlines(), [], [], []
    labels = {line[:-1]: k for k, line in enumerate(lines) if line.endswith(":")}
    at = since = counter = cost = turns = 0
    target = ""
    while at < len(lines):
        words = lines[at].split()
        at += 1
        if words[0].endswith(":"):
            continue
        if words[0] == "JUMP":
            cost += tproc.JUMP_COST
            counter += 1
            if counter < turns:
                at = labels[target]
            continue
        cost += 1
        if words[0] == "TIME":
            since += int(words[1][1:])
        elif words[0] == "REG_WR" and words[1] == "r1":
            counter = 0
        elif words[0] == "REG_WR":
            target = words[3]
        elif words[0] == "TEST":
            turns = int(words[3][1:-1]) + 1
        elif words[0] == "WAIT":
            ends.append(since + int(words[2][1:]))
            cost = -1
        else:
            kind = {"WPORT_WR": 0, "DPORT_WR": 1}.get(words[0], 2 + (words[2:3] == ["clr"]))
            value = int(words[3].strip("[&]")) if kind < 2 else 0
            events.append((since + int(words[-1][1:]), kind, int(words[1][1:]), value))
            costs.append(cost)
    return events, ends, since, costs


def trains(rng, n_points):
    """Return the events of points that hold trains of equal stretches, and what is not equal."""
    rows, bounds = [], [0]
    for _ in range(n_points):
        now, part = 0, []
        for _ in range(rng.integers(0, 5)):
            m, n, step = rng.integers(1, 9), rng.integers(1, 12), rng.integers(1, 60)
            block = np.sort(rng.integers(0, step, m))
            what = [(kind := rng.integers(4), rng.integers(16), rng.integers(9) * (kind < 2)) for _ in range(m)]
            for k in range(n):
                part += [(now + k * step + int(t), *w) for t, w in zip(block, what, strict=True)]
            now += int(n * step) + int(rng.integers(0, 9))
        rows += part
        bounds.append(len(rows))
    return np.array(rows, np.int64).reshape(-1, 4), np.array(bounds, np.int64)


@pytest.mark.parametrize("seed", range(40))
def test_what_is_written_plays_the_events(seed):
    rng = np.random.default_rng(seed)
    n_points = int(rng.integers(0, 5))
    events, bounds = trains(rng, n_points)
    text, done, sizes = written(events, bounds, pace=float(rng.choice([0.5, 4.0])))
    found, ends, total, costs = played(text)
    zero = np.repeat(np.arange(n_points) * 100_000, np.diff(bounds))
    assert found == [(int(t + z), int(k), int(p), int(v)) for (t, k, p, v), z in zip(events, zero, strict=True)]
    assert ends == [k * 100_000 + 99_000 for k in range(n_points)] and total == n_points * 100_000
    assert done.tolist() == costs
    assert sizes[1] == sum(1 + line.startswith("WAIT") for line in text.splitlines() if not line.endswith(":"))


def test_nothing_and_one_event():
    text, done, sizes = written(np.zeros((0, 4), np.int64), np.zeros(1, np.int64))
    assert (text, len(done), sizes.tolist()) == ("", 0, [0, 0])
    text, done, _ = written(np.array([[8, 0, 3, 7]], np.int64), np.array([0, 1], np.int64))
    assert text == "WPORT_WR p3 wmem [&7] @8\nREG_WR s15 label SKIP\nWAIT [s15] @99000 time\nTIME #100000 inc_ref\n"
    assert done.tolist() == [1]


def test_a_loop_needs_time_for_its_instructions():
    events = np.array([[k * 10, 0, 1, 2] for k in range(50)], np.int64)
    bounds = np.array([0, 50], np.int64)
    # Eight events at a time have 80 ticks for themselves and seven more instructions.
    assert "JUMP" in written(events, bounds, pace=80 / 15)[0]
    assert "JUMP" not in written(events, bounds, pace=80 / 15 + 0.01)[0]


def test_long_waits_are_kept_within_an_immediate():
    text, *_ = written(np.zeros((0, 4), np.int64), np.zeros(2, np.int64), 2**31 - 1, 2**31 - 1001)
    assert text.splitlines() == [
        f"TIME #{2**31 - 1001} inc_ref", "REG_WR s15 label SKIP", "WAIT [s15] @0 time", "TIME #1000 inc_ref",
    ]  # fmt: skip


def test_a_text_without_room_is_measured():
    events, bounds = trains(np.random.default_rng(3), 4)
    whole, _, sizes = written(events, bounds)
    again, _, same = written(events, bounds, room=0)
    assert again == "" and sizes.tolist() == same.tolist() and len(whole) == sizes[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bounds": np.array([0, 1], np.int64)}, "don't end at 2 events"),
        ({"bounds": np.array([0, 3, 2], np.int64)}, "go down at point 1"),
        ({"bounds": np.zeros(0, np.int64)}, "don't end"),
        ({"events": np.zeros((2, 3), np.int64)}, "2 x 3"),
        ({"done": np.zeros(1, np.int64)}, "done 1"),
        ({"sizes": np.zeros(3, np.int64)}, "sizes 3"),
        ({"events": np.zeros((2, 8), np.int64)[:, ::2]}, "contiguous"),
        ({"events": np.zeros((2, 4), np.int32)}, "dtype mismatch"),
    ],
)
def test_shapes_that_dont_fit_are_refused(change, said):
    given = {
        "events": np.zeros((2, 4), np.int64), "bounds": np.array([0, 2], np.int64), "period": 100, "resume": 50,
        "ticks_per_instruction": 1.0, "text": np.zeros(99, np.uint8), "done": np.zeros(2, np.int64),
        "sizes": np.zeros(2, np.int64), **change,
    }  # fmt: skip
    with pytest.raises(ValueError, match=said):
        tproc.emit(**given)
