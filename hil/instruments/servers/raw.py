"""A raw SCPI socket: program messages end with a newline, replies are sent as they come.

Source: VISA specification VPP-4.3, TCPIP SOCKET resources; port 5025 of most instruments.
"""

from __future__ import annotations

import asyncio

from qctl.hil.faults.present import WireFaults
from qctl.hil.instruments.scpi.box import Box
from qctl.hil.instruments.scpi.session import Session
from qctl.hil.instruments.scpi.stream import Stream
from qctl.hil.instruments.servers.connection import Connection

__all__ = ["RawConnection"]


class RawConnection(Connection):
    """One client of a raw socket.

    Parameters
    ----------
    box : Box
        The instrument.
    faults : WireFaults
        Its faults on the wire.
    connections : set
        Where open connections note themselves, so that a power cycle can end them.
    """

    def __init__(self, box: Box, faults: WireFaults, connections: set) -> None:
        super().__init__(faults, connections)
        self._greeting = box.greeting
        self._stream = Stream()
        self._session = Session(box, self._wire.send)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport, and greet."""
        super().connection_made(transport)
        if self._greeting:
            self._outbox.write(self._greeting)

    def take(self, data: bytes) -> None:
        """Run every message that is whole."""
        messages = self._stream.feed(data)
        if messages:
            self._session.receive(messages)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what has not run."""
        super().connection_lost(exc)
        self._session.clear()
