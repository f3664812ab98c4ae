"""Follow every outcome of a Qiskit circuit slowly: the other side of `program_twin`."""

from __future__ import annotations

import numpy as np
from program_twin import MAX_ROUNDS, Branch, apply
from qiskit import QuantumCircuit
from qiskit.circuit import Clbit
from qiskit.circuit.classical import expr
from qiskit.quantum_info import Operator


def branches(circuit: QuantumCircuit) -> list[Branch]:
    """Return every classical outcome with its unnormalised (2**n, 1) state; qubit 0 is least significant."""
    n = circuit.num_qubits
    state = np.zeros((2,) * n + (1,), complex)
    state[(0,) * (n + 1)] = 1
    places = {bit: k for k, bit in enumerate(circuit.clbits)}
    found = _play(circuit, circuit, list(circuit.qubits), places, [((0,) * circuit.num_clbits, state)])
    return [(bits, s.transpose((*range(n - 1, -1, -1), n)).reshape(2**n, -1)) for bits, s in found]


def _holds(places: dict, condition: object, bits: tuple[int, ...]) -> bool:
    def value(node: object) -> int:
        if isinstance(node, Clbit):
            return bits[places[node]]
        if isinstance(node, expr.Var):
            var = node.var
            return value(var) if isinstance(var, Clbit) else sum(value(b) << k for k, b in enumerate(var))
        if isinstance(node, expr.Value):
            return int(node.value)
        if isinstance(node, expr.Cast):
            return value(node.operand)
        if isinstance(node, expr.Unary):
            return int(not value(node.operand))
        if isinstance(node, expr.Index):
            return value(node.target) >> value(node.index) & 1
        assert isinstance(node, expr.Binary), node
        left, right = value(node.left), value(node.right)
        return int(
            {
                "EQUAL": left == right,
                "NOT_EQUAL": left != right,
                "LESS": left < right,
                "LESS_EQUAL": left <= right,
                "GREATER": left > right,
                "GREATER_EQUAL": left >= right,
                "LOGIC_AND": left and right,
                "LOGIC_OR": left or right,
                "BIT_XOR": left ^ right,
                "BIT_AND": left & right,
                "BIT_OR": left | right,
            }[node.op.name]
        )

    if isinstance(condition, tuple):
        target, wanted = condition
        read = value(target) if isinstance(target, Clbit) else sum(value(b) << k for k, b in enumerate(target))
        return read == int(wanted)
    return bool(value(condition))


def _play(top: QuantumCircuit, circuit: QuantumCircuit, qubits: list, places: dict, live: list[Branch]) -> list[Branch]:
    """Play a circuit whose qubits are these of the whole, and whose bits have these places."""
    inner = dict(zip(circuit.qubits, qubits, strict=True))
    for item in circuit.data:
        operation = item.operation
        outer = [inner[q] for q in item.qubits]
        axes = tuple(top.find_bit(q).index for q in outer)
        name = operation.name
        if name in ("barrier", "delay"):
            continue
        if name in ("measure", "reset"):
            live = [new for branch in live for new in _collapse(name, axes[0], item, places, branch)]
        elif name == "if_else":
            yes, no = operation.params
            taken = [b for b in live if _holds(places, operation.condition, b[0])]
            left = [b for b in live if not _holds(places, operation.condition, b[0])]
            live = _nested(top, yes, item, outer, places, taken) + (
                _nested(top, no, item, outer, places, left) if no else left
            )
        elif name == "while_loop":
            done: list[Branch] = []
            for _ in range(MAX_ROUNDS):
                done += [b for b in live if not _holds(places, operation.condition, b[0])]
                live = [b for b in live if _holds(places, operation.condition, b[0])]
                live = _nested(top, operation.params[0], item, outer, places, live)
            live = done
        elif name == "for_loop":
            indices, variable, body = operation.params
            for k in indices:
                bound = body.assign_parameters({variable: k}) if variable is not None else body
                live = _nested(top, bound, item, outer, places, live)
        else:
            matrix = Operator(operation).data
            live = [(bits, apply(matrix, axes[::-1], state)) for bits, state in live]
    return live


def _nested(
    top: QuantumCircuit, body: QuantumCircuit, item: object, outer: list, places: dict, live: list[Branch]
) -> list[Branch]:
    inner = {own: places[given] for own, given in zip(body.clbits, item.clbits, strict=True)}  # type: ignore[attr-defined]
    return _play(top, body, outer, {**places, **inner}, live)


def _collapse(name: str, axis: int, item: object, places: dict, branch: Branch) -> list[Branch]:
    bits, state = branch
    found = []
    for outcome in (0, 1):
        projector = np.zeros((2, 2))
        projector[0 if name == "reset" else outcome, outcome] = 1
        new = apply(projector, (axis,), state)
        if np.linalg.norm(new) > 1e-9:
            after = bits
            if name == "measure":
                at = places[item.clbits[0]]  # type: ignore[attr-defined]
                after = (*bits[:at], outcome, *bits[at + 1 :])
            found.append((after, new))
    return found
