"""Write every gate as one-qubit gates and cz, exactly, global phase included wherever a control can see it.

Sources: A. Barenco et al., Phys. Rev. A 52, 3457 (1995), for controlled gates; the OpenQASM 3 standard gate library
for the meaning of names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from qctl.compiler.steps import Step
from qctl.errors import CompileError
from qctl.program.expressions import Value
from qctl.program.opcodes import GATES, Op

__all__ = ["decompose"]

_PI = math.pi
Gate = tuple[Op, tuple[int, ...], tuple[Value, ...]]


def _iswap_family(theta: Value) -> list[Gate]:
    """Return exp(-i theta/2 (XX + YY)): XX + ZZ is XI and IZ behind a cx, and rx(pi/2) turns Y to Z."""
    return [
        (Op.RX, (0,), (_PI / 2,)),
        (Op.RX, (1,), (_PI / 2,)),
        (Op.CX, (0, 1), ()),
        (Op.RX, (0,), (theta,)),
        (Op.RZ, (1,), (theta,)),
        (Op.CX, (0, 1), ()),
        (Op.RX, (0,), (-_PI / 2,)),
        (Op.RX, (1,), (-_PI / 2,)),
    ]


def _around(outer: list[Gate], inner: list[Gate], undo: list[Gate]) -> list[Gate]:
    return [*outer, *inner, *undo]


def _rzz(theta: Value) -> list[Gate]:
    return [(Op.CX, (0, 1), ()), (Op.RZ, (1,), (theta,)), (Op.CX, (0, 1), ())]


_H0: list[Gate] = [(Op.H, (0,), ())]
_H1: list[Gate] = [(Op.H, (1,), ())]
_IN_Y: list[Gate] = [(Op.RX, (0,), (_PI / 2,)), (Op.RX, (1,), (_PI / 2,))]
_OUT_Y: list[Gate] = [(Op.RX, (0,), (-_PI / 2,)), (Op.RX, (1,), (-_PI / 2,))]

_RULES: dict[Op, Callable[..., list[Gate]]] = {
    Op.CX: lambda: _around(_H1, [(Op.CZ, (0, 1), ())], _H1),
    Op.CY: lambda: [(Op.SDG, (1,), ()), (Op.CX, (0, 1), ()), (Op.S, (1,), ())],
    Op.CH: lambda: [(Op.RY, (1,), (-_PI / 4,)), (Op.CZ, (0, 1), ()), (Op.RY, (1,), (_PI / 4,))],
    Op.CSX: lambda: _around(_H1, [(Op.CP, (0, 1), (_PI / 2,))], _H1),
    Op.CP: lambda t: [
        (Op.P, (0,), (t / 2,)),
        (Op.P, (1,), (t / 2,)),
        (Op.CX, (0, 1), ()),
        (Op.P, (1,), (-t / 2,)),
        (Op.CX, (0, 1), ()),
    ],
    Op.CRZ: lambda t: [
        (Op.RZ, (1,), (t / 2,)),
        (Op.CX, (0, 1), ()),
        (Op.RZ, (1,), (-t / 2,)),
        (Op.CX, (0, 1), ()),
    ],
    Op.CRX: lambda t: _around(_H1, [(Op.CRZ, (0, 1), (t,))], _H1),
    Op.CRY: lambda t: [
        (Op.RY, (1,), (t / 2,)),
        (Op.CX, (0, 1), ()),
        (Op.RY, (1,), (-t / 2,)),
        (Op.CX, (0, 1), ()),
    ],
    Op.CU: lambda t, phi, lam, gamma: [
        (Op.P, (0,), (gamma + (lam + phi) / 2,)),
        (Op.P, (1,), ((lam - phi) / 2,)),
        (Op.CX, (0, 1), ()),
        (Op.U, (1,), (-t / 2, 0.0, -(phi + lam) / 2)),
        (Op.CX, (0, 1), ()),
        (Op.U, (1,), (t / 2, phi, 0.0)),
    ],
    Op.SWAP: lambda: [(Op.CX, (0, 1), ()), (Op.CX, (1, 0), ()), (Op.CX, (0, 1), ())],
    Op.ISWAP: lambda: _iswap_family(-_PI / 2),
    Op.ISWAPDG: lambda: _iswap_family(_PI / 2),
    Op.SQRTISWAP: lambda: _iswap_family(-_PI / 4),
    Op.SQRTISWAPDG: lambda: _iswap_family(_PI / 4),
    Op.RZZ: _rzz,
    Op.RXX: lambda t: _around([*_H0, *_H1], _rzz(t), [*_H0, *_H1]),
    Op.RYY: lambda t: _around(_IN_Y, _rzz(t), _OUT_Y),
    Op.RZX: lambda t: _around(_H1, _rzz(t), _H1),
    Op.CCZ: lambda: [
        (Op.CX, (1, 2), ()),
        (Op.TDG, (2,), ()),
        (Op.CX, (0, 2), ()),
        (Op.T, (2,), ()),
        (Op.CX, (1, 2), ()),
        (Op.TDG, (2,), ()),
        (Op.CX, (0, 2), ()),
        (Op.T, (1,), ()),
        (Op.T, (2,), ()),
        (Op.CX, (0, 1), ()),
        (Op.T, (0,), ()),
        (Op.TDG, (1,), ()),
        (Op.CX, (0, 1), ()),
    ],
    Op.CCX: lambda: _around([(Op.H, (2,), ())], [(Op.CCZ, (0, 1, 2), ())], [(Op.H, (2,), ())]),
    Op.CSWAP: lambda: _around([(Op.CX, (2, 1), ())], [(Op.CCX, (0, 1, 2), ())], [(Op.CX, (2, 1), ())]),
}
"""Gates on named qubits 0, 1, 2 as smaller gates, in time order."""

_CONTROLLED: dict[Op, tuple[Op, int]] = {
    Op.CX: (Op.X, 1),
    Op.CY: (Op.Y, 1),
    Op.CZ: (Op.Z, 1),
    Op.CH: (Op.H, 1),
    Op.CSX: (Op.SX, 1),
    Op.CP: (Op.P, 1),
    Op.CRX: (Op.RX, 1),
    Op.CRY: (Op.RY, 1),
    Op.CRZ: (Op.RZ, 1),
    Op.CCX: (Op.X, 2),
    Op.CCZ: (Op.Z, 2),
    Op.CSWAP: (Op.SWAP, 1),
}
_WITH: dict[tuple[Op, int], Op] = {spec: op for op, spec in _CONTROLLED.items()} | {(Op.U1, 1): Op.CP}
_EULER: dict[Op, tuple[float, float, float, float]] = {
    Op.Y: (_PI / 2, _PI, 0.0, 0.0),
    Op.H: (_PI / 2, _PI / 2, 0.0, _PI),
}
"""Fixed gates as phase, theta, phi and lam of exp(i phase) rz(phi) ry(theta) rz(lam)."""


def decompose(steps: tuple[Step, ...]) -> Iterator[Step]:
    """Yield the same program with no gate but one-qubit gates and cz; the global phase is dropped.

    Raises
    ------
    CompileError
        If a gate has no meaning here.
    """
    for step in steps:
        if step.op not in GATES:
            yield step
            continue
        for op, qubits, params in _expand(step.op, step.n_controls, step.qubits, step.params):  # type: ignore[arg-type]
            yield Step(op, qubits, params, where=step.where)


def _expand(op: Op, n: int, qubits: tuple[int, ...], params: tuple[Value, ...]) -> Iterator[Gate]:
    """Yield a gate with n generic controls in front as one-qubit gates and cz."""
    if n:
        if op in _CONTROLLED:
            op, extra = _CONTROLLED[op]
            n += extra
        joined = _WITH.get((op, n))
        if joined is not None:
            op, n = joined, 0
    if n:
        yield from _controlled(op, n, qubits, params)
    elif op is Op.GPHASE or op is Op.ID:
        return
    elif op is Op.CZ or GATES[op].n_qubits == 1:
        yield op, qubits, params
    elif op is Op.MS:
        yield from _pairs(qubits, params, 0)
    else:
        for inner, on, angles in _RULES[op](*params):
            yield from _expand(inner, 0, tuple(qubits[k] for k in on), angles)


def _controlled(op: Op, n: int, qubits: tuple[int, ...], params: tuple[Value, ...]) -> Iterator[Gate]:
    controls, on = qubits[:n], qubits[n:]
    if op is Op.ID:
        return
    if op is Op.GPHASE:
        yield from _phase(controls, params[0])
    elif op in (Op.P, Op.U1):
        yield from _phase(qubits, params[0])
    elif op is Op.Z:
        yield from _phase(qubits, _PI)
    elif op is Op.X:
        yield Op.H, on, ()
        yield from _phase(qubits, _PI)
        yield Op.H, on, ()
    elif op in (Op.S, Op.SDG, Op.T, Op.TDG):
        yield from _phase(qubits, {Op.S: 0.5, Op.SDG: -0.5, Op.T: 0.25, Op.TDG: -0.25}[op] * _PI)
    elif op in (Op.SX, Op.SXDG):
        yield Op.H, on, ()
        yield from _phase(qubits, _PI / 2 if op is Op.SX else -_PI / 2)
        yield Op.H, on, ()
    elif GATES[op].n_qubits == 1:
        yield from _turned(op, controls, on, params)
    elif op is Op.SWAP:
        a, b = on
        yield from _expand(Op.CX, 0, (b, a), ())
        yield from _expand(Op.X, n + 1, (*controls, a, b), ())
        yield from _expand(Op.CX, 0, (b, a), ())
    elif op is Op.MS:
        yield from _pairs(qubits, params, n)
    elif op in _RULES:
        for inner, places, angles in _RULES[op](*params):
            yield from _expand(inner, n, (*controls, *(on[k] for k in places)), angles)
    else:
        raise CompileError(f"{op.name.lower()} with {n} controls can't be decomposed")


def _turned(op: Op, controls: tuple[int, ...], on: tuple[int, ...], params: tuple[Value, ...]) -> Iterator[Gate]:
    """Yield a controlled exp(i phase) rz(phi) ry(theta) rz(lam)."""
    phase: Value = 0.0
    theta: Value
    phi: Value
    lam: Value
    if op in _EULER:
        phase, theta, phi, lam = _EULER[op]
    elif op is Op.RZ:
        theta, phi, lam = 0.0, params[0], 0.0
    elif op is Op.RY:
        theta, phi, lam = params[0], 0.0, 0.0
    elif op is Op.RX:
        theta, phi, lam = params[0], -_PI / 2, _PI / 2
    elif op is Op.RPHI:
        theta, phi, lam = params[0], params[1] - _PI / 2, _PI / 2 - params[1]
    else:
        theta, phi, lam = params if op in (Op.U, Op.U3) else (_PI / 2, *params)
        phase = (phi + lam) / 2
    flip = (*controls, *on)
    yield Op.RZ, on, ((lam - phi) / 2,)
    yield from _expand(Op.X, len(controls), flip, ())
    yield Op.RZ, on, (-(phi + lam) / 2,)
    yield Op.RY, on, (-theta / 2,)
    yield from _expand(Op.X, len(controls), flip, ())
    yield Op.RY, on, (theta / 2,)
    yield Op.RZ, on, (phi,)
    if not (isinstance(phase, float) and phase == 0.0):
        yield from _phase(controls, phase)


def _phase(qubits: tuple[int, ...], angle: Value) -> Iterator[Gate]:
    """Yield diag(1 … 1, exp(i angle)) on the qubits."""
    if len(qubits) == 1:
        yield Op.P, qubits, (angle,)
    elif isinstance(angle, float) and abs(angle) == _PI and len(qubits) == 2:
        yield Op.CZ, qubits, ()
    elif isinstance(angle, float) and abs(angle) == _PI and len(qubits) == 3:
        yield from _expand(Op.CCZ, 0, qubits, ())
    elif len(qubits) == 2:
        yield from _expand(Op.CP, 0, qubits, (angle,))
    else:
        *rest, last, target = qubits
        yield from _phase((last, target), angle / 2)
        yield from _expand(Op.X, len(rest), (*rest, last), ())
        yield from _phase((last, target), -angle / 2)
        yield from _expand(Op.X, len(rest), (*rest, last), ())
        yield from _phase((*rest, target), angle / 2)


def _pairs(qubits: tuple[int, ...], params: tuple[Value, ...], n: int) -> Iterator[Gate]:
    """Yield a Mølmer–Sørensen gate as one rxx for each pair, its axis turned by phi."""
    theta, phi = params
    controls, ions = qubits[:n], qubits[n:]
    for ion in ions:
        yield Op.RZ, (ion,), (-phi,)
    for k, a in enumerate(ions):
        for b in ions[k + 1 :]:
            yield from _expand(Op.RXX, n, (*controls, a, b), (theta,))
    for ion in ions:
        yield Op.RZ, (ion,), (phi,)
