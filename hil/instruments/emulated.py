"""What every emulated instrument has, whatever language it speaks."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Protocol

from qctl.hil.instruments.plant_link import Plant

__all__ = ["Emulated"]


class Emulated(Protocol):
    """The face that the servers and the control socket need.

    Attributes
    ----------
    plant : Plant
        Where outputs go and records come from.
    counters : dict
        What was counted, by name.
    own_faults : frozenset of str
        Faults that the box itself shows; the wire leaves them alone, and they can be set on no box without them.
    """

    plant: Plant
    counters: dict[str, int]
    own_faults: frozenset[str]

    def new_faults(self, faults: dict[str, Any]) -> None:
        """Take the present faults."""

    def power_cycle(self) -> Awaitable[None] | None:
        """Forget everything, as after a power cut."""
