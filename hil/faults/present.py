"""The faults of one wire or box that are set at present; what is meant to happen once is used up."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

__all__ = ["WireFaults"]

_ONCE = ("late_reply", "cut", "wrong_reply", "power_cycle", "brown_out", "reset_at", "renamed")
_COUNTED = ("drop", "corrupt")


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
    """

    def __init__(self, **faults: Any) -> None:
        self.set_faults: dict[str, Any] = {}
        self._left: dict[str, Any] = {}
        self.active = False
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
        if name in _COUNTED and self._left.get(name, 0) > 1:
            self._left[name] -= 1
            return True
        return self._left.pop(name, None)
