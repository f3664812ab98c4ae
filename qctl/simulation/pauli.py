"""Density matrices and maps on them in real numbers: coefficients tr(P rho) for products P of I, X, Y, Z."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PAULIS", "density_matrix", "ground", "populations", "superoperator", "superoperators", "vector"]

Real = NDArray[np.floating]
Complex = NDArray[np.complexfloating]

PAULIS: Complex = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
"""I, X, Y, Z, numbered 0 to 3 as the digits of a coefficient's index."""


@cache
def _products(n_qubits: int) -> Complex:
    """Return the rows vec(P) of all Pauli strings, the first qubit most significant."""
    found = np.ones((1, 1, 1), complex)
    for _ in range(n_qubits):
        found = np.einsum("aij,bkl->abikjl", found, PAULIS).reshape(
            4 * len(found), 2 * found.shape[1], 2 * found.shape[1]
        )
    return found.reshape(4**n_qubits, 4**n_qubits)


def superoperator(operators: Complex) -> NDArray[np.float64]:
    """Return the real matrix of a map of Kraus operators (n, d, d): tr(P_i sum K P_j K†) / d."""
    d = operators.shape[1]
    paths = np.einsum("nij,nkl->ikjl", operators, operators.conj()).reshape(d * d, d * d)
    basis = _products(d.bit_length() - 1)
    return np.ascontiguousarray((basis.conj() @ paths @ basis.T).real / d)


def superoperators(unitaries: Complex) -> NDArray[np.float64]:
    """Return the real matrices (n, d², d²) of unitaries (n, d, d)."""
    n, d = unitaries.shape[:2]
    paths = np.einsum("nij,nkl->nikjl", unitaries, unitaries.conj()).reshape(n, d * d, d * d)
    basis = _products(d.bit_length() - 1)
    return np.ascontiguousarray((basis.conj() @ paths @ basis.T).real / d)


def _diagonal(n_qubits: int) -> NDArray[np.int64]:
    """Return where the coefficients of I and Z alone stand, in the order of the computational basis' bits."""
    places = np.zeros(1, np.int64)
    for q in range(n_qubits):
        places = np.concatenate([places, places + (3 << 2 * q)])
    return places


def ground(n_qubits: int, dtype: np.dtype) -> Real:
    """Return the coefficients of |0...0>."""
    state = np.zeros(4**n_qubits, dtype)
    state[_diagonal(n_qubits)] = 1
    return state


def populations(state: Real, n_qubits: int) -> NDArray[np.float64]:
    """Return the probability of each outcome, (2**n_qubits,), qubit 0 least significant."""
    found: NDArray[np.float64] = state[_diagonal(n_qubits)].astype(np.float64)
    for q in range(n_qubits):
        view = found.reshape(-1, 2, 2**q)
        plus, minus = view[:, 0] + view[:, 1], view[:, 0] - view[:, 1]
        view[:, 0], view[:, 1] = plus, minus
    return np.asarray(found / 2**n_qubits)


def density_matrix(state: Real, n_qubits: int) -> Complex:
    """Return the matrix (2**n_qubits, 2**n_qubits), qubit 0 least significant, complex of the state's precision."""
    dtype = np.complex64 if state.dtype == np.float32 else np.complex128
    found: NDArray[Any] = state.astype(dtype).reshape((4,) * n_qubits)
    change: NDArray[Any] = (PAULIS.transpose(1, 2, 0).reshape(4, 4) / 2).astype(dtype)
    for axis in range(n_qubits):
        found = np.moveaxis(np.tensordot(change, found, (1, axis)), 0, axis)
    order = [*range(0, 2 * n_qubits, 2), *range(1, 2 * n_qubits, 2)]
    return np.ascontiguousarray(found.reshape((2,) * (2 * n_qubits)).transpose(order)).reshape((2**n_qubits,) * 2)


def vector(matrix: Complex, n_qubits: int, dtype: np.dtype) -> Real:
    """Return the coefficients of a density matrix."""
    order = [axis for q in range(n_qubits) for axis in (q, n_qubits + q)]
    found = matrix.reshape((2,) * (2 * n_qubits)).transpose(order).reshape((4,) * n_qubits)
    change = PAULIS.conj().reshape(4, 4)
    for axis in range(n_qubits):
        found = np.moveaxis(np.tensordot(change, found, (1, axis)), 0, axis)
    return np.ascontiguousarray(found.real.astype(dtype)).ravel()
