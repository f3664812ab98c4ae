"""How threads of a process answer and publish: they post to its loop, which alone owns the sockets."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import zmq

from qctl import wire

__all__ = ["Mailbox"]

_LOG = logging.getLogger(__name__)
_EVENT = b""


class Mailbox:
    """Messages from threads to the loop, and from there to whoever asked, or to the broker.

    Parameters
    ----------
    context : zmq.Context
        The process's own.
    requests : zmq.Socket
        ROUTER that replies go out by.
    broker : str
        Where the broker takes events.
    """

    def __init__(self, context: zmq.Context[Any], requests: zmq.Socket[Any], broker: str) -> None:
        self._context, self._requests = context, requests
        self.outbox = context.socket(zmq.PULL)
        self.outbox.bind("inproc://outbox")
        self._events = context.socket(zmq.PUSH)
        self._events.setsockopt(zmq.LINGER, 200)
        self._events.connect(broker)
        self._local = threading.local()

    def post(self, envelope: list[bytes], parts: list[Any]) -> None:
        """Hand a reply to the loop; from any thread."""
        self._send([*envelope, *parts])

    def publish(self, topic: wire.Topic, of: object, body: dict[str, Any]) -> None:
        """Hand an event to the loop; from any thread."""
        self._send([_EVENT, *wire.pack(wire.Event(f"{topic}.{of}", time.time(), body))])

    def _send(self, parts: list[Any]) -> None:
        socket = getattr(self._local, "socket", None)
        if socket is None:
            socket = self._local.socket = self._context.socket(zmq.PUSH)
            socket.connect("inproc://outbox")
        socket.send_multipart(parts)

    def tell(self, parts: list[Any]) -> None:
        """Send to the broker; from the loop only."""
        try:
            self._events.send_multipart(parts, zmq.NOBLOCK)
        except zmq.Again:
            _LOG.warning("an event was dropped: the broker does not take it")

    def forward(self) -> None:
        """Send on what threads have posted; from the loop only."""
        while True:
            try:
                parts = self.outbox.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            if parts[0].bytes == _EVENT:
                self.tell(parts[1:])
            else:
                self._requests.send_multipart(parts, copy=False)

    def close(self) -> None:
        """Close the sockets of the loop."""
        self._events.close()
        self._context.destroy(linger=200)
