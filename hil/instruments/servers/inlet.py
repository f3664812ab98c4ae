"""What comes in at an emulated instrument: damaged on its way, or never read, and the messages at which it is reset."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from qctl.hil.faults.pipe import FaultyPipe
from qctl.hil.faults.present import WireFaults

__all__ = ["Inlet"]

_NUMBERS = itertools.count(1_000_000)
_LONGEST = 64


class Inlet:
    """The way in of one connection.

    Parameters
    ----------
    faults : WireFaults
        Faults of the instrument.
    close : callable
        Ends the connection.
    """

    def __init__(self, faults: WireFaults, close: Callable[[], None]) -> None:
        self._faults = faults
        self._close = close
        self._pipe = FaultyPipe(faults, next(_NUMBERS))
        self._last = b""

    def feed(self, data: bytes) -> bytes:
        """Return what the box reads of some bytes."""
        faults = self._faults
        if not (faults.active or faults.down):
            return data
        if faults.down or faults.get("half_open"):
            return b""
        if self._fails(data):
            faults.trip()
            return b""
        pieces = self._pipe.damaged(data)
        if any(piece.ends for piece in pieces):
            self._close()
        return b"".join(piece.data for piece in pieces)

    def _fails(self, data: bytes) -> bool:
        """Say whether the box loses its power at these bytes."""
        faults = self._faults
        text = str(faults.get("reset_at") or "").encode("latin-1", "replace")
        seen, self._last = self._last + data, data[-_LONGEST:]
        if text and text in seen:
            faults.take("reset_at")
            return True
        return faults.spend("brown_out", len(data))
