"""What a native program asks of a target, and what waiting costs it, against loops in Python."""

from math import exp, log

import numpy as np
import pytest

import qctl
from qctl.cext.promise import usage, waiting
from qctl.program.layout import Flag
from qctl.program.opcodes import GATES, Op

N_GATES = Op.MS - Op.ID + 1


def qubits_of(row, words):
    op, flags, a, b, _ = row
    if flags & Flag.WIDE:
        return [int(word) for word in words[a : a + b]]
    return [a, b] if op in GATES and GATES[Op(op)].n_qubits == 2 else [a]


def slow_usage(body, kinds, n, n_kinds):
    pulses, reads, pairs = np.zeros(n, int), np.zeros(n, int), np.zeros((n_kinds, n, n), int)
    for row in body.instructions.tolist():
        qubits = qubits_of(row, body.operands)
        if row[0] == Op.MEASURE:
            reads[qubits[0]] += 1
        elif row[0] in GATES and row[0] not in (Op.RZ, Op.ID):
            if len(qubits) == 2:
                pairs[kinds[row[0] - Op.ID], qubits[0], qubits[1]] += 1
            else:
                pulses[qubits[0]] += 1
    return pulses, reads, pairs


def slow_waiting(body, each, pair_s):
    free, price = {}, 0.0
    for row in body.instructions.tolist():
        op, qubits = row[0], qubits_of(row, body.operands)
        start = max(free.get(q, 0.0) for q in qubits)
        length = 0.0
        if op == Op.MEASURE:
            length = each[qubits[0], 1]
        elif op in GATES and op not in (Op.RZ, Op.ID):
            length = pair_s[qubits[0], qubits[1]] if len(qubits) == 2 else each[qubits[0], 0]
        for q in qubits:
            idle = start - free.get(q, start)
            price -= log(0.5 + exp(-idle / each[q, 2]) / 6 + exp(-idle / each[q, 3]) / 3)
            free[q] = start + length
    return price


def native(rng, n, n_gates):
    circuit = qctl.Circuit(n)
    for _ in range(n_gates):
        a, b = rng.permutation(n)[:2] if n > 1 else (0, 0)
        word = rng.choice(["rz", "sx", "u3", "id", "measure", "barrier", *(("cz", "iswap", "ms") if n > 1 else ())])
        if word == "measure":
            circuit.measure(int(a), 0)
        elif word == "barrier":
            circuit.barrier(*range(n))
        elif word == "ms":
            circuit.ms(0.3, 0.1, int(a), int(b))
        else:
            qubits = [int(a), int(b)] if word in ("cz", "iswap") else [int(a)]
            circuit.append(word, qubits, rng.random({"rz": 1, "u3": 3}.get(word, 0)).tolist())
    return circuit.body


@pytest.mark.parametrize("seed", range(30))
def test_the_same_as_loops_in_python(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 6))
    body = native(rng, n, int(rng.integers(0, 30)))
    kinds = np.zeros(N_GATES, np.uint8)
    kinds[Op.ISWAP - Op.ID] = 1
    found = np.zeros(n, np.int32), np.zeros(n, np.int32), np.zeros((2, n, n), np.int32)
    rows = body.instructions.view(np.uint8)
    usage(rows, body.operands, kinds, *found)
    for ours, theirs in zip(found, slow_usage(body, kinds, n, 2), strict=True):
        assert ours.tolist() == theirs.tolist()
    each, pair_s = rng.random((n, 4)) + 0.01, rng.random((n, n))
    assert waiting(rows, body.operands, each, pair_s) == pytest.approx(slow_waiting(body, each, pair_s), abs=1e-12)


def test_nothing_asks_nothing_and_infinite_lifetimes_lose_nothing():
    none = np.zeros(0, np.int32)
    usage(
        np.zeros(0, np.uint8),
        np.zeros(0, np.uint32),
        np.zeros(N_GATES, np.uint8),
        none,
        none,
        np.zeros((1, 0, 0), np.int32),
    )
    assert waiting(np.zeros(0, np.uint8), np.zeros(0, np.uint32), np.zeros((0, 4)), np.zeros((0, 0))) == 0
    body = native(np.random.default_rng(1), 3, 20)
    each = np.array([[1.0, 2.0, np.inf, np.inf]] * 3)
    assert waiting(body.instructions.view(np.uint8), body.operands, each, np.ones((3, 3))) == 0


@pytest.mark.parametrize(
    ("n_bytes", "shapes", "match"),
    [
        (15, (2, 2, (1, 2, 2), N_GATES), "whole rows"),
        (16, (2, 1, (1, 2, 2), N_GATES), "don't fit"),
        (16, (2, 2, (1, 2, 3), N_GATES), "don't fit"),
        (16, (2, 2, (1, 2, 2), 3), "don't fit"),
        (16, (2, 2, (0, 2, 2), N_GATES), r"kinds\[0\] = 0 is none of 0"),
    ],
)
def test_what_does_not_fit_is_refused(n_bytes, shapes, match):
    pulses, reads, pairs, gates = shapes
    with pytest.raises(ValueError, match=match):
        usage(
            np.zeros(n_bytes, np.uint8), np.zeros(0, np.uint32), np.zeros(gates, np.uint8), np.zeros(pulses, np.int32),
            np.zeros(reads, np.int32), np.zeros(pairs, np.int32),
        )  # fmt: skip
    if match != "whole rows":
        return
    with pytest.raises(ValueError, match=match):
        waiting(np.zeros(n_bytes, np.uint8), np.zeros(0, np.uint32), np.zeros((2, 4)), np.zeros((2, 2)))


def test_rows_that_name_other_qubits_and_odd_strides_are_refused():
    body = native(np.random.default_rng(3), 4, 20)
    rows = body.instructions.view(np.uint8)
    with pytest.raises(ValueError, match="names what is not there"):
        waiting(rows, body.operands, np.ones((1, 4)), np.ones((1, 1)))
    with pytest.raises(ValueError, match=r"\(n, 4\) and \(n, n\)"):
        waiting(rows, body.operands, np.ones((4, 3)), np.ones((4, 4)))
    with pytest.raises(ValueError, match=r"\(n, 4\) and \(n, n\)"):
        waiting(rows, body.operands, np.ones((4, 4)), np.ones((4, 3)))
    with pytest.raises(ValueError, match="contiguous"):
        waiting(rows[::2], body.operands, np.ones((4, 4)), np.ones((4, 4)))
