"""Q1ASM text against a slow twin, and its time: what a program lasts is what its points ask for."""

import re

import numpy as np
import pytest

from qctl.cext import q1asm

EVENT = np.dtype(
    [("start", "<i8")]
    + [(name, "<i4") for name in ("length", "gain", "steps", "phase", "i", "q", "acquisition", "weights")]
)


def emit(events, bounds, period, loop_from=10**9, averaged=True, room=100_000):
    rows = np.array(events, EVENT)
    text, places, sizes = np.zeros(room, np.uint8), np.zeros(len(rows), np.int64), np.zeros(2, np.int64)
    q1asm.emit(rows, np.array(bounds, np.int64), period, loop_from, averaged, text, places, sizes)
    return text[: sizes[0]].tobytes().decode(), places, sizes


def twin(events, bounds, period, averaged):
    """Return the lines without loops and waits cut to size: (words without their last number, how long it lasts)."""
    found = []
    for p in range(len(bounds) - 1):
        own = events[bounds[p] : bounds[p + 1]]
        found.append(("reset_ph", 0))
        if own:
            _, _, gain, steps, phase, *_ = own[0]
            found += [(f"set_freq {steps}", 0), (f"set_awg_gain {gain},{gain}", 0), (f"set_ph {phase}", 0)]
        found.append(("upd_param", own[0][0] + 4 if own else period))
        before = own[0] if own else None
        for k, (start, _, gain, steps, phase, i, q, acquisition, weights) in enumerate(own):
            lasts = (own[k + 1][0] if k + 1 < len(own) else period - 4) - start
            if steps != before[3]:
                found += [(f"set_freq {steps}", 0), ("reset_ph", 0)]
            if gain != before[2]:
                found.append((f"set_awg_gain {gain},{gain}", 0))
            if phase != before[4] or steps != before[3]:
                found.append((f"set_ph {phase}", 0))
            if acquisition < 0:
                found.append((f"play {i},{q}", lasts))
            else:
                bin_ = str(p) if averaged else "R1"
                if weights >= 0 and not averaged:
                    found += [(f"move {weights},R4", 0), (f"move {weights + 1},R5", 0), ("nop", 0)]
                kernel = f",{weights},{weights + 1}" if averaged else ",R4,R5"
                word = (
                    f"acquire_weighed {acquisition},{bin_}{kernel}" if weights >= 0 else f"acquire {acquisition},{bin_}"
                )
                found.append((word, lasts))
                if not averaged:
                    found += [("add R1,1,R1", 0), ("nop", 0)]
            before = own[k]
    return found


TIMED = re.compile(r"^(?:\w+: )?(upd_param|play|acquire\w*|wait) (?:(.*),)?(\d+)$")


def played(text):
    """Run the text: return words and how long each lasts, waits added to what is before them, loops unrolled."""
    lines, found, k, registers = text.splitlines(), [], 0, {}
    labels = {line.split(":")[0]: n for n, line in enumerate(lines) if ":" in line}
    while k < len(lines):
        line = re.sub(r" +", " ", lines[k]).replace(", ", ",")
        bare = line.split(": ")[-1]
        match = TIMED.match(line)
        if match and match[1] == "wait":
            assert 4 <= int(match[3]) <= 65535
            at = max(n for n, (word, _) in enumerate(found) if word.startswith(("play", "acquire", "upd_param")))
            found[at] = (found[at][0], found[at][1] + int(match[3]))
        elif match:
            assert 4 <= int(match[3]) <= 65535
            found.append((f"{match[1]} {match[2]}" if match[2] else match[1], int(match[3])))
        elif bare.startswith("move") and bare.endswith(("R2", "R3")):
            registers[bare[-2:]] = int(bare.split()[1].split(",")[0])
        elif bare.startswith("loop"):
            register, label = bare.split()[1].split(",@")
            registers[register] -= 1
            if registers[register]:
                k = labels[label]
                continue
        else:
            found.append((bare, 0))
        k += 1
    return found


@pytest.mark.parametrize("averaged", [False, True])
@pytest.mark.parametrize("n", [0, 1, 2, 9])
def test_text_is_the_twins(n, averaged):
    rng = np.random.default_rng(n)
    gaps = [4, 20, 100, 65535, 65536, 65539, 131_071, 200_000, 400_000, 65_528 * 6 + 3]
    for _ in range(40):
        events, bounds, latest = [], [0], 0
        for _ in range(int(rng.integers(4))):
            start = int(rng.choice([0, 7, 70_000, 400_001]))
            for _ in range(n):
                acquires = rng.random() < 0.3
                events.append((
                    start, 20, int(rng.choice([5, -70])), int(rng.choice([4_000_000, -8])), int(rng.integers(3)),
                    -1 if acquires else 0, -1 if acquires else 1, int(rng.integers(3)) if acquires else -1,
                    int(rng.choice([-1, 4])) if acquires else -1,
                ))  # fmt: skip
                start += int(rng.choice(gaps))
            latest = max(latest, start)
            bounds.append(len(events))
        period = latest + int(rng.choice(gaps)) + 4
        wanted = twin(events, bounds, period, averaged)
        for loop_from in (10**9, 4):
            text, _, sizes = emit(events, bounds, period, loop_from, averaged)
            assert played(text) == wanted
            assert sizes[1] == text.count("\n")
            assert sum(lasts for _, lasts in played(text)) == period * (len(bounds) - 1)


def test_equal_plays_become_a_loop_and_places_are_where_events_begin():
    events = [(200 * k, 20, 5, 0, 0, 0, 1, -1, -1) for k in range(50)]
    long, places, _ = emit(events, [0, 50], 10_000)
    short, _, _ = emit(events, [0, 50], 10_000, 100)
    assert short.count("\n") < 12 < long.count("\n")
    assert all(long[at:].startswith("play") for at in places)


def test_text_that_does_not_fit_is_counted_and_nothing_is_written_outside():
    events = [(20 * k, 20, 5, 0, k, 0, 1, -1, -1) for k in range(10)]
    whole, _, sizes = emit(events, [0, 10], 1000)
    for room in (0, 1, len(whole) - 1, len(whole)):
        _, _, found = emit(events, [0, 10], 1000, room=room)
        assert found.tolist() == sizes.tolist()


def test_shapes_that_do_not_fit_are_refused():
    rows, text, places, sizes = np.zeros(2, EVENT), np.zeros(9, np.uint8), np.zeros(2, np.int64), np.zeros(2, np.int64)
    for bounds, p, s in (
        ([0, 1], places, sizes),
        ([0, 3, 2], places, sizes),
        ([0, 2], places[:1], sizes),
        ([0, 2], places, sizes[:1]),
    ):
        with pytest.raises(ValueError):
            q1asm.emit(rows, np.array(bounds, np.int64), 100, 100, True, text, p, s)
    with pytest.raises(ValueError, match="contiguous"):
        q1asm.emit(np.zeros(4, EVENT)[::2], np.array([0, 2], np.int64), 100, 100, True, text, places, sizes)


@pytest.mark.parametrize("averaged", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_points_written_alone_are_what_they_are_among_all(seed, averaged):
    rng = np.random.default_rng(seed)
    events, bounds = [], [0]
    for _ in range(6):
        start = 0
        for _ in range(int(rng.integers(0, 9))):
            gain, phase, acquisition = int(rng.integers(3)), int(rng.integers(2)), int(rng.integers(-3, 1))
            events.append((start, 20, gain, 5, phase, 0, 1, max(acquisition, -1), -1 if acquisition else 0))
            start += int(rng.choice([20, 120, 70_000]))
        bounds.append(len(events))
    rows, bounds, period = np.array(events, EVENT), np.array(bounds, np.int64), 1_000_000
    places, sizes, ends = np.zeros(len(rows), np.int64), np.zeros(2, np.int64), np.zeros((6, 2), np.int64)
    text = np.zeros(100_000, np.uint8)
    q1asm.emit(rows, bounds, period, 100, averaged, text, places, sizes, ends)
    whole, all_sizes = text[: sizes[0]].tobytes(), sizes.tolist()
    assert ends[-1].tolist() == all_sizes
    for first in range(6):
        for n in range(1, 7 - first):
            some = np.zeros((n, 2), np.int64)
            q1asm.emit(rows, bounds, period, 100, averaged, text, places, sizes, some, first)
            before = ends[first - 1] if first else np.zeros(2, np.int64)
            assert (some == ends[first : first + n] - before).all()
            assert text[: sizes[0]].tobytes() == whole[before[0] : ends[first + n - 1, 0]]
    for wrong, first in (
        (np.zeros((7, 2), np.int64), 0),
        (some, 6),
        (some, -1),
        (np.zeros((1, 3), np.int64), 0),
        (None, 1),
    ):
        with pytest.raises(ValueError, match="point"):
            q1asm.emit(rows, bounds, period, 100, averaged, text, places, sizes, wrong, first)


@pytest.mark.parametrize("averaged", [False, True])
@pytest.mark.parametrize("loop_from", [10**9, 4])
def test_counted_lines_are_those_that_are_written(averaged, loop_from):
    rng = np.random.default_rng(3)
    gaps = [4, 20, 65535, 65536, 65539, 131_071, 400_000]
    for n in (0, 1, 2, 30):
        events, bounds, latest = [], [0], 0
        for _ in range(3):
            start = int(rng.choice([0, 70_000]))
            for _ in range(n):
                acquires = rng.random() < 0.3
                events.append((
                    start, 20, int(rng.choice([5, -70])), int(rng.choice([4, -8])), int(rng.integers(2)),
                    -1 if acquires else 0, 1, 0 if acquires else -1, int(rng.choice([-1, 4])) if acquires else -1,
                ))  # fmt: skip
                start += int(rng.choice(gaps))
            latest = max(latest, start)
            bounds.append(len(events))
        rows, period = np.array(events, EVENT), latest + 8
        ends, counted = np.zeros((3, 2), np.int64), np.zeros((3, 2), np.int64)
        text, places, sizes = np.zeros(100_000, np.uint8), np.zeros(len(rows), np.int64), np.zeros(2, np.int64)
        q1asm.emit(rows, np.array(bounds), period, loop_from, averaged, text, places, sizes, ends)
        q1asm.count(rows, np.array(bounds), period, loop_from, averaged, counted)
        assert counted[:, 1].tolist() == ends[:, 1].tolist()
    with pytest.raises(ValueError, match="ends are 2 x 2"):
        q1asm.count(rows, np.array(bounds), period, loop_from, averaged, ends[:2])
