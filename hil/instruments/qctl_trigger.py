"""Emulated trigger controller: firmware that speaks packets over a pty and fires the shots of the virtual lab.

Source: docs/firmware-protocol.md, protocol version 1, section 4 (messages).
"""

from __future__ import annotations

import struct
from typing import ClassVar

from qctl.hil.instruments.firmware_box import E_PAYLOAD, E_RANGE, FirmwareBox, Problem
from qctl.hil.instruments.plant_link import Ended

__all__ = ["QctlTrigger"]

_TICK_HZ = 100_000_000
_N_LINES = 8
_TOP = 2**32 - 1
_MIN_PERIOD = 100
_CAPABILITIES = struct.pack("<IBBHIIIIII", _TICK_HZ, _N_LINES, 0, 1024, _TOP, 1, _TOP, _MIN_PERIOD, _TOP, _TOP)
_LINE, _BLOCK = struct.Struct("<BBHII"), struct.Struct("<II")

CAPABILITIES, SET_LINE, SET_BLOCK, GET_LINE, GET_BLOCK = 0x02, 0x03, 0x04, 0x09, 0x0A
EACH_SHOT, ONCE_A_BLOCK = 1, 2


class QctlTrigger(FirmwareBox):
    """The controller; its shot blocks are fired by the plant."""

    kind = "trigger"
    word = "trigger"
    n_outputs = _N_LINES
    lengths: ClassVar = {CAPABILITIES: 0, SET_LINE: 12, SET_BLOCK: 8, GET_LINE: 1, GET_BLOCK: 0}
    asking = frozenset((CAPABILITIES, GET_LINE, GET_BLOCK))

    def reset(self) -> None:
        """Switch all lines off."""
        self._lines = {n: (n, 0, 0, 0, 10) for n in range(1, _N_LINES + 1)}
        self._block = (100_000, 1)

    def low(self) -> None:
        """Switch all lines off, and keep their times."""
        self._lines = {n: (n, 0, 0, line[3], line[4]) for n, line in self._lines.items()}

    def answer(self, kind: int, payload: bytes) -> bytes:
        """Execute a setting or a question."""
        if kind == CAPABILITIES:
            return _CAPABILITIES
        if kind == GET_LINE:
            return _LINE.pack(*self._line(payload[0]))
        if kind == GET_BLOCK:
            return _BLOCK.pack(*self._block)
        return self._set_line(payload) if kind == SET_LINE else self._set_block(payload)

    def _line(self, number: int) -> tuple[int, int, int, int, int]:
        if number not in self._lines:
            raise Problem(E_RANGE, f"line 1 to {_N_LINES}")
        return self._lines[number]

    def _set_line(self, payload: bytes) -> bytes:
        number, enabled, reserved, delay, width = _LINE.unpack(payload)
        self._line(number)
        if reserved:
            raise Problem(E_PAYLOAD, "reserved is not 0")
        if enabled > ONCE_A_BLOCK or width < 1:
            raise Problem(E_RANGE, "enabled is 0 to 2, width is 1 or more")
        self._lines[number] = (number, enabled, 0, delay, width)
        return payload

    def _set_block(self, payload: bytes) -> bytes:
        period, n_shots = _BLOCK.unpack(payload)
        if period < _MIN_PERIOD or n_shots < 1:
            raise Problem(E_RANGE, "period below limit" if period < _MIN_PERIOD else "no shots")
        self._block = (period, n_shots)
        return payload

    def ready(self) -> int:
        """Return the shots of the block."""
        period, n_shots = self._block
        if any(line[1] == EACH_SHOT and line[3] + line[4] >= period for line in self._lines.values()):
            raise Problem(E_RANGE, "a pulse is longer than the period")
        return n_shots

    def play(self, ended: Ended) -> None:
        """Fire the block: the first line that pulses each shot, then those that pulse once."""
        period, n_shots = self._block
        on = [line[0] for line in self._lines.values() if line[1] == EACH_SHOT]
        once = [line[0] for line in self._lines.values() if line[1] == ONCE_A_BLOCK]
        self.plant.begin_block(on[0] if on else 0, n_shots, period / _TICK_HZ, once, ended)
