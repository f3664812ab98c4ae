"""How the tests of readers and writers compare programs with Qiskit's reading."""

from __future__ import annotations

import numpy as np
import program_twin as twin
import qiskit_twin
from qiskit import QuantumCircuit, qasm2, qasm3
from qiskit.quantum_info import Operator

from qctl.program.body import Body

HEADER2 = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'
HEADER3 = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'


def qiskit_loads(text: str, version: int) -> QuantumCircuit:
    """Return Qiskit's reading."""
    if version == 3:
        return qasm3.loads(text)
    return qasm2.loads(text, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)


def unitary_overlap(body: Body, circuit: QuantumCircuit) -> float:
    """Return |tr(U† V)| / 2**n, which is 1 if both are one unitary up to a phase."""
    ours = twin.unitary(body)
    return float(abs(np.vdot(ours, Operator(circuit).data)) / len(ours))


def outcome_distance(body: Body, circuit: QuantumCircuit) -> float:
    """Return the largest difference of the density matrices of any classical outcome."""
    ours, theirs = twin.mixture(twin.branches(body)), twin.mixture(qiskit_twin.branches(circuit))
    assert ours.keys() == theirs.keys(), (sorted(ours), sorted(theirs))
    return max(float(np.abs(ours[bits] - theirs[bits]).max()) for bits in ours)
