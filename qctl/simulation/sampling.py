"""Samples of a state vector's outcomes: sorted random numbers that walk the running sum of probabilities once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from qctl.cext import amplitudes

__all__ = ["count_bits", "sample"]

MOST_SORTED = 2**22
"""Above so many shots, how many fall into each block is drawn at once: memory no longer grows with the shots."""

Hits = tuple[NDArray[np.int64], NDArray[np.int64]]


def sample(state: NDArray[np.complexfloating], shots: int, rng: np.random.Generator) -> Hits:
    """Return the amplitudes that measurements found, ascending, and how often each.

    Parameters
    ----------
    state : (2**n_qubits,) complex64 or complex128
        Its norm need not be one.
    shots : int
    rng : numpy.random.Generator

    Returns
    -------
    indices, hits : (n_found,) int64
    """
    sums = np.empty(-(-len(state) // amplitudes.BLOCK))
    amplitudes.block_sums(state, sums)
    if shots > MOST_SORTED:
        return _sample_blocks(state, sums, shots, rng)
    values = np.sort(rng.random(shots))
    values *= sums.sum()
    found = np.empty(shots, np.int64)
    amplitudes.find(state, sums, values, found)
    starts = np.flatnonzero(np.diff(found, prepend=-1))
    return found[starts], np.diff(starts, append=shots)


def _sample_blocks(
    state: NDArray[np.complexfloating], sums: NDArray[np.float64], shots: int, rng: np.random.Generator
) -> Hits:
    indices, hits = [], []
    for block, n in enumerate(rng.multinomial(shots, sums / sums.sum()).tolist()):
        if n:
            first = block * amplitudes.BLOCK
            weights = np.abs(state[first : first + amplitudes.BLOCK].astype(np.complex128)) ** 2
            drawn = rng.multinomial(n, weights / weights.sum())
            kept = np.flatnonzero(drawn)
            indices.append(kept + first)
            hits.append(drawn[kept])
    return np.concatenate(indices).astype(np.int64), np.concatenate(hits).astype(np.int64)


def count_bits(found: Hits, source: Mapping[int, int], n_bits: int) -> dict[str, int]:
    """Return how often each string of bits was found.

    Parameters
    ----------
    found : indices, hits
        As `sample` returns them.
    source : mapping of int to int
        Qubit that each bit is the outcome of; the other bits are 0.
    n_bits : int
        Bit 0 is the rightmost.
    """
    indices, hits = found
    counts: dict[str, int] = {}
    if n_bits > 62:
        for index, n in zip(indices.tolist(), hits.tolist(), strict=True):
            text = "".join("1" if b in source and index >> source[b] & 1 else "0" for b in reversed(range(n_bits)))
            counts[text] = counts.get(text, 0) + n
        return counts
    words = np.zeros(len(indices), np.int64)
    for bit, qubit in source.items():
        words |= (indices >> qubit & 1) << bit
    words, places = np.unique(words, return_inverse=True)
    total = np.zeros(len(words), np.int64)
    np.add.at(total, places, hits)
    return {format(word, f"0{n_bits}b"): n for word, n in zip(words.tolist(), total.tolist(), strict=True)}
