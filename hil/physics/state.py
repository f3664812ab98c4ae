"""The joint state of the transmons as a product of groups; groups merge when their members interact."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qctl.errors import InternalError
from qctl.hil.physics.parameters import Processor
from qctl.hil.physics.relaxation import equilibrium

__all__ = ["State"]


class State:
    """Density matrices of independent groups of transmons.

    Attributes
    ----------
    groups : list of (transmons, rho)
        `transmons` is a tuple of indices; rho is (3**k, 3**k) complex128, first transmon slowest.
    """

    def __init__(self, processor: Processor) -> None:
        self.groups: list[tuple[tuple[int, ...], NDArray[np.complex128]]] = [
            ((q,), np.diag(equilibrium(transmon.thermal)).astype(complex))
            for q, transmon in enumerate(processor.transmons)
        ]
        self._resting = [True] * len(processor.transmons)

    def resting(self, qubit: int) -> bool:
        """Say whether a transmon is still as relaxation left it, so that idling changes nothing."""
        return self._resting[qubit]

    def stir(self, qubit: int) -> None:
        """Note that a transmon was driven."""
        self._resting[qubit] = False

    def coherent(self, qubit: int) -> float:
        """Return the size of all coherences between different levels of a transmon, 0 to about 1."""
        index, place = self.place(qubit)
        qubits, rho = self.groups[index]
        left, right = 3**place, 3 ** (len(qubits) - 1 - place)
        cube = rho.reshape(left, 3, right, left, 3, right)
        size = sum(float(np.linalg.norm(cube[:, i, :, :, j, :])) for i, j in ((0, 1), (0, 2), (1, 2)))
        return min(1.0, 2 * size)

    def place(self, qubit: int) -> tuple[int, int]:
        """Return the index of a transmon's group, and the transmon's place in it."""
        for index, (qubits, _) in enumerate(self.groups):
            if qubit in qubits:
                return index, qubits.index(qubit)
        raise InternalError(f"transmon {qubit} is in no group")

    def merge(self, qubits: tuple[int, ...]) -> int:
        """Join the groups of these transmons into one, and return its index."""
        indices = sorted({self.place(qubit)[0] for qubit in qubits})
        members, rho = self.groups[indices[0]]
        if len(indices) == 1:
            return indices[0]
        for index in indices[1:]:
            more, other = self.groups[index]
            members, rho = members + more, np.asarray(np.kron(rho, other), complex)
        for index in reversed(indices[1:]):
            del self.groups[index]
        self.groups[indices[0]] = (members, np.ascontiguousarray(rho))
        return indices[0]

    def bring_forward(self, qubits: tuple[int, ...]) -> int:
        """Join these transmons into one group in which they come first, in order; return its index."""
        index = self.merge(qubits)
        members, rho = self.groups[index]
        order = [members.index(qubit) for qubit in qubits]
        order += [k for k in range(len(members)) if k not in order]
        if order != list(range(len(members))):
            n = len(members)
            cube = rho.reshape((3,) * (2 * n)).transpose(order + [n + k for k in order])
            rho = np.ascontiguousarray(cube).reshape(3**n, 3**n)
            self.groups[index] = (tuple(members[k] for k in order), rho)
        for qubit in members:
            self.stir(qubit)
        return index

    def populations(self) -> list[tuple[tuple[int, ...], NDArray[np.float64]]]:
        """Return the populations of each group, as `draw_levels` takes them."""
        return [(qubits, rho.diagonal().real.copy()) for qubits, rho in self.groups]

    def marginal(self, qubit: int) -> NDArray[np.float64]:
        """Return the (3,) populations of one transmon."""
        index, place = self.place(qubit)
        qubits, rho = self.groups[index]
        if len(qubits) == 1:
            return rho.diagonal().real
        cube = rho.diagonal().real.reshape((3,) * len(qubits))
        return np.asarray(cube.sum(axis=tuple(a for a in range(len(qubits)) if a != place)))
