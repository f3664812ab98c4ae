"""Registers of Modbus in words, so that a link to a controller takes and answers text as all links do.

    holding 10 int16 / 10            asks for a register, and is answered with its value: 25.3
    holding 10 int16 / 10 = 25       sets it, and is answered OK, or ERR and the controller's reason
    coil 0 = 1                       a bit
    identification                   vendor, product and revision

Addresses are those on the wire, from 0: what a manual calls 40011 is ``holding 10``.

Source: Modbus Application Protocol V1.1b3, sections 4.3 (tables, addresses from 0) and 7 (exceptions); 6.21
(identification).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["ACCEPTED", "EXCEPTIONS", "IDENTIFICATION", "REFUSED", "Register", "parse_register"]

ACCEPTED, REFUSED, IDENTIFICATION = "OK", "ERR", "identification"
EXCEPTIONS: Mapping[int, str] = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge: it takes long",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target did not respond",
}
_N_ADDRESSES = 0x1_0000
_FLOAT_MOST = 3.4028235e38
_TYPES: Mapping[str, tuple[float, float, int]] = {
    "int16": (-(2**15), 2**15 - 1, 1),
    "uint16": (0, 2**16 - 1, 1),
    "int32": (-(2**31), 2**31 - 1, 2),
    "uint32": (0, 2**32 - 1, 2),
    "float32": (-_FLOAT_MOST, _FLOAT_MOST, 2),
}
_BITS, _WRITABLE = ("coil", "discrete"), ("coil", "holding")
_FORM: Final = re.compile(
    r"(?P<table>coil|discrete|holding|input) (?P<address>\d{1,5})(?: (?P<type>\w+))?(?: / (?P<divisor>[\d.e+-]+))?"
)


@dataclass(frozen=True, slots=True)
class Register:
    """A value of a controller: where it is, and how it is written there.

    Attributes
    ----------
    table : str
        coil, discrete, holding or input.
    address : int
        From 0.
    type : str
        int16, uint16, int32, uint32 or float32; empty of a bit.
    divisor : float
        What the number in the register is divided by to give the value.
    """

    table: str
    address: int
    type: str = ""
    divisor: float = 1.0

    def __str__(self) -> str:
        divided = f" / {self.divisor:.12g}" if self.divisor != 1 else ""
        return f"{self.table} {self.address}{' ' if self.type else ''}{self.type}{divided}"

    @property
    def is_bit(self) -> bool:
        """Say whether it is one bit."""
        return self.table in _BITS

    @property
    def is_writable(self) -> bool:
        """Say whether it can be set."""
        return self.table in _WRITABLE

    @property
    def n_registers(self) -> int:
        """Return how many registers of 16 bits it takes."""
        return _TYPES[self.type][2]

    @property
    def bounds(self) -> tuple[float, float]:
        """Return the least and the greatest value that fit."""
        if self.is_bit:
            return 0.0, 1.0
        low, high, _ = _TYPES[self.type]
        return low / self.divisor, high / self.divisor

    @property
    def step(self) -> float:
        """Return how far two values are apart; 0 of floats and bits."""
        return 0.0 if self.is_bit or self.type == "float32" else 1 / self.divisor

    @property
    def share(self) -> float:
        """Return how exactly the type holds a value, as a share of it; 0 where a step says it."""
        return 2.0**-23 if self.type == "float32" else 0.0

    def shares(self, other: Register) -> range:
        """Return the addresses that are of both; empty where none is."""
        if self.table != other.table:
            return range(0)
        return range(max(self.address, other.address), min(self.end, other.end))

    @property
    def end(self) -> int:
        """Return the address behind it."""
        return self.address + (1 if self.is_bit else self.n_registers)

    def raw(self, value: float) -> float | int:
        """Return the number in the register for a value."""
        return value * self.divisor if self.type == "float32" else round(value * self.divisor)

    def shown(self, raw: float | int) -> str:
        """Return the value of a number in the register, as text."""
        if self.type == "float32":
            return f"{raw / self.divisor:.9g}"
        return f"{raw / self.divisor:.12g}" if self.divisor != 1 else str(raw)


def parse_register(text: str) -> Register | str:
    """Return a register from its words, or a sentence that says what is wrong with them."""
    found = _FORM.fullmatch(" ".join(text.split()))
    if found is None:
        return f"{text!r} is no register, such as 'holding 10 int16 / 10' or 'coil 0'"
    table, address, divisor = found["table"], int(found["address"]), found["divisor"]
    if address > 0xFFFF:
        return f"the address {address} is over 65535; addresses are those on the wire, from 0"
    if table in _BITS:
        if found["type"] or divisor:
            return f"{text!r}: a {table} is one bit, and has neither type nor divisor"
        return Register(table, address)
    kind = found["type"] or "uint16"
    if kind not in _TYPES:
        return f"{text!r}: the type {kind} is not one of {', '.join(_TYPES)}"
    try:
        by = float(divisor or 1)
    except ValueError:
        by = 0.0
    if not 1e-9 <= by <= 1e9:
        return f"{text!r}: the divisor {divisor} is not in [1e-9, 1e9]"
    register = Register(table, address, kind, by)
    if register.end > _N_ADDRESSES:
        return f"{text!r}: {kind} takes two registers, and there is none behind {address}"
    return register
