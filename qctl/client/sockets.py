"""A client's ZeroMQ context and open sockets, which are closed with their owner even if nobody closes it."""

from __future__ import annotations

import weakref
from typing import Any

import zmq

__all__ = ["Sockets"]


class Sockets:
    """Open sockets of one owner.

    A context that is garbage waits in its destructor for sockets that are not closed, and is deaf to Ctrl-C: a
    notebook that connects twice under one name would hang. So open sockets are held by a finalizer of their owner.

    Parameters
    ----------
    owner : object
        Whose end closes them.
    context : zmq.Context
        Makes them.
    """

    def __init__(self, owner: object, context: zmq.Context[Any]) -> None:
        self._context = context
        self._open: list[zmq.Socket[Any]] = []
        weakref.finalize(owner, _close_all, self._open)

    def open(self, kind: int) -> Any:
        """Return a new socket that does not linger."""
        socket = self._context.socket(kind)
        socket.setsockopt(zmq.LINGER, 0)
        self._open.append(socket)
        return socket

    def watch(self, socket: Any) -> Any:
        """Return a socket that tells when the connection of another one ends."""
        monitor = socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self._open.append(monitor)
        return monitor

    def close(self, socket: Any) -> None:
        """Close a socket."""
        if socket in self._open:
            self._open.remove(socket)
        socket.close(linger=0)

    def close_all(self) -> None:
        """Close all sockets and the context."""
        _close_all(self._open)
        self._context.destroy(linger=0)


def _close_all(sockets: list[zmq.Socket[Any]]) -> None:
    while sockets:
        sockets.pop().close(linger=0)
