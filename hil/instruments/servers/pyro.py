"""A client's connection to an emulated board's Pyro server: bytes pass on, and answers go through the wire's faults.

Source: Pyro4 4.82 (``message.py``): 24 bytes of head with the lengths of annotations and data.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable

from qctl.hil.faults.present import WireFaults
from qctl.hil.instruments.servers.connection import Connection

__all__ = ["PyroConnection"]

_HEAD = struct.Struct("!4sHHHHiHHHH")


class PyroConnection(Connection):
    """One client.

    Parameters
    ----------
    inner : callable
        Returns host and port of the Pyro server.
    faults : WireFaults
        Faults on the wire.
    connections : set
        Where open connections note themselves.
    """

    def __init__(self, inner: Callable[[], tuple[str, int]], faults: WireFaults, connections: set) -> None:
        super().__init__(faults, connections)
        self._inner = inner
        self._early = bytearray()
        self._server: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport, and connect to the server behind."""
        super().connection_made(transport)
        self._task = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: _Behind(self), *self._inner())
        except OSError:
            self.close()

    def data_received(self, data: bytes) -> None:
        """Pass a request on."""
        if self._server is None:
            self._early += data
        else:
            self._server.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the way to the server, too."""
        super().connection_lost(exc)
        if self._task is not None:
            self._task.cancel()
        if self._server is not None:
            self._server.abort()

    def reached(self, server: asyncio.Transport) -> None:
        """Take the way to the server."""
        self._server = server
        server.write(bytes(self._early))

    def answered(self, message: bytes) -> None:
        """Send one answer, if the faults let it."""
        self._wire.send([message], 0)


class _Behind(asyncio.Protocol):
    """The side of the server: its bytes are cut into messages."""

    def __init__(self, client: PyroConnection) -> None:
        self._client = client
        self._pending = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._client.reached(transport)

    def data_received(self, data: bytes) -> None:
        """Hand over every message that is whole."""
        self._pending += data
        while len(self._pending) >= _HEAD.size:
            _, _, _, _, _, n_data, _, n_notes, _, _ = _HEAD.unpack_from(self._pending)
            n_bytes = _HEAD.size + n_data + n_notes
            if len(self._pending) < n_bytes:
                return
            message = bytes(self._pending[:n_bytes])
            del self._pending[:n_bytes]
            self._client.answered(message)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the client's connection, too."""
        self._client.close()
