"""The Modbus port: registers in words out, values and refusals in words back, by pymodbus; nothing is sent twice.

RTU on a serial line has no numbers that pair answers with requests, so each failure closes the line: the link opens it
anew and asks who is there before anything else.

Source: pymodbus 3.16 (synchronous clients; `retries`, `device_id`).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from qctl.errors import RequestError
from qctl.instruments.links.link import SerialLine
from qctl.instruments.links.modbus_words import (
    ACCEPTED,
    EXCEPTIONS,
    IDENTIFICATION,
    REFUSED,
    Register,
    parse_register,
)
from qctl.instruments.links.visa_port import PortClosedError
from qctl.lab.addresses import Address, parse_address

__all__ = ["ModbusPort"]

_PARITIES = {"none": "N", "odd": "O", "even": "E"}
_NO_REASON = "for a reason without a name"


class ModbusPort:
    """One unit behind a serial line or a socket.

    Parameters
    ----------
    address : str
        VISA address: ``ASRL/dev/ttyUSB0::INSTR`` is spoken to by RTU, ``TCPIP::host::502::SOCKET`` by Modbus TCP.
    timeout_s : float
        How long an answer may take.
    unit : int
        Its number on the line.
    word_order : str
        ``big`` or ``little``: which half of a value of two registers comes first.
    serial : SerialLine
        How the serial line is set.

    Raises
    ------
    PortClosedError
        If it can't be opened.
    """

    is_stream = False

    def __init__(self, address: str, timeout_s: float, unit: int, word_order: str, serial: SerialLine) -> None:
        self._unit, self._word_order = unit, word_order
        self._due, self._answer = "", b""
        self._client = _client(address, timeout_s, serial)
        if not self._client.connect():
            raise PortClosedError(f"{address} can't be opened")

    def close(self) -> None:
        """Close it."""
        self._client.close()

    def send(self, parts: Sequence[bytes | memoryview], timeout_s: float) -> None:
        """Take one line; it is carried out when its answer is asked for."""
        self._due, self._answer = b"".join(parts).decode("ascii").strip(), b""

    def line(self, max_bytes: int, timeout_s: float) -> bytes:
        """Carry out what was sent last, and return its answer.

        Raises
        ------
        TimeoutError
            If the unit is silent.
        PortClosedError
            If the connection broke.
        """
        return self._taken(-1)

    def receive(self, n_bytes: int, timeout_s: float) -> bytes:
        """Carry out what was sent last, and return the first bytes of its answer; raise as `line` does."""
        return self._taken(n_bytes)

    def _taken(self, n_bytes: int) -> bytes:
        from pymodbus.exceptions import ConnectionException, ModbusException

        if self._due:
            text, self._due = self._due, ""
            try:
                self._answer = self._carried_out(text).encode("latin-1", "replace") + b"\n"
            except (ConnectionException, OSError) as error:
                raise PortClosedError(f"the connection broke ({error})") from error
            except ModbusException as error:  # no whole answer of this unit came in time, whatever did come
                raise TimeoutError(b"") from error
        n_taken = len(self._answer) if n_bytes < 0 else n_bytes
        taken, self._answer = self._answer[:n_taken], self._answer[n_taken:]
        return taken

    def unread(self) -> bytes:
        """Return nothing: what comes unasked is dropped before the next request."""
        return b""

    def keep_pace(self, begin_s: float, got: bytes | bytearray, timeout_s: float) -> None:
        """Do nothing: answers come whole."""

    def _carried_out(self, text: str) -> str:
        if text == IDENTIFICATION:
            return self._identification()
        words, setting, value = text.partition(" = ")
        register = parse_register(words)
        if isinstance(register, str):
            return f"{REFUSED} {register}"
        try:
            number = float(value) if setting else 0.0
        except ValueError:
            return f"{REFUSED} {value!r} is no number"
        reply = self._write(register, number) if setting else self._read(register)
        if reply.isError():
            return _refused(reply)
        return ACCEPTED if setting else self._value(register, reply)

    def _read(self, register: Register) -> Any:
        client = self._client
        ask: Any = {
            "coil": client.read_coils,
            "discrete": client.read_discrete_inputs,
            "holding": client.read_holding_registers,
            "input": client.read_input_registers,
        }[register.table]
        count = 1 if register.is_bit else register.n_registers
        return ask(register.address, count=count, device_id=self._unit)

    def _write(self, register: Register, value: float) -> Any:
        client = self._client
        if register.is_bit:
            return client.write_coil(register.address, bool(value), device_id=self._unit)
        kind = client.DATATYPE[register.type.upper()]
        words = client.convert_to_registers(register.raw(value), kind, self._word_order)
        if len(words) == 1:
            return client.write_register(register.address, words[0], device_id=self._unit)
        return client.write_registers(register.address, words, device_id=self._unit)

    def _value(self, register: Register, reply: Any) -> str:
        if register.is_bit:
            return str(int(reply.bits[0]))
        client = self._client
        kind = client.DATATYPE[register.type.upper()]
        return register.shown(client.convert_from_registers(reply.registers, kind, self._word_order))

    def _identification(self) -> str:
        client = self._client
        reply = client.read_device_information(read_code=1, object_id=0, device_id=self._unit)
        if reply.isError():
            return _refused(reply)
        return ",".join(reply.information[key].decode("latin-1") for key in sorted(reply.information))


def _refused(reply: Any) -> str:
    code = getattr(reply, "exception_code", 0)
    return f"{REFUSED} {code} {EXCEPTIONS.get(code, _NO_REASON)}"


def _client(address: str, timeout_s: float, serial: SerialLine) -> Any:
    """Return a client that is not connected yet, and repeats nothing."""
    try:
        from pymodbus.client import ModbusSerialClient, ModbusTcpClient
    except ImportError as error:
        raise RequestError('Modbus needs the package pymodbus: pip install "qctl[modbus]"') from error
    logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)  # what goes wrong is in our errors
    place = parse_address(address)
    if not isinstance(place, Address) or place.kind not in ("serial", "socket"):
        raise RequestError(f"{address} is neither a serial line nor a socket, which Modbus is spoken over")
    if place.kind == "socket":
        return ModbusTcpClient(place.host, port=int(place.port), timeout=timeout_s, retries=0)
    path = f"/dev/ttyS{int(place.host) - 1}" if place.host.isdigit() else place.host
    return ModbusSerialClient(
        path, baudrate=serial.baud, parity=_PARITIES[serial.parity], timeout=timeout_s, retries=0, stopbits=1
    )
