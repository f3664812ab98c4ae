"""Superoperators: steps of a noisy program multiplied together into real matrices on Pauli coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qctl.simulation.pauli import superoperators
from qctl.simulation.steps import Gate, Noise, group

__all__ = ["Superoperators", "superoperators_of"]

Real = NDArray[np.float64]
MOST_STEPS = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Superoperators:
    """Matrices to play one after the other, as `qctl.cext.density.play` takes them.

    Attributes
    ----------
    qubits : (n, 3) int32
        Ascending, -1 behind the last one.
    offsets : (n,) int
        Where each matrix begins.
    matrices : (m,) float
        The first qubit is the fastest digit of a matrix' index.
    """

    qubits: NDArray[np.int32]
    offsets: NDArray[np.intp]
    matrices: NDArray[np.floating]


def superoperators_of(steps: Sequence[Gate | Noise], dtype: np.dtype) -> Superoperators:
    """Return gates and channels on at most three qubits as few superoperators.

    Parameters
    ----------
    steps : sequence of Gate or Noise
    dtype : dtype
        float32 or float64, of the matrices; products are taken in double precision.
    """
    single = _matrices(steps)
    groups = group([step.qubits for step in steps], [False] * len(steps), MOST_STEPS)
    qubits = np.full((len(groups), 3), -1, np.int32)
    matrices: list[Real] = []
    for k, found in enumerate(groups):
        qubits[k, : len(found.qubits)] = found.qubits
        if len(found.qubits) == 3:
            step = steps[found.members[0]]
            matrices.append(_ascending(single[found.members[0]], step.qubits))
        else:
            matrices.append(_product(found.qubits, [(steps[i].qubits, single[i]) for i in found.members]))
    sizes = [matrix.size for matrix in matrices]
    offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp) if sizes else np.empty(0, np.intp)
    flat = np.concatenate([matrix.ravel() for matrix in matrices]) if sizes else np.empty(0)
    return Superoperators(qubits, offsets, np.ascontiguousarray(flat, dtype))


def _matrices(steps: Sequence[Gate | Noise]) -> list[Real]:
    """Return each step's real matrix, its first qubit most significant; unitaries are turned in one go."""
    found: list[Real | None] = [step.channel.superoperator if isinstance(step, Noise) else None for step in steps]
    for size in (2, 4, 8):
        members = [i for i, step in enumerate(steps) if isinstance(step, Gate) and 2 ** len(step.qubits) == size]
        if members:
            whole = np.array([_with_controls(steps[i]) for i in members])  # type: ignore[arg-type]
            for i, matrix in zip(members, superoperators(whole), strict=True):
                found[i] = matrix
    return [matrix for matrix in found if matrix is not None]


def _with_controls(gate: Gate) -> NDArray[np.complex128]:
    matrix = np.eye(2 ** len(gate.qubits), dtype=np.complex128)
    matrix[-len(gate.matrix) :, -len(gate.matrix) :] = gate.matrix
    return matrix


def _ascending(matrix: Real, qubits: tuple[int, ...]) -> Real:
    """Return a matrix with its lowest qubit as the fastest digit."""
    k = len(qubits)
    order = [qubits.index(q) for q in sorted(qubits, reverse=True)]
    axes = [*order, *(k + axis for axis in order)]
    return matrix.reshape((4,) * (2 * k)).transpose(axes).reshape(4**k, 4**k)


def _product(qubits: tuple[int, ...], factors: Sequence[tuple[tuple[int, ...], Real]]) -> Real:
    """Return the product of matrices on one or both of a group's qubits, the first factor rightmost."""
    if len(qubits) == 1:
        total = factors[0][1]
        for _, matrix in factors[1:]:
            total = matrix @ total
        return total
    total = np.eye(16)
    for places, matrix in factors:
        if len(places) == 2:
            total = _ascending(matrix, places) @ total
        elif places[0] == qubits[1]:
            total = (matrix @ total.reshape(4, 64)).reshape(16, 16)
        else:
            total = (matrix @ total.reshape(4, 4, 16)).reshape(16, 16)
    return total
