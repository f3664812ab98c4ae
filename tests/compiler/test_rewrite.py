"""qctl.translate on whole programs: blocks keep qubits in place, bits and metadata follow."""

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator

import qctl
from qctl.compiler.unroll import unroll
from qctl.errors import CompileError
from qctl.program.opcodes import Op

LINE = qctl.Target(edges=((0, 1), (1, 2), (2, 3)))


def unitary(program, n):
    circuit = QuantumCircuit(n)
    for step in unroll(program.body).steps:
        {"rz": circuit.rz, "sx": circuit.sx, "cz": circuit.cz, "cx": circuit.cx, "h": circuit.h, "rx": circuit.rx}[
            step.op.name.lower()
        ](*step.params, *step.qubits)
    return Operator(circuit).data


def test_result_is_a_program_with_its_layout():
    circuit = qctl.Circuit(3)
    circuit.h(0)
    circuit.cx(0, 2)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    circuit.measure_all()
    made = qctl.translate(circuit, LINE)
    assert made.n_qubits == 4
    assert made.bits == circuit.bits
    layout = [int(x) for x in made.metadata["final_layout"].split(",")]
    body = made.body
    measured = {int(row["b"]): int(row["a"]) for row in body.instructions if row["op"] == Op.MEASURE}
    assert measured == dict(enumerate(layout))


def test_blocks_leave_qubits_where_they_were():
    circuit = qctl.Circuit(4)
    circuit.h(0)
    with circuit.loop(3):
        circuit.cx(0, 3)
        circuit.rx(0.3, 3)
        circuit.cx(3, 1)
        circuit.cx(2, 0)
    circuit.cx(0, 2)
    made = qctl.translate(circuit, LINE)
    assert made.metadata["layout"] == made.metadata["final_layout"] == "0,1,2,3"
    assert len(made.body.blocks) == 1
    overlap = np.vdot(unitary(made, 4), unitary(circuit, 4))
    assert abs(overlap) / 16 == pytest.approx(1, abs=1e-9)


def test_conditional_block_is_kept():
    circuit = qctl.Circuit(3)
    circuit.measure(0, 0)
    with circuit.if_(0):
        circuit.cx(0, 2)
    made = qctl.translate(circuit, LINE)
    assert [block.kind.name for block in made.body.blocks] == ["IF"]


def test_translation_survives_its_bytes():
    circuit = qctl.Circuit(3)
    circuit.cx(0, 2)
    made = qctl.translate(circuit, LINE)
    assert qctl.Program.from_bytes(made.to_bytes()) == made


def test_larger_program_is_refused():
    with pytest.raises(CompileError, match="5 qubits, the target 4"):
        qctl.translate(qctl.Circuit(5), LINE)
