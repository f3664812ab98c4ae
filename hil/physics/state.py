"""The joint state of the transmons as a product of groups; groups merge when their members interact."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from qctl.hil.physics.parameters import Processor
from qctl.hil.physics.relaxation import equilibrium

__all__ = ["Groups", "State"]

Group = tuple[tuple[int, ...], NDArray[np.complex128]]
Members = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Transmons in groups that are independent of each other; iterating gives each group and its own populations.

    Attributes
    ----------
    members : tuple of tuples of int
        The transmons of each group.
    populations : (sum of 3**k,) float64
        Of the joint levels of each group of k, one group after the other, first transmon slowest.
    """

    members: Members
    populations: NDArray[np.float64]

    def __iter__(self) -> Iterator[tuple[tuple[int, ...], NDArray[np.float64]]]:
        begin = 0
        for members in self.members:
            end = begin + 3 ** len(members)
            yield members, self.populations[begin:end]
            begin = end


class State:
    """Density matrices of independent groups of transmons.

    Attributes
    ----------
    groups : list of (transmons, rho)
        `transmons` is a tuple of indices; rho is (3**k, 3**k) complex128, first transmon slowest, a view into `flat`.
    flat : (size,) complex128
        All density matrices, one after the other.
    places : (n, 3) int64
        Of each transmon: where its group begins in `flat`, dimensions of the group before and after it.
    resting : (n,) int64
        1 while a transmon is as relaxation left it, so that idling changes nothing.
    """

    def __init__(self, processor: Processor) -> None:
        states = [np.diag(equilibrium(transmon.thermal)).astype(complex) for transmon in processor.transmons]
        self.resting = np.ones(len(states), np.int64)
        self._join([((q,), rho) for q, rho in enumerate(states)])

    def copy(self) -> State:
        """Return a state that changes by itself."""
        made = object.__new__(State)
        made.flat = self.flat.copy()
        made.places = self.places
        made.resting = self.resting.copy()
        made._members = self._members
        return made

    @property
    def groups(self) -> list[Group]:
        """Return the groups, with their density matrices as views."""
        found, begin = [], 0
        for members in self._members:
            d = 3 ** len(members)
            found.append((members, self.flat[begin : begin + d * d].reshape(d, d)))
            begin += d * d
        return found

    @property
    def merged(self) -> bool:
        """Say whether any group has more than one member."""
        return len(self._members) < len(self.places)

    def _join(self, groups: list[Group]) -> None:
        self._members = tuple(members for members, _ in groups)
        self.flat: NDArray[np.complex128] = np.concatenate([np.empty(0, complex), *(rho.ravel() for _, rho in groups)])
        self.places: NDArray[np.int64] = np.empty((self.resting.size, 3), np.int64)
        begin = 0
        for members, rho in groups:
            for place, qubit in enumerate(members):
                self.places[qubit] = begin, 3**place, 3 ** (len(members) - 1 - place)
            begin += rho.size

    def place(self, qubit: int) -> tuple[int, int]:
        """Return the index of a transmon's group, and the transmon's place in it."""
        index = next(k for k, members in enumerate(self._members) if qubit in members)
        return index, self._members[index].index(qubit)

    def merge(self, qubits: tuple[int, ...]) -> int:
        """Join the groups of these transmons into one, and return its index."""
        indices = sorted({self.place(qubit)[0] for qubit in qubits})
        if len(indices) == 1:
            return indices[0]
        groups = self.groups
        members, rho = groups[indices[0]]
        for index in indices[1:]:
            more, other = groups[index]
            members, rho = members + more, _product(rho, other)
        kept = [group for index, group in enumerate(groups) if index not in indices[1:]]
        kept[indices[0]] = (members, rho)
        self._join(kept)
        return indices[0]

    def bring_forward(self, qubits: tuple[int, ...]) -> NDArray[np.complex128]:
        """Join these transmons into one group in which they come first, in order; return its density matrix."""
        index = self.merge(qubits)
        members = self._members[index]
        self.resting[list(members)] = 0
        if members[: len(qubits)] == qubits:
            begin, d = int(self.places[members[0], 0]), 3 ** len(members)
            return self.flat[begin : begin + d * d].reshape(d, d)
        groups = self.groups
        rho = groups[index][1]
        order = [members.index(qubit) for qubit in qubits]
        order += [k for k in range(len(members)) if k not in order]
        n = len(members)
        cube = rho.reshape((3,) * (2 * n)).transpose(order + [n + k for k in order])
        groups[index] = (tuple(members[k] for k in order), cube.reshape(3**n, 3**n))
        self._join(groups)
        return self.groups[index][1]

    def projected(self, before: dict[int, int], after: dict[int, int]) -> State:
        """Return the state once some transmons were found in levels and left in others: each is a group of its own."""
        made = self.copy()
        groups: list[Group] = []
        for members, rho in self.groups:
            n = len(members)
            cube = rho.reshape((3,) * (2 * n))
            index = tuple(before.get(q, slice(None)) for q in members)
            left = tuple(q for q in members if q not in before)
            if left:
                part = np.ascontiguousarray(cube[index * 2]).reshape(3 ** len(left), -1)
                weight = float(part.trace().real)
                found = part / weight if weight > 0 else np.eye(len(part)) / len(part)
                groups.append((left, np.asarray(found, complex)))
            groups += [((q,), np.diag(np.eye(3)[after[q]]).astype(complex)) for q in members if q in before]
        made.resting[list(before)] = 0
        made._join(groups)
        return made

    def populations(self) -> Groups:
        """Return the populations of each group."""
        return Groups(self._members, self.flat.real[_diagonals(self._members)])

    def marginal(self, qubit: int) -> NDArray[np.float64]:
        """Return the (3,) populations of one transmon."""
        index, place = self.place(qubit)
        members, rho = self.groups[index]
        cube = rho.diagonal().real.reshape((3,) * len(members))
        return np.asarray(cube.sum(axis=tuple(a for a in range(len(members)) if a != place)))


@lru_cache(maxsize=256)
def _diagonals(groups: Members) -> NDArray[np.intp]:
    """Return where the diagonal elements of the density matrices of all groups are, one after the other."""
    places: list[int] = []
    begin = 0
    for members in groups:
        d = 3 ** len(members)
        places += range(begin, begin + d * d, d + 1)
        begin += d * d
    return np.array(places, np.intp)


def _product(low: NDArray[np.complex128], high: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Return the Kronecker product of two square matrices; np.kron takes ten times as long."""
    d = len(low) * len(high)
    return np.asarray((low[:, None, :, None] * high[None, :, None, :]).reshape(d, d))
