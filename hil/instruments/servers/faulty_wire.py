"""Sends the replies of one connection of an emulated instrument through a bad wire, on asyncio's clock."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

from qctl.hil.faults.pipe import FaultyPipe
from qctl.hil.faults.present import WireFaults
from qctl.hil.instruments.scpi.session import Buffers

__all__ = ["FaultyWire"]

_NUMBERS = itertools.count()


class FaultyWire:
    """Send replies with the faults that are set, in the order in which they come out of the pipe.

    Parameters
    ----------
    faults : WireFaults
        Faults of the instrument.
    send : callable
        Sends a reply (buffers and tag) without faults.
    close : callable
        Closes the connection.
    """

    def __init__(self, faults: WireFaults, send: Callable[[Buffers, int], None], close: Callable[[], None]) -> None:
        self._send = send
        self._close = close
        self._pipe = FaultyPipe(faults, next(_NUMBERS))
        self._timer: asyncio.TimerHandle | None = None

    def send(self, reply: Buffers, tag: int) -> None:
        """Send a reply, or what the faults make of it."""
        if self._pipe.idle:
            self._send(reply, tag)
            return
        self._pipe.put(b"".join(reply), asyncio.get_running_loop().time(), tag)
        self._out()

    def clear(self) -> None:
        """Drop replies that still wait."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._pipe.clear()

    def _out(self) -> None:
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for piece in self._pipe.take(loop.time()):
            self._send([piece.data], piece.tag)
            if piece.ends:
                self._close()
                self.clear()  # a serial line is cut, and goes on
                return
        if (next_s := self._pipe.next_s) is not None:
            self._timer = loop.call_at(next_s, self._out)
