"""The numbered errors of SCPI and IEEE 488.2, and how an emulated instrument refuses with one.

Source: SCPI-99 volume 2, section 21.8 (error numbers and texts).
"""

from __future__ import annotations

from qctl.errors import RefusedError

__all__ = ["ERRORS", "event_bit", "refusal"]

ERRORS: dict[int, str] = {
    0: "No error",
    -100: "Command error",
    -101: "Invalid character",
    -102: "Syntax error",
    -103: "Invalid separator",
    -104: "Data type error",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -112: "Program mnemonic too long",
    -113: "Undefined header",
    -114: "Header suffix out of range",
    -121: "Invalid character in number",
    -128: "Numeric data not allowed",
    -131: "Invalid suffix",
    -141: "Invalid character data",
    -151: "Invalid string data",
    -161: "Invalid block data",
    -168: "Block data not allowed",
    -200: "Execution error",
    -203: "Command protected",
    -211: "Trigger ignored",
    -213: "Init ignored",
    -221: "Settings conflict",
    -222: "Data out of range",
    -223: "Too much data",
    -224: "Illegal parameter value",
    -225: "Out of memory",
    -230: "Data corrupt or stale",
    -240: "Hardware error",
    -241: "Hardware missing",
    -250: "Mass storage error",
    -256: "File name not found",
    -257: "File name error",
    -300: "Device-specific error",
    -310: "System error",
    -350: "Queue overflow",
    -363: "Input buffer overrun",
    -400: "Query error",
    -410: "Query INTERRUPTED",
    -420: "Query UNTERMINATED",
    -430: "Query DEADLOCKED",
    -440: "Query UNTERMINATED after indefinite response",
}

_BITS = ((-100, 32), (-200, 16), (-300, 8), (-400, 4))


def refusal(number: int, detail: str = "") -> RefusedError:
    """Return the error that puts `number` into the instrument's error queue."""
    text = ERRORS.get(number, "Device-specific error")
    return RefusedError(f"{text};{detail}" if detail else text, number=number)


def event_bit(number: int) -> int:
    """Return the bit of the standard event status register that an error number sets."""
    if number >= 0:
        return 8 if number > 0 else 0
    return next((bit for top, bit in _BITS if top - 99 <= number <= top), 8)
