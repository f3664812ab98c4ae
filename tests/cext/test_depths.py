"""Depths of stretches of instructions against a loop over lists."""

import numpy as np
import pytest

from qctl.cext import depths

NOTHING, ONE, TWO, MEASURE = range(4)
KINDS = np.zeros(512, np.uint8)
KINDS[256:260] = [NOTHING, ONE, TWO, MEASURE]
WIDE, PORT = 4, 0x40000000


def some_rows(n, n_qubits, n_bits, rng):
    """Return random instructions and their operands."""
    rows, operands = np.zeros((n, 4), np.uint32), []
    for row in rows:
        op = rng.integers(256, 260)
        if op != 256 and rng.random() < 0.2:
            qubits = rng.choice(n_qubits, rng.integers(0, min(4, n_qubits) + 1), replace=False).tolist()
            listed = [*qubits, *([PORT | 3] if rng.random() < 0.3 else [])]
            row[:] = [257 | WIDE << 16, len(operands), len(listed), 0]
            operands += listed
        else:
            a, b = rng.choice(n_qubits, 2, replace=False) if n_qubits > 1 else (0, 0)
            row[:] = [op if n_qubits > 1 or op != 258 else 257, a, rng.integers(n_bits) if op == 259 else b, 0]
    return rows, np.array(operands, np.uint32)


def slow(rows, operands, n_qubits, levels):
    levels = levels.copy()
    for word, a, b, _ in rows.tolist():
        kind = KINDS[word & 0xFFFF]
        touched = [[], [a], [a, b], [a, n_qubits + b]][kind]
        if word >> 16 & WIDE:
            touched = [q for q in operands[a : a + b].tolist() if not q & PORT]
        if touched:
            levels[touched] = levels[touched].max() + 1
    return levels


@pytest.mark.parametrize(("n", "n_qubits", "n_bits"), [(0, 1, 1), (1, 1, 1), (60, 1, 2), (300, 7, 3)])
def test_levels_are_those_of_the_loop(n, n_qubits, n_bits):
    rng = np.random.default_rng([n, n_qubits])
    rows, operands = some_rows(n, n_qubits, n_bits, rng)
    levels = rng.integers(0, 5, n_qubits + n_bits)
    for first, end in ((0, n), (n // 3, n // 2)):
        found = levels.copy()
        depths.advance(rows, first, end, operands, KINDS, n_bits, found)
        np.testing.assert_array_equal(found, slow(rows[first:end], operands, n_qubits, levels))


def test_what_is_not_there_is_refused():
    levels = np.zeros(5, np.int64)
    for row, message in [
        ([257, 3, 0, 0], "row 1 names"),
        ([258, 0, 3, 0], "row 1 names"),
        ([259, 0, 2, 0], "row 1 names"),
        ([259, 3, 0, 0], "row 1 names"),
        ([257 | WIDE << 16, 0, 3, 0], "row 1 names"),
        ([257 | WIDE << 16, 2**32 - 1, 1, 0], "row 1 names"),
        ([257 | WIDE << 16, 1, 1, 0], "row 1 names"),
    ]:
        rows = np.array([[257, 0, 0, 0], row], np.uint32)
        with pytest.raises(ValueError, match=message):
            depths.advance(rows, 0, 2, np.array([1, 3], np.uint32), KINDS, 2, levels)
    rows = np.array([[257, PORT, 0, 0], [600, 9, 9, 9]], np.uint32)
    levels[:] = 0
    depths.advance(rows, 0, 2, np.empty(0, np.uint32), KINDS, 2, levels)
    assert not levels.any()


def test_shapes_that_do_not_fit_are_refused():
    rows, operands, levels = np.zeros((3, 4), np.uint32), np.empty(0, np.uint32), np.zeros(2, np.int64)
    for bad, message in [
        ((rows[:, :3].copy(), 0, 3, operands, KINDS, 1, levels), "don't fit"),
        ((rows, 0, 3, operands, KINDS[:9], 1, levels), "don't fit"),
        ((rows, 0, 3, operands, KINDS, 3, levels), "don't fit"),
        ((rows, 0, 4, operands, KINDS, 1, levels), "outside"),
        ((rows, 2, 1, operands, KINDS, 1, levels), "outside"),
        ((np.zeros((6, 4), np.uint32)[::2], 0, 3, operands, KINDS, 1, levels), "contiguous"),
    ]:
        with pytest.raises(ValueError, match=message):
            depths.advance(*bad)
