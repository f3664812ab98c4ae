"""Pauli sums as masks: which qubits have X or Y, and which have Z or Y."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError

__all__ = ["Observable", "pauli_masks", "pauli_places"]

Observable = str | Mapping[str, float]
"""A Pauli string such as ``"ZZI"``, qubit 0 rightmost, or coefficients by string."""


def pauli_masks(observable: Observable, n_qubits: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return coefficients (n,) and masks (n, 2) of a Pauli sum.

    Raises
    ------
    RequestError
        If a string has other letters than I, X, Y, Z or another length than there are qubits.
    """
    terms = {observable: 1.0} if isinstance(observable, str) else observable
    masks = np.zeros((len(terms), 2), np.int64)
    for k, word in enumerate(terms):
        if len(word) != n_qubits or not set(word) <= set("IXYZ"):
            raise RequestError(f"{word!r} is no Pauli string of {n_qubits} letters I, X, Y, Z")
        for q, letter in enumerate(reversed(word)):
            masks[k] |= (int(letter in "XY") << q, int(letter in "ZY") << q)
    return np.array(list(terms.values()), np.float64), masks


def pauli_places(masks: NDArray[np.int64], n_qubits: int) -> NDArray[np.int64]:
    """Return where each string's coefficient stands in a state of Pauli coefficients."""
    places = np.zeros(len(masks), np.int64)
    for q in range(n_qubits):
        x, z = masks[:, 0] >> q & 1, masks[:, 1] >> q & 1
        places |= np.where(x == 1, 1 + z, 3 * z) << 2 * q
    return places
