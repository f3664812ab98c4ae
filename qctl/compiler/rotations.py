"""One-qubit gates as matrices, and any such matrix as rz · sx · rz · sx · rz.

Source of the decomposition: D. McKay et al., Phys. Rev. A 96, 022330 (2017), virtual Z gates.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable

from qctl.program.expressions import Expression, Value
from qctl.program.opcodes import Op

__all__ = ["IDENTITY", "Matrix", "angles_of", "is_diagonal", "matrix_of", "native", "product", "wrapped"]

Matrix = tuple[complex, complex, complex, complex]
"""Row-major 2 x 2."""

Rotation = tuple[Op, float | Expression]
"""RZ with its angle, or SX with 0."""

IDENTITY: Matrix = (1, 0, 0, 1)
ATOL = 1e-10
"""Angles below it are dropped."""

_PI = math.pi
_R = math.sqrt(0.5)
_FIXED: dict[Op, Matrix] = {
    Op.ID: IDENTITY,
    Op.X: (0, 1, 1, 0),
    Op.Y: (0, -1j, 1j, 0),
    Op.Z: (1, 0, 0, -1),
    Op.H: (_R, _R, _R, -_R),
    Op.S: (1, 0, 0, 1j),
    Op.SDG: (1, 0, 0, -1j),
    Op.T: (1, 0, 0, cmath.exp(0.25j * _PI)),
    Op.TDG: (1, 0, 0, cmath.exp(-0.25j * _PI)),
    Op.SX: (0.5 + 0.5j, 0.5 - 0.5j, 0.5 - 0.5j, 0.5 + 0.5j),
    Op.SXDG: (0.5 - 0.5j, 0.5 + 0.5j, 0.5 + 0.5j, 0.5 - 0.5j),
}


def _u(theta: float, phi: float, lam: float) -> Matrix:
    c, s = math.cos(theta / 2), math.sin(theta / 2)
    return (c, -cmath.exp(1j * lam) * s, cmath.exp(1j * phi) * s, cmath.exp(1j * (phi + lam)) * c)


def _rx(t: float) -> Matrix:
    return (math.cos(t / 2), -1j * math.sin(t / 2), -1j * math.sin(t / 2), math.cos(t / 2))


def _ry(t: float) -> Matrix:
    return (math.cos(t / 2), -math.sin(t / 2), math.sin(t / 2), math.cos(t / 2))


def _rphi(theta: float, phi: float) -> Matrix:
    c, s = math.cos(theta / 2), -1j * math.sin(theta / 2)
    return (c, s * cmath.exp(-1j * phi), s * cmath.exp(1j * phi), c)


_TURNS: dict[Op, Callable[..., Matrix]] = {
    Op.P: lambda t: (1, 0, 0, cmath.exp(1j * t)),
    Op.U1: lambda t: (1, 0, 0, cmath.exp(1j * t)),
    Op.RX: _rx,
    Op.RY: _ry,
    Op.RZ: lambda t: (cmath.exp(-0.5j * t), 0, 0, cmath.exp(0.5j * t)),
    Op.U2: lambda phi, lam: _u(_PI / 2, phi, lam),
    Op.RPHI: _rphi,
    Op.U: _u,
    Op.U3: _u,
}

_SYMBOLIC: dict[Op, Callable[..., tuple[Value, Value, Value]]] = {
    Op.RX: lambda t: (t, -_PI / 2, _PI / 2),
    Op.RY: lambda t: (t, 0.0, 0.0),
    Op.U2: lambda phi, lam: (_PI / 2, phi, lam),
    Op.RPHI: lambda t, phi: (t, phi - _PI / 2, _PI / 2 - phi),
    Op.U: lambda t, phi, lam: (t, phi, lam),
    Op.U3: lambda t, phi, lam: (t, phi, lam),
}


def matrix_of(op: Op, params: tuple[float, ...]) -> Matrix:
    """Return the exact unitary of a one-qubit gate with numeric angles."""
    fixed = _FIXED.get(op)
    return fixed if fixed is not None else _TURNS[op](*params)


def product(second: Matrix, first: Matrix) -> Matrix:
    """Return the matrix of `first` followed by `second`."""
    a, b, c, d = second
    e, f, g, h = first
    return (a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h)


def is_diagonal(m: Matrix) -> bool:
    """Say whether a unitary only turns about z, to within 1e-10."""
    return abs(m[1]) < ATOL and abs(m[2]) < ATOL


def angles_of(m: Matrix) -> tuple[float, float, float]:
    """Return (theta, phi, lam) of U(theta, phi, lam), equal to a unitary up to a global phase."""
    a, b, c, d = m
    theta = 2 * math.atan2(math.hypot(abs(c), abs(b)), math.hypot(abs(a), abs(d)))
    if abs(c) < ATOL:
        return theta, 0.0, cmath.phase(d) - cmath.phase(a)
    if abs(a) < ATOL:
        return theta, 0.0, cmath.phase(-b) - cmath.phase(c)
    phi = cmath.phase(c) - cmath.phase(a)
    return theta, phi, cmath.phase(-b) - cmath.phase(a)


def native(m: Matrix) -> list[Rotation]:
    """Return a unitary as at most two sx between z turns, in time order, up to a global phase."""
    theta, phi, lam = angles_of(m)
    if abs(theta) < ATOL:
        return [(Op.RZ, phi + lam)]
    if abs(theta - _PI / 2) < ATOL:
        return [(Op.RZ, lam - _PI / 2), (Op.SX, 0.0), (Op.RZ, phi + _PI / 2)]
    return [(Op.RZ, lam), (Op.SX, 0.0), (Op.RZ, theta + _PI), (Op.SX, 0.0), (Op.RZ, phi + _PI)]


def symbolic(op: Op, params: tuple[Value, ...]) -> list[Rotation]:
    """Return a one-qubit gate with symbolic angles as z turns and sx, in time order, up to a global phase."""
    if op in (Op.RZ, Op.P, Op.U1):
        return [(Op.RZ, params[0])]
    theta, phi, lam = _SYMBOLIC[op](*params)
    return [(Op.RZ, lam), (Op.SX, 0.0), (Op.RZ, theta + _PI), (Op.SX, 0.0), (Op.RZ, phi + _PI)]


def wrapped(angle: float) -> float:
    """Return an angle within (-pi, pi], and 0 for one below 1e-10."""
    turned = math.remainder(angle, 2 * _PI)
    return 0.0 if abs(turned) < ATOL else turned
