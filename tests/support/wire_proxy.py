"""A TCP proxy in front of an emulated instrument: it notes what the server sends, and holds answers back on request."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time

__all__ = ["Hold", "WireProxy", "through_proxy"]


class Hold:
    """From when some bytes pass to the instrument, nothing it says comes back until `release`."""

    def __init__(self, pattern: bytes) -> None:
        self.pattern = pattern
        self.seen = threading.Event()
        self._free = threading.Event()

    def notice(self, data: bytes) -> None:
        """Close the way back once the bytes are there."""
        if not self.seen.is_set() and self.pattern in data:
            self.seen.set()

    def pass_back(self) -> None:
        """Return when the way back is open."""
        if self.seen.is_set():
            self._free.wait()

    def release(self) -> None:
        """Let everything through from now on."""
        self._free.set()


class WireProxy:
    """Listens on a port of its own and passes on to another; raw sockets and HiSLIP, any number of connections.

    Attributes
    ----------
    sent : list of (float, bytes)
        What went to the instrument, and when on the monotonic clock.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self.sent: list[tuple[float, bytes]] = []
        self._hold: Hold | None = None
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self, pattern: bytes) -> Hold:
        """Hold back all answers from when `pattern` is sent, and return the handle that says so and ends it."""
        self._hold = Hold(pattern)
        return self._hold

    def text(self, since: int = 0) -> str:
        """Return what was sent after the first `since` pieces; HiSLIP headers are in it."""
        return b"".join(data for _, data in self.sent[since:]).decode("latin-1")

    def settings(self, since: int = 0) -> list[str]:
        """Return every message after the first `since` pieces that asks nothing."""
        return [line for line in self.text(since).splitlines() if line and "?" not in line]

    def close(self) -> None:
        """End every connection."""
        if self._hold is not None:
            self._hold.release()
        for plug in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                plug.shutdown(socket.SHUT_RDWR)
            plug.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self._target))
                except OSError:
                    near.close()
                    continue
                for plug in (near, far):
                    plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._open.add(plug)
                threading.Thread(target=self._pump, args=(near, far, True), daemon=True).start()
                threading.Thread(target=self._pump, args=(far, near, False), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, there: bool) -> None:
        last = b""
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                hold = self._hold
                if there:
                    self.sent.append((time.monotonic(), data))
                    if hold is not None:
                        hold.notice(last + data)
                    last = data[-64:]
                elif hold is not None:
                    hold.pass_back()
                sink.sendall(data)
        for plug in (source, sink):
            with contextlib.suppress(OSError):
                plug.shutdown(socket.SHUT_RDWR)
            plug.close()
            self._open.discard(plug)


def through_proxy(text: str, instrument: str) -> tuple[str, WireProxy]:
    """Return lab.toml's text with an instrument's address led through a new proxy, and the proxy."""
    head, mark, rest = text.partition(f"[instruments.{instrument}]\n")
    assert mark, f"no instrument {instrument}"
    found = re.search(r'address = "TCPIP::127\.0\.0\.1::(?:hislip0,)?(\d+)::', rest)
    assert found is not None, f"{instrument} is not on TCP"
    proxy = WireProxy(int(found[1]))
    return head + mark + rest[: found.start(1)] + str(proxy.port) + rest[found.end(1) :], proxy
