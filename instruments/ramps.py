"""Outputs of sources without a slew of their own, led to their values in steps that the host times.

No step is larger than the slew allows for the time since the last one, nor for five pauses between steps: a host that
was busy makes a ramp later, never steeper.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, Thread

from qctl.errors import QctlError, RefusedError

__all__ = ["PAUSE_S", "Ramps"]

PAUSE_S = 0.01
"""Between two steps of an output."""
_MOST_PAUSES = 5


@dataclass(slots=True)
class _Way:
    """One output's way: where it is, where it goes to, how fast, and when it was moved last."""

    at: float
    to: float
    slew_per_s: float
    moved_s: float


class Ramps:
    """The outputs of one instrument that move; a thread leads them as long as any does.

    Parameters
    ----------
    name : str
        Of the instrument.
    show : callable
        Makes an output show a value, and returns when it is on its way to the instrument.
    now_s : callable
        Tells the time.
    """

    def __init__(
        self, name: str, show: Callable[[int, float], None], now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._name, self._show, self._now_s = name, show, now_s
        self._ways: dict[int, _Way] = {}
        self._moved_s: dict[int, float] = {}
        self._changed = Condition()
        self._thread: Thread | None = None
        self._error: QctlError | None = None

    def go(self, output: int, at: float, to: float, slew_per_s: float) -> None:
        """Lead an output from where it is to a value; what it was on its way to is forgotten.

        The first step, which may be the only one, is made before this returns.

        Raises
        ------
        DeviceError
            If the instrument does not take it.
        """
        with self._changed:
            before = self._ways.pop(output, None)
            moved_s = max(self._moved_s.get(output, -math.inf), self._now_s() - PAUSE_S)
            self._ways[output] = _Way(at if before is None else before.at, to, slew_per_s, moved_s)
            self._step(output)
            if self._ways and self._thread is None:
                self._thread = Thread(target=self._lead, name=f"{self._name}-ramps", daemon=True)
                self._thread.start()

    def where(self, output: int) -> tuple[float, float] | None:
        """Return where an output is on its way, and where to; None if it does not move."""
        with self._changed:
            way = self._ways.get(output)
            return None if way is None else (way.at, way.to)

    def check(self) -> None:
        """Raise what stopped the ramps while nobody looked, once.

        Raises
        ------
        DeviceError
            As the instrument's link raised it.
        """
        with self._changed:
            error, self._error = self._error, None
        if error is not None:
            raise error

    def arrive(self) -> None:
        """Return when nothing moves any more; raise as `check` does."""
        with self._changed:
            self._changed.wait_for(lambda: not self._ways)
        self.check()

    def stop(self) -> None:
        """Leave all outputs where they are, and return when no further step can come."""
        with self._changed:
            self._ways.clear()
            thread = self._thread
            self._changed.notify_all()
        if thread is not None:
            thread.join()

    def _lead(self) -> None:
        with self._changed:
            while self._ways:
                self._changed.wait(PAUSE_S)
                for output in sorted(self._ways):
                    try:
                        if output in self._ways:
                            self._step(output)
                    except QctlError as error:
                        self._error = self._error or error
            self._thread = None
            self._changed.notify_all()

    def _step(self, output: int) -> None:
        """Move an output as far as it may go by now; where it is refused it stays, and with a broken link all do."""
        way, now_s = self._ways[output], self._now_s()
        most = way.slew_per_s * min(now_s - way.moved_s, _MOST_PAUSES * PAUSE_S)
        left = way.to - way.at
        if most <= 0 and left:
            return
        at = way.to if abs(left) <= most else way.at + math.copysign(most, left)
        try:
            self._show(output, at)
        except RefusedError:
            del self._ways[output]
            raise
        except QctlError:
            self._ways.clear()
            raise
        way.at, way.moved_s = at, now_s
        self._moved_s[output] = now_s
        if at == way.to:
            del self._ways[output]
