"""OpenQASM 2 read by us equals OpenQASM 2 read by Qiskit."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from qiskit import qasm2
from qiskit.quantum_info import Operator

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
import program_twin as twin

from qctl.formats.openqasm2 import read_openqasm2

HEADER = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'


def overlap(text: str) -> float:
    """Return |tr(U† V)| / 2**n of our reading and Qiskit's."""
    ours = twin.unitary(read_openqasm2(text).body)
    circuit = qasm2.loads(text, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
    return abs(np.vdot(ours, Operator(circuit).data)) / len(ours)


@pytest.mark.parametrize("name", [c.name for c in qasm2.LEGACY_CUSTOM_INSTRUCTIONS if c.name != "delay"])
def test_each_gate_of_qelib1_has_qiskits_matrix(name: str) -> None:
    """Compare each gate with angles that are unlike."""
    [gate] = [c for c in qasm2.LEGACY_CUSTOM_INSTRUCTIONS if c.name == name]
    angles = f"({','.join(['0.3', '-1.1', '2.2', '0.7'][: gate.num_params])})" if gate.num_params else ""
    if name == "u0":
        angles = "(1)"
    qubits = ",".join(f"q[{i}]" for i in [2, 0, 3, 1, 4][: gate.num_qubits])
    assert overlap(f"{HEADER}qreg q[5];\nrx(0.4) q; {name}{angles} {qubits};") == pytest.approx(1, abs=1e-12)
