"""Transports over sockets: TCP, UDP, and Ethernet frames inside UDP datagrams, as emulated network cards have them.

docs/firmware-protocol.md, section 1, has what a datagram and an Ethernet frame hold. QEMU's
``-nic socket,udp=HOST:PORT,localaddr=HOST:PORT`` carries one Ethernet frame in each datagram.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator

from qctl.errors import DeviceError

__all__ = ["DatagramPort", "TcpPort"]

_READ_BYTES = 1 << 18
_MOST_IN_DATAGRAM = 1472
_MOST_DATAGRAMS = 256
_ETHERNET = bytes.fromhex("ffffffffffff 02516374 6c01 88b5")
"""To all, from a locally administered address, type 88B5 (IEEE 802, for experiments)."""
_ETHERNET_LEAST = 60
_CONNECT_S = 2.0


class _SocketPort:
    """An open socket that never blocks but in `receive` and in a full `send`."""

    def __init__(self, name: str, opened: socket.socket, write_timeout_s: float) -> None:
        self._name = name
        self._socket = opened
        self._write_timeout_s = write_timeout_s
        self._socket.setblocking(False)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _wait(self, timeout_s: float, writing: bool = False) -> bool:
        """Return whether the socket is ready in time."""
        watched = (self._socket,)
        try:
            ready = select.select((), watched, (), timeout_s) if writing else select.select(watched, (), (), timeout_s)
        except (OSError, ValueError) as error:
            raise DeviceError(f"{self._name}: {error}") from error
        return bool(ready[1] if writing else ready[0])


class TcpPort(_SocketPort):
    """A TCP connection.

    Parameters
    ----------
    host, port
    write_timeout_s : float
        How long the device may refuse bytes.

    Raises
    ------
    DeviceError
        If nobody listens.
    """

    def __init__(self, host: str, port: int, write_timeout_s: float = 1.0) -> None:
        name = f"TCP {host}:{port}"
        try:
            opened = socket.create_connection((host, port), _CONNECT_S)
        except OSError as error:
            raise DeviceError(f"{name} can't be opened: {error}") from error
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().__init__(name, opened, write_timeout_s)

    def send(self, data: bytes) -> None:
        """Send bytes.

        Raises
        ------
        DeviceError
            If the connection is gone, or takes no bytes.
        """
        left = memoryview(data)
        while left:
            try:
                left = left[self._socket.send(left) :]
            except BlockingIOError:
                if not self._wait(self._write_timeout_s, writing=True):
                    raise DeviceError(f"{self._name}: takes no bytes for {self._write_timeout_s:g} s") from None
            except OSError as error:
                raise DeviceError(f"{self._name}: {error}") from error

    def receive(self, timeout_s: float) -> bytes:
        """Return the bytes that are there, waiting for the first one; empty after the time-out.

        Raises
        ------
        DeviceError
            If the connection is gone.
        """
        if not self._wait(max(0.0, timeout_s)):
            return b""
        try:
            data = self._socket.recv(_READ_BYTES)
        except OSError as error:
            raise DeviceError(f"{self._name}: {error}") from error
        if not data:
            raise DeviceError(f"{self._name}: the other end has closed")
        return data


class DatagramPort(_SocketPort):
    """UDP to one device; what a datagram can't reach is lost, as the session expects.

    Parameters
    ----------
    host, port
        Where the device is.
    local_port : int
        Where it sends to; 0 takes a free port.
    ethernet : bool
        Whether each datagram is an Ethernet frame.
    """

    def __init__(self, host: str, port: int, local_port: int = 0, ethernet: bool = False) -> None:
        name = f"{'Ethernet over ' if ethernet else ''}UDP {host}:{port}"
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            opened.bind(("127.0.0.1" if host == "127.0.0.1" else "", local_port))
            opened.connect((host, port))
        except OSError as error:
            opened.close()
            raise DeviceError(f"{name} can't be opened: {error}") from error
        super().__init__(name, opened, 0.0)
        self._ethernet = ethernet

    def send(self, data: bytes) -> None:
        """Send whole frames, as many in a datagram as there is room for."""
        for datagram in _datagrams(data):
            if self._ethernet:
                datagram = (_ETHERNET + datagram).ljust(_ETHERNET_LEAST, b"\0")
            try:
                self._socket.send(datagram)
            except (BlockingIOError, ConnectionRefusedError):
                continue
            except OSError as error:
                raise DeviceError(f"{self._name}: {error}") from error

    def receive(self, timeout_s: float) -> bytes:
        """Return the frames that are there, waiting for the first ones; empty after the time-out."""
        if not self._wait(max(0.0, timeout_s)):
            return b""
        found = []
        for _ in range(_MOST_DATAGRAMS):
            try:
                datagram = self._socket.recv(65_536)
            except BlockingIOError:
                break
            except ConnectionRefusedError:
                continue
            except OSError as error:
                raise DeviceError(f"{self._name}: {error}") from error
            if not self._ethernet:
                found.append(datagram + b"\0")
            elif datagram[12:14] == _ETHERNET[12:14]:
                found.append(datagram[14:] + b"\0")
        return b"".join(found)


def _datagrams(data: bytes) -> Iterator[bytes]:
    """Cut frames into pieces of whole frames, none longer than a datagram that is not cut on its way."""
    at = 0
    while at < len(data):
        end = data.rfind(b"\0", at, at + _MOST_IN_DATAGRAM) + 1
        end = end if end > at else min(len(data), at + _MOST_IN_DATAGRAM)
        yield data[at:end]
        at = end
