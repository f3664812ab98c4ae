"""Building circuits: by calls, from arrays, a Fourier transform, a set that grows, and bound parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from qctl.bench import build_pyqpanda3
from qctl.bench.case import Case, Goal

__all__ = ["CASES"]

N_QUBITS = 100
N_GATES = 100_000
N_PARAMS = 1_000
N_CYCLES = 100
Build = Callable[[int], Callable[[], Any]]


def _mixed() -> list[tuple[float, int, int]]:
    """Return an angle and two qubits for each five gates."""
    rng = np.random.default_rng(1)
    first = rng.integers(0, N_QUBITS, N_GATES // 5)
    second = (first + rng.integers(1, N_QUBITS, len(first))) % N_QUBITS
    return list(zip(rng.normal(size=len(first)).tolist(), first.tolist(), second.tolist(), strict=True))


def _calls(package: str) -> Build:
    """Return the side that has one method a gate, angle first: qctl and Qiskit."""

    def prepare(n_threads: int) -> Callable[[], Any]:
        kind = _circuit(package)
        rows = _mixed()

        def run() -> Any:
            c = kind(N_QUBITS)
            for t, q, r in rows:
                c.rx(t, q)
                c.ry(t, r)
                c.rz(t, q)
                c.h(r)
                c.cx(q, r)
            return c

        return run

    return prepare


def _circuit(package: str) -> Any:
    if package == "qctl":
        from qctl.circuit import Circuit

        return Circuit
    from qiskit import QuantumCircuit

    return QuantumCircuit


def _mixed_qulacs(n_threads: int) -> Callable[[], Any]:
    from qulacs import QuantumCircuit

    rows = _mixed()

    def run() -> Any:
        c = QuantumCircuit(N_QUBITS)
        for t, q, r in rows:
            c.add_RX_gate(q, t)
            c.add_RY_gate(r, t)
            c.add_RZ_gate(q, t)
            c.add_H_gate(r)
            c.add_CNOT_gate(q, r)
        return c

    return run


def _columns() -> tuple[Any, ...]:
    rng = np.random.default_rng(2)
    first = rng.integers(0, N_QUBITS - 1, N_GATES)
    return rng.integers(0, 5, N_GATES), first, first + 1, rng.normal(size=N_GATES)


def _bulk_qctl(n_threads: int) -> Callable[[], Any]:
    from qctl.circuit import Circuit
    from qctl.program.opcodes import Op

    kinds, first, second, angles = _columns()
    ops = np.array([Op.RX, Op.RY, Op.RZ, Op.H, Op.CX], np.int64)[kinds]
    return lambda: Circuit.from_arrays(N_QUBITS, ops, first, second, angles)


def _bulk_floor(n_threads: int) -> Callable[[], Any]:
    _, first, _, angles = _columns()

    def run() -> Any:
        rows = np.empty((N_GATES, 2), np.uint64)
        rows[:, 0] = first
        rows[:, 1] = angles.view(np.uint64)
        return rows

    return run


def _fourier(package: str) -> Build:
    def prepare(n_threads: int) -> Callable[[], Any]:
        kind = _circuit(package)

        def run() -> Any:
            c = kind(N_QUBITS)
            for i in range(N_QUBITS - 1, -1, -1):
                c.h(i)
                for j in range(i - 1, -1, -1):
                    c.cp(math.pi / 2 ** (i - j), j, i)
            for i in range(N_QUBITS // 2):
                c.swap(i, N_QUBITS - 1 - i)
            return c

        return run

    return prepare


def _time_crystal(package: str) -> Build:
    """Return a side of the DTC100 set: the circuit of 0, 1, … 100 cycles, as in Benchpress (Nation et al. 2024)."""

    def prepare(n_threads: int) -> Callable[[], Any]:
        kind = _circuit(package)

        def run() -> Any:
            rng = np.random.default_rng(12345)
            cycle = kind(N_QUBITS)
            for q in range(N_QUBITS):
                cycle.rx(0.95 * np.pi, q)
            for parity in (0, 1):
                for q in range(parity, N_QUBITS - 1, 2):
                    cycle.rzz(2 * rng.uniform(np.pi / 16, 3 * np.pi / 16), q, q + 1)
            for q in range(N_QUBITS):
                cycle.rz(rng.uniform(-np.pi, np.pi) * np.pi, q)
            circuits = [kind(N_QUBITS)]
            for _ in range(N_CYCLES):
                circuits.append(circuits[-1].compose(cycle))
            return circuits

        return run

    return prepare


def _ansatz(circuit: Any, parameters: list[Any]) -> Any:
    """Append five layers of ry and rz with chains of cx between."""
    names = iter(parameters)
    for layer in range(5):
        for q in range(N_QUBITS):
            circuit.ry(next(names), q)
        for q in range(N_QUBITS):
            circuit.rz(next(names), q)
        for q in range(N_QUBITS - 1 if layer < 4 else 0):
            circuit.cx(q, q + 1)
    return circuit


def _values() -> Any:
    return np.random.default_rng(3).normal(size=N_PARAMS)


def _bind_qctl(named: bool) -> Build:
    def prepare(n_threads: int) -> Callable[[], Any]:
        from qctl.circuit import Circuit
        from qctl.program.expressions import Parameter

        names = [f"p{i}" for i in range(N_PARAMS)]
        circuit = _ansatz(Circuit(N_QUBITS), [Parameter(name) for name in names])
        values: Any = dict(zip(names, _values().tolist(), strict=True)) if named else _values()
        return lambda: circuit.bind(values)

    return prepare


def _bind_qiskit(n_threads: int) -> Callable[[], Any]:
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter

    parameters = [Parameter(f"p{i}") for i in range(N_PARAMS)]
    circuit = _ansatz(QuantumCircuit(N_QUBITS), parameters)
    values = dict(zip(parameters, _values().tolist(), strict=True))
    return lambda: circuit.assign_parameters(values)


def _bind_qulacs(n_threads: int) -> Callable[[], Any]:
    from qulacs import ParametricQuantumCircuit

    circuit = ParametricQuantumCircuit(N_QUBITS)
    for layer in range(5):
        for q in range(N_QUBITS):
            circuit.add_parametric_RY_gate(q, 0.0)
        for q in range(N_QUBITS):
            circuit.add_parametric_RZ_gate(q, 0.0)
        for q in range(N_QUBITS - 1 if layer < 4 else 0):
            circuit.add_CNOT_gate(q, q + 1)
    values = _values().tolist()

    def run() -> Any:
        for i, value in enumerate(values):
            circuit.set_parameter(i, value)
        return circuit

    return run


def _size(made: Any) -> int:
    if isinstance(made, list):
        return sum(map(_size, made))
    if hasattr(made, "originir"):
        return sum(made.count_ops().values())  # size() counts a circuit within as one
    if hasattr(made, "get_gate_count"):
        return int(made.get_gate_count())
    return int(made.size()) if hasattr(made, "size") else len(made)


def _same_size(n_gates: int) -> Callable[[Mapping[str, Any]], None]:
    def agree(made: Mapping[str, Any]) -> None:
        sizes = {side: _size(value) for side, value in made.items() if side != "floor"}
        assert set(sizes.values()) == {n_gates}, f"gates: {sizes}, expected {n_gates}"

    return agree


def _bound_angles(made: Any) -> list[float]:
    """Return the angles of a bound circuit, in order."""
    if hasattr(made, "get_gate_count"):
        return [made.get_parameter(i) for i in range(made.get_parameter_count())]
    if hasattr(made, "gate_operations"):
        return [float(angle) for gate in made.gate_operations() for angle in gate.parameters()]
    if hasattr(made, "body"):
        return [float(angle) for i in range(len(made)) for angle in made.body.gate(i)[2]]
    return [float(angle) for step in made.data for angle in step.operation.params]


def _same_angles(made: Mapping[str, Any]) -> None:
    _same_size(1396)(made)
    for side, circuit in made.items():
        error = np.abs(np.array(_bound_angles(circuit)) - _values()).max()
        assert error < 1e-12, f"the angles of {side} differ by {error}"


def _depth(package: str) -> Build:
    """Return the side that counts the depth of 100,000 gates."""

    def prepare(n_threads: int) -> Callable[[], Any]:
        return _calls(package)(n_threads)().depth  # type: ignore[no-any-return]

    return prepare


def _same_number(made: Mapping[str, Any]) -> None:
    assert len(set(made.values())) == 1, f"depths differ: {dict(made)}"


_PER_CALL = Case(
    "mixed-per-call",
    "Append 100,000 rx, ry, rz, h and cx to a circuit of 100 qubits, one call each in the same Python loop.",
    {
        "qctl": _calls("qctl"),
        "qulacs": _mixed_qulacs,
        "pyqpanda3": lambda _: build_pyqpanda3.mixed(_mixed(), N_QUBITS),
        "qiskit": _calls("qiskit"),
    },
    _same_size(N_GATES),
    (Goal("qctl", 100e-9), Goal("qulacs", 3.0), Goal("pyqpanda3", 12.0), Goal("qiskit", 30.0)),
    n_units=N_GATES,
    unit="gate",
)
_N_FOURIER = N_QUBITS * (N_QUBITS + 1) // 2 + N_QUBITS // 2
_N_CRYSTAL = (3 * N_QUBITS - 1) * N_CYCLES * (N_CYCLES + 1) // 2

CASES = (
    _PER_CALL,
    Case(
        "mixed-from-arrays",
        "Make a checked circuit of 100,000 gates from arrays; the floor copies two columns into rows.",
        {"qctl": _bulk_qctl, "floor": _bulk_floor},
        _same_size(N_GATES),
        (Goal("qctl", 5e-9),),
        n_units=N_GATES,
        unit="gate",
        rounds=15,
    ),
    Case(
        "qft-100",
        "Append the gates of a quantum Fourier transform on 100 qubits, one call each, angles computed in the loop.",
        {
            "qctl": _fourier("qctl"),
            "pyqpanda3": lambda _: build_pyqpanda3.fourier(N_QUBITS),
            "qiskit": _fourier("qiskit"),
        },
        _same_size(_N_FOURIER),
        (Goal("fastest", 5.0),),
        n_units=_N_FOURIER,
        unit="gate",
        rounds=11,
    ),
    Case(
        "dtc100-set",
        "Build 101 circuits of 0 to 100 cycles of a time crystal on 100 qubits, each composed from the one before.",
        {
            "qctl": _time_crystal("qctl"),
            "qiskit": _time_crystal("qiskit"),
            "pyqpanda3": lambda _: build_pyqpanda3.time_crystal(N_QUBITS, N_CYCLES),
        },
        _same_size(_N_CRYSTAL),
        (Goal("fastest", 5.0),),
        n_units=N_CYCLES + 1,
        unit="circuit",
    ),
    Case(
        "depth",
        "Count the depth of 100,000 rx, ry, rz, h and cx on 100 qubits.",
        {"qctl": _depth("qctl"), "qiskit": _depth("qiskit")},
        _same_number,
        (Goal("qiskit", 20.0),),
        n_units=N_GATES,
        unit="gate",
    ),
    Case(
        "bind-array",
        "Put 1,000 numbers in place of the parameters of 1,396 gates; qulacs, pyqpanda3 and qctl take them in order.",
        {
            "qctl": _bind_qctl(False),
            "qulacs": _bind_qulacs,
            "qiskit": _bind_qiskit,
            "pyqpanda3": lambda _: build_pyqpanda3.bind(N_QUBITS, _values(), named=False),
        },
        _same_angles,
        (Goal("qulacs", 20.0), Goal("qiskit", 20.0)),
        n_units=N_PARAMS,
        unit="parameter",
        rounds=15,
    ),
    Case(
        "bind-by-name",
        "Put 1,000 numbers in place of the parameters of 1,396 gates, from a mapping; pyqpanda3 gets them in order.",
        {
            "qctl": _bind_qctl(True),
            "qiskit": _bind_qiskit,
            "pyqpanda3": lambda _: build_pyqpanda3.bind(N_QUBITS, _values(), named=True),
        },
        _same_angles,
        (Goal("qiskit", 5.0), Goal("pyqpanda3", 5.0)),
        n_units=N_PARAMS,
        unit="parameter",
        rounds=15,
    ),
)
