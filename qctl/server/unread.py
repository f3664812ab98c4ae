"""Replies with arrays that clients have not taken yet: a socket counts messages only, and not how large they are."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import zmq

from qctl.errors import QueueFullError

__all__ = ["MOST_UNREAD_BYTES", "Unread"]

_LOG = logging.getLogger(__name__)
MOST_UNREAD_BYTES = 1 << 28
"""What may wait for one client before one more reply; for all clients together, four times as much."""


class Unread:
    """Bytes on their way, by identity of the client's socket."""

    def __init__(self, most_bytes: int = MOST_UNREAD_BYTES) -> None:
        self._most_bytes = most_bytes
        self._waiting: dict[bytes, list[tuple[Any, int]]] = {}

    def send(self, socket: zmq.Socket[Any], identity: bytes, parts: Sequence[Any]) -> None:
        """Send a reply by a ROUTER without copying its arrays.

        Raises
        ------
        QueueFullError
            If the client lets too many replies lie; nothing was sent.
        """
        own, total = self._forget(identity)
        if own >= self._most_bytes or (own and total >= 4 * self._most_bytes):
            raise QueueFullError(
                f"{own} bytes of replies wait to be read by this client, and {total} by all; the bounds are "
                f"{self._most_bytes} for one and {4 * self._most_bytes} for all: read them, then ask again"
            )
        frames = [zmq.Frame(part.buffer if isinstance(part, zmq.Frame) else part, track=True) for part in parts]
        try:
            tracker = socket.send_multipart([identity, *frames], zmq.NOBLOCK, copy=False, track=True)
        except zmq.ZMQError as problem:
            _LOG.warning("a reply could not be sent: %s", problem)
            return
        self._waiting.setdefault(identity, []).append((tracker, sum(len(frame) for frame in frames)))

    def _forget(self, identity: bytes) -> tuple[int, int]:
        """Forget what has been taken, and return how many bytes wait for this client and for all."""
        for name, sent in list(self._waiting.items()):
            self._waiting[name] = [(tracker, n_bytes) for tracker, n_bytes in sent if not tracker.done]
            if not self._waiting[name]:
                del self._waiting[name]
        sums = {name: sum(n_bytes for _, n_bytes in sent) for name, sent in self._waiting.items()}
        return sums.get(identity, 0), sum(sums.values())
