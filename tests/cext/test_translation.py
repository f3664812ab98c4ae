"""What the translation kernel refuses; that it is right is proved in tests/compiler."""

import numpy as np
import pytest

from qctl.cext.translation import translate_rows
from qctl.program.layout import INSTRUCTION

EDGES = np.array([[0, 1], [1, 2]], np.int32)
GATE = {"x": 0x101, "rz": 0x10E, "cx": 0x115, "ccx": 0x128, "measure": 0x008}
NONE = 0xFFFFFFFF


def run(
    rows=(), words=(), numbers=(), n_qubits=3, n_physical=3, edges=EDGES, one=0, kinds=(0,), fixed=False, **options
):
    made = np.array(list(rows), INSTRUCTION).view(np.uint8)
    return translate_rows(
        made,
        np.array(words, np.uint32),
        np.array(numbers, float),
        n_qubits,
        n_physical,
        edges,
        False,
        one,
        np.array(kinds, np.uint8),
        100,
        2,
        1,
        1,
        fixed,
        False,
        **options,
    )


def test_nothing_becomes_nothing():
    state, _, _, rows, words, numbers, sources, symbols, layout, last, n_swaps, lost = run()
    assert (state, rows, words, numbers, sources, symbols, layout, last, n_swaps, lost) == (
        *(0, b"", b"", b"", b"", []),
        [0, 1, 2],
        [0, 1, 2],
        0,
        0.0,
    )
    assert run(n_qubits=0, n_physical=0, edges=np.zeros((2, 0), np.int32))[0] == 0


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((GATE["x"], 0, 3, NONE, NONE), ()),
        ((GATE["cx"], 0, 0, 3, NONE), ()),
        ((GATE["cx"], 0, 1, 1, NONE), ()),
        ((GATE["rz"], 0, 1, NONE, NONE), ()),
        ((GATE["ccx"], 0, 0, 1, 2), ()),
        ((GATE["ccx"], 4, 0, 3, 0), (0, 1)),
        ((GATE["ccx"], 4, 0, 3, 0), (0, 1, 7)),
        ((GATE["ccx"], 4, 0, 3, 1), (0, 1, 2, 0)),
        ((GATE["measure"], 0, 9, 0, NONE), ()),
    ],
)
def test_rows_that_name_what_is_not_there_are_told(row, words):
    good = (GATE["x"], 0, 0, NONE, NONE)
    assert run([good, row], words)[:2] == (2, 1)


def test_missing_coupler_is_told_where_nothing_may_move():
    assert run([(GATE["cx"], 0, 0, 2, NONE)], fixed=True)[:3] == (3, 0, 2)


def test_qubits_without_a_way_are_told():
    rows = [(GATE["cx"], 0, a, b, NONE) for a, b in ((0, 1), (1, 2), (2, 0), (2, 3), (0, 3))]
    assert run(rows, n_qubits=4, n_physical=4, edges=np.array([[0, 2], [1, 3]], np.int32))[0] == 4


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"n_qubits": 4}, "at most as many qubits"),
        ({"edges": np.zeros((3, 1), np.int32)}, "at most as many"),
        ({"edges": np.array([[0], [3]], np.int32)}, "edge 0 joins 0 and 3"),
        ({"edges": np.array([[1], [1]], np.int32)}, "edge 0 joins 1 and 1"),
        ({"one": 7}, "no native gates"),
        ({"kinds": ()}, "no native gates"),
        ({"kinds": (0, 12)}, r"kinds\[1\] = 12 is none of 12"),
        ({"prices": np.zeros((2, 3, 3))}, r"prices \(2, 3, 3\) don't fit 1 kinds on 3 qubits"),
        ({"bound": 1.0}, "bound = 1.0"),
        ({"bound": float("nan")}, "bound = nan"),
        ({"time_limit_s": -1.0}, "time_limit_s = -1.0"),
        ({"n_threads": 0}, "n_threads = 0"),
        ({"one_way": np.zeros((2, 3), np.uint8)}, r"one_way is \(2, 3\), not 3 square"),
    ],
)
def test_what_does_not_fit_is_refused(options, match):
    with pytest.raises(ValueError, match=match):
        run(**options)


def test_half_rows_and_odd_strides_are_refused():
    rest = (np.zeros(0, np.uint32), np.zeros(0), 3, 3, EDGES, False, 0, np.zeros(1, np.uint8), 0, 0, 0, 1, False, False)
    with pytest.raises(ValueError, match="15 bytes of rows"):
        translate_rows(np.zeros(15, np.uint8), *rest)
    with pytest.raises(ValueError, match="contiguous"):
        translate_rows(np.zeros(64, np.uint8)[::2], *rest)
