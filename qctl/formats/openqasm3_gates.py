"""Gates of an OpenQASM 3 text: definitions, modifiers and calls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import openpulse.ast as ast

from qctl.errors import ParseError
from qctl.formats.controlled import emit_power, power_cost
from qctl.formats.gates import BUILT_IN_3, QELIB1, QELIB1_MACROS, STDGATES, Gate
from qctl.formats.limits import MAX_CONTROLS, MAX_NESTING, MAX_STEPS_3
from qctl.formats.openqasm3_expressions import Evaluator
from qctl.formats.openqasm3_parse import parse_openqasm3, place_of
from qctl.formats.openqasm3_scope import Entry
from qctl.formats.openqasm3_values import Qubits
from qctl.program.opcodes import GATES, OP_BY_NAME, Op
from qctl.program.program import Program

__all__ = ["GateTable"]

_MAX_POWER = 1 << 31
_GPHASE = Gate(Op.GPHASE, 0, 1)


@dataclass(frozen=True, slots=True)
class Modifiers:
    """What stands before the gate: one flag for each control (False is negctrl), and the power."""

    controls: tuple[bool, ...] = ()
    power: float = 1


@dataclass(frozen=True, slots=True)
class Call:
    """One statement of a gate body; a `callee` of None is a barrier."""

    callee: Gate | Definition | None
    modifiers: Modifiers
    arguments: tuple[Any, ...]
    qubits: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Definition:
    """A gate that the text defines; `cost` is what a whole expansion takes, `depth` its levels."""

    params: tuple[str, ...]
    n_qubits: int
    body: tuple[Call, ...]
    cost: int
    depth: int

    @property
    def n_params(self) -> int:
        """Return the number of angles."""
        return len(self.params)


class GateTable:
    """Define gates and expand calls into a program."""

    def __init__(self, program: Program, evaluator: Evaluator) -> None:
        self.program = program
        self.evaluator = evaluator
        self.gates: dict[str, Gate | Definition] = dict(BUILT_IN_3)

    def include(self, name: str) -> None:
        """Add the gates of a standard include; raise ParseError for another."""
        if name not in ("stdgates.inc", "qelib1.inc"):
            raise ParseError(f'include "{name[:60]}": only stdgates.inc and qelib1.inc are built in')
        added = STDGATES if name == "stdgates.inc" else QELIB1
        for gate in added:
            if isinstance(self.gates.get(gate), Definition):
                raise ParseError(f"gate {gate!r} is defined before {name}, which defines it too")
        self.gates.update(added)
        if name == "qelib1.inc":
            for node in parse_openqasm3(QELIB1_MACROS).statements:
                assert isinstance(node, ast.QuantumGateDefinition)
                self.define(node)

    def allow(self, word: str, name: str) -> None:
        """Let a gate be called that has a calibration and no definition."""
        op = OP_BY_NAME[name]
        if op in GATES and GATES[op].n_qubits >= 0:
            self.gates.setdefault(word, Gate(op, GATES[op].n_qubits, GATES[op].n_params))

    def define(self, node: ast.QuantumGateDefinition) -> None:
        """Add a gate of the text."""
        name = node.name.name
        if name in self.gates or self.evaluator.scope.find(name) is not None:
            raise ParseError(f"{name!r} is already defined", *place_of(node))
        params = tuple(argument.name for argument in node.arguments)
        qubits = {qubit.name: k for k, qubit in enumerate(node.qubits)}
        if len(qubits) < len(node.qubits) or len({*params, *qubits}) < len(params) + len(qubits):
            raise ParseError(f"gate {name!r} names a parameter or qubit twice", *place_of(node))
        body = tuple(self._call(statement, qubits) for statement in node.body)
        cost, depth = 1, 1
        for call in body:
            cost += _cost(call.callee, call.modifiers)
            if isinstance(call.callee, Definition):
                depth = max(depth, 1 + call.callee.depth)
        if depth > MAX_NESTING:
            raise ParseError(f"gates are defined by each other more than {MAX_NESTING} deep", *place_of(node))
        self.gates[name] = Definition(params, len(qubits), body, min(cost, MAX_STEPS_3 + 1), depth)

    def _call(self, node: Any, qubits: dict[str, int]) -> Call:
        """Return a statement of a gate body with its names resolved."""
        if not isinstance(node, (ast.QuantumGate, ast.QuantumPhase, ast.QuantumBarrier)):
            raise ParseError(f"{type(node).__name__} in a gate body is not supported", *place_of(node))
        operands = []
        for operand in node.qubits:
            if not isinstance(operand, ast.Identifier) or operand.name not in qubits:
                raise ParseError("a gate body acts on the gate's own qubits alone", *place_of(node))
            operands.append(qubits[operand.name])
        if isinstance(node, ast.QuantumBarrier):
            return Call(None, Modifiers(), (), tuple(operands or qubits.values()))
        if len(set(operands)) < len(operands):
            raise ParseError("the statement names a qubit twice", *place_of(node))
        callee, modifiers, arguments = self._head(node)
        _check(node, callee, modifiers, len(arguments), len(operands))
        return Call(callee, modifiers, arguments, tuple(operands))

    def _head(self, node: Any) -> tuple[Gate | Definition, Modifiers, tuple[Any, ...]]:
        """Return callee, modifiers and argument nodes of a gate call or a gphase."""
        modifiers = self._modifiers(node.modifiers)
        if isinstance(node, ast.QuantumPhase):
            return _GPHASE, modifiers, (node.argument,)
        if node.duration is not None:
            raise ParseError("a gate with a duration is not supported", *place_of(node))
        name = node.name.name
        callee = self.gates.get(name)
        if callee is None:
            hint = '; include "stdgates.inc" defines it' if name in STDGATES else ""
            raise ParseError(f"gate {name!r} is not defined{hint}", *place_of(node))
        return callee, modifiers, tuple(node.arguments)

    def _modifiers(self, nodes: Iterable[Any]) -> Modifiers:
        controls: list[bool] = []
        power: float = 1
        for node in nodes:
            word = node.modifier.name
            if word == "inv":
                power = -power
            elif word == "pow":
                power = self._power(node, power)
            else:
                n = 1 if node.argument is None else self.evaluator.size(node.argument, "the controls", MAX_CONTROLS)
                controls += [word == "ctrl"] * n
        if len(controls) > MAX_CONTROLS:
            raise ParseError(f"{len(controls)} controls, more than {MAX_CONTROLS}")
        return Modifiers(tuple(controls), power)

    def _power(self, node: Any, power: float) -> float:
        found = self.evaluator.value(node.argument)
        if isinstance(found, bool) or not isinstance(found, (int, float)):
            raise ParseError("the power is not a constant number", *place_of(node))
        power *= found
        if isinstance(power, float) and power.is_integer():
            power = int(power)
        if abs(power) > _MAX_POWER:
            raise ParseError(f"power = {power} is outside [-{_MAX_POWER}, {_MAX_POWER}]", *place_of(node))
        return power

    def call(self, node: Any) -> None:
        """Emit a gate call or gphase of the text, broadcast over registers."""
        callee, modifiers, arguments = self._head(node)
        operands = [self.evaluator.value(operand) for operand in node.qubits]
        for operand in operands:
            if not isinstance(operand, Qubits):
                raise ParseError("an operand of a gate is not a qubit", *place_of(node))
        _check(node, callee, modifiers, len(arguments), len(operands))
        values = tuple(self.evaluator.angle(argument) for argument in arguments)
        rows = _rows(operands)
        cost = _cost(callee, modifiers)
        self.evaluator.budget.spend(cost * len(rows), *place_of(node))
        for row in rows:
            if len(set(row)) < len(row):
                raise ParseError("the statement names a qubit twice", *place_of(node))
            self._apply(callee, modifiers, values, row, (), 1)

    def _apply(
        self,
        callee: Gate | Definition,
        modifiers: Modifiers,
        values: tuple[Any, ...],
        qubits: Sequence[int],
        outer: tuple[int, ...],
        power: float,
    ) -> None:
        """Emit a call under the controls and the power of the gates around it."""
        n = len(modifiers.controls)
        negative = [q for q, positive in zip(qubits, modifiers.controls, strict=False) if not positive]
        for q in negative:
            self.program.emit_gate(Op.X, (q,), ())
        controls, own = (*outer, *qubits[:n]), tuple(qubits[n:])
        total = modifiers.power * power
        if isinstance(callee, Gate):
            emit_power(callee, values, own, controls, total, self.program.emit_gate)
        else:
            self._expand(callee, values, own, controls, total)
        for q in negative:
            self.program.emit_gate(Op.X, (q,), ())

    def _expand(
        self,
        gate: Definition,
        values: tuple[Any, ...],
        qubits: tuple[int, ...],
        controls: tuple[int, ...],
        power: float,
    ) -> None:
        if not isinstance(power, int):
            raise ParseError(f"pow({power}) of a defined gate is not supported: the power is no integer")
        if len(controls) > MAX_CONTROLS:
            raise ParseError(f"{len(controls)} controls, more than {MAX_CONTROLS}")
        names = {name: Entry(value) for name, value in zip(gate.params, values, strict=True)}
        calls = []
        with self.evaluator.scope.inside_gate(names):
            for call in gate.body:
                angles = tuple(self.evaluator.angle(argument) for argument in call.arguments)
                calls.append((call, angles, [qubits[k] for k in call.qubits]))
        sign = 1 if power > 0 else -1
        for _ in range(abs(power)):
            for call, angles, own in calls[::sign]:
                if call.callee is None:
                    self.program.emit_wide(Op.BARRIER, own)
                else:
                    self._apply(call.callee, call.modifiers, angles, own, controls, sign)


def _cost(callee: Gate | Definition | None, modifiers: Modifiers) -> int:
    """Return the steps of a call, kept small enough to add up."""
    extra = 2 * modifiers.controls.count(False)
    if isinstance(callee, Definition):
        return extra + min(callee.cost * max(1, int(abs(modifiers.power))), MAX_STEPS_3 + 1)
    return extra + (1 if callee is None else power_cost(callee, modifiers.power))


def _check(node: Any, callee: Gate | Definition, modifiers: Modifiers, n_params: int, n_qubits: int) -> None:
    name = "gphase" if isinstance(node, ast.QuantumPhase) else node.name.name
    if n_params != callee.n_params:
        raise ParseError(f"gate {name!r} takes {callee.n_params} angles, not {n_params}", *place_of(node))
    wanted = callee.n_qubits + len(modifiers.controls)
    if n_qubits != wanted:
        raise ParseError(f"gate {name!r} acts here on {wanted} qubits, not {n_qubits}", *place_of(node))


def _rows(operands: list[Qubits]) -> list[tuple[int, ...]]:
    """Return the operands of each gate of a broadcast; single qubits are repeated."""
    sizes = {len(operand.indices) for operand in operands if not operand.single}
    if len(sizes) > 1:
        raise ParseError(f"registers of different sizes {sorted(sizes)} can't be broadcast together")
    n = sizes.pop() if sizes else 1
    columns = [operand.indices * n if operand.single else operand.indices for operand in operands]
    return list(zip(*columns, strict=True)) if columns else [()]
