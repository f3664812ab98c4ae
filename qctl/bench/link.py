"""The firmware link: megabytes over loopback sockets, and kilobytes over a serial line of 921,600 baud."""

from __future__ import annotations

import atexit
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from qctl.bench.case import Case, Goal
from qctl.firmware_io.controller import Controller
from qctl.firmware_io.kinds import Kind
from qctl.firmware_io.ports import open_port
from qctl.firmware_io.sequencer import upload
from qctl.firmware_io.sequencer_messages import PROGRAM

__all__ = ["CASES"]

_SOCKET_BYTES, _SERIAL_BYTES = 8 << 20, 1 << 17
_BYTES_PER_S = 92_160
"""What 921,600 baud carry with eight data bits, a start and a stop bit."""


def _link(way: str, n_bytes: int, _: int) -> Callable[[], int]:
    """Return the upload of an object to a device in a process of its own, acknowledged and hashed."""
    peer = subprocess.Popen(
        [sys.executable, "-m", "qctl.bench.link_peer", way, str(_BYTES_PER_S)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert peer.stdin is not None and peer.stdout is not None
    atexit.register(peer.stdin.close)
    address = peer.stdout.readline().strip()
    controller = Controller("bench", lambda: open_port(address), "qctl,seq", asks=Kind.SEQUENCER_CAPABILITIES)
    controller.open()
    content = bytes(range(256)) * (n_bytes // 256)
    return partial(upload, controller, PROGRAM, content)


def _socket(n_bytes: int, _: int) -> Callable[[], int]:
    """Return the same bytes in pieces of 1,024 over a bare TCP connection, to a thread that forgets them."""
    listener = socket.create_server(("127.0.0.1", 0))
    sender = socket.create_connection(listener.getsockname())
    taker, _ = listener.accept()

    def forget() -> None:
        left = n_bytes
        while left:
            left -= len(taker.recv(min(left, 1 << 16)))
        taker.sendall(b"\0")

    def send() -> int:
        thread = threading.Thread(target=forget)
        thread.start()
        piece = bytes(1024)
        for _ in range(n_bytes // len(piece)):
            sender.sendall(piece)
        sender.recv(1)
        thread.join()
        return n_bytes

    return send


def _whole(found: Mapping[str, Any]) -> None:
    assert len(set(found.values())) == 1, found


def _case(way: str, n_bytes: int, bound: float) -> Case:
    work = f"send {n_bytes:,} bytes as an object in requests of 1,020 bytes, each acknowledged, over {way}"
    sides: dict[str, Any] = {"qctl": partial(_link, way, n_bytes)}
    if way != "pty":
        sides["floor"] = partial(_socket, n_bytes)
    return Case(f"upload-{way}", work, sides, _whole, (Goal("qctl", bound),) * bool(bound), n_bytes, "byte", rounds=5)


CASES = (
    _case("tcp", _SOCKET_BYTES, 1 / 20e6),
    _case("udp", _SOCKET_BYTES, 0.0),
    _case("ethernet", _SOCKET_BYTES, 0.0),
    _case("pty", _SERIAL_BYTES, 1 / (0.8 * _BYTES_PER_S)),
)
"""At least 20 MB/s over TCP, and 80 % of what the serial line carries."""
