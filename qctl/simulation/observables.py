"""PauliSum: an observable as a weighted sum of products of X, Y and Z, and what its terms do to a basis state."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Real
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from qctl.cext import amplitudes
from qctl.errors import RequestError

__all__ = ["Flips", "PauliSum"]

_FACTOR = re.compile(r"([XYZ])(\d+)")
MOST_QUBITS = 1 << 20
"""As many as a program may have."""


@dataclass(frozen=True, slots=True, eq=False)
class Flips:
    """The terms of an observable that flip the same qubits: P|i> = weight (-1)**parity(i & sign) |i ^ flip>.

    Attributes
    ----------
    flip : int
        Bits that the terms flip.
    signs : (n,) uint64
    weights : (n,) complex128
    """

    flip: int
    signs: NDArray[np.uint64]
    weights: NDArray[np.complex128]


@dataclass(frozen=True)
class PauliSum:
    """Hold a Hermitian observable.

    Parameters
    ----------
    terms : mapping of str to float
        Weight of each product, written as ``"Z0 Z1"``; ``""`` is the identity. Products that are the same but for
        their order are added up.

    Raises
    ------
    RequestError
        If a product names a qubit twice or is not written so, or a weight is not a finite number.

    Examples
    --------
    >>> PauliSum({"Z0 Z1": 0.5, "X0": 0.1}) + 2 * PauliSum({"": 1.0})
    """

    terms: Mapping[str, float]
    masks: tuple[tuple[int, int], ...] = field(init=False, repr=False, compare=False)
    """Of each term the bits that it flips and those whose sign it turns; Y is in both."""

    def __post_init__(self) -> None:
        total: dict[str, float] = {}
        found: dict[str, tuple[int, int]] = {}
        if not isinstance(self.terms, Mapping):
            raise RequestError(f"terms = {self.terms!r} is no mapping of products, such as 'Z0 Z1', to weights")
        for text, weight in self.terms.items():
            name, masks = _read(text)
            if not isinstance(weight, Real):
                raise RequestError(f"the weight of {text!r} is {weight!r}, not a real number")
            total[name] = total.get(name, 0.0) + float(weight)
            found[name] = masks
            if not math.isfinite(total[name]):
                raise RequestError(f"the weight of {text!r} is {weight}, not a finite number")
        object.__setattr__(self, "terms", MappingProxyType(total))
        object.__setattr__(self, "masks", tuple(found.values()))

    def __hash__(self) -> int:
        return hash(frozenset(self.terms.items()))

    def __add__(self, other: PauliSum) -> PauliSum:
        if not isinstance(other, PauliSum):
            return NotImplemented
        names = dict.fromkeys([*self.terms, *other.terms])
        return PauliSum({name: self.terms.get(name, 0.0) + other.terms.get(name, 0.0) for name in names})

    def __radd__(self, other: object) -> PauliSum:
        """Let `sum` begin with its 0."""
        if isinstance(other, Real) and other == 0:
            return self
        return NotImplemented

    def __truediv__(self, divisor: float) -> PauliSum:
        if not isinstance(divisor, Real):
            return NotImplemented
        if divisor == 0:
            raise RequestError("a sum of Pauli products can't be divided by 0")
        return PauliSum({name: weight / float(divisor) for name, weight in self.terms.items()})

    def __mul__(self, factor: float) -> PauliSum:
        if not isinstance(factor, Real):
            return NotImplemented
        return PauliSum({name: weight * factor for name, weight in self.terms.items()})

    __rmul__ = __mul__

    def __neg__(self) -> PauliSum:
        return -1.0 * self

    def __sub__(self, other: PauliSum) -> PauliSum:
        if not isinstance(other, PauliSum):
            return NotImplemented
        return self + -other

    @property
    def n_qubits(self) -> int:
        """Return one more than the largest qubit that it names."""
        return max(((flip | sign).bit_length() for flip, sign in self.masks), default=0)

    @cached_property
    def flips(self) -> tuple[Flips, ...]:
        """Return the terms, gathered by what they flip."""
        groups: dict[int, list[tuple[int, complex]]] = {}
        for (flip, sign), weight in zip(self.masks, self.terms.values(), strict=True):
            groups.setdefault(flip, []).append((sign, weight * 1j ** ((flip & sign).bit_count() % 4)))
        return tuple(
            Flips(flip, np.array([s for s, _ in rows], np.uint64), np.array([w for _, w in rows], np.complex128))
            for flip, rows in groups.items()
        )

    def expectation(self, state: NDArray[np.complexfloating]) -> float:
        """Return <state| sum |state>.

        Parameters
        ----------
        state : (2**n_qubits,) complex64 or complex128
            Qubit 0 is the least significant bit of the index. It is read once for each set of flipped qubits.

        Raises
        ------
        RequestError
            If it names a qubit that the state lacks, or the state is none.
        """
        state = self._state(state)
        total = 0.0
        for group in self.flips:
            for part, real in ((group.weights.real, True), (group.weights.imag, False)):
                kept = np.flatnonzero(part)
                found = amplitudes.flipped_sum(state, group.flip, group.signs[kept], np.ascontiguousarray(part[kept]))
                total += found.real if real else -found.imag
        return total

    def apply(self, state: NDArray[np.complexfloating]) -> NDArray[np.complexfloating]:
        """Return the sum applied to a state, (2**n_qubits,), as a new array.

        Raises
        ------
        RequestError
            If it names a qubit that the state lacks, or the state is none.
        """
        state = self._state(state)
        out = np.zeros_like(state)
        for group in self.flips:
            amplitudes.add_flipped(state, group.flip, group.signs, group.weights, out)
        return out

    def _state(self, given: NDArray[np.complexfloating]) -> NDArray[np.complexfloating]:
        """Return a state as kernels take it; refuse what is none."""
        state = np.asarray(given)
        if state.ndim != 1 or len(state) < 1 or len(state) & (len(state) - 1) or state.dtype.kind not in "iufc":
            raise RequestError(f"state has the shape {state.shape} and type {state.dtype}, not (2**n,) numbers")
        self.refuse_beyond(len(state).bit_length() - 1)
        return np.ascontiguousarray(state, np.complex64 if state.dtype == np.complex64 else np.complex128)

    def refuse_beyond(self, n_qubits: int) -> None:
        """Raise RequestError if it names a qubit from `n_qubits` on."""
        if self.n_qubits > n_qubits:
            raise RequestError(f"the observable names qubit {self.n_qubits - 1}; there are {n_qubits} qubits")


def _read(text: str) -> tuple[str, tuple[int, int]]:
    """Return a product in the order of its qubits, and its masks."""
    letters: dict[int, str] = {}
    for word in text.split():
        match = _FACTOR.fullmatch(word)
        if match is None or int(match[2]) >= MOST_QUBITS or int(match[2]) in letters:
            raise RequestError(f"{word!r} in {text!r} is no X, Y or Z with a qubit below {MOST_QUBITS} of its own")
        letters[int(match[2])] = match[1]
    flip = sum(1 << q for q, letter in letters.items() if letter in "XY")
    sign = sum(1 << q for q, letter in letters.items() if letter in "YZ")
    return " ".join(f"{letters[q]}{q}" for q in sorted(letters)), (flip, sign)
