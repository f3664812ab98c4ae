"""Waveform words by name, where they are known point by point: the table is made when it is looked at."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping, Sequence, ValuesView
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["Holding"]


class Holding(Mapping[str, NDArray[np.generic]]):
    """What a generator holds for its points.

    Parameters
    ----------
    points : sequence of tuple of (str, array)
        Name and words of all that each point plays; points that did not change are shared with other programs.
    """

    def __init__(self, points: Sequence[tuple[tuple[str, NDArray[np.generic]], ...]]) -> None:
        self._points = points

    @cached_property
    def _table(self) -> dict[str, NDArray[np.generic]]:
        return {name: words for point in self._points for name, words in point}

    def __getitem__(self, name: str) -> NDArray[np.generic]:
        return self._table[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)

    def items(self) -> ItemsView[str, NDArray[np.generic]]:
        """Return names with their words."""
        return self._table.items()

    def values(self) -> ValuesView[NDArray[np.generic]]:
        """Return the words."""
        return self._table.values()
