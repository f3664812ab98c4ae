"""Calls of one instrument that wait for their turn, and how long each may take."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

from qctl.device import Device
from qctl.errors import QctlError
from qctl.instruments.links.life import LONGEST_SILENCE
from qctl.lab import Instrument

__all__ = ["Call", "longest_call_s", "longest_open_s", "snapshot_s"]


def longest_call_s(instrument: Instrument, n_sharing: int = 1) -> float:
    """Return the longest time a call may take, in seconds: three time-outs, and a ramp over the whole range.

    Each request of an instrument that shares its line may have to wait for those of all others there.
    """
    ramps = [
        (output.limits_v[1] - output.limits_v[0]) / output.slew_v_per_s
        for output in instrument.output.values()
        if output.slew_v_per_s
    ]
    ramps += [(one.limits_a[1] - one.limits_a[0]) / one.slew_a_per_s for one in instrument.current.values()]
    return 3 * n_sharing * instrument.timeout_s + max(ramps, default=0.0)


def longest_open_s(instrument: Instrument, n_sharing: int = 1) -> float:
    """Return the longest time that opening may take, in seconds.

    That of a call, and on a serial line what is waited for of earlier answers and of the one that says who is there.
    """
    silent_s = (
        (2 * LONGEST_SILENCE + 1) * instrument.timeout_s if instrument.address.upper().startswith("ASRL") else 0.0
    )
    return longest_call_s(instrument, n_sharing) + silent_s


def snapshot_s(instrument: Instrument, device: Device | None, n_sharing: int = 1) -> float:
    """Return how much longer a snapshot may take than another call: a driver may ask for one value after the other.

    Each may take its time-out; what answers a whole snapshot at once is quicker, and what is silent is noticed by
    its driver.
    """
    return 0.0 if device is None else n_sharing * instrument.timeout_s * len(device.parameters())


class Call:
    """A function of a device that waits for its turn, and then has a value or an error."""

    __slots__ = ("_claim", "_lock", "deadline_s", "error", "function", "longest_s", "on_end", "value")

    def __init__(self, function: Callable[[Device], Any], longest_s: float, on_end: Callable[[Call], None] | None):
        self.function = function
        self.longest_s = longest_s
        self.deadline_s = math.inf  # until its thread begins: what waits in the queue can't hang
        self.on_end = on_end
        self.value: Any = None
        self.error: QctlError | None = None
        self._claim = threading.Lock()
        self._lock = threading.Lock()
        self._lock.acquire()

    def end(self, value: Any, error: QctlError | None) -> bool:
        """Set the outcome once, and return whether this was the first time; from any thread."""
        if not self._claim.acquire(blocking=False):
            return False
        on_end, self.on_end = self.on_end, None
        self.value, self.error = value, error
        self._lock.release()
        if on_end is not None:
            on_end(self)
        return True

    def wait(self, timeout_s: float) -> bool:
        """Return whether the call has ended within this time."""
        if not self._lock.acquire(timeout=max(0.0, timeout_s)):
            return False
        self._lock.release()
        return True

    @property
    def ended(self) -> bool:
        """Say whether there is an outcome."""
        return not self._lock.locked()
