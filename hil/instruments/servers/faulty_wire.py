"""Sends the replies of one connection of an emulated instrument through a bad wire, on asyncio's clock."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from qctl.hil.faults.pipe import FaultyPipe
from qctl.hil.faults.present import WireFaults
from qctl.hil.faults.timed import TimedPipe
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
        self._send, self._close = send, close
        self._timed = TimedPipe(FaultyPipe(faults, next(_NUMBERS)), lambda one: send([one.data], one.tag), self._end)

    def send(self, reply: Buffers, tag: int) -> None:
        """Send a reply, or what the faults make of it."""
        if self._timed.pipe.idle:
            self._send(reply, tag)
        else:
            self._timed.put(b"".join(reply), tag)

    def clear(self) -> None:
        """Drop replies that still wait."""
        self._timed.clear()

    def _end(self) -> None:
        self._close()
        self.clear()  # a serial line is cut, and goes on
