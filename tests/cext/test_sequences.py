"""Rows of sequences from columns against a slow twin, and what is refused."""

import numpy as np
import pytest

from qctl.cext import sequences
from qctl.program.layout import INSTRUCTION

SX, RZ, CZ, MEASURE, RESET, DELAY, BARRIER = 0x109, 0x10E, 0x117, 8, 9, 10, 7
OPS = np.array([SX, RZ, CZ, MEASURE, RESET, DELAY, BARRIER])


def fill(ops, qubits, angles, second, n_qubits=-1, room=None):
    """Return the rows, the fault, the number of qubits, and whether there are delays."""
    rows = np.full(len(ops) if room is None else room, 7, INSTRUCTION)
    columns = (np.array(ops, np.int64), np.array(qubits, np.int64), np.array(angles, float), np.array(second, np.int64))
    return rows, *sequences.fill(*columns, n_qubits, rows)


def twin(op, q, angle, other, n_qubits):
    low, high = (int(x) for x in np.array([angle]).view("<u4"))
    if op in (RZ, DELAY):
        return (op, 1, q, low, high)
    if op == BARRIER:
        return (op, 0, 0, n_qubits, 0)
    return (op, 0, q, {CZ: other, MEASURE: q}.get(op, 0), 0)


@pytest.mark.parametrize("n", [0, 1, 2, 50])
@pytest.mark.parametrize("given", [-1, 4])
def test_rows_are_the_twins(n, given):
    rng = np.random.default_rng(n)
    ops, qubits = rng.choice(OPS, n), rng.integers(0, 3, n)
    second = (qubits + 1) % 4
    angles = rng.normal(size=n)
    rows, fault, n_qubits, delays = fill(ops, qubits, angles, second, given)
    highest = max(
        [
            0,
            *(q for q, op in zip(qubits, ops, strict=True) if op != BARRIER),
            *(q for q, op in zip(second, ops, strict=True) if op == CZ),
        ]
    )
    assert fault == -1
    assert delays is (DELAY in ops)
    assert n_qubits == (given if given >= 0 else highest + 1)
    assert rows.tolist() == [twin(*row, n_qubits) for row in zip(ops.tolist(), qubits, angles, second, strict=True)]


@pytest.mark.parametrize(
    "row",
    [
        (0x104, 0, 0.0, 0), (-1, 0, 0.0, 0), (SX + 2**32, 0, 0.0, 0), (SX, -1, 0.0, 0), (SX, 2, 0.0, 0),
        (SX, 2**40, 0.0, 0), (RZ, 0, np.nan, 0), (DELAY, 0, np.inf, 0), (CZ, 0, 0.0, 0), (CZ, 0, 0.0, 2),
        (CZ, 0, 0.0, -1),
    ],
)  # fmt: skip
def test_the_first_row_that_is_not_allowed_is_named(row):
    ops, qubits, angles, second = zip((SX, 1, np.nan, 9), row, row, strict=True)
    assert fill(ops, qubits, angles, second, 2)[1] == 1


def test_a_cz_needs_second_qubits_and_a_barrier_no_qubit():
    assert fill([CZ], [0], [0], [], 2)[1] == 0
    assert fill([BARRIER], [-5], [np.nan], [], 2)[1] == -1
    assert fill([SX], [0], [0], [], 0)[1] == 0
    assert fill([SX], [2**30], [0], [])[1] == 0


@pytest.mark.parametrize(
    "given",
    [([SX], [0, 1], [0], []), ([SX], [0], [0, 1], []), ([SX, SX], [0, 1], [0, 1], [1]), ([SX], [0], [0], [], -1, 2)],
)
def test_shapes_that_do_not_fit_are_refused(given):
    with pytest.raises(ValueError, match=r"not [12]"):
        fill(*given)


def test_strides_and_numbers_of_qubits_that_make_no_sense_are_refused():
    column, rows = np.zeros(4, np.int64), np.zeros(2, INSTRUCTION)
    with pytest.raises(ValueError, match="contiguous"):
        sequences.fill(column[::2], column[:2], np.zeros(2), column[:2], -1, rows)
    with pytest.raises(ValueError, match="n_qubits = -2"):
        fill([SX], [0], [0], [], -2)


@pytest.mark.parametrize(
    ("bounds", "n", "fine"),
    [
        ([0, 0], 0, True), ([0, 3], 3, True), ([0, 2, 2, 3], 3, True), ([0, 3], 4, False), ([1, 3], 3, False),
        ([0, 4, 3], 3, False), ([0, -1, 3], 3, False), ([0], 0, False), ([], 0, False),
    ],
)  # fmt: skip
def test_bounds_go_up_from_zero_to_the_end(bounds, n, fine):
    assert sequences.rising(np.array(bounds, np.int64), n) is fine


@pytest.mark.parametrize("sizes", [[], [0], [1], [3, 0, 5, 1]])
def test_barriers_of_joined_programs_find_their_words(sizes):
    rng = np.random.default_rng(3)
    bounds, words = np.cumsum([0, *sizes]), np.cumsum([0, *rng.integers(0, 9, len(sizes))])
    rows = np.array([(op, 0, k, 2, 3) for k, op in enumerate(rng.choice(OPS, bounds[-1]))], INSTRUCTION)
    out = np.empty(len(rows), INSTRUCTION)
    sequences.join(rows, bounds, words, out)
    moved = np.repeat(words[:-1], sizes) * (rows["op"] == BARRIER)
    assert out.tolist() == [
        (op, f, a + more, b, c) for (op, f, a, b, c), more in zip(rows.tolist(), moved.tolist(), strict=True)
    ]


@pytest.mark.parametrize(
    ("bounds", "words", "n"),
    [([0, 1], [0, 1], 2), ([0, 2], [0], 2), ([1, 2], [0, 1], 2), ([0, 3, 2], [0, 0, 0], 2), ([0, 2], [0, 1], 1)],
)
def test_programs_that_do_not_fit_are_not_joined(bounds, words, n):
    with pytest.raises(ValueError, match="bounds"):
        sequences.join(np.zeros(2, INSTRUCTION), np.array(bounds), np.array(words), np.zeros(n, INSTRUCTION))


def test_the_first_gate_that_can_not_be_turned_is_found():
    rows = np.zeros(4, INSTRUCTION)
    rows["op"] = [0x10E, 0x109, 0x10E, 0x10E]
    for gates, angles, wanted in (
        ([0, 2, 3], [0.1, 0.2, 0.3], -1), ([], [], -1), ([0, 1], [0.1, 0.1], 1), ([4], [0.0], 0),
        ([0, -1], [0.0, 0.0], 1),
        ([2, 3], [0.0, np.inf], 1), ([3], [np.nan], 0),
    ):  # fmt: skip
        assert sequences.not_turning(rows, np.array(gates, np.int64), np.array(angles, np.float64)) == wanted
    with pytest.raises(ValueError, match="2 gates, 1 angles"):
        sequences.not_turning(rows, np.zeros(2, np.int64), np.zeros(1))
