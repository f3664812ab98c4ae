"""Lab time of the virtual lab: wall time, scaled, that stands still while physics is being computed."""

from __future__ import annotations

import time
from typing import Self

__all__ = ["LabClock"]


class LabClock:
    """Scaled lab time that can stand still.

    Parameters
    ----------
    start_s : float
        Lab time at the start, in seconds since the Unix epoch.
    rate : float
        Lab seconds per wall second.
    """

    def __init__(self, start_s: float, rate: float) -> None:
        self.rate = rate
        self._start_s = start_s
        self._origin_s = time.monotonic()
        self._stopped_s = 0.0
        self._paused_s: float | None = None
        self._pauses = 0

    def now_s(self) -> float:
        """Return lab time in seconds since the Unix epoch."""
        wall = time.monotonic() if self._paused_s is None else self._paused_s
        return self._start_s + (wall - self._origin_s - self._stopped_s) * self.rate

    def paused(self) -> Self:
        """Hold lab time while the body of a `with` computes; one inside another changes nothing."""
        return self

    def __enter__(self) -> None:
        if not self._pauses:
            self._paused_s = time.monotonic()
        self._pauses += 1

    def __exit__(self, *problem: object) -> None:
        self._pauses -= 1
        if not self._pauses and self._paused_s is not None:
            self._stopped_s += time.monotonic() - self._paused_s
            self._paused_s = None

    def wall_s(self, lab_s: float) -> float:
        """Return the wall time that a stretch of lab time takes."""
        return lab_s / self.rate
