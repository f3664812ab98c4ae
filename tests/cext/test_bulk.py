"""Building from arrays gives what calls give, and names the first gate that is wrong."""

import numpy as np
import pytest

import qctl
from qctl.cext.bulk import append_gates
from qctl.circuit import _SHAPES
from qctl.errors import RequestError
from qctl.program.opcodes import GATES, Op

NARROW = [op for op, s in GATES.items() if s.n_qubits in (1, 2) and s.n_params <= 1]


def columns(n, seed=0, n_qubits=7):
    rng = np.random.default_rng(seed)
    first = rng.integers(0, n_qubits, n)
    return rng.choice(NARROW, n), first, (first + rng.integers(1, n_qubits, n)) % n_qubits, rng.normal(size=n)


def slow(n_qubits, ops, first, second, angles):
    c = qctl.Circuit(n_qubits)
    for op, a, b, t in zip(ops, first, second, angles, strict=True):
        spec = GATES[Op(int(op))]
        c.append(Op(int(op)), [int(a), int(b)][: spec.n_qubits], [float(t)][: spec.n_params])
    return c


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7, 8, 9, 100, 5000])
@pytest.mark.parametrize("dtype", ["i8", "i4", "u2", "u8", ">i4"])
def test_arrays_are_what_calls_build(n, dtype):
    ops, first, second, angles = columns(n, n)
    c = qctl.Circuit.from_arrays(7, ops.astype(dtype), first.astype(dtype), second.astype(dtype), angles)
    assert c == slow(7, ops, first, second, angles)
    c.append_arrays(ops[::-1], first[::-1], second[::-1], angles[::-1])
    assert len(c) == 2 * n


def test_appending_goes_on_behind_what_is_there():
    ops, first, second, angles = columns(50)
    c = slow(7, ops[:20], first[:20], second[:20], angles[:20])
    c.append_arrays(ops[20:], first[20:], second[20:], angles[20:])
    assert c == slow(7, ops, first, second, angles)


@pytest.mark.parametrize("place", [0, 5, 6, 19])
def test_the_first_fault_is_named_and_nothing_is_appended(place):
    faults = {"op": (0, Op.CCX), "qubit": (1, 7), "second qubit": (2, -1), "angle": (3, np.nan)}
    for what, (k, bad) in faults.items():
        given = [np.full(20, Op.RZZ), np.zeros(20, int), np.ones(20, int), np.ones(20)]
        given[k][place:] = bad
        c = qctl.Circuit(7)
        c.h(0)
        with pytest.raises(RequestError, match=rf"^{what} = .* is not allowed at instruction {place} of 7 qubits"):
            c.append_arrays(*given)
        assert c.counts() == (1, 0, 0)


@pytest.mark.parametrize("bad", [-1, 2**40, 0, int(Op.MEASURE), int(Op.U), max(GATES) + 1])
def test_what_is_no_narrow_gate_is_refused(bad):
    with pytest.raises(RequestError, match=f"op = {bad} is not allowed at instruction 1"):
        qctl.Circuit.from_arrays(2, [Op.X, bad], [0, 0])


def test_kernel_refuses_lengths_and_strides():
    ops, first, second, angles = columns(8)
    buffer = qctl.Circuit(7)
    for wrong in ((first[:7], second, angles), (first, second[:7], angles), (first, second, angles[:7])):
        with pytest.raises(ValueError, match="have the lengths 8"):
            append_gates(buffer, ops, *wrong, _SHAPES)
    with pytest.raises(ValueError, match="contiguous"):
        append_gates(buffer, ops[::2], first[::2], second[::2], angles[::2], _SHAPES)
    with pytest.raises(ValueError, match="opcode 0 must not be allowed"):
        append_gates(buffer, ops, first, second, angles, np.zeros(3, np.uint64))
    assert len(buffer) == 0
