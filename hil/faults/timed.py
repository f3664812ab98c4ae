"""A bad wire on asyncio's clock: what comes out of a pipe is handed over in its time; stalled ends read nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from qctl.hil.faults.pipe import FaultyPipe, Piece
from qctl.hil.faults.present import WireFaults

__all__ = ["TimedPipe", "stall"]


class TimedPipe:
    """Put things into a pipe, and have them handed over in their time.

    Parameters
    ----------
    pipe : FaultyPipe
        The wire; its times are those of the running loop.
    send : callable
        Takes what comes out, a `Piece`.
    end : callable
        Told when the connection ends behind a piece.
    """

    def __init__(self, pipe: FaultyPipe, send: Callable[[Piece], None], end: Callable[[], None]) -> None:
        self.pipe = pipe
        self._send, self._end = send, end
        self._timer: asyncio.TimerHandle | None = None

    def put(self, data: bytes, tag: Any = None) -> None:
        """Put a datagram or a piece of the stream in."""
        self.pipe.put(data, asyncio.get_running_loop().time(), tag)
        self._out()

    def clear(self) -> None:
        """Forget what waits, and begin a new connection."""
        self._stop()
        self.pipe.clear()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _out(self) -> None:
        loop = asyncio.get_running_loop()
        self._stop()
        for piece in self.pipe.take(loop.time()):
            self._send(piece)
            if piece.ends:
                self._end()
                return
        if (next_s := self.pipe.next_s) is not None:
            self._timer = loop.call_at(next_s, self._out)


def stall(transport: asyncio.ReadTransport, faults: WireFaults) -> None:
    """Have a connection read, or stop reading, as the faults say."""
    stalled = bool(faults.get("stalled"))
    if stalled and transport.is_reading():
        transport.pause_reading()
    elif not stalled and not transport.is_reading() and not transport.is_closing():
        transport.resume_reading()
