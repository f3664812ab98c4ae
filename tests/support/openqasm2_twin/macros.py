"""Gates that an OpenQASM 2 text defines itself: their bodies, and their expansion to instructions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from openqasm2_twin.angles import Angle, angle_value, read_angles
from openqasm2_twin.tokens import Tokens
from qctl.errors import ParseError
from qctl.formats.gates import Gate
from qctl.formats.limits import MAX_NESTING, MAX_STEPS

__all__ = ["Callee", "Macro", "expand", "read_body", "read_names"]

_ANGLE_STEPS = 8
"""Steps of angle arithmetic that cost as much as a gate."""


@dataclass(frozen=True, slots=True)
class Call:
    """One statement of a gate body; a `callee` of None is a barrier."""

    callee: Callee | None
    angles: tuple[Angle, ...]
    qubits: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Macro:
    """A gate made of other gates.

    Attributes
    ----------
    n_qubits, n_params : int
        As the text calls it.
    body : tuple of Call
    cost : int
        Steps of its whole expansion.
    depth : int
        Levels of macros, itself included.
    """

    n_qubits: int
    n_params: int
    body: tuple[Call, ...] = ()
    cost: int = 1
    depth: int = 1


@dataclass(frozen=True, slots=True)
class Opaque:
    """A gate that is declared and has no body."""

    n_qubits: int
    n_params: int
    place: tuple[int, int] = field(default=(0, 0))


Callee = Gate | Macro | Opaque
EmitGate = Callable[[int, tuple[int, ...], tuple[float, ...], int], None]
EmitBarrier = Callable[[Sequence[int]], None]


def read_names(tokens: Tokens, what: str, end: str) -> dict[str, int]:
    """Read ``name, name, …`` up to and with `end`; return each name's position."""
    names: dict[str, int] = {}
    while True:
        at = tokens.index
        name = tokens.name(what)
        if name in names:
            raise tokens.error(f"{what} {name!r} is named twice", at)
        names[name] = len(names)
        if tokens.accept(end):
            return names
        tokens.expect(",")


def check_call(tokens: Tokens, at: int, name: str, callee: Callee, n_params: int, n_qubits: int) -> None:
    """Raise ParseError unless a gate is called with the right numbers of angles and operands."""
    if n_params != callee.n_params:
        raise tokens.error(f"gate {name!r} takes {callee.n_params} angles, not {n_params}", at)
    if n_qubits != callee.n_qubits:
        raise tokens.error(f"gate {name!r} acts on {callee.n_qubits} qubits, not {n_qubits}", at)


def read_body(tokens: Tokens, gates: dict[str, Callee], parameters: dict[str, int], qubits: dict[str, int]) -> Macro:
    """Read the rest of a gate definition, after its ``{``.

    Raises
    ------
    ParseError
        For anything but calls of known gates and barriers on its own qubits.
    """
    body: list[Call] = []
    cost, depth = 1, 0
    while not tokens.accept("}"):
        at = tokens.index
        name = tokens.name("a gate")
        if name == "barrier":
            body.append(Call(None, (), tuple(_read_operands(tokens, qubits, may_repeat=True))))
            cost += 1
            continue
        callee = gates.get(name)
        if callee is None:
            raise tokens.error(f"{name!r} can't stand in a gate body: it is no gate defined before", at)
        angles = tuple(read_angles(tokens, parameters))
        operands = tuple(_read_operands(tokens, qubits, may_repeat=False))
        check_call(tokens, at, name, callee, len(angles), len(operands))
        if isinstance(callee, Opaque):
            raise tokens.error(f"gate {name!r} is opaque: it has no meaning here", at)
        cost += 1 + sum(len(angle) for angle in angles if isinstance(angle, list)) // _ANGLE_STEPS
        if isinstance(callee, Macro):
            cost += callee.cost
            depth = max(depth, callee.depth)
        if depth >= MAX_NESTING:
            raise tokens.error(f"gates are defined by each other more than {MAX_NESTING} deep", at)
        body.append(Call(callee, angles, operands))
    return Macro(len(qubits), len(parameters), tuple(body), min(cost, MAX_STEPS + 1), depth + 1)


def _read_operands(tokens: Tokens, qubits: dict[str, int], may_repeat: bool) -> list[int]:
    found: list[int] = []
    while True:
        at = tokens.index
        name = tokens.name("a qubit of the gate")
        if name not in qubits:
            raise tokens.error(f"{name!r} is no qubit of this gate", at)
        index = qubits[name]
        if index not in found:
            found.append(index)
        elif not may_repeat:
            raise tokens.error(f"qubit {name!r} is named twice", at)
        if tokens.accept(";"):
            return found
        tokens.expect(",")


def expand(
    callee: Gate | Macro,
    values: Sequence[float],
    qubits: Sequence[int],
    emit_gate: EmitGate,
    emit_barrier: EmitBarrier,
) -> None:
    """Emit a gate's instructions; the caller has checked its cost.

    Raises
    ------
    ParseError
        If an angle of the expansion is undefined; without a place, which the caller knows.
    """
    if isinstance(callee, Gate):
        emit_gate(callee.op, tuple(qubits), tuple(values) if callee.keeps_params else (), callee.n_controls)
        return
    for call in callee.body:
        inner = [qubits[index] for index in call.qubits]
        if call.callee is None:
            emit_barrier(inner)
        elif isinstance(call.callee, Opaque):
            raise ParseError("an opaque gate has no meaning here")
        else:
            expand(call.callee, [angle_value(angle, values) for angle in call.angles], inner, emit_gate, emit_barrier)
