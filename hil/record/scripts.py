"""Which script plays the part of which instrument; lines and Modbus of firmware that lab.toml describes are here.

What only asks, and which setting a query is of, is told by the entry in lab.toml for lines, by the function for Modbus.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from functools import partial, reduce
from hashlib import blake2b
from operator import xor
from typing import Any

from qctl.hil.instruments.modbus_firmware import crc
from qctl.hil.record.journal import Turn
from qctl.hil.record.pyro import body, called, led_to, renumbered
from qctl.hil.record.script import SILENCE_S, FirmwareScript, Script, Subject
from qctl.lab import Instrument

__all__ = ["LinesScript", "ModbusScript", "ModbusTcpScript", "PyroScript", "script_of"]

_SETS = {5: "coil", 6: "holding", 15: "coil", 16: "holding", 22: "holding", 23: "holding"}
_BOARD_ASKS = frozenset(
    ("", "lookup", "get_cfg", "get_tproc_counter", "poll_data", "get_accumulated", "get_decimated", "clocks_locked")
)
"""Methods of a board that change nothing; a connection is opened by none."""
_CHECKED = re.compile(rb"(.+)[^\w\s]([0-9A-Fa-f]{2}|[0-9A-Fa-f]{4})", re.S)
_ASKS = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}


class LinesScript(Script):
    """A board that speaks lines, as its entry in lab.toml says; without one, as lines of other boards are like."""

    def __init__(self, *said: Any, instrument: Instrument | None = None, **how: Any) -> None:
        self._instrument = instrument
        super().__init__(*said, **how)

    def _about(self, said: bytes) -> list[Subject]:
        if self._instrument is None:
            return super()._about(_unchecked(said))
        name = self._parameter(said)[0]
        return [(name.encode(),)] if name else []

    def _polls(self, said: bytes) -> bool:
        return self._parameter(said)[1] if self._instrument else super()._polls(said)

    def _parameter(self, said: bytes) -> tuple[str, bool]:
        """Return the parameter that a line is about, and whether it asks for it; empty where lab.toml knows neither."""
        one = self._instrument
        if one is None or one.lines is None:
            return "", False
        text = said.decode("latin-1").removesuffix(one.lines.end).removeprefix(one.lines.prefix)
        text = text.rpartition(one.lines.mark)[0] if one.lines.checksum else text
        if text == one.lines.identity:
            return "identity", True
        for name, rule in one.parameter.items():
            before, _, behind = rule.send.partition("{value}")
            if rule.ask and text.upper() == rule.ask.upper():
                return name, True
            if before and text.upper().startswith(before.upper()) and text.upper().endswith(behind.upper()):
                return name, False
        return "", False


def _unchecked(said: bytes) -> bytes:
    """Return a line without its end, and without a checksum behind a mark, if that is right for what is before it."""
    line = said.rstrip(b"\r\n")
    if found := _CHECKED.fullmatch(line):
        text, told = found[1], found[2].lower()
        sums = (reduce(xor, text, 0), sum(text) & 0xFF)
        if told in (b"%02x" % one for one in sums) or told in (
            crc(text).hex().encode(),
            crc(text)[::-1].hex().encode(),
        ):
            return text
    return line


class ModbusScript(Script):
    """A unit on a serial line."""

    def _pdu(self, said: bytes) -> bytes:
        """Return unit, function and content."""
        return said[:-2]

    def _about(self, said: bytes) -> list[Subject]:
        table = (_SETS | _ASKS).get(self._function(said), "")
        return [(table.encode() + self._pdu(said)[2:4],)] if table else []

    def _polls(self, said: bytes) -> bool:
        return self._function(said) not in _SETS

    def _function(self, said: bytes) -> int:
        """Return the function of a request; 0, which is none, of what is too short to have one."""
        return next(iter(self._pdu(said)[1:2]), 0)

    def _shown(self, said: bytes) -> str:
        """Return a request in the words that lab.toml has for registers."""
        function, pdu = self._function(said), self._pdu(said)
        content = pdu[2:]
        if function in (5, 6, 15, 16) and len(content) >= 4:
            address, value = struct.unpack(">HH", pdu[2:6])
            if function in (15, 16):
                values = pdu[7:].hex(" ")
                return f"'{_SETS[function]} {address}' and {value - 1} more = {values}"
            return f"'{_SETS[function]} {address} = {int(value == 0xFF00) if function == 5 else value}'"
        if function in _ASKS and len(content) == 4:
            address, count = struct.unpack(">HH", pdu[2:6])
            return f"'{_ASKS[function]} {address}'" + (f" and {count - 1} more" if count > 1 else "")
        return "'identification'" if function == 43 else f"function {function} with {pdu[2:].hex(' ') or 'nothing'}"


class ModbusTcpScript(ModbusScript):
    """A unit behind a socket, whose answers have the number of the request."""

    def _pdu(self, said: bytes) -> bytes:
        return said[6:]

    def _key(self, said: bytes) -> bytes:
        return said[6:]

    def _told(self, answer: bytes, asked: bytes) -> bytes:
        return asked[:2] + answer[2:]


class PyroScript(Script):
    """A QICK board and its name server: calls are the same when object, method and arguments are.

    Attributes
    ----------
    reached : tuple of (str, int)
        Where both are now; the name server's answer leads there.
    """

    reached = ("127.0.0.1", 0)

    def _key(self, said: bytes) -> bytes:
        return body(said)

    def _told(self, answer: bytes, asked: bytes) -> bytes:
        answer = led_to(answer, *self.reached) if called(asked)[1] == "lookup" else answer
        return renumbered(answer, asked)

    def _about(self, said: bytes) -> list[Subject]:
        return []

    def _polls(self, said: bytes) -> bool:
        return called(said)[1] in _BOARD_ASKS

    def _shown(self, said: bytes) -> str:
        """Return a call with the first values in it."""
        name, method, values = called(said)
        if not method:
            return f"a connection to {name or 'nobody'}"
        mark = blake2b(body(said), digest_size=4).hexdigest()
        return f"{name}.{method}({', '.join(map(repr, values))}) [{len(body(said))} bytes, {mark}]"


def script_of(
    name: str, language: str, turns: Sequence[Turn], strict: bool, instrument: Instrument | None = None
) -> Script:
    """Return the part of one instrument of a record; `instrument` is its entry in lab.toml, where there is one."""
    kinds: dict[str, Callable[..., Script]] = {
        "firmware": FirmwareScript,
        "lines": partial(LinesScript, instrument=instrument),
        "modbus": ModbusScript,
        "modbus-tcp": ModbusTcpScript,
        "pyro": PyroScript,
    }
    silence_s = SILENCE_S * (instrument.heartbeat_s if instrument else 1.0)
    return kinds.get(language, Script)(name, turns, strict, silence_s=silence_s)
