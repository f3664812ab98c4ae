"""Lines of gates alone in one call against a slow twin in Python's whole numbers: items, starts, phases, captures."""

import importlib.util
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
import pytest

from qctl.cext import gate_times

_SPEC = importlib.util.spec_from_file_location("frames_tables", Path(__file__).with_name("test_frames.py"))
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
tables, run, NAMES, PLAY, CAPTURE = _MODULE.tables, _MODULE.run, _MODULE.NAMES, _MODULE.PLAY, _MODULE.CAPTURE
VOLTS, PAIR, STATES_HZ, LO_HZ = _MODULE.VOLTS, _MODULE.PAIR, _MODULE.STATES_HZ, _MODULE.LO_HZ
RATIOS = [(12, 10), (1, 1), (7, 3), (1, 1), (1, 1), (1, 1)]
CARRIERS = np.array([(lo, 2.4e9, lo > 0) for lo in LO_HZ], float)
WAVES = (21, 1000, 77)
LENGTHS = {NAMES["sx"]: 20, NAMES["cz"]: 80, NAMES["measure"]: 1100}


def processor(**changed):
    found = tables()
    values = {
        **{name: found[name] for name in ("qubit_lines", "qubits", "couplers", "pairs", "lines", "lengths")},
        "volts": VOLTS, "pair_values": PAIR, "carriers": CARRIERS, "states_hz": STATES_HZ,
        "ratios": np.array(RATIOS, np.int64), "offsets": np.array([100, 100], np.int64), "unit": 10**9, "n_waves": 3,
    } | changed  # fmt: skip
    return gate_times.GateTimes(*values.values())


def call(lines, words=(), target=None, early=0, times=None, waves=(), **changed):
    """Time and place lines of rows; return what was found and filled."""
    rows = [row for line in lines for row in line]
    given = tables(rows, words)
    given["bounds"] = np.cumsum([0, *map(len, lines)]).astype(np.int64)
    n, n_lines, (n_plays, n_captures) = len(rows), len(lines), gate_times.sizes(given["rows"])
    made = {
        "order": np.zeros(n, np.int32), "counts": np.zeros((n_lines, 4), np.int64),
        "spans": np.zeros((n_lines, 4), np.int64), "used": np.zeros((6, 3), np.int64), "plays": np.zeros(n_plays, PLAY),
        "play_rows": np.zeros(n_plays, np.int32), "captures": np.zeros(n_captures, CAPTURE),
        "captures_hz": np.zeros(n_captures), "capture_rows": np.zeros(n_captures, np.int32),
    } | changed  # fmt: skip
    times = processor() if times is None else times
    found = times.time(*(given[k] for k in ("rows", "bounds", "words", "places", "lengths")), *made.values())
    ends_s, residuals, alike = np.zeros(n_lines), np.zeros(6, np.int64), None
    if found is not None:
        target = found[0] if target is None else target
        made["lasts"] = np.zeros(n_plays if waves else 0, np.int64)
        alike = times.place(
            given["rows"], given["bounds"], made["counts"], made["spans"], target, early, np.arange(3, dtype=np.uint32),
            np.array(waves, np.int64), made["plays"], made["lasts"],
            *(made[k] for k in ("captures", "captures_hz", "capture_rows")), ends_s, residuals,
        )  # fmt: skip
    return found, made, ends_s, residuals, alike, given


def random_line(rng, n, first_word):
    rows, words = [], []
    for _ in range(n):
        name = ["sx", "rz", "cz", "measure", "barrier", "delay", "nop"][rng.integers(7)]
        a = int(rng.integers(2))
        if name == "barrier":
            chosen = [w for w in (0, 1) if rng.random() < 0.6]
            rows.append((7, 0, first_word + len(words), len(chosen), 0))
            words += chosen
        elif name == "rz":
            low, high = np.array([rng.normal()]).view("<u4").tolist()
            rows.append((NAMES["rz"], 1, a, low, high))
        else:
            rows.append(({**NAMES, "nop": 0}[name], 0, a, {"cz": 1 - a, "delay": 5, "measure": a}.get(name, 0), 0))
    return rows, words


def ticks(units, ratio):
    exact = units * Fraction(*ratio)
    tick = ceil(exact - Fraction(1, 2))
    return tick, abs(tick - exact)


def twin(line, items, target, early):
    """Return plays, captures, the end in units, and the errors, from items with their starts."""
    phases, plays, captures, errors, ends = [0.0] * 6, [], [], [Fraction(0)] * 6, [0]
    first = next((start for k, start in items if line[k][0] == NAMES["measure"]), None)
    shift = early if first is None else target - first - 100

    def put(out, q, wave, volts, start):
        tick, error = ticks(start + shift, RATIOS[out])
        errors[out] = max(errors[out], error)
        hz = STATES_HZ[out] - LO_HZ[out] if LO_HZ[out] or STATES_HZ[out] else 0.0
        end, _ = ticks(start + shift + WAVES[wave], RATIOS[out])
        plays.append((out, wave, tick, volts, hz, phases[out], end - tick))

    for k, start in items:
        op, _, a, b, c = line[k]
        if op == NAMES["rz"]:
            phases[3 * a] -= np.array([b, c], "<u4").view("<f8")[0]
        elif op in (NAMES["sx"], NAMES["measure"]):
            which = int(op == NAMES["measure"])
            put(3 * a + 2 * which, a, which, VOLTS[a, which], start)
            if which:
                tick, error = ticks(start + shift + 100, RATIOS[3 * a + 2])
                errors[3 * a + 2] = max(errors[3 * a + 2], error)
                captures.append((3 * a + 2, len(captures), tick))
        elif op == NAMES["cz"]:
            put(4, a, 2, PAIR[0, 0], start)
            phases[0] -= PAIR[0, 1]
            phases[3] -= PAIR[0, 2]
        if op in LENGTHS:
            ends.append(start + shift + LENGTHS[op])
    return plays, captures, max(ends) / 1e9, errors


@pytest.mark.parametrize("seed", range(60))
def test_lines_are_the_twins(seed):
    rng = np.random.default_rng(seed)
    lines, words = [], []
    for _ in range(int(rng.integers(1, 5))):
        rows, more = random_line(rng, int(rng.integers(0, 14)), len(words))
        lines.append(rows)
        words += more
    target, early = int(rng.integers(20_000, 90_000)), int(rng.integers(9))
    found, made, ends_s, residuals, alike, given = call(lines, words, target, early, waves=WAVES)
    items, counts, fault = run(given, True)
    assert not fault[0] and found is not None
    assert made["counts"].tolist() == counts.tolist()
    errors, plays, captures, latest = [Fraction(0)] * 6, [], [], []
    for s, line in enumerate(lines):
        own = [(k, start) for k, (start,) in items[s]]
        begin = given["bounds"][s]
        assert made["order"][begin : begin + counts[s, 0]].tolist() == [k for k, _ in own]
        played, caught, end_s, wrong = twin(line, own, target, early)
        plays += played
        captures.append(caught)
        errors = [max(pair) for pair in zip(errors, wrong, strict=True)]
        assert ends_s[s] == end_s
        latest += [start + 100 for k, start in own if line[k][0] == NAMES["measure"]][:1]
    assert made["plays"].tolist() == [pytest.approx(row[:6], abs=1e-12) for row in plays]
    assert made["lasts"].tolist() == [row[6] for row in plays]
    assert made["captures"].tolist() == [row for rows in captures for row in rows]
    assert [Fraction(int(n), of) for n, (_, of) in zip(residuals, RATIOS_REDUCED, strict=True)] == errors
    assert found[1] == tuple(sorted({rows[0][0] for rows in captures if rows}))
    if latest:
        assert found[0] == max(latest)
    used = np.zeros((6, 3), int)
    for port, wave, *_ in plays:
        used[port, wave] += 1
    assert made["used"].tolist() == used.tolist() and found[2] == tuple(np.flatnonzero(used.any(0)).tolist())
    assert alike or len({tuple(rows) for rows in captures}) > 1 or len(lines) > 1


RATIOS_REDUCED = [(Fraction(*r).numerator, Fraction(*r).denominator) for r in RATIOS]
RATIOS[:] = RATIOS_REDUCED


def test_lines_that_capture_alike_are_told_from_others():
    sx, first, second = (NAMES["sx"], 0, 0, 0, 0), (8, 0, 0, 0, 0), (8, 0, 1, 1, 0)
    assert call([[sx, first], [sx, sx, first]])[4] is True
    assert call([[first], [first, second]])[4] is False
    assert call([[first], [second]])[4] is False
    assert call([[first], [(8, 0, 0, 1, 0)]])[4] is False
    assert call([])[4] is True and call([[], []])[4] is True


def test_a_reset_is_taken_before_its_qubit_moves_and_left_to_others_after():
    sx, reset = (NAMES["sx"], 0, 0, 0, 0), (9, 0, 0, 0, 0)
    found, made, *_ = call([[reset, sx]])
    assert found is not None and made["counts"][0, :2].tolist() == [1, 1]
    assert call([[sx, reset]])[0] is None
    assert call([[sx, (9, 0, 1, 0, 0)]])[0] is not None


@pytest.mark.parametrize(
    "row",
    [
        (0x200, 0, 0, 0, 0), (0x202, 1, 0, 0, 0), (0x109, 0, 2, 0, 0), (0x10E, 0, 0, 0, 0), (0x117, 0, 0, 0, 0),
        (0x117, 0, 0, 2, 0), (7, 0, 0, 9, 0), (7, 0, 9, 0, 0), (10, 0, 0, 6, 0), (10, 0, 0x40000000, 5, 0),
        (8, 0, 7, 0, 0),
    ],
)  # fmt: skip
def test_rows_that_are_not_for_this_are_left_to_others(row):
    assert call([[(NAMES["sx"], 0, 0, 0, 0)], [row]], [0, 1])[0] is None


def test_a_gate_without_a_line_or_out_of_reach_is_left_to_others():
    found = tables()
    found["qubits"][1, 2:4] = -1
    times = processor(qubits=found["qubits"])
    for row in ((NAMES["sx"], 0, 1, 0, 0), (8, 0, 1, 1, 0), (NAMES["rz"], 1, 1, 0, 0)):
        assert call([[row]], times=times)[0] is None
    near = CARRIERS.copy()
    near[:, 1] = 2e8
    assert call([[(NAMES["sx"], 0, 0, 0, 0)]], times=processor(carriers=near))[0] is None


def test_times_that_do_not_fit_are_left_to_others():
    sx, first = (NAMES["sx"], 0, 0, 0, 0), (8, 0, 0, 0, 0)
    assert call([[sx, first]], target=1 << 60)[4] is None
    fast = np.array([(1 << 55, 1)] * 6, np.int64)
    assert call([[sx, first]], times=processor(ratios=fast))[4] is None


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("qubits", np.zeros((2, 8), np.int32), "8"), ("volts", VOLTS[:1], "volts"), ("unit", 0, "unit"),
        ("lengths", np.array([[1 << 60, 0]] * 6, np.int64), "59 bits"), ("offsets", np.array([1 << 60, 0]), "59 bits"),
        ("lengths", np.array([[0, 1]] * 6, np.int64), "59 bits"), ("ratios", np.zeros((6, 2), np.int64), "line 0"),
        ("qubit_lines", np.array([0, 1, 2, 8, 3, 4, 5, 2], np.int32), "not its own"), ("n_waves", 1, "waveform"),
        ("couplers", np.array([[0, 1], [1, 0]], np.int32), "coupler 1"),
        ("pairs", np.array([[4, 6, 2, 0, 1]], np.int32), "coupler 0"),
        ("ratios", np.ones((6, 4), np.int64)[:, ::2], "contiguous"),
    ],
)  # fmt: skip
def test_tables_that_do_not_fit_are_refused(name, value, words):
    with pytest.raises(ValueError, match=words):
        processor(**{name: value})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("order", np.zeros(1, np.int32), "order"), ("counts", np.zeros((1, 3), np.int64), "counts"),
        ("spans", np.zeros((1, 3), np.int64), "spans"), ("used", np.zeros((6, 2), np.int64), "used"),
        ("plays", np.zeros(1, PLAY), "plays"), ("play_rows", np.zeros(3, np.int32), "play_rows"),
        ("captures", np.zeros(2, CAPTURE), "captures"), ("captures_hz", np.zeros(4)[::2], "contiguous"),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit_are_refused(name, value, words):
    with pytest.raises(ValueError, match=words):
        call([[(NAMES["sx"], 0, 0, 0, 0), (8, 0, 0, 0, 0)]], **{name: value})


def test_lengths_of_waveforms_that_do_not_fit_are_refused_or_left_to_others():
    sx = (NAMES["sx"], 0, 0, 0, 0)
    with pytest.raises(ValueError, match="lengths, lasts have 2, 1 rows, not 3, 1"):
        call([[sx]], waves=(20, 1000))
    assert call([[sx]], waves=(20, 1 << 60, 80))[4] is None
