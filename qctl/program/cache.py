"""Cache: values by the content that decides them, the least recently used going first when their bytes are too many."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

__all__ = ["Cache"]

T = TypeVar("T")


class Cache:
    """What was made, by all that decides it, within a number of bytes; threads may share one.

    Parameters
    ----------
    max_bytes : int
        Values are dropped, those that were used longest ago first, until the rest has at most so many bytes. A value
        that alone has more is not kept.

    Attributes
    ----------
    n_bytes : int
        What is held.
    n_hits, n_misses : int
        How often a value was found, and how often not.
    """

    def __init__(self, max_bytes: int = 256_000_000) -> None:
        self.max_bytes = max_bytes
        self.n_bytes = self.n_hits = self.n_misses = 0
        self._held: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: Hashable, make: Callable[[], T], size: Callable[[T], int]) -> T:
        """Return the value of a key; it is made if it is not there.

        Parameters
        ----------
        key : hashable
            The content itself or its hash, never an object's identity.
        make : function
            Makes the value; what it raises is raised, and nothing is kept.
        size : function
            Tells the bytes of a value.
        """
        with self._lock:
            found = self._held.get(key)
            if found is not None:
                self._held.move_to_end(key)
                self.n_hits += 1
                return found[0]  # type: ignore[no-any-return]
            self.n_misses += 1
        value = make()
        n_bytes = size(value)
        with self._lock:
            if key in self._held:
                return self._held[key][0]  # type: ignore[no-any-return]
            if n_bytes <= self.max_bytes:
                self._held[key] = value, n_bytes
                self.n_bytes += n_bytes
            while self.n_bytes > self.max_bytes:
                _, (_, old) = self._held.popitem(last=False)
                self.n_bytes -= old
        return value

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._held.clear()
            self.n_bytes = 0
