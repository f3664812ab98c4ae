"""What every TCP connection to an emulated instrument has: faults on its wire, and an outbox for slow readers."""

from __future__ import annotations

import asyncio
import socket
from abc import ABC, abstractmethod

from qctl.hil.faults.present import WireFaults
from qctl.hil.faults.timed import stall
from qctl.hil.instruments.scpi.session import Buffers
from qctl.hil.instruments.servers.faulty_wire import FaultyWire
from qctl.hil.instruments.servers.inlet import Inlet
from qctl.hil.instruments.servers.outbox import Outbox

__all__ = ["Connection"]


class Connection(asyncio.Protocol, ABC):
    """One client.

    Parameters
    ----------
    faults : WireFaults
        Faults of the instrument on the wire.
    connections : set
        Where open connections note themselves, so that a power cycle can end them.
    """

    def __init__(self, faults: WireFaults, connections: set) -> None:
        self._faults = faults
        self._wire = FaultyWire(faults, self._write, self.close)
        self._inlet = Inlet(faults, self.close)
        self._connections = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        assert isinstance(transport, asyncio.Transport)
        plug = transport.get_extra_info("socket")
        if plug is not None:
            plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport = transport
        self._outbox = Outbox(transport)
        self._connections.add(self)
        self.stall()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what was not sent."""
        self._connections.discard(self)
        self._wire.clear()

    def pause_writing(self) -> None:
        """Hold replies back."""
        self._outbox.pause()

    def resume_writing(self) -> None:
        """Send what was held back."""
        self._outbox.resume()

    def stall(self) -> None:
        """Read, or stop reading, as the faults say."""
        stall(self._transport, self._faults)

    def data_received(self, data: bytes) -> None:
        """Take what came in, as its way has left it."""
        if data := self._inlet.feed(data):
            self.take(data)

    @abstractmethod
    def take(self, data: bytes) -> None:
        """Do with it what the instrument does."""

    def close(self) -> None:
        """End the connection."""
        self._wire.clear()
        self._outbox.close()

    def _write(self, reply: Buffers, tag: int) -> None:
        for piece in reply:
            self._outbox.write(piece)
