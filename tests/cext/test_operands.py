"""Rows with many qubits are read whole, and what names too many is refused."""

import pytest

import qctl
from qctl.errors import CompileError
from qctl.program.opcodes import Op


def test_a_barrier_over_many_qubits_and_one_named_twice():
    circuit = qctl.Circuit(600)
    circuit.barrier(*range(600))
    circuit.emit_wide(Op.BARRIER, [0, 0, 1])
    made = qctl.translate(circuit, qctl.Target())
    assert [made.body.wide(i)[0] for i in range(2)] == [tuple(range(600)), (0, 0, 1)]


def test_a_row_outside_the_program_is_refused():
    circuit = qctl.Circuit(1)
    circuit.emit(Op.X, 0, 5)
    with pytest.raises(CompileError, match="instruction 0 names"):
        qctl.translate(circuit, qctl.Target())
