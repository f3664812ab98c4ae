"""The checks of straight lines: what names something that is not there is refused, with its row or table."""

import numpy as np
import pytest

from qctl.cext import straight

INSTRUCTION = np.dtype([("op", "<u2"), ("flags", "<u2"), ("a", "<u4"), ("b", "<u4"), ("c", "<u4")])
PORT = 0x40000000


def tables(rows=(), words=(), n_points=1):
    """Return good arguments for two qubits, of three lines each, the last with a recorder, and one coupler."""
    return {
        "rows": np.array(list(rows), INSTRUCTION),
        "bounds": np.array([0, len(rows)], np.int64),
        "words": np.array(words, np.uint32),
        "places": np.arange(2, dtype=np.int32),
        "qubit_lines": np.array([0, 1, 2, 8, 3, 4, 5, 11], np.int32),
        "qubits": np.array([[0, 4, 0, 2, 1, 2, 3, 0, 1], [4, 8, 3, 5, 1, 2, 3, 0, 1]], np.int32),
        "couplers": np.array([[-1, 0], [0, -1]], np.int32),
        "pairs": np.array([[4, 4, 2, 0, 1]], np.int32),
        "lines": np.array([[-1, 0, 0], [-1, 0, 0], [8, 0, 0], [-1, 1, 0], [-1, 1, 0], [11, 1, 0]], np.int32),
        "frames": np.array([0, 2], np.int32),
        "waves": np.array([5], np.int32),
        "captures": np.array([2], np.int32),
        "lengths": np.array([[0, 0], [20, 0], [1100, 0], [100, 0], [80, 0], [33, 0]], np.int64),
        "swept": np.empty((0, n_points, 2), np.int64),
        "n_points": n_points,
    }


GOOD = [
    (0x109, 0, 1, 0, 0), (0x10E, 1, 0, 0, 0), (0x117, 0, 0, 1, 0), (0x007, 0, 0, 2, 0), (0x00A, 0, PORT | 1, 5, 0),
    (0x008, 0, 1, 0, 0), (0x200, 0, 1, 0, 0), (0x201, 0, 1, 0, 0), (0x202, 1, 1, 0, 0), (0x009, 0, 0, 0, 0),
]  # fmt: skip


def test_good_rows_pass():
    straight.check(*tables(GOOD, [0, PORT | 1]).values())
    straight.check(*tables().values())


@pytest.mark.parametrize(
    "row",
    [
        (0x109, 0, 2, 0, 0), (0x10E, 1, 2, 0, 0), (0x008, 0, 9, 0, 0), (0x009, 0, 2, 0, 0), (0x117, 0, 0, 2, 0),
        (0x117, 0, 1, 1, 0), (0x007, 0, 0, 3, 0), (0x007, 0, 3, 0, 0), (0x007, 0, 0xFFFFFFFF, 0xFFFFFFFF, 0),
        (0x00A, 0, 0, 6, 0), (0x00A, 0, PORT | 2, 0, 0), (0x00A, 0, 2, 0, 0), (0x200, 0, 2, 0, 0), (0x200, 0, 0, 1, 0),
        (0x201, 0, 0, 1, 0), (0x201, 0, 2, 0, 0), (0x205, 1, 2, 0, 0),
    ],
)  # fmt: skip
def test_row_that_names_what_is_not_there_is_refused(row):
    with pytest.raises(ValueError, match=r"row 1 .* names what is not there"):
        straight.check(*tables([GOOD[0], row], [0, PORT | 1]).values())


def test_barrier_over_a_symbol_that_is_not_there_is_refused():
    for word in (2, PORT | 2):
        with pytest.raises(ValueError, match="row 0"):
            straight.check(*tables([(0x007, 0, 0, 1, 0)], [word]).values())


@pytest.mark.parametrize(
    ("name", "place", "value", "words"),
    [
        ("bounds", 0, 1, "bounds"), ("places", 1, 2, "place 2"), ("qubits", (0, 1), 9, "lines 0 … 9"),
        ("qubits", (0, 2), 6, "lines 6"), ("qubits", (1, 3), -2, "lines 3, -2"), ("qubits", (1, 4), 6, "length 6"),
        ("couplers", (0, 1), 1, "coupler 1"), ("pairs", (0, 0), 6, "coupler 0"), ("pairs", (0, 1), 6, "coupler 0"),
        ("pairs", (0, 3), 2, "coupler 0"), ("lines", (0, 1), 2, "line 0"), ("lines", (0, 2), 6, "line 0"),
        ("frames", 0, 6, "frame 0"), ("waves", 0, -1, "waveform 0"), ("captures", 0, 6, "capture 0"),
    ],
)  # fmt: skip
def test_table_that_names_what_is_not_there_is_refused(name, place, value, words):
    found = tables(GOOD, [0, PORT | 1])
    found[name][place] = value
    with pytest.raises(ValueError, match=words):
        straight.check(*found.values())


def test_shapes_that_do_not_fit_are_refused():
    for name, value in (
        ("qubits", np.zeros((2, 8), np.int32)), ("couplers", np.zeros((1, 2), np.int32)), ("n_points", 0),
        ("swept", np.zeros((1, 2, 2), np.int64)), ("lengths", np.zeros((6, 3), np.int64)),
        ("bounds", np.array([0, 9], np.int64)), ("bounds", np.array([0, 11, 10], np.int64)),
    ):  # fmt: skip
        with pytest.raises(ValueError):
            straight.check(*(tables(GOOD, [0, PORT | 1]) | {name: value}).values())
    with pytest.raises(ValueError, match="contiguous"):
        straight.check(*(tables(GOOD) | {"waves": np.zeros(4, np.int32)[::2]}).values())
