"""Samples of a state vector's outcomes: sorted random numbers that walk the running sum of probabilities once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from qctl.cext import amplitudes

__all__ = ["count_bits", "sample"]


def sample(state: NDArray[np.complexfloating], shots: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the amplitudes' indices of so many measurements, ascending; a state's norm need not be one."""
    sums = np.empty(-(-len(state) // amplitudes.BLOCK))
    amplitudes.block_sums(state, sums)
    values = np.sort(rng.random(shots))
    values *= sums.sum()
    found = np.empty(shots, np.int64)
    amplitudes.find(state, sums, values, found)
    return found


def count_bits(indices: NDArray[np.int64], source: Mapping[int, int], n_bits: int) -> dict[str, int]:
    """Return how often each string of bits was found.

    Parameters
    ----------
    indices : (shots,) int64
        Ascending.
    source : mapping of int to int
        Qubit that each bit is the outcome of; the other bits are 0.
    n_bits : int
        Bit 0 is the rightmost.
    """
    starts = np.flatnonzero(np.diff(indices, prepend=-1))
    hits = np.diff(starts, append=len(indices))
    counts: dict[str, int] = {}
    if n_bits > 62:
        for index, n in zip(indices[starts].tolist(), hits.tolist(), strict=True):
            text = "".join("1" if b in source and index >> source[b] & 1 else "0" for b in reversed(range(n_bits)))
            counts[text] = counts.get(text, 0) + n
        return counts
    words = np.zeros(len(starts), np.int64)
    for bit, qubit in source.items():
        words |= (indices[starts] >> qubit & 1) << bit
    if any(bit != qubit for bit, qubit in source.items()) or len(source) < int(indices[-1]).bit_length():
        words, places = np.unique(words, return_inverse=True)
        hits = np.bincount(places, hits).astype(np.int64)
    return {format(word, f"0{n_bits}b"): n for word, n in zip(words.tolist(), hits.tolist(), strict=True)}
