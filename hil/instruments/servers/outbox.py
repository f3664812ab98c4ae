"""Sends replies over one transport: large ones in pieces as the peer takes them, and with the faults that are set."""

from __future__ import annotations

import asyncio
from collections import deque

__all__ = ["Outbox"]

_PIECE = 1 << 20


class Outbox:
    """Queue of buffers before a transport; nothing large is copied into the transport's own buffer.

    Parameters
    ----------
    transport : asyncio.WriteTransport
        Where the bytes go.
    """

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self._transport = transport
        self._waiting: deque[memoryview] = deque()
        self._paused = False
        transport.set_write_buffer_limits(high=_PIECE)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send one buffer after those before it."""
        if not self._waiting and len(data) <= _PIECE and not self._paused:
            self._transport.write(data)
            return
        self._waiting.append(memoryview(data).cast("B"))
        self._drain()

    def clear(self) -> None:
        """Drop what has not been handed to the transport."""
        self._waiting.clear()

    def pause(self) -> None:
        """Stop handing over; the peer is slow."""
        self._paused = True

    def resume(self) -> None:
        """Go on handing over."""
        self._paused = False
        self._drain()

    def close(self) -> None:
        """Close the transport."""
        self._waiting.clear()
        self._transport.close()

    def _drain(self) -> None:
        while self._waiting and not self._paused and not self._transport.is_closing():
            view = self._waiting[0]
            self._transport.write(view[:_PIECE])
            if len(view) > _PIECE:
                self._waiting[0] = view[_PIECE:]
            else:
                self._waiting.popleft()
