"""A tiny SCPI server on a loopback socket, for link tests: each line goes to a handler that the test writes."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

__all__ = ["Connection", "LineServer"]

IDENTITY = "ACME,SCRIPTED,1,1.0"


class Connection:
    """One accepted connection, as a handler sees it."""

    def __init__(self, sock: socket.socket, number: int) -> None:
        self.sock = sock
        self.number = number
        self.file = sock.makefile("rb")

    def reply(self, text: str) -> None:
        """Send a line."""
        self.sock.sendall(text.encode() + b"\n")

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.sock.sendall(data)

    def cut(self) -> None:
        """Close without a word."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)


class LineServer:
    """Serve connections, each in its own thread; use as a context manager.

    Parameters
    ----------
    handler : callable
        Takes (connection, line); may reply, cut, wait for an event of the test, or do nothing. ``*IDN?`` is answered by
        the server unless `identity` is None.
    """

    def __init__(
        self, handler: Callable[[Connection, str], None], identity: str | None = IDENTITY, port: int = 0
    ) -> None:
        self.handler = handler
        self.identity = identity
        self.lines: list[tuple[int, str]] = []
        self.connections: list[Connection] = []
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    @property
    def address(self) -> str:
        """Return the VISA address."""
        return f"TCPIP::127.0.0.1::{self.port}::SOCKET"

    def __enter__(self) -> LineServer:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and close every connection."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self.connections:
            connection.cut()
        for thread in self._threads:
            thread.join(10)
        for connection in self.connections:
            connection.file.close()
            connection.sock.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            connection = Connection(sock, len(self.connections) + 1)
            self.connections.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: Connection) -> None:
        with contextlib.suppress(OSError, ValueError):
            for raw in connection.file:
                line = raw.decode("latin-1").rstrip("\n")
                self.lines.append((connection.number, line))
                if line == "*IDN?" and self.identity is not None:
                    connection.reply(self.identity)
                else:
                    self.handler(connection, line)
