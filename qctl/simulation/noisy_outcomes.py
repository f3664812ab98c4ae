"""Outcomes of noisy simulations: counts, and what a density matrix or many shots say beyond them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError
from qctl.simulation.density import Branch
from qctl.simulation.observables import Observable, pauli_masks, pauli_places
from qctl.simulation.pauli import density_matrix, populations
from qctl.simulation.steps import Measurement

__all__ = ["DensityOutcome", "ShotsOutcome", "count_bits", "sample_branches"]


class _WithoutStateVector:
    @property
    def statevector(self) -> NDArray[np.complexfloating]:
        """Refuse: a noisy program has no single state.

        Raises
        ------
        RequestError
        """
        raise RequestError("a noisy program ends in no single state vector: ask for expectation or density_matrix")


@dataclass(frozen=True, eq=False)
class DensityOutcome(_WithoutStateVector):
    """What the density method found.

    Attributes
    ----------
    counts : dict of str to int
        Outcomes of the bits, bit 0 rightmost; empty without shots or bits.
    method, reason : str
        How it was simulated, and why so.
    n_qubits : int
    state : (4**n_qubits,) float
        tr(P rho) of every Pauli string at the program's end: digit q of the index in base 4 is I, X, Y, Z on qubit q.
    """

    counts: dict[str, int]
    method: str
    reason: str
    n_qubits: int
    state: NDArray[np.floating] = field(repr=False)

    @cached_property
    def density_matrix(self) -> NDArray[np.complexfloating]:
        """Return the state at the end, (2**n_qubits, 2**n_qubits) complex, qubit 0 least significant."""
        return density_matrix(self.state, self.n_qubits)

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """Return the populations of the computational basis, (2**n_qubits,), before readout errors."""
        return populations(self.state, self.n_qubits)

    def expectation(self, observable: Observable) -> float:
        """Return the mean of a Pauli string (``"ZZI"``, qubit 0 rightmost) or a sum of them.

        Raises
        ------
        RequestError
            If a string doesn't fit the qubits.
        """
        coefficients, masks = pauli_masks(observable, self.n_qubits)
        return float(coefficients @ self.state[pauli_places(masks, self.n_qubits)])

    def fidelity(self, statevector: NDArray[np.complexfloating]) -> float:
        """Return <psi|rho|psi> for a normalised state vector (2**n_qubits,)."""
        psi = np.asarray(statevector)
        if psi.shape != (2**self.n_qubits,):
            raise RequestError(f"statevector has the shape {psi.shape}, expected ({2**self.n_qubits},)")
        return float(np.vdot(psi, self.density_matrix @ psi).real)


@dataclass(frozen=True, eq=False)
class ShotsOutcome(_WithoutStateVector):
    """What shots found.

    Attributes
    ----------
    counts : dict of str to int
        Outcomes of the bits, bit 0 rightmost.
    method, reason : str
        How it was simulated, and why so.
    n_qubits : int
    bits : (n_shots, n_bits) uint8
        What was read in each shot.
    """

    counts: dict[str, int]
    method: str
    reason: str
    n_qubits: int
    bits: NDArray[np.uint8] = field(repr=False)
    _again: Callable[[NDArray[np.int64]], NDArray[np.float64]] | None = field(default=None, repr=False)

    def expectation(self, observable: Observable) -> float:
        """Return the mean over the shots' last states of a Pauli string or a sum of them; the shots are played again.

        Raises
        ------
        RequestError
            If a string doesn't fit the qubits, or the program branches.
        """
        return self.estimate(observable)[0]

    def estimate(self, observable: Observable) -> tuple[float, float]:
        """Return the mean of a Pauli string or a sum of them, and its standard error over the shots."""
        if self._again is None:
            raise RequestError(f"method {self.method!r} knows no expectation values")
        coefficients, masks = pauli_masks(observable, self.n_qubits)
        values = self._again(masks) @ coefficients
        error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("inf")
        return float(values.mean()), error


def count_bits(bits: NDArray[np.uint8]) -> dict[str, int]:
    """Return how often each row of bits stands, as text with bit 0 rightmost."""
    if not bits.shape[1]:
        return {}
    packed = np.packbits(bits, axis=1)
    rows, first, hits = np.unique(packed, axis=0, return_index=True, return_counts=True)
    texts = ["".join(map(str, bits[k, ::-1].tolist())) for k in first.tolist()]
    assert len(rows) == len(texts)
    return dict(zip(texts, hits.tolist(), strict=True))


def sample_branches(
    branches: list[Branch], measured: dict[int, Measurement], n_qubits: int, n_bits: int, shots: int, seed: int | None
) -> dict[str, int]:
    """Return counts of the bits: a branch by its probability, then the bits measured at the end, as they are read."""
    if not n_bits:
        return {}
    rng = np.random.default_rng(seed)
    weights = np.array([max(float(branch.state[0]), 0.0) for branch in branches])
    counts: Counter[str] = Counter()
    order = sorted(measured)
    for branch, hits in zip(branches, rng.multinomial(shots, weights / weights.sum()).tolist(), strict=True):
        if not hits:
            continue
        known = ["1" if branch.values[bit] else "0" for bit in range(n_bits)]
        odds = _readings(populations(branch.state, n_qubits), n_qubits, [measured[bit] for bit in order])
        drawn = rng.multinomial(hits, odds / odds.sum())
        for index in np.flatnonzero(drawn).tolist():
            for k, bit in enumerate(order):
                known[bit] = str(index >> k & 1)
            counts["".join(reversed(known))] += int(drawn[index])
    return dict(counts)


def _readings(odds: NDArray[np.float64], n_qubits: int, measured: list[Measurement]) -> NDArray[np.float64]:
    """Return the probability of each outcome of measurements (first one least significant), readout errors included."""
    table = np.maximum(odds, 0.0).reshape((2,) * n_qubits)
    kept = [step.qubits[0] for step in measured]
    table = table.sum(axis=tuple(n_qubits - 1 - q for q in range(n_qubits) if q not in kept))
    places = sorted(kept, reverse=True)
    table = table.transpose([places.index(q) for q in reversed(kept)])
    for k, step in enumerate(measured):
        axis = len(kept) - 1 - k
        confusion = np.array([[1 - ones, ones] for ones in step.ones])
        table = np.moveaxis(np.tensordot(confusion, table, (0, axis)), 0, axis)
    return table.ravel()
