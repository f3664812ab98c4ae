"""Pace: tells how far a simulation is, a few times a second, and ends it when its listener or the user says so."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np

__all__ = ["QUIET_S", "SLICE_S", "Pace"]

SLICE_S = 0.1
"""After so long progress is told again, and Ctrl-C is heard."""
QUIET_S = 1.0
"""Runs shorter than this tell no progress."""


class Pace:
    """How far one simulation is.

    Parameters
    ----------
    listener : callable, optional
        Called with the part that is done, 0 to 1, never falling; what it raises ends the simulation.
    """

    def __init__(self, listener: Callable[[float], object] | None = None) -> None:
        self.listener = listener
        self._started = self._told = time.monotonic()
        self._part = 0.0

    def tell(self, part: float) -> None:
        """Say which part is done; it is passed on if it is time to."""
        now = time.monotonic()
        if self.listener is None or now - self._started < QUIET_S or self._part >= 1.0:
            return
        if now - self._told < SLICE_S and part < 1.0:
            return
        self._told = now
        self._part = max(self._part, min(part, 1.0))
        self.listener(self._part)

    def together(
        self,
        share: Callable[[int, np.ndarray], None],
        n_threads: int,
        n_pieces: int,
        expected_s: float,
        first: float = 0.0,
        last: float = 1.0,
    ) -> None:
        """Let threads work together, and follow them.

        Parameters
        ----------
        share : callable
            Called with 0 … n_threads - 1, and two int64 numbers: it is to stop when the first is not 0, and to add to
            the second what it has done.
        n_threads : int
        n_pieces : int
            What the second number will come to.
        expected_s : float
            How long it may take; one thread's short work is done at once, by the caller.
        first, last : float
            Which part of the whole simulation this is.
        """
        watch = np.zeros(2, np.int64)
        if n_threads <= 1 and expected_s < SLICE_S:
            share(0, watch)
            self.tell(last)
            return
        with ThreadPoolExecutor(max(1, n_threads)) as pool:
            waiting = {pool.submit(share, k, watch) for k in range(max(1, n_threads))}
            try:
                while waiting:
                    done, waiting = wait(waiting, SLICE_S)
                    for future in done:
                        future.result()
                    self.tell(first + (last - first) * float(watch[1]) / max(1, n_pieces))
            except BaseException:
                watch[0] = 1
                raise
