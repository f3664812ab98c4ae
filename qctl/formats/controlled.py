"""Emit gates with controls, inverses and powers as the plainest instructions that do the same."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from qctl.errors import ParseError
from qctl.formats.gates import Gate
from qctl.formats.limits import MAX_CONTROLS
from qctl.program.opcodes import CONTROLLED, CONTROLLED_NAMES, Op

__all__ = ["emit_power", "power_cost"]

Emit = Callable[[int, tuple[int, ...], tuple[Any, ...], int], None]

_ADDITIVE = frozenset((Op.RX, Op.RY, Op.RZ, Op.P, Op.U1, Op.RXX, Op.RYY, Op.RZZ, Op.RZX, Op.GPHASE))
"""Gates with one angle, whose powers multiply it."""
_PHASES = {
    Op.Z: math.pi,
    Op.S: math.pi / 2,
    Op.SDG: -math.pi / 2,
    Op.T: math.pi / 4,
    Op.TDG: -math.pi / 4,
}
_INVERSES = {Op.S: Op.SDG, Op.SDG: Op.S, Op.T: Op.TDG, Op.TDG: Op.T, Op.Z: Op.Z}
_OWN_INVERSES = frozenset((Op.ID, Op.X, Op.Y, Op.H, Op.SWAP))
_SX_TURNS = {Op.SX: 1, Op.SXDG: 3}
_AFTER_TURNS = (None, Op.SX, Op.X, Op.SXDG)


def emit_power(
    gate: Gate, values: tuple[Any, ...], qubits: tuple[int, ...], controls: tuple[int, ...], power: float, emit: Emit
) -> None:
    """Emit the `power` of a gate under more controls.

    Parameters
    ----------
    gate : Gate
    values : tuple of float or Expression
        Its angles.
    qubits : tuple of int
        Its operands, its own controls first.
    controls : tuple of int
        Controls in front of them.
    power : int or float
        Fractions only of z, s, t and their inverses, and halves of x.

    Raises
    ------
    ParseError
        For other fractions and for too many controls; without a place.
    """
    base, n_own = CONTROLLED.get(gate.op, (gate.op, 0))
    n_own += gate.n_controls
    if gate.op is Op.CU:
        _emit_cu(values, qubits, controls, power, emit)
        return
    controls, targets = (*controls, *qubits[:n_own]), qubits[n_own:]
    if len(controls) > MAX_CONTROLS:
        raise ParseError(f"{len(controls)} controls, more than {MAX_CONTROLS}")
    if not gate.keeps_params:
        values = ()
    for op, angles in _steps(base, values, power):
        _emit_controlled(op, angles, targets, controls, emit)


def power_cost(gate: Gate, power: float) -> int:
    """Return a bound of the instructions that the power of a gate takes."""
    base, _ = CONTROLLED.get(gate.op, (gate.op, 0))
    if base in _ADDITIVE or base in _PHASES or base in _OWN_INVERSES or base in _SX_TURNS:
        return 1
    return 1 + int(abs(power))


def _emit_cu(
    values: tuple[Any, ...], qubits: tuple[int, ...], controls: tuple[int, ...], power: float, emit: Emit
) -> None:
    """Emit CU as itself, or as a phase of its control and a controlled U."""
    theta, phi, lam, gamma = values
    if not controls and power in (1, -1):
        emit(Op.CU, qubits, (theta, phi, lam, gamma) if power == 1 else (-theta, -lam, -phi, -gamma), 0)
        return
    emit_power(Gate(Op.P, 1, 1), (gamma,), qubits[:1], controls, power, emit)
    emit_power(Gate(Op.U, 1, 3), (theta, phi, lam), qubits[1:], (*controls, qubits[0]), power, emit)


def _steps(op: Op, values: tuple[Any, ...], power: float) -> list[tuple[Op, tuple[Any, ...]]]:
    """Return gates whose product is the power of an uncontrolled gate."""
    if power == 1:
        return [(op, values)]
    if op in _PHASES:
        if power == -1:
            return [(_INVERSES[op], ())]
        return [(Op.P, (_wrapped(_PHASES[op] * power),))]
    if op is Op.X and power in (0.5, -0.5):
        return [(Op.SX if power > 0 else Op.SXDG, ())]
    if not isinstance(power, int):
        raise ParseError(f"pow({power}) of gate {op.name.lower()!r} is not supported: the power is no integer")
    if op in _ADDITIVE:
        return [(op, (-values[0] if power == -1 else values[0] * float(power),))] if power else []
    if op in _OWN_INVERSES:
        return [(op, values)] * (power % 2)
    if op in _SX_TURNS:
        after = _AFTER_TURNS[_SX_TURNS[op] * power % 4]
        return [(after, ())] if after is not None else []
    if op is Op.U2:
        op, values = Op.U, (math.pi / 2, *values)
    if power < 0:
        theta, phi, lam = values
        values = (-theta, -lam, -phi)
    return [(op, values)] * abs(power)


def _wrapped(angle: float) -> float:
    return math.remainder(angle, math.tau)


def _emit_controlled(
    op: Op, values: tuple[Any, ...], targets: tuple[int, ...], controls: tuple[int, ...], emit: Emit
) -> None:
    if op is Op.GPHASE and controls:
        _emit_controlled(Op.P, values, controls[-1:], controls[:-1], emit)
        return
    if op is Op.ID or not controls:
        emit(op, targets, values, 0)
        return
    named = CONTROLLED_NAMES.get((op, len(controls)))
    if named is not None:
        emit(named, (*controls, *targets), values, 0)
    else:
        emit(op, (*controls, *targets), values, len(controls))
