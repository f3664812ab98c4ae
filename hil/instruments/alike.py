"""Shots that are alike: a number for each thing that is done, and the kinds that equal rows of numbers make."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["kinds_of", "sums_of_prints"]

_STEPS = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F)


def sums_of_prints(columns: Sequence[NDArray[np.int64]]) -> NDArray[np.uint64]:
    """Return running sums of numbers that are equal for equal rows: (n_rows + 1,), from 0 on, modulo 2^64.

    The difference of two of them is a number for what is done between them, whatever the order.

    Parameters
    ----------
    columns : sequence of (n_rows,)
        What is done, at most five; whole numbers.
    """
    mixed = np.zeros(len(columns[0]), np.uint64)
    for step, column in zip(_STEPS[: len(columns)], columns, strict=True):
        mixed ^= (column.astype(np.int64).view(np.uint64) + np.uint64(1)) * np.uint64(step)
        mixed ^= mixed >> np.uint64(29)
        mixed *= np.uint64(_STEPS[1])
    mixed ^= mixed >> np.uint64(32)
    return np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed, dtype=np.uint64)])


def kinds_of(prints: Sequence[NDArray[np.uint64]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the kind of each shot, numbered as they come, and the first shot of each.

    Parameters
    ----------
    prints : sequence of (n_shots,)
        Numbers for what is done in each shot, one column or several; shots of one kind have equal ones.
    """
    table = prints[0] if len(prints) == 1 else np.stack([*prints], axis=1)  # one column is sorted many times faster
    _, models, kinds = np.unique(table, axis=0, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(models))
    return rank[kinds.reshape(-1)], np.sort(models)
