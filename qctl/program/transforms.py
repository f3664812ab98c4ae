"""Inverts a circuit, puts it under controls, and raises it to a power, with its parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from qctl.cext.splice import Maps, append_controlled, append_inverse
from qctl.errors import RequestError
from qctl.program.combine import identity, refuse_ports
from qctl.program.expressions import Expression, Value
from qctl.program.opcodes import CONTROLLED, CONTROLLED_NAMES, GATES, OPCODES, Op
from qctl.program.program import Program

__all__ = ["append_power", "control", "invert"]

_SAME, _NEGATED, _FIRST_NEGATED, _SWAPPED, _UNDER_ONE, _HALF_TURN = range(1, 7)
_PAIRS = ((Op.S, Op.SDG), (Op.T, Op.TDG), (Op.SX, Op.SXDG), (Op.ISWAP, Op.ISWAPDG), (Op.SQRTISWAP, Op.SQRTISWAPDG))
_ADDITIVE = (Op.P, Op.RX, Op.RY, Op.RZ, Op.U1, Op.GPHASE, Op.CP, Op.CRX, Op.CRY, Op.CRZ, Op.RXX, Op.RYY, Op.RZZ, Op.RZX)
"""Gates whose powers multiply their one angle."""
_PHASES = {Op.Z: math.pi, Op.S: math.pi / 2, Op.SDG: -math.pi / 2, Op.T: math.pi / 4, Op.TDG: -math.pi / 4}
_DIAGONAL = {*_PHASES, Op.ID, Op.P, Op.U1, Op.RZ, Op.GPHASE, Op.CP, Op.CRZ, Op.RZZ, Op.CZ, Op.CCZ}
_PASSED = (Op.BARRIER, Op.DELAY, Op.NOP)


def _inverses() -> NDArray[np.int16]:
    """Return the inverse of each opcode, and what becomes of its angles; see `append_inverse`."""
    own = [op for op, spec in GATES.items() if spec.n_params == 0]
    table = {op: (op, _SAME) for op in (*own, *_PASSED)}
    table |= {op: (op, _NEGATED) for op in _ADDITIVE}
    table |= {a: (b, _SAME) for pair in _PAIRS for a, b in (pair, pair[::-1])}
    table |= {op: (op, _SWAPPED) for op in (Op.U, Op.U3, Op.CU)}
    table |= {op: (op, _FIRST_NEGATED) for op in (Op.RPHI, Op.MS)}
    table[Op.CSX] = (Op.SXDG, _UNDER_ONE)
    table[Op.U2] = (Op.U, _HALF_TURN)
    return _table({op: (int(inverse), rule) for op, (inverse, rule) in table.items()}, 2)


def _table(rows: Mapping[Op, tuple[int, ...]], n_columns: int) -> NDArray[np.int16]:
    found = np.zeros((max(OPCODES) + 1, n_columns), np.int16)
    for op, row in rows.items():
        found[op] = row
    return found


def _named() -> NDArray[np.int16]:
    """Return for each gate itself, and its opcode with one and with two controls in the name, or 0."""
    rows = {op: [int(op), 0, 0] for op in GATES}
    for (base, n_controls), whole in CONTROLLED_NAMES.items():
        rows[base][n_controls] = int(whole)
    return _table({op: tuple(row) for op, row in rows.items()}, 3)


_INVERSES = _inverses()
_BASES = _table(
    {op: (*CONTROLLED.get(op, (op, 0)), 1) for op in GATES} | {op: (op, 0, 2) for op in (*_PASSED, Op.ID)}, 3
)
_NAMED = _named()


def invert(target: Program, source: Program) -> None:
    """Append the inverse of a circuit of gates, barriers and delays on the same qubits.

    Raises
    ------
    RequestError
        If something in it has no inverse; the instruction is named.
    """
    wrong = append_inverse(target, source, _maps(target, source, 0), _INVERSES)
    if wrong >= 0:
        raise _refusal(source, wrong, "has no inverse")


def control(target: Program, source: Program, n_controls: int) -> None:
    """Append a circuit with the first `n_controls` qubits of the target as controls of all its gates.

    Raises
    ------
    RequestError
        If something in it can't be controlled; the instruction is named.
    """
    wrong = append_controlled(target, source, _maps(target, source, n_controls), n_controls, _BASES, _NAMED)
    if wrong >= 0:
        raise _refusal(source, wrong, f"can't be put under {n_controls} controls")


def append_power(target: Program, source: Program, power: float) -> None:
    """Append a power that is no whole number of a circuit whose gates all commute and have an exact one.

    Such gates are turns by an angle and phases; they commute if each qubit has one gate at most, or all are diagonal.

    Raises
    ------
    RequestError
        If the circuit is no such one; what is in the way is named.
    """
    body = source.body
    seen: set[int] = set()
    diagonal = all(op in _DIAGONAL for op in set(body.instructions["op"].tolist()))
    for i in range(len(body)):
        if Op(int(body.instructions[i]["op"])) not in GATES:
            raise _refusal(source, i, f"has no exact power {power}")
        op, qubits, params, n_controls = body.gate(i)
        if not diagonal and seen.intersection(qubits):
            raise _refusal(source, i, f"may not commute with those before it: there is no exact power {power}")
        seen.update(qubits)
        step = _gate_power(op, params, power)
        if step is None:
            raise _refusal(source, i, f"has no exact power {power}")
        target.append(step[0], qubits, step[1], n_controls)


def _gate_power(op: Op, params: tuple[Value, ...], power: float) -> tuple[Op, tuple[Value, ...]] | None:
    if op in _ADDITIVE or op in (Op.RPHI, Op.MS):
        return op, (params[0] * power, *params[1:])
    if op in _PHASES:
        return Op.P, (_PHASES[op] * power,)
    if op is Op.CZ:
        return Op.CP, (math.pi * power,)
    return (op, ()) if op is Op.ID else None


def _maps(target: Program, source: Program, first: int) -> Maps:
    """Return maps to the same qubits from `first` on, and to expressions and their negatives."""

    def place(index: int, negative: bool) -> int:
        value = source._expressions[index]
        return target.expression_index(_negative(value) if negative else value)

    refuse_ports(source)
    n_expressions = len(source.body.expressions)  # a body's rows are right
    none = np.empty(0, np.uint32)
    return Maps(identity(source.n_qubits) + np.uint32(first), none, none, n_expressions, place)


def _negative(value: Expression) -> Expression:
    return Expression(value.code[:-1]) if value.code[-1] == ("neg", None) else -value


def _refusal(source: Program, i: int, what: str) -> RequestError:
    op = Op(int(source.body.instructions[i]["op"]))
    return RequestError(f"instruction {i} ({OPCODES[op].name}) {what}")
