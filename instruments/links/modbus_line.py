"""A Modbus line: the one owner of its port, by pymodbus, and the turns of the units behind it; nothing is sent twice.

RTU has no numbers that pair answers with requests. So one request is on the line at a time, whole answers of other
units are passed over, and each failure closes the port: the next turn opens it anew, without what came meanwhile.

Source: pymodbus 3.16 (synchronous clients; `retries`, `device_id`, `trace_packet`); Modbus over serial line V1.02,
2.5.1.1 (silence between frames).
"""

from __future__ import annotations

import logging
import os
import struct
import time
from collections.abc import Callable
from threading import Condition, Lock
from typing import Any

from qctl.errors import RequestError
from qctl.instruments.links.checksums import crc16
from qctl.instruments.links.link import SerialLine
from qctl.instruments.links.visa_port import PortClosedError
from qctl.lab.addresses import Address, parse_address

__all__ = ["ModbusLine", "join_line"]

_PARITIES = {"none": "N", "odd": "O", "even": "E"}
_CHARACTER_BITS = 11
_SHORTEST_SILENCE_S = 1.75e-3
_SHORTEST_FRAME, _LONGEST_FRAME = 5, 256


class ModbusLine:
    """One port, and whoever shares it.

    Parameters
    ----------
    address : str
        VISA address of a serial line (RTU) or of a socket (TCP).
    timeout_s : float
        How long an answer of any unit may take.
    serial : SerialLine
        How the serial line is set.

    Raises
    ------
    RequestError
        If the address is neither, or pymodbus is not installed.
    """

    def __init__(self, address: str, timeout_s: float, serial: SerialLine) -> None:
        self.n_units = 0
        self.key = _key(address)
        self._address, self._settings = address, (timeout_s, serial)
        self._is_serial = _place(address).kind == "serial"
        self._heard, self._unit = b"", 0
        self._client = _client(address, timeout_s, serial, self._seen)
        self._silence_s = max(_SHORTEST_SILENCE_S, 3.5 * _CHARACTER_BITS / serial.baud) if self._is_serial else 0.0
        self._free_s = 0.0
        self._turn = Condition()
        self._n_come = self._n_gone = 0

    def fits(self, timeout_s: float, serial: SerialLine) -> bool:
        """Say whether a unit that is spoken to like this can share the line."""
        return self._settings == (timeout_s, serial)

    def open(self) -> None:
        """Open the port, if it is not open.

        Raises
        ------
        PortClosedError
            If it can't be opened.
        """
        self._begin_turn()
        try:
            self._opened()
        finally:
            self._end_turn()

    def ask(self, unit: int, request: Callable[[Any], Any], judge: Callable[[Any], str]) -> Any:
        """Have a unit's turn: send one request, and return the answer.

        Parameters
        ----------
        unit : int
            Whose answer is due.
        request : callable
            Sends it by the client, and returns the answer.
        judge : callable
            Returns what is wrong with an answer that came, if it is that to another request; empty where it is right.

        Raises
        ------
        TimeoutError
            With the bytes that did come, if no whole answer of this unit came in time.
        PortClosedError
            If the connection broke, or what came is no answer to this.
        """
        from pymodbus.exceptions import ConnectionException, ModbusException

        self._begin_turn()
        try:
            self._opened()
            time.sleep(max(0.0, self._free_s - time.monotonic()))
            self._heard, self._unit = b"", unit
            reply = request(self._client)
            if wrong := judge(reply):
                raise PortClosedError(wrong)
            return reply
        except PortClosedError:
            self._client.close()
            raise
        except (ConnectionException, OSError) as error:
            self._client.close()
            raise PortClosedError(f"the connection broke ({error})") from error
        except (ModbusException, struct.error, ValueError, LookupError) as error:
            self._client.close()
            if self._is_damaged():
                raise PortClosedError(f"the check of what came is wrong: {self._heard[:64].hex(' ')}") from error
            raise TimeoutError(self._heard) from error
        finally:
            self._free_s = time.monotonic() + self._silence_s
            self._end_turn()

    def leave(self) -> None:
        """Note that a unit's link is closed; with the last one the port is."""
        with _LINES_LOCK:
            self.n_units -= 1
            if not self.n_units:
                _LINES.pop(self.key, None)
                self._client.close()

    def _opened(self) -> None:
        if not self._client.connect():
            raise PortClosedError(f"{self._address} can't be opened")

    def _begin_turn(self) -> None:
        """Wait for those who came before."""
        with self._turn:
            mine, self._n_come = self._n_come, self._n_come + 1
            self._turn.wait_for(lambda: self._n_gone == mine)

    def _end_turn(self) -> None:
        with self._turn:
            self._n_gone += 1
            self._turn.notify_all()

    def _seen(self, sending: bool, data: bytes) -> bytes:
        """Take what pymodbus sends or has received so far; return it without whole answers of other units."""
        if sending:
            return data
        self._heard = data
        while self._is_serial and data and data[0] != self._unit and (size := _frame_size(data)):
            data = data[size:]
        return data

    def _is_damaged(self) -> bool:
        """Say whether a whole frame of the unit came, but for its check."""
        heard = self._heard
        return self._is_serial and len(heard) >= _SHORTEST_FRAME and heard[0] == self._unit and not _frame_size(heard)


def _frame_size(data: bytes) -> int:
    """Return how many bytes the first frame of a serial line has: it ends where a check does; 0 if none does."""
    ends = range(_SHORTEST_FRAME, min(len(data), _LONGEST_FRAME) + 1)
    return next((n for n in ends if struct.pack("<H", crc16(data[: n - 2])) == data[n - 2 : n]), 0)


_LINES: dict[tuple[str, ...], ModbusLine] = {}
_LINES_LOCK = Lock()


def join_line(address: str, timeout_s: float, serial: SerialLine) -> ModbusLine:
    """Return the open line at an address, which all units there share; each `leave`s it.

    Raises
    ------
    PortClosedError
        If it can't be opened.
    RequestError
        If it is open already with another speed, parity or time-out.
    """
    with _LINES_LOCK:
        line = _LINES.get(_key(address)) or ModbusLine(address, timeout_s, serial)
        if not line.fits(timeout_s, serial):
            raise RequestError(f"{address} is open already with another baud, parity or timeout_s")
        line.n_units += 1
        _LINES[line.key] = line
    try:
        line.open()
    except BaseException:
        line.leave()
        raise
    return line


def _place(address: str) -> Address:
    place = parse_address(address)
    if not isinstance(place, Address) or place.kind not in ("serial", "socket"):
        raise RequestError(f"{address} is neither a serial line nor a socket, which Modbus is spoken over")
    return place


def _key(address: str) -> tuple[str, ...]:
    """Return what is the same for all names of one line."""
    place = _place(address)
    return ("serial", os.path.realpath(_path(place))) if place.kind == "serial" else place.identity


def _path(place: Address) -> str:
    return f"/dev/ttyS{int(place.host) - 1}" if place.host.isdigit() else place.host


def _client(address: str, timeout_s: float, serial: SerialLine, seen: Callable[[bool, bytes], bytes]) -> Any:
    """Return a client that is not connected yet, and repeats nothing."""
    try:
        from pymodbus.client import ModbusSerialClient, ModbusTcpClient
    except ImportError as error:
        raise RequestError('Modbus needs the package pymodbus: pip install "qctl[modbus]"') from error
    logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)  # what goes wrong is in our errors
    place = _place(address)
    if place.kind == "socket":
        return ModbusTcpClient(place.host, port=int(place.port), timeout=timeout_s, retries=0, trace_packet=seen)
    return ModbusSerialClient(
        _path(place),
        baudrate=serial.baud,
        parity=_PARITIES[serial.parity],
        timeout=timeout_s,
        retries=0,
        stopbits=1,
        trace_packet=seen,
    )
