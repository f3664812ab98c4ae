"""Where every process takes its time from: wall time, or lab time that may run scaled or by hand.

Drift, staleness, deadlines and accounting use lab time; socket time-outs use wall time.
"""

from __future__ import annotations

import time
from typing import Protocol, runtime_checkable

from qctl.errors import RequestError

__all__ = ["Clock", "ManualClock", "ScaledClock", "WallClock"]


@runtime_checkable
class Clock(Protocol):
    """What anything that needs the time is handed."""

    def now_s(self) -> float:
        """Return lab time in seconds since the Unix epoch."""
        ...


class WallClock:
    """Lab time is wall time."""

    def now_s(self) -> float:
        """Return the wall time in seconds since the Unix epoch."""
        return time.time()


class ScaledClock:
    """Lab time that runs `rate` times as fast as wall time, from a given start.

    Raises
    ------
    RequestError
        If the rate is not above zero.
    """

    def __init__(self, start_s: float, rate: float) -> None:
        if not rate > 0:
            raise RequestError(f"rate = {rate} is not above 0")
        self._start_s = start_s
        self._rate = rate
        self._origin_s = time.monotonic()

    def now_s(self) -> float:
        """Return scaled lab time in seconds since the Unix epoch."""
        return self._start_s + (time.monotonic() - self._origin_s) * self._rate


class ManualClock:
    """Lab time that moves only when told to."""

    def __init__(self, start_s: float = 0.0) -> None:
        self._now_s = start_s

    def now_s(self) -> float:
        """Return the lab time that was set."""
        return self._now_s

    def advance(self, step_s: float) -> None:
        """Move the clock forward.

        Raises
        ------
        RequestError
            If the step is negative or NaN: lab time never runs back.
        """
        if not step_s >= 0:
            raise RequestError(f"step_s = {step_s} is not 0 or above")
        self._now_s += step_s
