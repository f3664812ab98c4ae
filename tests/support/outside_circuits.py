"""Circuits that others made: MQT Bench and Qiskit build them, Qiskit writes them as OpenQASM 2 or 3.

MQT Bench: N. Quetschlich, L. Burgholzer, R. Wille, Quantum 7, 1062 (2023), MIT licence.
"""

from __future__ import annotations

from typing import Any

import numpy as np

CIRCUITS: dict[str, tuple[str, int, int]] = {
    "bv-4": ("bv", 4, 2),
    "dj-4": ("dj", 4, 3),
    "ghz-5": ("ghz", 5, 2),
    "wstate-3": ("wstate", 3, 3),
    "qpeexact-3": ("qpeexact", 3, 2),
    "grover-3": ("grover", 3, 3),
    "qftentangled-3": ("qftentangled", 3, 2),
    "hidden-shift-4": ("", 4, 3),
    "phase-flip-3": ("", 3, 2),
    "mermin-3": ("", 3, 3),
}
"""Name → family of MQT Bench (empty: built with Qiskit below), qubits, version of OpenQASM."""


def write(name: str) -> str:
    """Return a circuit's OpenQASM text, as Qiskit writes it."""
    from qiskit import qasm2, qasm3, transpile

    family, size, version = CIRCUITS[name]
    if family:
        from mqt.bench import BenchmarkLevel, get_benchmark

        circuit = get_benchmark(family, level=BenchmarkLevel.INDEP, circuit_size=size)
    else:
        circuit = _BUILT[name]()
    basis = ["u3" if version == 2 else "u", "cx", "cz", "h", "x", "rz"]
    flat = transpile(circuit, basis_gates=basis, optimization_level=1)
    return (qasm2 if version == 2 else qasm3).dumps(flat)


def ideal(text: str) -> dict[str, float]:
    """Return the probabilities that Qiskit's state vector gives for the text's measured bits."""
    from qiskit import qasm2, qasm3
    from qiskit.quantum_info import Statevector

    circuit = (qasm3 if "OPENQASM 3" in text else qasm2).loads(text)
    pairs = [
        (circuit.find_bit(item.qubits[0]).index, circuit.find_bit(item.clbits[0]).index)
        for item in circuit.data
        if item.operation.name == "measure"
    ]
    weights = Statevector(circuit.remove_final_measurements(inplace=False)).probabilities()
    found: dict[str, float] = {}
    for index in np.flatnonzero(weights > 1e-14).tolist():
        bits = ["0"] * circuit.num_clbits
        for qubit, bit in pairs:
            bits[circuit.num_clbits - 1 - bit] = str(index >> qubit & 1)
        key = "".join(bits)
        found[key] = found.get(key, 0.0) + float(weights[index])
    return found


def _hidden_shift() -> Any:
    """A bent function shifted by 1011: Rötteler, SODA 2010; the outcome is the shift."""
    from qiskit import QuantumCircuit

    c = QuantumCircuit(4)
    c.h(range(4))
    c.x([0, 1, 3])
    c.cz(0, 1)
    c.cz(2, 3)
    c.x([0, 1, 3])
    c.h(range(4))
    c.cz(0, 1)
    c.cz(2, 3)
    c.h(range(4))
    c.measure_all()
    return c


def _phase_flip() -> Any:
    """A three-qubit phase-flip code with a flip on its middle qubit, decoded: syndrome and data, no correction."""
    from qiskit import QuantumCircuit

    c = QuantumCircuit(3, 3)
    c.ry(0.4, 0)
    c.cx(0, 1)
    c.cx(1, 2)
    c.h(range(3))
    c.z(1)
    c.h(range(3))
    c.cx(1, 2)
    c.cx(0, 1)
    c.measure(range(3), range(3))
    return c


def _mermin() -> Any:
    """A GHZ state measured in X, X, X: odd parities never come."""
    from qiskit import QuantumCircuit

    c = QuantumCircuit(3)
    c.h(0)
    c.cx(0, 1)
    c.cx(1, 2)
    c.h(range(3))
    c.measure_all()
    return c


_BUILT = {"hidden-shift-4": _hidden_shift, "phase-flip-3": _phase_flip, "mermin-3": _mermin}
