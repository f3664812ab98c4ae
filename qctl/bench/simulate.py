"""State vectors beside their peers: whole circuits in single and double precision, and adjoint gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from qctl.bench.case import Case, Goal, Mean
from qctl.bench.state_peers import CIRCUITS, PEERS, play_qctl, state_of
from qctl.circuit import Circuit
from qctl.program.expressions import Parameter

__all__ = ["CASES", "MEANS"]

SIZES = (16, 20, 24)
PEERS_OF = {"single": ("qsimcirq",), "double": ("pennylane-lightning", "qulacs", "pyqpanda3", "qiskit-aer")}
"""At 24 qubits only the first of them plays: the others take half a minute a circuit."""
ERRORS = {"single": 1e-5, "double": 1e-10}


def _agree(bound: float, values: Mapping[str, Any]) -> None:
    """Compare states up to a phase of all; the products are summed in double precision."""
    own = state_of(values["qctl"]).astype(np.complex128)
    for side, value in values.items():
        overlap = abs(np.vdot(own, state_of(value).astype(np.complex128)))
        assert abs(overlap - 1) < bound, f"the state of {side} overlaps qctl's by {overlap}"


def _side(play: Callable[..., Any], circuit: str, n: int, precision: str, n_threads: int) -> Callable[[], Any]:
    return play(CIRCUITS[circuit](n), n, precision, n_threads)  # type: ignore[no-any-return]


def _case(circuit: str, n: int, precision: str) -> Case:
    peers = PEERS_OF[precision][: None if n < SIZES[-1] else 1]
    players = {"qctl": play_qctl, **{peer: PEERS[peer] for peer in peers}}
    n_gates = len(CIRCUITS[circuit](n))
    return Case(
        name=f"{precision}-{circuit}-{n}",
        work=f"the state after {n_gates} gates ({circuit}) on {n} qubits, {precision} precision, fusion included",
        sides={name: partial(_side, play, circuit, n, precision) for name, play in players.items()},
        agree=partial(_agree, ERRORS[precision]),
        goals=(Goal(peers[0], 0.9),),
        n_units=n_gates,
        unit="gate",
        threads=(1, 2),
        rounds=5 if n < SIZES[-1] else 2,
    )


N_QUBITS, N_LAYERS = 16, 4


def _angles() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(N_LAYERS, N_QUBITS, 2))


def _gradient_qctl(n_threads: int) -> Callable[[], Any]:
    from qctl.simulation.gradient import gradient
    from qctl.simulation.observables import PauliSum

    circuit, values = Circuit(N_QUBITS), {}
    for layer, row in enumerate(_angles()):
        for q in range(N_QUBITS):
            for gate, angle in zip(("ry", "rz"), row[q], strict=True):
                name = f"{gate}_{layer}_{q}"
                values[name] = float(angle)
                getattr(circuit, gate)(Parameter(name), q)
        for q in range(N_QUBITS):
            circuit.cx(q, (q + 1) % N_QUBITS)
    observable = PauliSum({f"Z{q}": 1.0 for q in range(N_QUBITS)})
    return lambda: gradient(circuit, observable, values, threads=n_threads).vector


def _gradient_lightning(n_threads: int) -> Callable[[], Any]:
    import pennylane as qml

    operations = []
    for row in _angles():
        for q in range(N_QUBITS):
            operations += [qml.RY(row[q, 0], q), qml.RZ(row[q, 1], q)]
        operations += [qml.CNOT([q, (q + 1) % N_QUBITS]) for q in range(N_QUBITS)]
    total = qml.Hamiltonian([1.0] * N_QUBITS, [qml.PauliZ(q) for q in range(N_QUBITS)])
    tape = qml.tape.QuantumScript(operations, [qml.expval(total)])
    tape.trainable_params = list(range(2 * N_LAYERS * N_QUBITS))
    device = qml.device("lightning.qubit", wires=N_QUBITS)
    how = qml.devices.ExecutionConfig(gradient_method="adjoint", use_device_gradient=True)
    return lambda: np.array(device.compute_derivatives([tape], how)).ravel()


def _agree_on_gradient(values: Mapping[str, Any]) -> None:
    for side, value in values.items():
        error = np.abs(value - values["qctl"]).max()
        assert error < 1e-9, f"the gradient of {side} differs from qctl's by {error}"


CASES = (
    *(_case(circuit, n, precision) for precision in PEERS_OF for n in SIZES for circuit in CIRCUITS),
    Case(
        name="gradient",
        work=f"128 derivatives of a sum of Z after {N_LAYERS} layers of ry, rz and a ring of cx on {N_QUBITS} qubits",
        sides={"qctl": _gradient_qctl, "pennylane-lightning": _gradient_lightning},
        agree=_agree_on_gradient,
        goals=(Goal("pennylane-lightning", 1.0),),
        n_units=2 * N_LAYERS * N_QUBITS,
        unit="angle",
    ),
)

MEANS = tuple(
    Mean(
        name=f"{precision} precision",
        cases=tuple(case.name for case in CASES if case.name.startswith(precision)),
        peer=PEERS_OF[precision][0],
        bound=bound,
        worst=0.9,
    )
    for precision, bound in (("single", 1.0), ("double", 1.15))
)
