"""A raw SCPI socket: program messages end with a newline, replies are sent as they come.

Source: VISA specification VPP-4.3, TCPIP SOCKET resources; port 5025 of most instruments.
"""

from __future__ import annotations

import asyncio
import socket

from qctl.hil.instruments.scpi.box import Box
from qctl.hil.instruments.scpi.session import Buffers, Session
from qctl.hil.instruments.scpi.stream import Stream
from qctl.hil.instruments.servers.faults import FaultyWire, WireFaults
from qctl.hil.instruments.servers.outbox import Outbox

__all__ = ["RawConnection"]


class RawConnection(asyncio.Protocol):
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
        self._greeting = box.greeting
        self._stream = Stream()
        self._wire = FaultyWire(faults, self._write, self.close)
        self._session = Session(box, self._wire.send)
        self._connections = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        assert isinstance(transport, asyncio.Transport)
        plug = transport.get_extra_info("socket")
        if plug is not None:
            plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._outbox = Outbox(transport)
        self._connections.add(self)
        if self._greeting:
            self._outbox.write(self._greeting)

    def data_received(self, data: bytes) -> None:
        """Run every message that is whole."""
        messages = self._stream.feed(data)
        if messages:
            self._session.receive(messages)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what has not run."""
        self._connections.discard(self)
        self._wire.clear()
        self._session.clear()

    def pause_writing(self) -> None:
        """Hold replies back."""
        self._outbox.pause()

    def resume_writing(self) -> None:
        """Send what was held back."""
        self._outbox.resume()

    def close(self) -> None:
        """End the connection."""
        self._wire.clear()
        self._outbox.close()

    def _write(self, reply: Buffers, tag: int) -> None:
        for piece in reply:
            self._outbox.write(piece)
