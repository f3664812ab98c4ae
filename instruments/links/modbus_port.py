"""The Modbus port: registers in words out, values and refusals in words back; one unit's share of a line.

RTU on a serial line has no numbers that pair answers with requests, so each failure closes the line: the link opens it
anew and asks who is there before anything else, when nothing of the unit is to come any more. An answer that is none to
the request, by its function, address or length, is a failure too.

Source: pymodbus 3.16 (synchronous clients; `device_id`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from qctl.instruments.links.link import SerialLine
from qctl.instruments.links.modbus_line import join_modbus_line
from qctl.instruments.links.modbus_words import (
    ACCEPTED,
    EXCEPTIONS,
    IDENTIFICATION,
    REFUSED,
    Register,
    parse_register,
)
from qctl.instruments.links.worded_port import WordedPort

__all__ = ["ModbusPort"]

_NO_REASON = "for a reason without a name"
_READS = {"coil": (1, "read_coils"), "discrete": (2, "read_discrete_inputs"), "holding": (3, "read_holding_registers"),
          "input": (4, "read_input_registers")}  # fmt: skip
_WRITE_COIL, _WRITE_REGISTER, _WRITE_REGISTERS, _IDENTIFY = 5, 6, 16, 43
_BITS_OF_BYTE = 8


class ModbusPort(WordedPort):
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

    def __init__(self, address: str, timeout_s: float, unit: int, word_order: str, serial: SerialLine) -> None:
        self._unit, self._word_order = unit, word_order
        self._is_new = True
        self._line = join_modbus_line(address, timeout_s, serial)
        super().__init__(self._line)

    def take(self, text: str) -> Callable[[], str] | None:
        """Have a line carried out when its answer is asked for; raise as `WordedPort.take` does."""
        return partial(self._carried_out, text) if text else None

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
        low, high = register.bounds
        if not low <= number <= high or (register.is_bit and number not in (0, 1)):
            return f"{REFUSED} {value} is not in [{low:g}, {high:g}], as {register} holds them"
        reply = self._write(register, number) if setting else self._read(register)
        if reply.isError():
            return _refused(reply)
        return ACCEPTED if setting else self._value(register, reply)

    def _asked(self, function: int, request: Callable[[Any], Any], fits: Callable[[Any], bool]) -> Any:
        def judge(reply: Any) -> str:
            if reply.function_code & 0x7F != function:
                return f"an answer to function {reply.function_code & 0x7F} came where one to {function} was due"
            return "" if reply.isError() or fits(reply) else f"the answer to another request came ({reply})"

        is_first, self._is_new = self._is_new, False
        return self._line.ask(self._unit, request, judge, is_first)

    def _read(self, register: Register) -> Any:
        function, name = _READS[register.table]
        count = 1 if register.is_bit else register.n_registers

        def fits(reply: Any) -> bool:
            return len(reply.bits) == _BITS_OF_BYTE if register.is_bit else len(reply.registers) == count

        return self._asked(
            function,
            lambda client: getattr(client, name)(register.address, count=count, device_id=self._unit),
            fits,
        )

    def _write(self, register: Register, value: float) -> Any:
        at, unit = register.address, self._unit
        if register.is_bit:
            return self._asked(
                _WRITE_COIL,
                lambda client: client.write_coil(at, bool(value), device_id=unit),
                lambda reply: (reply.address, reply.bits[:1]) == (at, [bool(value)]),
            )
        words = _registers_of(register, value, self._word_order)
        if len(words) == 1:
            return self._asked(
                _WRITE_REGISTER,
                lambda client: client.write_register(at, words[0], device_id=unit),
                lambda reply: (reply.address, reply.registers) == (at, words),
            )
        return self._asked(
            _WRITE_REGISTERS,
            lambda client: client.write_registers(at, words, device_id=unit),
            lambda reply: (reply.address, reply.count) == (at, len(words)),
        )

    def _value(self, register: Register, reply: Any) -> str:
        if register.is_bit:
            return str(int(reply.bits[0]))
        words = _words()
        value = words.convert_from_registers(reply.registers, words.DATATYPE[register.type.upper()], self._word_order)
        return register.shown(value)

    def _identification(self) -> str:
        reply = self._asked(
            _IDENTIFY,
            lambda client: client.read_device_information(read_code=1, object_id=0, device_id=self._unit),
            lambda reply: bool(reply.information),
        )
        if reply.isError():
            return _refused(reply)
        return ",".join(reply.information[key].decode("latin-1") for key in sorted(reply.information))


def _registers_of(register: Register, value: float, word_order: str) -> list[int]:
    """Return a value as its registers hold it."""
    words = _words()
    found: list[int] = words.convert_to_registers(
        register.raw(value), words.DATATYPE[register.type.upper()], word_order
    )
    return found


def _words() -> Any:
    """Return what turns values into registers and back."""
    from pymodbus.client.mixin import ModbusClientMixin

    return ModbusClientMixin


def _refused(reply: Any) -> str:
    code = getattr(reply, "exception_code", 0)
    return f"{REFUSED} {code} {EXCEPTIONS.get(code, _NO_REASON)}"
