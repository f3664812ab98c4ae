"""A ring of time stamps that the hot loop writes and that is read after the run."""

from __future__ import annotations

from time import perf_counter_ns

import numpy as np

__all__ = ["Ring"]


class Ring:
    """Time spent in numbered stages; `mark` neither allocates nor formats.

    Parameters
    ----------
    stages : tuple of str
        Names; a stage's number is its place.
    size : int
        Marks that are kept; older ones are written over.
    """

    def __init__(self, stages: tuple[str, ...], size: int = 1 << 14) -> None:
        self.stages = stages
        self._size = size
        self._stage = np.zeros(size, np.int8)
        self._begin = np.zeros(size, np.int64)
        self._end = np.zeros(size, np.int64)
        self._n = 0

    def mark(self, stage: int, begin_ns: int) -> int:
        """Note that a stage lasted from `begin_ns` until now; return now."""
        now = perf_counter_ns()
        place = self._n % self._size
        self._stage[place] = stage
        self._begin[place] = begin_ns
        self._end[place] = now
        self._n += 1
        return now

    def totals_s(self) -> dict[str, float]:
        """Return the time spent in each stage that occurred, in seconds."""
        return {name: float(spans.sum()) for name, spans in self._spans().items()}

    def medians_s(self) -> dict[str, float]:
        """Return the median of each stage that occurred, in seconds."""
        return {name: float(np.median(spans)) for name, spans in self._spans().items()}

    def _spans(self) -> dict[str, np.ndarray]:
        n = min(self._n, self._size)
        spans = (self._end[:n] - self._begin[:n]) * 1e-9
        return {
            name: spans[self._stage[:n] == number]
            for number, name in enumerate(self.stages)
            if (self._stage[:n] == number).any()
        }
