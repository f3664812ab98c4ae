"""Noisy simulation beside Aer, QPanda3 and Qulacs: a density matrix, trajectories, and Stim's stabilizers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from qctl.bench.case import Case, Goal

__all__ = ["CASES"]

N_QUBITS, N_LAYERS, N_SHOTS = 10, 20, 1000
SEED = 3
ONE, TWO = 1e-3, 1e-2
"""Probability of any Pauli error after a gate on one and on two qubits."""

Gates = list[tuple[str, tuple[int, ...], float]]


def _gates(n_qubits: int = N_QUBITS) -> Gates:
    """Return layers of a random rx, ry or rz on each qubit, then cx on random pairs of all of them."""
    rng = np.random.default_rng(SEED)
    found: Gates = []
    for _ in range(N_LAYERS):
        found += [
            (("rx", "ry", "rz")[rng.integers(3)], (q,), float(rng.uniform(0, 2 * np.pi))) for q in range(n_qubits)
        ]
        order = rng.permutation(n_qubits).tolist()
        found += [("cx", (order[k], order[k + 1]), 0.0) for k in range(0, n_qubits, 2)]
    return found


def _qctl_program(measured: bool) -> tuple[Any, Any]:
    import qctl

    c = qctl.Circuit(N_QUBITS)
    for name, qubits, angle in _gates():
        if name == "cx":
            c.cx(*qubits)
        else:
            getattr(c, name)(angle, *qubits)
    if measured:
        c.measure_all()
    depolarising = qctl.channels.depolarising
    return c, qctl.NoiseModel().on(None, depolarising(ONE)).on("cx", depolarising(TWO, 2))


def _qctl_density(threads: int) -> Callable[[], Any]:
    import qctl

    program, noise = _qctl_program(False)
    return lambda: qctl.simulate(program, noise=noise, threads=threads, method="density").probabilities


def _qctl_shots(threads: int) -> Callable[[], Any]:
    import qctl

    program, noise = _qctl_program(True)

    def play() -> Any:
        return qctl.simulate(program, N_SHOTS, 1, noise=noise, threads=threads, method="trajectories").counts

    return play


def _aer(threads: int, method: str, measured: bool) -> tuple[Any, Any]:
    from qiskit import QuantumCircuit
    from qiskit_aer import AerSimulator
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    circuit = QuantumCircuit(N_QUBITS)
    for name, qubits, angle in _gates():
        getattr(circuit, name)(*([angle] if name != "cx" else []), *qubits)
    if measured:
        circuit.measure_all()
    else:
        circuit.save_probabilities()
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(ONE * 4 / 3, 1), ["rx", "ry", "rz"])
    noise.add_all_qubit_quantum_error(depolarizing_error(TWO * 16 / 15, 2), ["cx"])
    return AerSimulator(method=method, noise_model=noise, max_parallel_threads=threads), circuit


def _aer_density(threads: int) -> Callable[[], Any]:
    simulator, circuit = _aer(threads, "density_matrix", False)
    return lambda: np.asarray(simulator.run(circuit, shots=1).result().data(0)["probabilities"])


def _aer_shots(threads: int) -> Callable[[], Any]:
    simulator, circuit = _aer(threads, "statevector", True)
    return lambda: simulator.run(circuit, shots=N_SHOTS, seed_simulator=1).result().get_counts()


def _qulacs_circuit() -> Any:
    import qulacs
    from qulacs.gate import CNOT, RX, RY, RZ, DepolarizingNoise, TwoQubitDepolarizingNoise

    circuit = qulacs.QuantumCircuit(N_QUBITS)
    turns = {"rx": RX, "ry": RY, "rz": RZ}
    for name, qubits, angle in _gates():
        if name == "cx":
            circuit.add_gate(CNOT(*qubits))
            circuit.add_gate(TwoQubitDepolarizingNoise(*qubits, TWO))
        else:
            circuit.add_gate(turns[name](*qubits, -angle))  # Qulacs turns the other way
            circuit.add_gate(DepolarizingNoise(*qubits, ONE))
    return circuit


def _qulacs_density(threads: int) -> Callable[[], Any]:
    import qulacs

    circuit = _qulacs_circuit()

    def play() -> Any:
        state = qulacs.DensityMatrix(N_QUBITS)
        circuit.update_quantum_state(state)
        return np.real(np.diag(state.get_matrix()))

    return play


def _qulacs_shots(threads: int) -> Callable[[], Any]:
    import qulacs

    simulator = qulacs.NoiseSimulator(_qulacs_circuit(), qulacs.QuantumState(N_QUBITS))
    return lambda: Counter(format(index, f"0{N_QUBITS}b") for index in simulator.execute(N_SHOTS))


def _pyqpanda3(measured: bool) -> tuple[Any, Any]:
    from pyqpanda3 import core

    program = core.QProg(N_QUBITS)
    turns = {"rx": core.RX, "ry": core.RY, "rz": core.RZ}
    for name, qubits, angle in _gates():
        program << (core.CNOT(*qubits) if name == "cx" else turns[name](qubits[0], angle))
    if measured:
        program << core.measure(list(range(N_QUBITS)), list(range(N_QUBITS)))
    noise = core.NoiseModel()
    one = core.depolarizing_error(ONE * 4 / 3)
    for gate in (core.GateType.RX, core.GateType.RY, core.GateType.RZ):
        noise.add_all_qubit_quantum_error(one, gate)
    paulis = ["".join(pair) for pair in ((a, b) for a in "IXYZ" for b in "IXYZ")]
    odds = {word: TWO / 15 if word != "II" else 1 - TWO for word in paulis}
    noise.add_all_qubit_quantum_error(core.QuantumError(odds), core.GateType.CNOT)
    return program, noise


def _pyqpanda3_density(threads: int) -> Callable[[], Any]:
    from pyqpanda3 import core

    program, noise = _pyqpanda3(False)

    def play() -> Any:
        machine = core.DensityMatrixSimulator()
        machine.run(program, noise)
        return np.array(machine.state_probs())

    return play


def _pyqpanda3_shots(threads: int) -> Callable[[], Any]:
    from pyqpanda3 import core

    program, noise = _pyqpanda3(True)

    def play() -> Any:
        machine = core.CPUQVM()
        machine.run(program, N_SHOTS, noise)
        return machine.result().get_counts()

    return play


def _same_odds(found: Mapping[str, Any]) -> None:
    for name, odds in found.items():
        error = float(np.abs(np.asarray(odds) - found["qctl"]).max())
        assert error < 1e-9, f"{name}'s populations differ from qctl's by {error:.3g}"


def _alike(found: Mapping[str, Any]) -> None:
    """Compare how often each qubit is read as 1: within five standard deviations of two samples."""
    ones = {
        name: np.array([sum(k for text, k in counts.items() if text[-1 - q] == "1") for q in range(N_QUBITS)])
        for name, counts in found.items()
    }
    for name, mean in ones.items():
        assert sum(found[name].values()) == N_SHOTS, f"{name} played another number of shots"
        far = float(np.abs(mean - ones["qctl"]).max()) / np.sqrt(N_SHOTS / 2)
        assert far < 5, f"{name}'s marginals are {far:.3g} standard deviations from qctl's"


N_STABILIZER, STABILIZER_SHOTS = 500, 100


def _clifford_rows() -> list[tuple[str, tuple[int, ...]]]:
    rng = np.random.default_rng(SEED)
    rows: list[tuple[str, tuple[int, ...]]] = []
    for _ in range(N_LAYERS):
        rows += [(("h", "s", "x")[rng.integers(3)], (q,)) for q in range(N_STABILIZER)]
        order = rng.permutation(N_STABILIZER).tolist()
        rows += [("cx", (order[k], order[k + 1])) for k in range(0, N_STABILIZER, 2)]
    return rows


def _qctl_stabilizer(threads: int) -> Callable[[], Any]:
    import stim  # noqa: F401

    import qctl

    c = qctl.Circuit(N_STABILIZER)
    for name, qubits in _clifford_rows():
        getattr(c, name)(*qubits)
    c.measure_all()
    return lambda: sum(qctl.simulate(c, STABILIZER_SHOTS, 1, method="stabilizer").counts.values())


def _stim(threads: int) -> Callable[[], Any]:
    import stim

    circuit = stim.Circuit()
    for name, qubits in _clifford_rows():
        circuit.append(name.upper(), qubits)
    circuit.append("M", range(N_STABILIZER))
    return lambda: len(circuit.compile_sampler(seed=1).sample(STABILIZER_SHOTS))


def _same_number(found: Mapping[str, Any]) -> None:
    assert len(set(found.values())) == 1, f"numbers of shots differ: {dict(found)}"


_LAYERS = f"{N_QUBITS} qubits, {N_LAYERS} layers of a random rotation on each and cx on random pairs (seed {SEED})"

CASES: tuple[Case, ...] = (
    Case(
        name="density-matrix-10",
        work=f"{_LAYERS}, depolarising noise after every gate: populations of the density matrix in double precision",
        sides={
            "qctl": _qctl_density,
            "qiskit-aer": _aer_density,
            "pyqpanda3": _pyqpanda3_density,
            "qulacs": _qulacs_density,
        },
        agree=_same_odds,
        goals=(Goal("fastest", 2.0),),
        rounds=3,
    ),
    Case(
        name="trajectories-10",
        work=f"{_LAYERS}, depolarising noise after every gate: counts of {N_SHOTS} shots from state vectors that jump",
        sides={"qctl": _qctl_shots, "qiskit-aer": _aer_shots, "pyqpanda3": _pyqpanda3_shots, "qulacs": _qulacs_shots},
        agree=_alike,
        goals=(Goal("fastest", 2.0),),
        rounds=3,
    ),
    Case(
        name="stabilizer-500",
        work=f"{N_STABILIZER} qubits, {N_LAYERS} layers: {STABILIZER_SHOTS} shots of h, s, x and cx; Stim only samples",
        sides={"qctl": _qctl_stabilizer, "stim": _stim},
        agree=_same_number,
        goals=(),
        rounds=5,
    ),
)
