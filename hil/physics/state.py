"""The joint state of the transmons as a product of groups; groups merge when their members interact."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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

    def place(self, qubit: int) -> tuple[int, int]:
        """Return the index of a transmon's group, and the transmon's place in it."""
        for index, (qubits, _) in enumerate(self.groups):
            if qubit in qubits:
                return index, qubits.index(qubit)
        raise KeyError(qubit)

    def merge(self, qubits: tuple[int, ...]) -> int:
        """Join the groups of these transmons into one, and return its index."""
        indices = sorted({self.place(qubit)[0] for qubit in qubits})
        members, rho = self.groups[indices[0]]
        for index in indices[1:]:
            more, other = self.groups[index]
            members, rho = members + more, np.kron(rho, other)
        for index in reversed(indices[1:]):
            del self.groups[index]
        self.groups[indices[0]] = (members, np.ascontiguousarray(rho))
        return indices[0]

    def populations(self) -> list[tuple[tuple[int, ...], NDArray[np.float64]]]:
        """Return the populations of each group, as `draw_levels` takes them."""
        return [(qubits, rho.diagonal().real.copy()) for qubits, rho in self.groups]

    def marginal(self, qubit: int) -> NDArray[np.float64]:
        """Return the (3,) populations of one transmon."""
        index, place = self.place(qubit)
        qubits, rho = self.groups[index]
        cube = rho.diagonal().real.reshape((3,) * len(qubits))
        return np.asarray(cube.sum(axis=tuple(a for a in range(len(qubits)) if a != place)))
