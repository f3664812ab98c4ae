"""Translating and routing beside Qiskit and QPanda3: time, two-qubit gates and depth in the gates rz, sx, x, cz."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from statistics import median
from typing import Any

from qctl.bench.case import Case, Mean
from qctl.bench.translate_circuits import circuit, coupling, names
from qctl.circuit import Circuit
from qctl.compiler.rewrite import translate
from qctl.compiler.target import Target

__all__ = ["CASES", "MEANS"]

BASIS = ("rz", "sx", "x", "cz")
SEEDS = int(os.environ.get("QCTL_BENCH_SEEDS", "3"))
"""Layout seeds, one a round; figures are medians over them."""
BOUND = 1e-12
"""Average gate infidelity up to which Qiskit drops gates at levels 2 and 3 when it is told not to approximate."""
OURS = 1 / 3
"""qctl keeps the turns of a controlled phase that it drops, and so loses a third: this drops the same ones."""
APPROXIMATE = "-approximate"
GATES, DEPTH = "two-qubit gates", "depth"
_BY_OPCODE = {0x10E: "rz", 0x109: "sx", 0x101: "x", 0x117: "cz"}

Gate = tuple[str, tuple[int, ...]]


class _Seeds:
    """What a side makes of one seed after the other."""

    def __init__(self, one: Callable[[int], Any]) -> None:
        self._one = one
        self.made: list[Any] = []

    def __call__(self) -> _Seeds:
        """Translate with the next seed."""
        self.made.append(self._one(len(self.made) + 1))
        return self


def _qctl(name: str, level: int, bound: float, n_threads: int) -> _Seeds:
    n, gates = circuit(name)
    source = Circuit(n)
    for word, angles, qubits in gates:
        source.append(word, qubits, angles)
    target = Target(BASIS, tuple(coupling(name)))
    return _Seeds(lambda seed: translate(source, target, level=level, seed=seed, approximation=bound * OURS))


def _kept(tasks: Any) -> Any:
    """Return the passes of a stage without the one that drops gates close to the identity."""
    left = []
    for task in tasks:
        if isinstance(task, (list, tuple)):
            left.append(_kept(task))
        elif hasattr(task, "tasks"):
            task.tasks = tuple(_kept(task.tasks))
            left.append(task)
        elif type(task).__name__ != "RemoveIdentityEquivalent":
            left.append(task)
    return left


def _qiskit(name: str, level: int, bound: float, n_threads: int) -> _Seeds:
    from qiskit import QuantumCircuit
    from qiskit.transpiler import CouplingMap, generate_preset_pass_manager

    n, gates = circuit(name)
    source = QuantumCircuit(n)
    for word, angles, qubits in gates:
        getattr(source, {"u3": "u"}.get(word, word))(*angles, *qubits)
    edges = CouplingMap(coupling(name))
    edges.make_symmetric()

    def one(seed: int) -> Any:
        passes = generate_preset_pass_manager(level, basis_gates=list(BASIS), coupling_map=edges, seed_transpiler=seed)
        for stage in (passes.init, passes.optimization) if not bound else ():
            stage._tasks = _kept(stage._tasks)
        return passes.run(source)

    return _Seeds(one)


def _qpanda(name: str, n_threads: int) -> _Seeds:
    from pyqpanda3 import core, transpilation

    n, gates = circuit(name)
    source = core.QProg(n)
    make = {
        "h": core.H,
        "s": core.S,
        "t": core.T,
        "x": core.X,
        "cx": core.CNOT,
        "cz": core.CZ,
        "swap": core.SWAP,
        "rx": core.RX,
        "ry": core.RY,
        "rzz": core.RZZ,
        "u3": core.U3,
        "cp": core.CP,
        "tdg": lambda q: core.T(q).dagger(),
    }
    for word, angles, qubits in gates:
        source.append(make[word](*qubits, *angles))
    pairs = [list(edge) for edge in coupling(name)]
    both = [*pairs, *(edge[::-1] for edge in pairs)]
    # Its layout takes no seed.
    return _Seeds(
        lambda seed: transpilation.Transpiler().transpile(
            source, both, init_mapping={}, optimization_level=2, basic_gates=["RZ", "X1", "CZ"]
        )
    )


def _gates(made: Any) -> list[Gate]:
    """Return the names and qubits of what a side made."""
    if isinstance(made, Circuit):
        rows = made.body.instructions.tolist()
        return [(_BY_OPCODE[op], (a, b) if op == 0x117 else (a,)) for op, _, a, b, _ in rows]
    if hasattr(made, "data"):
        where = {q: k for k, q in enumerate(made.qubits)}
        return [(item.operation.name, tuple(where[q] for q in item.qubits)) for item in made.data]
    return [(gate.name().lower(), tuple(gate.qubits())) for gate in made.to_circuit().gate_operations()]


def _figures(values: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    found = {}
    for side, each in values.items():
        n_two, depths = [], []
        while len(each.made) < SEEDS:
            each()
        for made in each.made:
            ends: dict[int, int] = {}
            gates = _gates(made)
            for _, qubits in gates:
                end = 1 + max(ends.get(q, 0) for q in qubits)
                ends.update(dict.fromkeys(qubits, end))
            n_two.append(sum(len(qubits) == 2 for _, qubits in gates))
            depths.append(max(ends.values()))
        found[side] = {GATES: float(median(n_two)), DEPTH: float(median(depths))}
    return found


def _agree(name: str, values: Mapping[str, Any]) -> None:
    """Check that each side used coupled pairs and native gates alone; tests prove that circuits are the same."""
    coupled = {frozenset(edge) for edge in coupling(name)}
    for side, each in values.items():
        for word, qubits in _gates(each.made[-1]):
            assert word in (*BASIS, "x1"), f"{side} left {word} in {name}"
            assert len(qubits) == 1 or frozenset(qubits) in coupled, f"{side} has {word} on {qubits}, not coupled"


def _case(name: str, bound: float = 0.0) -> Case:
    n, gates = circuit(name)
    kept = f"gates of infidelity up to {bound} dropped" if bound else "all angles kept"
    peers = {"qiskit": partial(_qiskit, name, 2, bound), "qiskit level 3": partial(_qiskit, name, 3, bound)}
    return Case(
        name=name + APPROXIMATE * (bound > 0),
        work=f"lay out, route and rewrite {len(gates)} gates on {n} qubits to {', '.join(BASIS)}, {kept}",
        sides={
            "qctl": partial(_qctl, name, 2, bound),
            "qctl level 3": partial(_qctl, name, 3, bound),
            **peers,
            **({} if bound else {"pyqpanda3": partial(_qpanda, name)}),
        },
        agree=partial(_agree, name),
        n_units=len(gates),
        unit="gate",
        rounds=SEEDS,
        figures=_figures,
    )


CASES: tuple[Case, ...] = tuple(_case(name) for name in [*names(), *names(qft=True)]) + tuple(
    _case(name, BOUND) for name in names(qft=True)
)


def _means(what: str, cases: tuple[str, ...]) -> tuple[Mean, ...]:
    return (
        Mean(f"speed, {what}", cases, "qiskit", 10.0),
        Mean(f"gates at speed, {what}", cases, "qiskit", 1.05, GATES),
        Mean(f"depth at speed, {what}", cases, "qiskit", 1.10, DEPTH),
        Mean(f"time of quality, {what}", cases, "qiskit", 2.0, "", "qctl level 3"),
        Mean(f"gates of quality, {what}", cases, "qiskit", 0.985, GATES, "qctl level 3", 1.15),
        Mean(f"depth of quality, {what}", cases, "qiskit", 1.00, DEPTH, "qctl level 3"),
    )


MEANS: tuple[Mean, ...] = (
    *_means("without qft", tuple(names())),
    *_means("qft", tuple(names(qft=True))),
    *_means("qft, approximate", tuple(name + APPROXIMATE for name in names(qft=True))),
)
