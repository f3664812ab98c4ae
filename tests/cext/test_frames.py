"""Frames, plays and captures against a slow twin: phases, frequencies, ticks and residuals of timed lines."""

import importlib.util
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
import pytest

from qctl.cext import frames

_SPEC = importlib.util.spec_from_file_location("schedule_tables", Path(__file__).with_name("test_schedule.py"))
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
tables, run, NAMES = _MODULE.tables, _MODULE.run, _MODULE.NAMES
PLAY = np.dtype(
    [("port", "<u4"), ("waveform", "<u4"), ("start", "<i8")]
    + [(name, "<f8") for name in ("amplitude", "frequency_hz", "phase_rad")]
)
CAPTURE = np.dtype([("port", "<u4"), ("capture", "<u4"), ("start", "<i8")])
UNITS, RATES = 10**9, (Fraction(12, 10), Fraction(1), Fraction(7, 3), Fraction(1), Fraction(1), Fraction(1))
WAVES = {0: 20, 1: 1000, 2: 80, 9: 33}
VOLTS = np.array([[0.1, 0.05], [0.2, 0.06]])
PAIR = np.array([[0.3, 0.7, -1.1]])
STATES_HZ = np.array([4.7e9, 0.0, 7.0e9, 5.0e9, 0.0, 7.1e9])
LO_HZ = np.array([4.9e9, 0, 6.95e9, 4.9e9, 0, 6.95e9])


def immediate(op, a, value):
    low, high = np.array([value]).view("<u4").tolist()
    return (op, 1, a, low, high)


def arguments(rows, words=()):
    """Return the arguments of `walk` after `schedule`, and what it fills."""
    found = tables(rows, words)
    items, counts, fault = run(found, False)
    assert not fault[0]
    n = len(rows)
    order, starts = np.zeros(n, np.int32), np.zeros((n, 2), np.int64)
    for k, (row, (start,)) in enumerate(items[0]):
        order[k], starts[k, 0] = row, start
    clocks = np.array([[r.numerator, 0, r.denominator, 0] for r in RATES], np.int64)
    filled = {
        "state": np.zeros((6, 2)), "plays": np.zeros(counts[0, 1], PLAY), "lasts": np.zeros(counts[0, 1], np.int64),
        "play_rows": np.zeros(counts[0, 1], np.int32),
        "made": np.zeros(counts[0, 2], CAPTURE), "made_hz": np.zeros(counts[0, 2]),
        "made_rows": np.zeros(counts[0, 2], np.int32), "ends_s": np.zeros(1), "residuals": np.zeros((6, 2), np.int64),
        "fault": np.zeros(3, np.int64),
    }  # fmt: skip
    numbers = {
        "volts": VOLTS, "pair_values": PAIR,
        "carriers": np.array([LO_HZ, [float(r * 10**9) for r in RATES], LO_HZ > 0], float).T.copy(), "clocks": clocks,
        "frame_states": np.array([0, 2], np.int32), "states_hz": STATES_HZ.copy(),
        "wave_numbers": np.array([[9]], np.uint32), "values": np.array([[0.25], [1.5]]), "order": order,
        "counts": counts, "starts": starts, "shifts": np.array([[50, 0]], np.int64),
        "unit": np.array([UNITS, 0], np.int64),
    }  # fmt: skip
    return found | numbers | filled, items[0]


def tick_of(exact):
    """Return the nearest whole number, the lower one of two."""
    return ceil(exact - Fraction(1, 2))


def twin(rows, items):
    """Return the plays as tuples (line, wave, start, ticks, volts, Hz, phase) and the captures (line, start, Hz)."""
    hz, phase = list(STATES_HZ), [0.0] * 6
    drive, readout = (0, 3), (2, 5)
    plays, captures = [], []

    def tick(start, line):
        return tick_of((start + 50) * RATES[line])

    def play(line, wave, start, volts):
        if_hz = hz[line] - LO_HZ[line] if LO_HZ[line] or hz[line] else 0.0
        begin, end = tick(start, line), tick(start + WAVES[wave], line)
        plays.append((line, wave, begin, end - begin, volts, if_hz, phase[line]))

    for k, (start,) in items:
        op, flags, a, b, c = rows[k]
        value = np.array([b, c], "<u4").view("<f8")[0] if flags else (0.25, 1.5)[b] if b < 2 else 0
        if op == NAMES["rz"]:
            phase[drive[a]] -= value
        elif op == NAMES["sx"]:
            play(drive[a], 0, start, VOLTS[a, 0])
        elif op == NAMES["cz"]:
            play(4, 2, start, 0.3)
            phase[0] -= 0.7
            phase[3] += 1.1
        elif op == 8:
            play(readout[a], 1, start, VOLTS[a, 1])
            line = readout[a]
            captures.append((line, tick(start + 100, line), plays[-1][5]))
        elif op == NAMES["play"]:
            play((0, 2)[a], 9, start, (0.25, 1.5)[c])
        elif op == NAMES["capture"]:
            captures.append((2, tick(start, 2), hz[2] - LO_HZ[2]))
        elif op == 0x202:
            phase[(0, 2)[a]] += value
        elif op == 0x203:
            phase[(0, 2)[a]] = value
        elif op in (0x204, 0x205):
            line = (0, 2)[a]
            wanted = hz[line] + value if op == 0x204 else value
            phase[line] += 2 * np.pi * np.remainder((wanted - hz[line]) * float(Fraction(start + 50, UNITS)), 1.0)
            hz[line] = wanted
    return plays, captures


@pytest.mark.parametrize("n", [0, 1, 2, 30])
def test_plays_and_captures_are_the_twins(n):
    rng = np.random.default_rng(n)
    for _ in range(40):
        rows = []
        for _ in range(n):
            name, a = (
                rng.choice(["sx", "rz", "cz", "measure", "play", "capture", "phase", "hz", "swept"]),
                int(rng.integers(2)),
            )
            rows.append({
                "sx": (NAMES["sx"], 0, a, 0, 0), "rz": immediate(NAMES["rz"], a, rng.normal()),
                "cz": (0x117, 0, a, 1 - a, 0),
                "measure": (8, 0, a, 0, 0), "play": (0x200, 0, a, 0, int(rng.integers(2))),
                "capture": (0x201, 0, 1, 0, 0),
                "phase": immediate(int(rng.integers(0x202, 0x204)), a, rng.normal()),
                "hz": immediate(0x204, a, float(rng.normal() * 1e6)), "swept": (NAMES["rz"], 0, a, 1, 0),
            }[name])  # fmt: skip
        found, items = arguments(rows)
        ragged = frames.walk(*found.values())
        plays, captures = twin(rows, items)
        assert found["fault"][0] == 0
        assert ragged == any((WAVES[row[1]] * RATES[row[0]]).denominator > 1 for row in plays)
        assert found["lasts"].tolist() == [row[3] for row in plays]
        assert [tuple(row)[:3] for row in found["plays"].tolist()] == [row[:3] for row in plays]
        got = np.array([tuple(row)[3:] for row in found["plays"].tolist()]).reshape(-1, 3)
        np.testing.assert_allclose(got, np.array([row[4:] for row in plays]).reshape(-1, 3), rtol=1e-14, atol=1e-9)
        assert [(row[0], row[2]) for row in found["made"].tolist()] == [row[:2] for row in captures]
        assert found["made_hz"].tolist() == [row[2] for row in captures]
        assert [row[1] for row in found["made"].tolist()] == list(range(len(captures)))


def test_of_two_ticks_the_earlier_one_is_taken_and_the_largest_error_is_kept():
    found, _ = arguments([(0x200, 0, 1, 0, 0), (0x200, 0, 1, 0, 0), (0x200, 0, 1, 0, 0)])
    found["clocks"][2] = 1, 0, 2, 0  # a tick is two units
    for begin, ticks in ((50, [25, 41, 58]), (51, [25, 42, 58]), (-51, [-26, -9, 7])):
        found["shifts"][0, 0], found["shifts"][0, 1] = begin, -(begin < 0)
        assert frames.walk(*found.values())
        # starts are begin, begin + 33 and begin + 66 units
        assert found["plays"]["start"].tolist() == ticks == [tick_of(Fraction(begin + k, 2)) for k in (0, 33, 66)]
        assert found["lasts"].tolist() == [*np.diff(ticks), tick_of(Fraction(begin + 99, 2)) - ticks[-1]]
        assert found["residuals"][2].tolist() == [1, 0]


@pytest.mark.parametrize("begin", [0, 1, 7, 10**9 + 1, 10**12 + 13])
def test_a_length_of_whole_ticks_is_one_wherever_it_begins(begin):
    found, _ = arguments([(0x200, 0, 1, 0, 0)])
    found["lengths"][:] = 0
    found["swept"][:] = 0
    for length, (num, den) in ((6, (3, 2)), (34, (1, 2)), (14, (5, 7))):
        found["lengths"][:, 0] = length
        found["clocks"][2] = num, 0, den, 0
        found["shifts"][0] = begin, 0
        assert not frames.walk(*found.values())
        assert found["lasts"].tolist() == [length * num // den]


def test_frequency_out_of_reach_and_missing_line_are_reported_with_their_row():
    found, _ = arguments([immediate(0x204, 0, 2e9), (0x200, 0, 0, 0, 0)])
    frames.walk(*found.values())
    assert (frames.FAULTS[found["fault"][0]], found["fault"][2]) == ("reach", 1)
    found, _ = arguments([(0x117, 0, 0, 1, 0)])
    found["pairs"][0, 1] = -1
    frames.walk(*found.values())
    assert (frames.FAULTS[found["fault"][0]], found["fault"][2]) == ("line", 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("volts", np.zeros((1, 2))), ("pair_values", np.zeros((1, 2))), ("carriers", np.zeros((6, 2))),
        ("clocks", np.zeros((6, 4), np.int64)), ("frame_states", np.array([0, 6], np.int32)),
        ("states_hz", np.zeros(5)),
        ("wave_numbers", np.zeros((1, 2), np.uint32)), ("values", np.zeros((2, 2))), ("order", np.zeros(3, np.int32)),
        ("order", np.array([9, 0], np.int32)), ("counts", np.zeros((1, 4), np.int64)),
        ("starts", np.zeros((3, 2), np.int64)),
        ("shifts", np.zeros((2, 2), np.int64)), ("unit", np.zeros(1, np.int64)), ("state", np.zeros((5, 2))),
        ("plays", np.zeros(9, PLAY)), ("lasts", np.zeros(9, np.int64)),
        ("play_rows", np.zeros(9, np.int32)), ("made", np.zeros(9, CAPTURE)),
        ("made_hz", np.zeros(9)), ("made_rows", np.zeros(9, np.int32)), ("ends_s", np.zeros(2)),
        ("residuals", np.zeros((5, 2), np.int64)), ("fault", np.zeros(2, np.int64)), ("states_hz", np.zeros(12)[::2]),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit_are_refused(name, value):
    found, _ = arguments([(0x200, 0, 0, 0, 0), (0x201, 0, 1, 0, 0)])
    with pytest.raises(ValueError):
        frames.walk(*(found | {name: value}).values())


def test_value_that_is_not_there_is_refused():
    for row in ((0x200, 0, 0, 0, 2), (NAMES["rz"], 0, 0, 2, 0)):
        found, _ = arguments([row])
        with pytest.raises(ValueError, match="has value 2 of 2"):
            frames.walk(*found.values())
