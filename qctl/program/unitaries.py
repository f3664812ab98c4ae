"""The matrix of each gate; the first operand is the most significant bit of a matrix' index."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError
from qctl.program.opcodes import Op

__all__ = ["gate_matrix"]

Matrix = NDArray[Any]

_X: Matrix = np.array([[0, 1], [1, 0]], np.complex128)
_Y: Matrix = np.array([[0, -1j], [1j, 0]], np.complex128)
_Z: Matrix = np.diag([1, -1]).astype(np.complex128)
_H: Matrix = (_X + _Z) / math.sqrt(2)
_SX = np.array([[1 + 1j, 1 - 1j], [1 - 1j, 1 + 1j]]) / 2
_SWAP = np.eye(4)[[0, 2, 1, 3]].astype(complex)


def _u(theta: float, phi: float, lam: float) -> Matrix:
    c, s = math.cos(theta / 2), math.sin(theta / 2)
    return np.array([[c, -cmath.exp(1j * lam) * s], [cmath.exp(1j * phi) * s, cmath.exp(1j * (phi + lam)) * c]])


def _phase(lam: float) -> Matrix:
    return np.diag([1, cmath.exp(1j * lam)])


def _turn(pauli: Matrix, theta: float) -> Matrix:
    """Return exp(-i theta/2 pauli) for a matrix whose square is one."""
    return np.asarray(math.cos(theta / 2) * np.eye(len(pauli)) - 1j * math.sin(theta / 2) * pauli)


def _rphi(theta: float, phi: float) -> Matrix:
    return _turn(math.cos(phi) * _X + math.sin(phi) * _Y, theta)


def _exchange(theta: float) -> Matrix:
    """Return exp(i theta/2 (XX + YY))."""
    c, s = math.cos(theta), 1j * math.sin(theta)
    return np.array([[1, 0, 0, 0], [0, c, s, 0], [0, s, c, 0], [0, 0, 0, 1]])


def _controlled(matrix: Matrix, n: int = 1) -> Matrix:
    size = len(matrix)
    whole = np.eye(size << n, dtype=complex)
    whole[-size:, -size:] = matrix
    return whole


def _ms(n_qubits: int, theta: float, phi: float) -> Matrix:
    """Return exp(-i theta/2 sum over pairs of S_j S_k), S = cos(phi) X + sin(phi) Y.

    Source: Mølmer, Sørensen, Phys. Rev. Lett. 82, 1835 (1999); for two ions at phi = 0 it is rxx(theta).
    """
    axis = math.cos(phi) * _X + math.sin(phi) * _Y
    total = np.zeros((2**n_qubits,) * 2, complex)
    for k in range(n_qubits):
        total += np.kron(np.kron(np.eye(2**k), axis), np.eye(2 ** (n_qubits - k - 1)))
    energies, states = np.linalg.eigh(total)
    return np.asarray(states * np.exp(-0.25j * theta * (energies**2 - n_qubits)) @ states.conj().T)


_FIXED: dict[Op, Matrix] = {
    Op.ID: np.eye(2, dtype=complex),
    Op.X: _X,
    Op.Y: _Y,
    Op.Z: _Z,
    Op.H: _H,
    Op.S: _phase(math.pi / 2),
    Op.SDG: _phase(-math.pi / 2),
    Op.T: _phase(math.pi / 4),
    Op.TDG: _phase(-math.pi / 4),
    Op.SX: _SX,
    Op.SXDG: _SX.conj().T,
    Op.CX: _controlled(_X),
    Op.CY: _controlled(_Y),
    Op.CZ: _controlled(_Z),
    Op.CH: _controlled(_H),
    Op.CSX: _controlled(_SX),
    Op.SWAP: _SWAP,
    Op.ISWAP: _exchange(math.pi / 2),
    Op.ISWAPDG: _exchange(-math.pi / 2),
    Op.SQRTISWAP: _exchange(math.pi / 4),
    Op.SQRTISWAPDG: _exchange(-math.pi / 4),
    Op.CCX: _controlled(_X, 2),
    Op.CCZ: _controlled(_Z, 2),
    Op.CSWAP: _controlled(_SWAP),
}

_ANGLED: dict[Op, Callable[..., Matrix]] = {
    Op.P: _phase,
    Op.U1: _phase,
    Op.RX: lambda t: _turn(_X, t),
    Op.RY: lambda t: _turn(_Y, t),
    Op.RZ: lambda t: _turn(_Z, t),
    Op.U2: lambda phi, lam: _u(math.pi / 2, phi, lam),
    Op.U: _u,
    Op.U3: _u,
    Op.RPHI: _rphi,
    Op.GPHASE: lambda t: np.array([[cmath.exp(1j * t)]]),
    Op.CP: lambda t: _controlled(_phase(t)),
    Op.CRX: lambda t: _controlled(_turn(_X, t)),
    Op.CRY: lambda t: _controlled(_turn(_Y, t)),
    Op.CRZ: lambda t: _controlled(_turn(_Z, t)),
    Op.RXX: lambda t: _turn(np.kron(_X, _X), t),
    Op.RYY: lambda t: _turn(np.kron(_Y, _Y), t),
    Op.RZZ: lambda t: _turn(np.kron(_Z, _Z), t),
    Op.RZX: lambda t: _turn(np.kron(_Z, _X), t),
    Op.CU: lambda t, phi, lam, gamma: _controlled(cmath.exp(1j * gamma) * _u(t, phi, lam)),
}


def gate_matrix(op: Op, params: Sequence[float], n_qubits: int, n_controls: int = 0) -> Matrix:
    """Return a gate's unitary.

    Parameters
    ----------
    op : Op
        A gate.
    params : sequence of float
        Angles in radians.
    n_qubits : int
        All its qubits, generic controls included.
    n_controls : int
        Generic controls, which come first.

    Returns
    -------
    (2**n_qubits, 2**n_qubits) complex128

    Raises
    ------
    RequestError
        If `op` is not a gate.
    """
    if op is Op.MS:
        matrix = _ms(n_qubits - n_controls, *params)
    elif op in _FIXED:
        matrix = _FIXED[op]
    elif op in _ANGLED:
        matrix = _ANGLED[op](*params)
    else:
        raise RequestError(f"{op.name.lower()} is not a gate")
    return _controlled(matrix, n_controls) if n_controls else matrix
