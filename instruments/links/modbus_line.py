"""A Modbus line: the one owner of its port, by pymodbus, and the turns of the units behind it; nothing is sent twice.

RTU has no numbers that pair answers with requests. So one request is on the line at a time, whole answers of other
units are passed over, and each failure closes the port: the next turn opens it anew, without what came meanwhile. A
unit that did not answer is asked nothing more until its answer can't come any more (`silence`); the others go on.

Source: pymodbus 3.16 (synchronous clients; `retries`, `device_id`, `trace_packet`); Modbus over serial line V1.02,
2.5.1.1 (silence between frames).
"""

from __future__ import annotations

import logging
import struct
import time
from collections.abc import Callable
from typing import Any

from qctl.errors import RequestError
from qctl.instruments.links.checksums import crc16
from qctl.instruments.links.life import LONGEST_SILENCE
from qctl.instruments.links.link import SerialLine
from qctl.instruments.links.shared_line import SharedLine, join_line, place_of_line
from qctl.instruments.links.silence import Silence, serial_path, silence_of
from qctl.instruments.links.visa_port import PortClosedError

__all__ = ["ModbusLine", "join_modbus_line"]

_PARITIES = {"none": "N", "odd": "O", "even": "E"}
_CHARACTER_BITS = 11
_SHORTEST_SILENCE_S = 1.75e-3
_SHORTEST_FRAME, _LONGEST_FRAME = 5, 256
_SLICE_S = 0.01
"""How often a line on which nobody asks is looked at."""


class ModbusLine(SharedLine):
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
        super().__init__(address, (timeout_s, serial))
        self._address = address
        self._is_serial = place_of_line(address).kind == "serial"
        self._timeout_s = timeout_s
        self._heard, self._unit, self._n_passed = b"", 0, 0
        self._loose, self._loose_s = b"", 0.0
        self._client = _client(address, timeout_s, serial, self._seen)
        self._silence_s = max(_SHORTEST_SILENCE_S, 3.5 * _CHARACTER_BITS / serial.baud) if self._is_serial else 0.0
        self._free_s = 0.0

    def open(self) -> None:
        """Open the port, if it is not open.

        Raises
        ------
        PortClosedError
            If it can't be opened.
        """
        with self.turn():
            self._opened()

    def ask(self, unit: int, request: Callable[[Any], Any], judge: Callable[[Any], str], is_first: bool = False) -> Any:
        """Have a unit's turn: send one request, and return the answer.

        Parameters
        ----------
        unit : int
            Whose answer is due.
        request : callable
            Sends it by the client, and returns the answer.
        judge : callable
            Returns what is wrong with an answer that came, if it is that to another request; empty where it is right.
        is_first : bool
            Whether it asks who is there: after trouble the unit is listened to on, before it is asked anything else.

        Raises
        ------
        TimeoutError
            With the bytes that did come, if no whole answer of this unit came in time; a LateAnswerError, if it came
            later and the unit was listened to.
        PortClosedError
            If the connection broke, or what came is no answer to this.
        """
        silence = self._silence(unit)
        if silence is None:
            return self._asked(unit, request, judge, None)
        self._hush(silence)
        try:
            reply = self._asked(unit, request, judge, silence)
        except TimeoutError as error:
            if is_first and silence.troubled:
                self._hush(silence)
                if (late := silence.told()) is not None:
                    raise late from error
            raise
        if not is_first:
            silence.settle()
            return reply
        silence.paid()
        if silence.troubled and self._says_more(silence):
            raise PortClosedError("more came behind who it is: its answers are late, raise timeout_s")
        return reply

    def _asked(
        self, unit: int, request: Callable[[Any], Any], judge: Callable[[Any], str], silence: Silence | None
    ) -> Any:
        from pymodbus.exceptions import ConnectionException, ModbusException

        with self.turn():
            try:
                self._opened()
                time.sleep(max(0.0, self._free_s - time.monotonic()))
                if silence is not None:
                    self._take_waiting()
                    silence.ask(time.monotonic(), self._timeout_s)
                self._heard, self._unit, self._n_passed = b"", unit, 0
                reply = request(self._client)
                if wrong := judge(reply):
                    self._came(unit)
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
                    self._came(unit)
                    raise PortClosedError(f"the check of what came is wrong: {self._heard[:64].hex(' ')}") from error
                raise TimeoutError(self._heard) from error
            finally:
                self._free_s = time.monotonic() + self._silence_s

    def _silence(self, unit: int) -> Silence | None:
        return silence_of(self._address, self._timeout_s, unit)

    def _came(self, unit: int) -> None:
        """Note a frame of a unit that is no answer in time."""
        if (silence := self._silence(unit)) is not None:
            silence.came(time.monotonic(), 1)

    def _hush(self, silence: Silence) -> None:
        """Listen in short turns until nothing of a unit is to come any more; the others have theirs between.

        Raises
        ------
        PortClosedError
            If the line can't be opened, or the unit does not fall silent.
        """
        end_s = time.monotonic() + (2 * LONGEST_SILENCE + 1) * self._timeout_s
        while (left_s := silence.until_s - time.monotonic()) > 0:
            self._listen(min(left_s, _SLICE_S))
            if time.monotonic() > end_s:
                raise PortClosedError("the unit does not fall silent, and nobody asked it anything")

    def _says_more(self, silence: Silence) -> bool:
        """Listen in short turns for a time-out; say whether a unit that owes nothing says something."""
        end_s = time.monotonic() + self._timeout_s
        while time.monotonic() < end_s:
            self._listen(_SLICE_S)
            if silence.until_s > time.monotonic():
                return True
        return False

    def _listen(self, pause_s: float) -> None:
        with self.turn():
            self._opened()
            self._take_waiting()
        time.sleep(pause_s)

    def _take_waiting(self) -> None:
        """Read what has come to a serial line while nobody asked, and note whose it is."""
        port = self._client.socket
        try:
            got = bytes(port.read(port.in_waiting))
        except OSError as error:
            self._client.close()
            raise PortClosedError(f"the connection broke ({error})") from error
        now_s = time.monotonic()
        if now_s > self._loose_s + 10 * _SLICE_S:  # frames have no such pause
            self._loose = b""
        if got:
            self._loose, self._loose_s = self._loose[-_LONGEST_FRAME:] + got, now_s
        while size := _frame_size(self._loose):
            self._came(self._loose[0])
            self._loose = self._loose[size:]

    def shut(self) -> None:
        """Close the port."""
        self._client.close()

    def _opened(self) -> None:
        if not self._client.connect():
            raise PortClosedError(f"{self._address} can't be opened")

    def _seen(self, sending: bool, data: bytes) -> bytes:
        """Take what pymodbus sends or has received so far; return it without whole answers of other units."""
        if sending:
            return data
        self._heard = data
        if not self._is_serial:
            return data
        begin = place = 0
        while size := _frame_size(data[place:]):
            if data[place] != self._unit:
                if place >= self._n_passed:  # the same bytes are seen again with each that is added
                    self._came(data[place])
                begin = place + size if begin == place else begin
            place += size
            self._n_passed = max(self._n_passed, place)
        self._loose, self._loose_s = data[place:], time.monotonic()
        return data[begin:]

    def _is_damaged(self) -> bool:
        """Say whether a whole frame of the unit came, but for its check."""
        heard = self._heard
        return self._is_serial and len(heard) >= _SHORTEST_FRAME and heard[0] == self._unit and not _frame_size(heard)


def _frame_size(data: bytes) -> int:
    """Return how many bytes the first frame of a serial line has: it ends where a check does; 0 if none does."""
    ends = range(_SHORTEST_FRAME, min(len(data), _LONGEST_FRAME) + 1)
    return next((n for n in ends if struct.pack("<H", crc16(data[: n - 2])) == data[n - 2 : n]), 0)


def join_modbus_line(address: str, timeout_s: float, serial: SerialLine) -> ModbusLine:
    """Return the open line at an address, which all units there share; each `leave`s it.

    Raises
    ------
    PortClosedError
        If it can't be opened.
    RequestError
        If it is open already with another speed, parity or time-out.
    """
    return join_line(ModbusLine, address, (timeout_s, serial), lambda: ModbusLine(address, timeout_s, serial))


def _client(address: str, timeout_s: float, serial: SerialLine, seen: Callable[[bool, bytes], bytes]) -> Any:
    """Return a client that is not connected yet, and repeats nothing."""
    try:
        from pymodbus.client import ModbusSerialClient, ModbusTcpClient
    except ImportError as error:
        raise RequestError('Modbus needs the package pymodbus: pip install "qctl[modbus]"') from error
    logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)  # what goes wrong is in our errors
    place = place_of_line(address)
    if place.kind == "socket":
        return ModbusTcpClient(place.host, port=int(place.port), timeout=timeout_s, retries=0, trace_packet=seen)
    return ModbusSerialClient(
        serial_path(place),
        baudrate=serial.baud,
        parity=_PARITIES[serial.parity],
        timeout=timeout_s,
        retries=0,
        stopbits=1,
        trace_packet=seen,
    )
