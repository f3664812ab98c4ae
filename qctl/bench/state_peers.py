"""The circuits that state-vector simulators play, as gate lists from a seed, and how each package plays them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.circuit import Circuit

__all__ = ["CIRCUITS", "PEERS", "brickwork", "fourier", "play_qctl", "random_pairs", "state_of"]

Gate = tuple[str, tuple[int, ...], float]
"""Word, qubits (control first) and angle in radians, 0 where there is none."""
Work = Callable[[], Any]

DEPTH = 20
SEED = 1


def random_pairs(n_qubits: int) -> list[Gate]:
    """Return layers of rx, ry or rz on every qubit and cx or cz on a random pairing of all."""
    rng = np.random.default_rng(SEED)
    gates: list[Gate] = []
    for _ in range(DEPTH):
        gates += _turns(n_qubits, rng)
        order = rng.permutation(n_qubits).tolist()
        gates += [(("cx", "cz")[rng.integers(2)], (a, b), 0.0) for a, b in zip(order[::2], order[1::2], strict=False)]
    return gates


def brickwork(n_qubits: int) -> list[Gate]:
    """Return layers of rx, ry or rz on every qubit and cz on neighbours, even and odd pairs in turn."""
    rng = np.random.default_rng(SEED)
    gates: list[Gate] = []
    for layer in range(DEPTH):
        gates += _turns(n_qubits, rng)
        gates += [("cz", (q, q + 1), 0.0) for q in range(layer % 2, n_qubits - 1, 2)]
    return gates


def fourier(n_qubits: int) -> list[Gate]:
    """Return a Fourier transform without its swaps, after turns that leave no qubit in a basis state."""
    gates = _turns(n_qubits, np.random.default_rng(SEED))
    for i in reversed(range(n_qubits)):
        gates.append(("h", (i,), 0.0))
        gates += [("cp", (i, j), math.pi / 2 ** (i - j)) for j in reversed(range(i))]
    return gates


def _turns(n_qubits: int, rng: np.random.Generator) -> list[Gate]:
    return [(("rx", "ry", "rz")[rng.integers(3)], (q,), float(rng.uniform(-3, 3))) for q in range(n_qubits)]


CIRCUITS: dict[str, Callable[[int], list[Gate]]] = {
    "random": random_pairs,
    "brickwork": brickwork,
    "fourier": fourier,
}


def state_of(value: Any) -> NDArray[np.complexfloating]:
    """Return the state that a side has left, qubit 0 the least significant bit."""
    return np.asarray(value() if callable(value) else value)


def play_qctl(gates: list[Gate], n_qubits: int, precision: str, n_threads: int) -> Work:
    """Prepare qctl: planning and fusion are part of what is timed."""
    from qctl.simulation.simulate import simulate

    circuit = Circuit(n_qubits)
    for word, qubits, angle in gates:
        circuit.append(word, qubits, (angle,) if angle else ())
    return lambda: simulate(circuit, precision=precision, threads=n_threads).statevector


def _qsim(gates: list[Gate], n_qubits: int, precision: str, n_threads: int) -> Work:
    """Prepare qsim with the fusion size that was the fastest of 2, 3 and 4 on this circuit."""
    import cirq
    import qsimcirq

    line = cirq.LineQubit.range(n_qubits)[::-1]
    words = {"rx": cirq.rx, "ry": cirq.ry, "rz": cirq.rz, "h": lambda _: cirq.H, "cx": lambda _: cirq.CX}
    words |= {"cz": lambda _: cirq.CZ, "cp": lambda angle: cirq.CZPowGate(exponent=angle / math.pi)}
    circuit = cirq.Circuit(words[word](angle)(*(line[q] for q in qubits)) for word, qubits, angle in gates)
    found = []
    for size in (2, 3, 4):
        simulator = qsimcirq.QSimSimulator(qsimcirq.QSimOptions(max_fused_gate_size=size, cpu_threads=n_threads))
        spent = []
        for _ in range(2):
            begin = time.perf_counter()
            simulator.simulate(circuit)
            spent.append(time.perf_counter() - begin)
        found.append((min(spent), size, simulator))
    best = min(found)[2]
    return lambda: best.simulate(circuit).final_state_vector


def _lightning(gates: list[Gate], n_qubits: int, precision: str, n_threads: int) -> Work:
    import pennylane as qml

    kind = np.complex64 if precision == "single" else np.complex128
    device = qml.device("lightning.qubit", wires=n_qubits, c_dtype=kind)
    words = {"rx": qml.RX, "ry": qml.RY, "rz": qml.RZ, "cp": qml.ControlledPhaseShift}
    plain = {"h": qml.Hadamard, "cx": qml.CNOT, "cz": qml.CZ}
    operations = []
    for word, qubits, angle in gates:
        wires = [n_qubits - 1 - q for q in qubits]
        operations.append(words[word](angle, wires) if word in words else plain[word](wires))
    tape = qml.tape.QuantumScript(operations, [qml.state()])
    return lambda: device.execute([tape])[0]


def _qulacs(gates: list[Gate], n_qubits: int, precision: str, n_threads: int) -> Work:
    import qulacs

    circuit = qulacs.QuantumCircuit(n_qubits)
    for word, qubits, angle in gates:
        if word in ("rx", "ry", "rz"):  # its angles turn the other way
            getattr(circuit, f"add_{word.upper()}_gate")(qubits[0], -angle)
        elif word == "cp":
            phase = qulacs.gate.to_matrix_gate(qulacs.gate.U1(qubits[1], angle))
            phase.add_control_qubit(qubits[0], 1)
            circuit.add_gate(phase)
        else:
            getattr(circuit, {"h": "add_H_gate", "cx": "add_CNOT_gate", "cz": "add_CZ_gate"}[word])(*qubits)

    def work() -> Any:
        state = qulacs.QuantumState(n_qubits)
        circuit.update_quantum_state(state)
        return state.get_vector

    return work


def _pyqpanda3(gates: list[Gate], n_qubits: int, precision: str, n_threads: int) -> Work:
    from pyqpanda3 import core

    program = core.QProg()
    words = {"rx": core.RX, "ry": core.RY, "rz": core.RZ, "cp": core.CP, "h": core.H, "cx": core.CNOT, "cz": core.CZ}
    for word, qubits, angle in gates:
        program << words[word](*qubits, *((angle,) if angle else ()))
    machine = core.CPUQVM()

    def work() -> Any:
        machine.run(program, 1)
        return machine.result().get_state_vector

    return work


def _aer(gates: list[Gate], n_qubits: int, precision: str, n_threads: int) -> Work:
    from qiskit import QuantumCircuit
    from qiskit_aer import AerSimulator

    circuit = QuantumCircuit(n_qubits)
    for word, qubits, angle in gates:
        getattr(circuit, word)(*((angle,) if angle else ()), *qubits)
    circuit.save_statevector()
    simulator = AerSimulator(method="statevector", precision=precision, max_parallel_threads=n_threads)
    return lambda: simulator.run(circuit).result().get_statevector().data


PEERS: dict[str, Callable[[list[Gate], int, str, int], Work]] = {
    "qsimcirq": _qsim,
    "pennylane-lightning": _lightning,
    "qulacs": _qulacs,
    "pyqpanda3": _pyqpanda3,
    "qiskit-aer": _aer,
}
"""Package → function of gates, qubits, precision and threads that prepares its side."""
