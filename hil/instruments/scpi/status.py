"""The status model of IEEE 488.2 and SCPI: error queue, event registers, status byte, service requests.

Source: IEEE 488.2-1992, section 11; SCPI-99 volume 1, section 9.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from qctl.hil.instruments.scpi.errors import ERRORS, event_bit

__all__ = ["OPERATION_COMPLETE", "Register", "Status"]

OPERATION_COMPLETE = 1
_POWER_ON = 128


class Register:
    """A condition register with its latched events and its enable mask, 16 bits."""

    def __init__(self) -> None:
        self.condition = 0
        self.event = 0
        self.enable = 0

    def set_condition(self, bits: int, on: bool) -> None:
        """Set or clear condition bits; a rising bit is latched as an event."""
        before = self.condition
        self.condition = before | bits if on else before & ~bits
        self.event |= self.condition & ~before

    def read_event(self) -> int:
        """Return the latched events and clear them."""
        event, self.event = self.event, 0
        return event


class Status:
    """What ``*STB?``, ``*ESR?`` and ``SYST:ERR?`` answer from.

    Parameters
    ----------
    depth : int
        Errors that the queue holds; the last one becomes -350 when it overflows.
    """

    def __init__(self, depth: int = 32) -> None:
        self._errors: deque[tuple[int, str]] = deque()
        self._depth = depth
        self._requested = False
        self.event = _POWER_ON
        self.event_enable = 0
        self.service_enable = 0
        self.operation = Register()
        self.questionable = Register()
        self.on_service: list[Callable[[int], None]] = []

    def push(self, number: int, text: str = "") -> None:
        """Put an error into the queue and set its event bit."""
        self.event |= event_bit(number)
        if len(self._errors) < self._depth:
            self._errors.append((number, text or ERRORS.get(number, "Device-specific error")))
        else:
            self._errors[-1] = (-350, ERRORS[-350])
            self.event |= event_bit(-350)
        self.update()

    def pop(self) -> tuple[int, str]:
        """Return and remove the oldest error, or (0, "No error")."""
        return self._errors.popleft() if self._errors else (0, ERRORS[0])

    def pop_all(self) -> list[tuple[int, str]]:
        """Return and remove all errors."""
        found = list(self._errors)
        self._errors.clear()
        return found

    @property
    def n_errors(self) -> int:
        """How many errors wait."""
        return len(self._errors)

    def clear(self) -> None:
        """Do what ``*CLS`` does: clear queue and events, keep the enable masks."""
        self._errors.clear()
        self.event = 0
        self.operation.event = 0
        self.questionable.event = 0
        self._requested = False

    def complete(self) -> None:
        """Set the operation complete bit."""
        self.event |= OPERATION_COMPLETE
        self.update()

    def read_event(self) -> int:
        """Return the standard event status register and clear it."""
        event, self.event = self.event, 0
        return event

    def byte(self, message_available: bool = False) -> int:
        """Return the status byte with the master summary in bit 6."""
        value = 0
        value |= 4 if self._errors else 0
        value |= 8 if self.questionable.event & self.questionable.enable else 0
        value |= 16 if message_available else 0
        value |= 32 if self.event & self.event_enable else 0
        value |= 128 if self.operation.event & self.operation.enable else 0
        return value | 64 if value & self.service_enable else value

    def update(self) -> None:
        """Ask for service once when an enabled summary bit appears."""
        wanted = bool(self.byte() & 64)
        if wanted and not self._requested:
            for call in self.on_service:
                call(self.byte())
        self._requested = wanted
