"""The faults of one wire or box that are set at present; what is meant to happen once is used up."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

__all__ = ["WireFaults"]

_ONCE = ("late_reply", "cut", "wrong_reply", "power_cycle", "brown_out", "reset_at", "renamed")
_COUNTED = ("drop", "corrupt")
_OFF_S = 0.5


class WireFaults:
    """Names and values, changed at any time; `docs/faults.md` has what each does.

    Parameters
    ----------
    **faults : object
        The faults that are set to begin with.

    Attributes
    ----------
    set_faults : dict
        The faults as they were set last.
    active : bool
        Whether any is left.
    down : bool
        Whether the box has lost its power by itself, and its server does not know yet.
    on_trip : callable
        Told when it does.
    on_spent : callable
        Told the name of each fault that is used up.
    """

    def __init__(self, **faults: Any) -> None:
        self.set_faults: dict[str, Any] = {}
        self._left: dict[str, Any] = {}
        self.active = self.down = False
        self.on_trip: Callable[[], None] = lambda: None
        self.on_spent: Callable[[str], None] = lambda name: None
        self.replace(faults)

    def replace(self, faults: dict[str, Any], anew: Collection[str] = ()) -> None:
        """Take a new dictionary; entries that did not change keep what is left of them, but for those of `anew`."""
        left = dict(faults)
        for name, value in faults.items():
            if name not in anew and self.set_faults.get(name) == value and name in (*_ONCE, *_COUNTED):
                if name in self._left:
                    left[name] = self._left[name]
                else:
                    left.pop(name)
        self.set_faults = dict(faults)
        self._left = left
        self.active = bool(left)

    def get(self, name: str) -> Any:
        """Return a lasting fault, or None."""
        return self._left.get(name)

    def take(self, name: str) -> Any:
        """Return a fault that happens once and use it up, or None."""
        if name == "power_cycle" and self.down:
            self.down = False
            return _OFF_S
        if name in _COUNTED and self._left.get(name, 0) > 1:
            self._left[name] -= 1
            return True
        found = self._left.pop(name, None)
        if found is not None:
            self.on_spent(name)
        return found

    def spend(self, name: str, amount: int) -> bool:
        """Take an amount from a fault that comes when so much is used up; return whether it does now."""
        left = self._left.get(name)
        if left is None:
            return False
        self._left[name] = left - amount
        if left > amount:
            return False
        del self._left[name]
        self.on_spent(name)
        return True

    def trip(self) -> None:
        """Have the box lose its power for half a second."""
        self.down = True
        self.on_trip()
