"""Channel: what noise does to one or two qubits, as Kraus operators that are checked to keep probability."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qctl.errors import RequestError
from qctl.simulation.pauli import PAULIS, superoperator

__all__ = [
    "Channel",
    "amplitude_damping",
    "depolarising",
    "kraus",
    "pauli",
    "phase_damping",
    "thermal_relaxation",
]

MOST_DEVIATION = 1e-9
"""Largest entry of sum K†K - 1 that passes for rounding."""


@dataclass(frozen=True, eq=False)
class Channel:
    """A completely positive map that keeps the trace.

    Attributes
    ----------
    name : str
        For people.
    operators : (n, d, d) complex128
        Kraus operators, d = 2**n_qubits; the first qubit is the most significant bit of their index.
    probabilities : (n,) float64 or None
        Of each operator where it doesn't depend on the state: each is then a unitary times the root of it.
    paulis : mapping of str to float, or None
        Probability of each string of I, X, Y, Z (first qubit first) where it is a mixture of these.
    """

    name: str
    operators: NDArray[np.complex128]
    probabilities: NDArray[np.float64] | None = None
    paulis: Mapping[str, float] | None = None

    @property
    def n_qubits(self) -> int:
        """Return on how many qubits it acts."""
        return int(self.operators.shape[1]).bit_length() - 1

    @cached_property
    def superoperator(self) -> NDArray[np.float64]:
        """Return its matrix on Pauli coefficients, (4**n_qubits, 4**n_qubits), the first qubit most significant."""
        return superoperator(self.operators)

    @cached_property
    def grams(self) -> NDArray[np.complex128]:
        """Return K†K of each operator, (n, d, d)."""
        return np.asarray(np.einsum("nji,njk->nik", self.operators.conj(), self.operators))

    @cached_property
    def least_odds(self) -> float:
        """Return the probability that the first operator has in any state, 0 where rounding alone makes it more."""
        least = float(np.linalg.eigvalsh(self.grams[0])[0])
        return least if least > 1e-12 else 0.0

    @cached_property
    def still(self) -> bool:
        """Say whether the first operator changes nothing."""
        first = self.operators[0]
        return bool(np.abs(first - first[0, 0] * np.eye(len(first))).max() < 1e-15)

    def then(self, later: Channel) -> Channel:
        """Return this channel followed by another one on the same qubits."""
        if not isinstance(later, Channel):
            raise RequestError(f"{later!r} is no Channel to follow {self.name}")
        if later.n_qubits != self.n_qubits:
            raise RequestError(f"{self.name} on {self.n_qubits} and {later.name} on {later.n_qubits} qubits don't join")
        operators = np.einsum("aij,bjk->abik", later.operators, self.operators)
        return kraus(operators.reshape(-1, *operators.shape[2:]), f"{self.name}, {later.name}")

    def __repr__(self) -> str:
        return f"<Channel {self.name}: {len(self.operators)} operators on {self.n_qubits} qubits>"


def kraus(operators: ArrayLike, name: str = "kraus") -> Channel:
    """Return the channel of any Kraus operators.

    Parameters
    ----------
    operators : (n, d, d) complex
        d is 2 or 4.
    name : str

    Raises
    ------
    RequestError
        If the shape is another one, or the sum of K†K is not 1 within 1e-9; the deviation is named.
    """
    try:
        k = np.asarray(operators, np.complex128)
    except (TypeError, ValueError) as error:
        raise RequestError(f"{name}: Kraus operators are no array of numbers: {error}") from None
    if k.ndim != 3 or not len(k) or k.shape[1] != k.shape[2] or k.shape[1] not in (2, 4):
        raise RequestError(f"{name}: Kraus operators have the shape {k.shape}, expected (n, 2, 2) or (n, 4, 4)")
    total = np.einsum("nji,njk->ik", k.conj(), k)
    deviation = float(np.abs(total - np.eye(k.shape[1])).max())
    if not deviation <= MOST_DEVIATION:
        raise RequestError(
            f"{name}: the sum of K†K deviates from 1 by {deviation:.3g}, more than {MOST_DEVIATION:g}: "
            "the operators don't keep probability"
        )
    weights = np.einsum("nji,nji->n", k.conj(), k).real / k.shape[1]
    k, weights = k[weights > 0], weights[weights > 0]
    order = np.argsort(-weights, kind="stable")
    k, weights = k[order], weights[order]
    grams = np.einsum("nji,njk->nik", k.conj(), k)
    unitary = np.abs(grams - weights[:, None, None] * np.eye(k.shape[1])).max() < 1e-14
    k.setflags(write=False)
    return Channel(name, k, weights / weights.sum() if unitary else None)


def pauli(probabilities: Mapping[str, float], name: str = "pauli") -> Channel:
    """Return the channel that applies each Pauli string with its probability, and else nothing.

    Parameters
    ----------
    probabilities : mapping of str to float
        ``{"X": 0.01, "Z": 0.02}`` or ``{"XI": 0.01, "ZZ": 0.02}``, first qubit first; the identity takes the rest.
    name : str

    Raises
    ------
    RequestError
        If a string is none of Pauli letters on one or two qubits, or the probabilities are no probabilities.
    """
    if not isinstance(probabilities, Mapping) or not all(isinstance(word, str) for word in probabilities):
        raise RequestError(f"{name}: {probabilities!r} is no mapping of Pauli strings, such as 'X' or 'ZZ', to numbers")
    sizes = {len(word) for word in probabilities}
    if len(sizes) != 1 or not sizes <= {1, 2} or not all(set(word) <= set("IXYZ") for word in probabilities):
        raise RequestError(f"{name}: {sorted(probabilities)} are no Pauli strings of one length, 1 or 2")
    n = sizes.pop()
    values = {word: _probability(p, f"{name}: probability of {word}") for word, p in probabilities.items()}
    rest = 1.0 - sum(p for word, p in values.items() if set(word) != {"I"})
    if rest < -1e-12 or abs(rest - values.get("I" * n, rest)) > 1e-9:
        raise RequestError(f"{name}: the probabilities sum to {sum(values.values()):.6g}, more than 1 or not to 1")
    values["I" * n] = max(rest, 0.0)
    words = sorted((word for word in values if values[word] > 0), key=lambda word: -values[word])
    weights = np.array([values[word] for word in words])
    operators = np.array([_pauli_matrix(word) * math.sqrt(values[word]) for word in words])
    operators.setflags(write=False)
    return Channel(name, operators, weights / weights.sum(), {word: values[word] for word in words})


def depolarising(p: float, n_qubits: int = 1) -> Channel:
    """Return the channel in which each of the 4**n_qubits - 1 Pauli errors has the same probability, together `p`.

    The state becomes (1 - q) rho + q 1/d with q = p d²/(d² - 1); Qiskit's parameter is q, Stim's and Qulacs' is p.

    Parameters
    ----------
    p : float
        Probability of any error, 0 to 1.
    n_qubits : int
        1 or 2.
    """
    if isinstance(n_qubits, bool) or not isinstance(n_qubits, Integral) or n_qubits not in (1, 2):
        raise RequestError(f"depolarising: n_qubits = {n_qubits!r} is outside [1, 2]")
    each = _probability(p, "depolarising: p") / (4**n_qubits - 1)
    words = ["".join(letters) for letters in product("IXYZ", repeat=n_qubits)][1:]
    return pauli(dict.fromkeys(words, each), f"depolarising({p:g})")


def amplitude_damping(gamma: float, excited: float = 0.0) -> Channel:
    """Return decay towards |0>, or towards a warm state.

    Parameters
    ----------
    gamma : float
        Probability to decay from |1>.
    excited : float
        Population of |1> at equilibrium, 0 to 1.
    """
    g, e = _probability(gamma, "amplitude_damping: gamma"), _probability(excited, "amplitude_damping: excited")
    keep = math.sqrt(1 - g)
    cold = [np.diag([1, keep]), np.array([[0, math.sqrt(g)], [0, 0]])]
    warm = [np.diag([keep, 1]), np.array([[0, 0], [math.sqrt(g), 0]])]
    operators = [math.sqrt(1 - e) * k for k in cold] + [math.sqrt(e) * k for k in warm]
    return kraus(np.array(operators), f"amplitude_damping({g:g})")


def phase_damping(lam: float) -> Channel:
    """Return loss of phase: off-diagonal elements shrink by sqrt(1 - lam), as by phase flips of that strength."""
    shrink = math.sqrt(1 - _probability(lam, "phase_damping: lam"))
    return pauli({"Z": (1 - shrink) / 2}, f"phase_damping({lam:g})")


def thermal_relaxation(t1_s: float, t2_s: float, time_s: float, excited: float = 0.0) -> Channel:
    """Return what a qubit suffers while it waits.

    Parameters
    ----------
    t1_s, t2_s : float
        Relaxation and coherence time, seconds; T2 at most twice T1. May be infinite.
    time_s : float
        How long, 0 or more.
    excited : float
        Population of |1> at equilibrium.

    Raises
    ------
    RequestError
        If a time is not positive, or T2 is above 2 T1.
    """
    for value, what in ((t1_s, "t1_s"), (t2_s, "t2_s"), (time_s, "time_s")):
        if not isinstance(value, Real):
            raise RequestError(f"thermal_relaxation: {what} = {value!r} is no number of seconds")
    for value, what in ((t1_s, "t1_s"), (t2_s, "t2_s")):
        if not value > 0:
            raise RequestError(f"thermal_relaxation: {what} = {value} s is not above 0")
    if not time_s >= 0 or math.isinf(time_s):
        raise RequestError(f"thermal_relaxation: time_s = {time_s} s is not 0 or more, and finite")
    if t2_s > 2 * t1_s * (1 + 1e-12):
        raise RequestError(f"thermal_relaxation: t2_s = {t2_s:g} s is above 2 t1_s = {2 * t1_s:g} s")
    damping = amplitude_damping(-math.expm1(-time_s / t1_s), excited)
    flips = phase_damping(max(0.0, -math.expm1(time_s / t1_s - 2 * time_s / t2_s)))
    jumps = damping.then(flips).operators
    stays = [k for k in jumps if k[0, 1] == k[1, 0] == 0]
    moves = [sum(abs(k[i]) ** 2 for k in jumps) ** 0.5 for i in ((0, 1), (1, 0))]
    operators = [*stays, np.array([[0, moves[0]], [0, 0]]), np.array([[0, 0], [moves[1], 0]])]
    return kraus(np.array(operators), f"thermal_relaxation({t1_s:g} s, {t2_s:g} s, {time_s:g} s)")


def _probability(value: float, what: str) -> float:
    if not isinstance(value, Real) or not 0 <= value <= 1:
        raise RequestError(f"{what} = {value!r} is outside [0, 1]")
    return float(value)


def _pauli_matrix(word: Sequence[str]) -> NDArray[np.complex128]:
    matrix = np.eye(1, dtype=np.complex128)
    for letter in word:
        matrix = np.kron(matrix, PAULIS["IXYZ".index(letter)])
    return matrix
