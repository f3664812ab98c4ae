"""The VISA port: bytes out and in through pyvisa, with time-outs that hold and a closed peer that is noticed.

What is taken from pyvisa-py alone is each marked: its socket session has Nagle's algorithm on and can't switch it off,
waits without end when the peer stops reading, and spins to the time-out when the peer has closed.
"""

from __future__ import annotations

import fcntl
import logging
import os
import select
import socket
import time
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any

import pyvisa
from pyvisa.constants import Parity, ResourceAttribute, StatusCode
from pyvisa.errors import VisaIOError

from qctl.instruments.links.link import SerialLine
from qctl.instruments.links.silence import serial_path
from qctl.lab.addresses import Address, parse_address

__all__ = ["NO_WORDS", "PortClosedError", "VisaPort", "check_echo", "import_backend"]

_SMALL_BYTES = 16_384
_MOST_PARTS = 256
_READ_BYTES = 65_536
_AHEAD_BYTES = 8192
_MOST_LINE_BYTES = 1 << 24
_MOST_READ_BYTES = 1 << 24
_SLOWEST_BYTES_PER_S = 10
"""What comes more slowly than the slowest serial line for longer than the time-out never ends: it is a time-out."""
NO_WORDS = b"\0\t\n\r "
"""What may stand behind an answer, or come alone, and is nothing that was said."""
_END = (StatusCode.success_termination_character_read, StatusCode.success)


class PortClosedError(ConnectionError):
    """Say that the connection can't be opened, broke, or carries what it must not; stays inside links."""


def check_echo(echo: bytes, sent: bytes) -> None:
    """Refuse what comes back in place of what was sent.

    Raises
    ------
    PortClosedError
        With the beginning of what came.
    """
    if echo.rstrip(b"\r\n") != sent.rstrip(b"\r\n"):
        raise PortClosedError(f"{echo[:80]!r} came where its echo was due")


def _joined(parts: list[bytes | memoryview]) -> list[bytes | memoryview]:
    """Join neighbours that are small; a long block is never copied."""
    if len(parts) < 3:
        return parts
    joined: list[bytes | memoryview] = []
    small: list[bytes | memoryview] = []
    for part in parts:
        if len(part) < _SMALL_BYTES:
            small.append(part)
            continue
        if small:
            joined.append(b"".join(small))
            small = []
        joined.append(part)
    if small:
        joined.append(b"".join(small))
    return joined


def _claimed(address: str) -> int | None:
    """Return what holds a serial line for one port; None for other addresses, and where opening will say what is wrong.

    Two that read one line take each other's bytes, as when a board is looked for at all ports that there are. pyserial
    locks a line only after it has thrown away what came.
    """
    place = parse_address(address)
    if not isinstance(place, Address) or place.kind != "serial":
        return None
    try:
        claim = os.open(serial_path(place), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(claim)
        raise PortClosedError("another link or program has it open") from error
    except OSError:  # a device without locks
        os.close(claim)
        return None
    return claim


@cache
def _manager() -> pyvisa.ResourceManager:
    logging.getLogger("pyvisa").setLevel(logging.CRITICAL)  # it logs a trace at each failed attempt; ours says it once
    return pyvisa.ResourceManager("@py")


def import_backend() -> None:
    """Import what PyVISA imports at the first port."""
    import_module("pyvisa_py")


class VisaPort:
    """One open VISA resource.

    Parameters
    ----------
    address : str
        VISA address.
    timeout_s : float
        For opening.
    serial : SerialLine, optional
        How a serial line is set.
    end : bytes
        The one that lines from the instrument end in.

    Raises
    ------
    PortClosedError
        If it can't be opened.
    """

    def __init__(self, address: str, timeout_s: float, serial: SerialLine | None = None, end: bytes = b"\n") -> None:
        self._claim = _claimed(address)
        try:
            resource: Any = _manager().open_resource(address, open_timeout=int(timeout_s * 1000))
            resource.timeout = timeout_s * 1000
        except Exception as error:  # pyvisa-py raises Exception itself when connecting takes too long
            self._let_go()
            raise PortClosedError(str(error)) from error
        self._resource = resource
        self._session = resource.visalib.sessions[resource.session]
        interface = getattr(self._session, "interface", None)
        self._timeout_s = timeout_s
        self._ends_messages = True
        self._newline_ends: bool | None = None
        self._socket: socket.socket | None = None
        self._ahead = b""
        self._line_end = end
        try:
            self._set_up(interface, address, serial or SerialLine())
        except BaseException:
            self.close()
            raise

    def _set_up(self, interface: Any, address: str, line: SerialLine) -> None:
        if isinstance(interface, socket.socket):
            interface.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = interface
            self._ends_messages = False
            self._session.set_attribute(ResourceAttribute.termchar, ord(self._line_end))
        elif address.upper().startswith("ASRL"):
            self._ends_messages = False
            resource = self._resource
            resource.read_termination = self._line_end.decode("ascii")
            resource.baud_rate = line.baud
            if not os.path.realpath(address[4:].partition("::")[0]).startswith("/dev/pts/"):  # a pty has no such bits
                resource.data_bits, resource.parity = line.data_bits, Parity[line.parity]

    @property
    def is_stream(self) -> bool:
        """Say whether several messages may be sent in one go: only their ends part them."""
        return not self._ends_messages

    def close(self) -> None:
        """Close the resource; a peer that is already gone is no error."""
        try:
            self._resource.close()
        except (VisaIOError, OSError, RuntimeError, AssertionError):
            return
        finally:
            self._let_go()

    def _let_go(self) -> None:
        claim, self._claim = self._claim, None
        if claim is not None:
            os.close(claim)

    def send(self, parts: Sequence[bytes | memoryview], timeout_s: float) -> None:
        """Send parts one after the other, without joining them where the transport can.

        Raises
        ------
        TimeoutError
            If the peer stops reading.
        PortClosedError
            If the connection broke.
        """
        if self._socket is not None:
            self._send_socket(self._socket, list(parts), timeout_s)
            return
        if self._ends_messages:
            self._ahead = b""
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        try:
            self._limit(timeout_s)
            self._session.write(data)
        except TimeoutError:
            raise
        except (VisaIOError, OSError, RuntimeError, AssertionError) as error:
            raise PortClosedError(f"the connection broke ({error})") from error

    @staticmethod
    def _send_socket(port: socket.socket, parts: list[bytes | memoryview], timeout_s: float) -> None:
        end_s = time.monotonic() + timeout_s
        try:
            parts = _joined(parts)
            while parts:
                try:
                    n_sent = port.sendmsg(parts[:_MOST_PARTS], (), socket.MSG_DONTWAIT)
                except BlockingIOError:
                    _, writable, _ = select.select((), (port,), (), max(0.0, end_s - time.monotonic()))
                    if not writable:
                        raise TimeoutError(b"") from None
                    continue
                while parts and n_sent >= len(parts[0]):
                    n_sent -= len(parts.pop(0))
                if n_sent:
                    parts[0] = memoryview(parts[0])[n_sent:]
                    end_s = time.monotonic() + timeout_s
        except TimeoutError:
            raise
        except OSError as error:
            raise PortClosedError(f"the connection broke ({error})") from error

    def line(self, max_bytes: int, timeout_s: float) -> bytes:
        """Return the bytes up to the end of the line or message, the end included; `max_bytes` are read at a time.

        Raises
        ------
        TimeoutError
            With the bytes that did come: there was a pause, or they come in drops.
        PortClosedError
            If the connection broke, the message was cut, or the line has no end.
        """
        self._end_at_newline(True)
        got, begin_s = bytearray(), time.monotonic()
        while True:
            data, status = self._read(max_bytes, timeout_s, got)
            if data.endswith(self._line_end):
                return bytes(got + data) if got else data
            got += data
            if status in _END:
                raise PortClosedError(f"the message ended without a line end after {len(got)} bytes")
            if len(got) > _MOST_LINE_BYTES:
                raise PortClosedError(f"over {_MOST_LINE_BYTES} bytes came without a line end")
            self.keep_pace(begin_s, got, timeout_s)

    def receive(self, n_bytes: int, timeout_s: float) -> bytes | bytearray:
        """Return exactly so many bytes.

        Raises
        ------
        TimeoutError
            With the bytes that did come.
        PortClosedError
            If the connection broke, or the message ended before.
        """
        self._end_at_newline(False)
        got: bytes | bytearray = b""
        begin_s = time.monotonic()
        while len(got) < n_bytes:
            data, _ = self._read(n_bytes - len(got), timeout_s, got)
            if not data:
                raise PortClosedError(f"the message ended {n_bytes - len(got)} bytes early")
            if len(data) == n_bytes:
                return data
            got = got or bytearray()
            got += data
            self.keep_pace(begin_s, got, timeout_s)
        return got

    @staticmethod
    def keep_pace(begin_s: float, got: bytes | bytearray, timeout_s: float) -> None:
        """Raise TimeoutError, with the bytes that did come, where an answer that is read since then comes in drops."""
        if time.monotonic() > begin_s + timeout_s + len(got) / _SLOWEST_BYTES_PER_S:
            raise TimeoutError(bytes(got))

    def unread(self) -> bytes:
        """Return some of what has come and nobody has read; line ends alone are dropped, and nothing is waited for.

        Where messages end by themselves the transport looks after this.
        """
        if self._ends_messages:
            return b""
        while True:
            if not self._ahead:
                self._ahead = self._waiting()
            if not self._ahead:
                return b""
            if words := self._ahead.lstrip(NO_WORDS):
                return words
            self._ahead = b""

    def listen(self, timeout_s: float) -> bytes:
        """Return what comes on a serial line, as soon as something does; empty if nothing does in time.

        Raises
        ------
        PortClosedError
            If the connection broke.
        """
        self._limit(max(timeout_s, 1e-3))
        line = self._session.interface
        try:
            return bytes(line.read(1)) + bytes(line.read(line.in_waiting))
        except OSError as error:
            raise PortClosedError(f"the connection broke ({error})") from error

    def _waiting(self) -> bytes:
        """Return what has come from the peer; a connection that is closed is left for the next read to notice."""
        try:
            if self._socket is None:
                n_bytes = self._session.interface.in_waiting
                return bytes(self._session.interface.read(n_bytes)) if n_bytes else b""
            return self._socket.recv(_READ_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise PortClosedError(f"the connection broke ({error})") from error

    def _end_at_newline(self, on: bool) -> None:
        """Let reads end at a line's end; HiSLIP has its own end of a message."""
        if not self._ends_messages and self._newline_ends is not on:
            self._session.set_attribute(ResourceAttribute.termchar_enabled, on)
            self._newline_ends = on

    def _limit(self, timeout_s: float) -> None:
        if timeout_s != self._timeout_s:
            self._resource.timeout = timeout_s * 1000
            self._timeout_s = timeout_s

    def _read(self, n_bytes: int, timeout_s: float, got: bytes | bytearray) -> tuple[bytes, StatusCode]:
        """Read once; the session is asked directly because viRead of pyvisa drops what came before a time-out."""
        self._limit(timeout_s)
        if self._socket is not None:
            return self._read_socket(self._socket, n_bytes, timeout_s, got)
        if not self._ends_messages:
            return self._read_session(n_bytes, got)
        if not self._ahead:
            data, status = self._read_session(max(n_bytes, _AHEAD_BYTES), got)
            if len(data) <= n_bytes:
                return data, status
            self._ahead = bytes(data)
        return self._take_ahead(n_bytes), StatusCode.success_max_count_read

    def _read_session(self, n_bytes: int, got: bytes | bytearray) -> tuple[bytes, StatusCode]:
        """Read once through pyvisa-py's session."""
        try:
            data, status = self._session.read(n_bytes)
        except TimeoutError as error:
            raise TimeoutError(bytes(got)) from error
        except PortClosedError:
            raise
        except (VisaIOError, OSError, RuntimeError, AssertionError) as error:
            raise PortClosedError(f"the connection broke ({error})") from error
        if status == StatusCode.error_timeout:
            raise TimeoutError(bytes(got) + bytes(data))
        if status.value < 0:
            raise PortClosedError(f"the connection broke ({status.name})")
        return data, status

    def _read_socket(
        self, port: socket.socket, n_bytes: int, timeout_s: float, got: bytes | bytearray
    ) -> tuple[bytes, StatusCode]:
        """Read once from the session's socket itself: its session polls, byte by byte where lines end."""
        if not self._ahead:
            try:
                readable, _, _ = select.select((port,), (), (), timeout_s)
                if not readable:
                    raise TimeoutError(bytes(got))
                self._ahead = port.recv(min(max(n_bytes, _READ_BYTES), _MOST_READ_BYTES))
            except TimeoutError:
                raise
            except OSError as error:
                raise PortClosedError(f"the connection broke ({error})") from error
            if not self._ahead:
                raise PortClosedError("the instrument closed the connection")
        newline = self._ahead.find(self._line_end, 0, n_bytes) if self._newline_ends else -1
        data = self._take_ahead(n_bytes if newline < 0 else newline + 1)
        return data, _END[0] if newline >= 0 else StatusCode.success_max_count_read

    def _take_ahead(self, n_bytes: int) -> bytes:
        """Return at most so many of the bytes that were read ahead."""
        data, self._ahead = self._ahead[:n_bytes], self._ahead[n_bytes:]
        return data
