"""The serial transport: bytes in and out of a tty or pty through pyserial, and nothing else."""

from __future__ import annotations

import os
import re
import select

import serial

from qctl.errors import DeviceError, RequestError

__all__ = ["SerialPort", "device_path"]

_READ_BYTES = 4096
_LEAST_AHEAD = 4096
_ADDRESS = re.compile(r"ASRL(?P<path>.+?)(?:::INSTR)?", re.IGNORECASE)


def device_path(address: str) -> str:
    """Return the device file of an address such as ``ASRL/dev/ttyACM0::INSTR``.

    Raises
    ------
    RequestError
        If it is no serial address.
    """
    found = _ADDRESS.fullmatch(address)
    if not found:
        raise RequestError(f"{address!r} is not a serial address like ASRL/dev/ttyACM0::INSTR")
    path = found["path"]
    return f"/dev/ttyS{int(path) - 1}" if path.isdigit() else path


class SerialPort:
    """An open serial port.

    Parameters
    ----------
    path : str
        Device file.
    baud : int
        Bits per second; a pty and USB ignore it.
    write_timeout_s : float
        How long the device may refuse bytes.

    Raises
    ------
    DeviceError
        If it can't be opened.
    """

    def __init__(self, path: str, baud: int = 115_200, write_timeout_s: float = 1.0) -> None:
        try:
            self._port = serial.Serial(path, baud, timeout=0, write_timeout=write_timeout_s, exclusive=True)
        except (OSError, ValueError) as error:
            raise DeviceError(f"{path} can't be opened: {error}") from error
        self.ahead_bytes = max(_LEAST_AHEAD, baud // 100)

    def send(self, data: bytes) -> None:
        """Send bytes.

        Raises
        ------
        DeviceError
            If the port is gone or takes no bytes.
        """
        try:
            sent = self._send_now(data)
            if sent < len(data):
                self._port.write(data[sent:])
        except OSError as error:
            raise DeviceError(f"{self._port.port}: {error}") from error

    def _send_now(self, data: bytes) -> int:
        """Return how many bytes the line takes at once: without pyserial's waiting, which takes longer."""
        try:
            return os.write(self._port.fileno(), data)
        except BlockingIOError:
            return 0

    def receive(self, timeout_s: float) -> bytes:
        """Return the bytes that are there, waiting for the first one; empty after the time-out.

        Raises
        ------
        DeviceError
            If the port is gone.
        """
        try:
            ready, _, _ = select.select((self._port.fileno(),), (), (), max(0.0, timeout_s))
            if not ready:
                return b""
            data = os.read(self._port.fileno(), _READ_BYTES)
        except OSError as error:
            raise DeviceError(f"{self._port.port}: {error}") from error
        if not data:
            raise DeviceError(f"{self._port.port}: the other end has closed")
        return data

    def close(self) -> None:
        """Close the port."""
        self._port.close()
