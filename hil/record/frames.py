"""Messages whose head tells how long they are, cut from a stream."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Framed", "Frames"]


class _Sized(Protocol):
    def __call__(self, got: bytearray, place: int, /) -> int: ...


class Frames:
    """One way of a connection.

    Parameters
    ----------
    size_at : function
        Returns the size of the message that begins at a place, 0 while its head isn't whole.
    """

    def __init__(self, size_at: _Sized) -> None:
        self._size_at, self._got = size_at, bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes, and return the messages that they complete."""
        self._got += data
        found, place = [], 0
        while (size := self._size_at(self._got, place)) and place + size <= len(self._got):
            found.append(bytes(self._got[place : place + size]))
            place += size
        del self._got[:place]
        return found


class Framed:
    """A connection that carries such messages both ways; all are kept whole."""

    def __init__(self, size_at: _Sized) -> None:
        self._there, self._back = Frames(size_at), Frames(size_at)

    def sent(self, data: bytes) -> list[bytes]:
        """Return whole requests."""
        return self._there.feed(data)

    def received(self, data: bytes) -> list[bytes]:
        """Return whole answers."""
        return self._back.feed(data)
