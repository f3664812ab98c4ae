"""Conditions: which states of captures of the same shot let a play happen, as a table over all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from qctl.errors import InternalError

__all__ = ["MOST_BITS", "Condition", "always"]

MOST_BITS = 10
"""Captures that one condition may look at: its table has two to this power rows."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What has been measured earlier in the shot, for a play to happen.

    Attributes
    ----------
    captures : tuple of int
        Numbers of the captures whose states are looked at, ascending.
    table : int
        Bit k says whether the play happens if, for each j, captures[j] found the state that is bit j of k.
    """

    captures: tuple[int, ...]
    table: int

    def __post_init__(self) -> None:
        if any(a >= b for a, b in pairwise(self.captures)):
            raise InternalError(f"captures {self.captures} are not ascending")
        if not 0 <= self.table < 1 << (1 << len(self.captures)):
            raise InternalError(f"table {self.table:#x} is not one of {len(self.captures)} captures")

    @classmethod
    def of(cls, captures: Sequence[int], holds: Callable[[Mapping[int, int]], bool]) -> Condition:
        """Return what a function of the states is, without captures that don't matter."""
        table = 0
        for k in range(1 << len(captures)):
            if holds({capture: k >> j & 1 for j, capture in enumerate(captures)}):
                table |= 1 << k
        return cls(tuple(captures), table).reduced()

    @property
    def never(self) -> bool:
        """Say whether no states let the play happen."""
        return self.table == 0

    @property
    def always(self) -> bool:
        """Say whether the states don't matter."""
        return self.table == (1 << (1 << len(self.captures))) - 1

    def holds(self, states: Mapping[int, int] | Sequence[int]) -> bool:
        """Say whether the play happens, given the state that each capture found."""
        k = sum((states[capture] & 1) << j for j, capture in enumerate(self.captures))
        return bool(self.table >> k & 1)

    def held(self, states: Sequence[NDArray[np.uint8]]) -> NDArray[np.bool_]:
        """Say of many shots whether it holds, given (n_shots,) states of each of its captures."""
        rows = np.array([self.table >> k & 1 for k in range(1 << len(self.captures))], bool)
        return rows[sum((one.astype(np.int64) << j for j, one in enumerate(states)), np.zeros((), np.int64))]

    def reduced(self) -> Condition:
        """Return the same without captures that don't matter."""
        for j in range(len(self.captures)):
            low, high = self._split(j)
            if low == high:
                return Condition(self.captures[:j] + self.captures[j + 1 :], low).reduced()
        return self

    def _split(self, j: int) -> tuple[int, int]:
        """Return the tables over the other captures where capture j found 0, and where it found 1."""
        found = [0, 0]
        for k in range(1 << len(self.captures)):
            rest = (k & ((1 << j) - 1)) | (k >> (j + 1) << j)
            found[k >> j & 1] |= (self.table >> k & 1) << rest
        return found[0], found[1]

    def __invert__(self) -> Condition:
        return Condition(self.captures, self.table ^ ((1 << (1 << len(self.captures))) - 1))

    def __and__(self, other: Condition) -> Condition:
        if self.always:
            return other
        captures = sorted({*self.captures, *other.captures})
        return Condition.of(captures, lambda states: self.holds(states) and other.holds(states))

    def renumbered(self, number: Mapping[int, int]) -> Condition:
        """Return the same with other numbers of captures."""
        order = sorted(self.captures, key=lambda capture: number[capture])
        states = {number[capture]: capture for capture in order}
        return Condition.of(
            [number[capture] for capture in order],
            lambda found: self.holds({states[new]: state for new, state in found.items()}),
        )

    def text(self, names: Mapping[int, str] | Sequence[str]) -> str:
        """Return it in words, given the name of each capture's bit."""
        if self.always or self.never:
            return "always" if self.always else "never"
        rows = [k for k in range(1 << len(self.captures)) if self.table >> k & 1]
        terms = [
            " and ".join(f"{names[capture]} is {k >> j & 1}" for j, capture in enumerate(self.captures)) for k in rows
        ]
        return (
            " or ".join(terms)
            if len(terms) <= 4
            else f"{len(rows)} values of {', '.join(names[c] for c in self.captures)}"
        )


def always() -> Condition:
    """Return the condition that everything without one has."""
    return Condition((), 1)
