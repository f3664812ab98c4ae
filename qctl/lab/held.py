"""Held labs and snapshots: one private object for each content, and what was worked out from it once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from copy import deepcopy
from operator import eq
from threading import Lock
from typing import Any, TypeVar

import msgspec

from qctl.lab.lab import Lab
from qctl.lab.snapshot import Snapshot

__all__ = ["Same", "held", "kept"]

T = TypeVar("T")
Content = TypeVar("Content", Lab, Snapshot)

_MOST_HELD = 16
"""Labs and snapshots that are held; the one that was used longest ago goes first."""
_MOST_KEPT = 1000
"""Things that are kept of one lab."""


class Same:
    """A value as a key that is equal to itself alone; what is kept under it keeps the value too."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value) >> 4


class _Held:
    """A private copy of a value, and how to tell that a given one still has its content.

    Structs are frozen, but the tables in them are not: what was given is the same as long as its tables are.
    """

    __slots__ = ("content", "copy", "given", "made", "now", "then")

    def __init__(self, given: Lab | Snapshot, content: bytes) -> None:
        self.content = content
        self.copy = deepcopy(given)
        self.made: dict[Hashable, Any] = {}
        self.take(given)

    def take(self, given: Lab | Snapshot) -> None:
        """Know a value again by its identity."""
        now = tuple(_tables(given))
        self.now, self.then, self.given = now, tuple(dict(table) for table in now), given

    def has(self, given: object) -> bool:
        """Say whether this is the value that was given last, with the content that it had."""
        return given is self.given and all(map(eq, self.now, self.then))


def _tables(value: object) -> Iterator[dict[Any, Any]]:
    """Walk a value and yield every dict in it."""
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from _tables(part)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _tables(getattr(value, name))
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _tables(part)


_lock = Lock()
_by_content: OrderedDict[tuple[type, bytes], _Held] = OrderedDict()
_by_copy: dict[int, _Held] = {}
_last: dict[type, _Held] = {}


def held(given: Content) -> Content:
    """Return the lab or snapshot of this content that is held: one object for one content, which nobody changes.

    Parameters
    ----------
    given : Lab or Snapshot
        Stays the caller's own: if its tables are changed, its content is another one.
    """
    last = _last.get(type(given))
    if last is not None and (last.copy is given or last.has(given)):
        return last.copy  # type: ignore[return-value]
    found = _by_copy.get(id(given))
    if found is not None:
        return given
    content = msgspec.msgpack.encode(given)
    key = (type(given), content)
    with _lock:
        found = _by_content.get(key)
        if found is None:
            found = _by_content[key] = _Held(given, content)
            _by_copy[id(found.copy)] = found
            while len(_by_content) > _MOST_HELD:
                _, old = _by_content.popitem(last=False)
                del _by_copy[id(old.copy)]
        else:
            _by_content.move_to_end(key)
            found.take(given)
        _last[type(given)] = found
    return found.copy  # type: ignore[return-value]


def kept(lab: Lab, key: Hashable, make: Callable[[], T]) -> T:
    """Return what was worked out from a held lab under this key; of any other lab it is made each time.

    Parameters
    ----------
    lab : Lab
        One that `held` returned, to gain anything.
    key : hashable
        All that decides the value beside the lab. It begins with the name of whoever asks.
    make : function
        Makes the value, which nobody changes; what it raises is raised, and nothing is kept.
    """
    found = _by_copy.get(id(lab))
    if found is None or found.copy is not lab:
        return make()
    value = found.made.get(key)
    if value is None:
        value = make()
        if len(found.made) >= _MOST_KEPT:
            found.made.clear()
        found.made[key] = value
    return value
