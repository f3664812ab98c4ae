"""Starts against a slow twin with Python's fractions of a unit: random lines, both ways, with and without sweeps."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from qctl.cext import schedule

_SPEC = importlib.util.spec_from_file_location("straight_tables", Path(__file__).with_name("test_straight.py"))
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
tables, INSTRUCTION, PORT = _MODULE.tables, _MODULE.INSTRUCTION, _MODULE.PORT
NAMES = {"sx": 0x109, "rz": 0x10E, "cz": 0x117, "measure": 8, "barrier": 7, "delay": 10, "reset": 9, "play": 0x200}
NAMES |= {"capture": 0x201, "shift_phase": 0x202}
QUBIT_LINES = ([0, 1, 2, 8], [3, 4, 5, 11])


def run(found, late):
    """Return the items of each sequence (row, start at each point), the counts and the fault."""
    n_rows, n_points, n = len(found["rows"]), found["n_points"], len(found["bounds"]) - 1
    order, joined = np.zeros(n_rows, np.int32), np.zeros(n_rows, np.int32)
    counts, fault = np.zeros((n, 4), np.int64), np.zeros(3, np.int64)
    starts = np.zeros((n_rows * n_points, 2), np.int64)
    arguments = list(found.values())
    schedule.schedule(
        *arguments[:3], np.full(n, late, np.uint8), *arguments[3:], order, joined, counts, starts,
        np.empty((12, 2), np.int64), np.empty(3, np.int8), fault,
    )  # fmt: skip
    items = []
    for s in range(n):
        first, size = found["bounds"][s], found["bounds"][s + 1] - found["bounds"][s]
        tables_of_points = [
            starts[first * n_points + p * size : first * n_points + p * size + counts[s, 0]] for p in range(n_points)
        ]
        whole = [[(int(h) << 64) + (int(x) & (2**64 - 1)) for x, h in table] for table in tables_of_points]
        items.append([(int(order[first + k]), [column[k] for column in whole]) for k in range(counts[s, 0])])
    return items, counts, fault


def random_line(rng, n, pulses):
    rows, words = [], []
    names = ["sx", "rz", "cz", "measure", "barrier", "delay"] + (["play", "capture", "shift_phase"] if pulses else [])
    for _ in range(n):
        name = names[rng.integers(len(names))]
        a = int(rng.integers(2))
        if name == "barrier":
            chosen = [w for w in (0, 1, *((PORT, PORT | 1) if pulses else ())) if rng.random() < 0.6]
            rows.append((7, 0, len(words), len(chosen), 0))
            words += chosen
        elif name == "cz":
            rows.append((NAMES[name], 0, a, 1 - a, 0))
        elif name == "delay":
            rows.append((10, 0, PORT | a if pulses and rng.random() < 0.3 else a, int(rng.integers(7)), 0))
        elif name == "capture":
            rows.append((NAMES[name], 0, 1, 0, 0))
        else:
            rows.append((NAMES[name], 0, a, 0, 0))
    return rows, words


def lines_of(row, words):
    op, _, a, b, _ = row

    def symbol(word):
        if not word & PORT:
            return QUBIT_LINES[word]
        return [0] if word == PORT else [2, 8]

    if op == NAMES["cz"]:
        return [*QUBIT_LINES[a], *QUBIT_LINES[b]]
    if op == NAMES["rz"]:
        return [QUBIT_LINES[a][0]]
    if op == NAMES["barrier"]:
        return [line for word in words[a : a + b] for line in symbol(word)]
    if op == NAMES["delay"]:
        return symbol(a)
    if op in (NAMES["play"], NAMES["shift_phase"]):
        return [(0, 2)[a]]
    return [8] if op == NAMES["capture"] else QUBIT_LINES[a]


def twin(rows, words, length, late):
    """Return (row, start) of all items of one point."""
    order = list(range(len(rows)))
    if late:
        last, touched, busy = [], set(), False
        for k in reversed(order):
            op, _, a, b, _ = rows[k]
            if op == 8 and a not in touched:
                last.insert(0, k)
                touched.add(a)
            elif op == 7:
                if busy:
                    touched.update(words[a : a + b])
            else:
                busy = True
                touched.update((a, b) if op == NAMES["cz"] else (a,))
        order = [k for k in order if k not in last] + last
    items = []  # rows that start together, their lines and length
    for k in order:
        op, _, a, b, _ = rows[k]
        if op == 8 and items and items[-1][1] and a not in items[-1][1]:
            items[-1][0].append(k)
            items[-1][1].add(a)
            items[-1][2].extend(QUBIT_LINES[a])
            continue
        lasts = {8: length(2), NAMES["sx"]: length(1), NAMES["cz"]: length(4), NAMES["play"]: length(5)}
        lasts |= {NAMES["capture"]: length(2), 10: length(b) if op == 10 else 0}
        items.append(([k], {a} if op == 8 else set(), list(lines_of(rows[k], words)), lasts.get(op, 0)))
    free = [0] * 12
    starts = {}
    for n, (_, _, lines, lasts) in reversed(list(enumerate(items))) if late else enumerate(items):
        start = max((free[line] for line in lines), default=0)
        starts[n] = (start, start + lasts)
        for line in lines:
            free[line] = start + lasts
    end = max((b for _, b in starts.values()), default=0)
    return [(k, end - starts[n][1] if late else starts[n][0]) for n, item in enumerate(items) for k in item[0]]


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("n", [0, 1, 2, 7, 40])
def test_starts_are_the_twins(n, late):
    rng = np.random.default_rng(n)
    for _ in range(30):
        n_points = int(rng.integers(1, 4))
        lines = [random_line(rng, n, not late) for _ in range(3 if n_points == 1 else 1)]
        words, rows, bounds = [], [], [0]
        for own, symbols in lines:
            rows += [(op, f, a + len(words) if op == 7 else a, b, c) for op, f, a, b, c in own]
            words += symbols
            bounds.append(len(rows))
        found = tables(rows, words, n_points)
        found["bounds"] = np.array(bounds, np.int64)
        scale = int(rng.integers(1, 2**40))  # beyond 64 bits
        values = [0, 20, 1100, 100, 80, 33]
        found["lengths"] = np.array(
            [np.frombuffer((x * scale**2).to_bytes(16, "little"), "<i8") for x in values], np.int64
        )
        swept = rng.integers(0, 1000, n_points)
        found["swept"] = np.array([[[x, 0] for x in swept]], np.int64).reshape(1, n_points, 2)
        if n_points == 1 and rng.random() < 0.7:  # all in one table, and often within 63 bits
            scale = int(rng.choice([1, 10**6, scale]))
            table = [*(x * scale**2 for x in values), int(swept[0])]
            found["lengths"] = np.array([np.frombuffer(x.to_bytes(16, "little"), "<i8") for x in table], np.int64)
            found["swept"] = np.empty((0, 1, 2), np.int64)
        items, _, fault = run(found, late)
        assert fault[0] == 0
        for s, (own, symbols) in enumerate(lines):
            for p in range(n_points):
                wanted = twin(own, symbols, [*(x * scale**2 for x in values), int(swept[p])].__getitem__, late)
                assert [(k, starts[p]) for k, starts in items[s]] == wanted


def test_counts_say_what_there_is():
    rows = [(9, 0, 0, 0, 0), (NAMES["rz"], 1, 0, 0, 0), (NAMES["sx"], 0, 0, 0, 0), (8, 0, 1, 0, 0), (0, 0, 0, 0, 0)]
    _, counts, _ = run(tables(rows), True)
    assert counts.tolist() == [[3, 2, 1, 2]]


@pytest.mark.parametrize(
    ("fault", "rows", "change"),
    [
        ("op", [(0x101, 0, 0, 0, 0)], {}),
        ("no drive", [(0x109, 0, 0, 0, 0)], {"qubits": (0, 2)}),
        ("no drive", [(0x10E, 1, 0, 0, 0)], {"qubits": (0, 2)}),
        ("no coupler", [(0x117, 0, 0, 1, 0)], {"couplers": (0, 1)}),
        ("late reset", [(0x109, 0, 0, 0, 0), (9, 0, 0, 0, 0)], {}),
        ("no input", [(0x201, 0, 1, 0, 0)], {"lines": (2, 0)}),
        ("no readout", [(8, 0, 0, 0, 0)], {"qubits": (0, 3)}),
    ],
)
def test_faults_name_the_row(fault, rows, change):
    found = tables([(7, 0, 0, 0, 0), *rows])
    for name, place in change.items():
        found[name][place] = -1
    _, _, got = run(found, False)
    assert (schedule.FAULTS[got[0]], got[1], got[2]) == (fault, 0, len(rows))


def test_shapes_that_do_not_fit_are_refused():
    good = tables([(0x109, 0, 0, 0, 0)])
    outputs = {
        "order": np.zeros(1, np.int32), "joined": np.zeros(1, np.int32), "counts": np.zeros((1, 4), np.int64),
        "starts": np.zeros((1, 2), np.int64), "free": np.zeros((12, 2), np.int64), "marks": np.zeros(3, np.int8),
        "fault": np.zeros(3, np.int64),
    }  # fmt: skip

    def call(late=1, **changed):
        values = list(good.values())
        schedule.schedule(*values[:3], np.zeros(late, np.uint8), *values[3:], *(outputs | changed).values())

    call()
    for name, value in (
        ("order", np.zeros(2, np.int32)), ("joined", np.zeros(0, np.int32)), ("counts", np.zeros((1, 3), np.int64)),
        ("starts", np.zeros((2, 2), np.int64)), ("free", np.zeros((11, 2), np.int64)), ("marks", np.zeros(2, np.int8)),
        ("fault", np.zeros(2, np.int64)),
    ):  # fmt: skip
        with pytest.raises(ValueError):
            call(**{name: value})
    with pytest.raises(ValueError, match="late"):
        call(late=2)
