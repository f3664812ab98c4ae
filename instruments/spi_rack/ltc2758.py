"""The LTC2758, two 18-bit DACs with switched spans: its 32-bit words, and which code of a span is which value.

Each DAC has a pair of registers for its code and a pair for its span: what is written waits in the input registers, and
an update takes both over at once. So a span is written without an update, and the code that follows with one: the
output never shows a code in a span that it was not meant for.

Source: `spirack` and Linear Technology's own demonstration (`LTC2758_functions` of its DC2390) for command words,
addresses and span codes; the LTC2704's data sheet, of the same family, for registers in pairs and power-on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["N_CODES", "SPANS", "Span", "code_of", "code_read", "code_written", "span_of", "span_read", "span_written"]

_BITS = 18
N_CODES = 1 << _BITS
_WRITE_SPAN, _WRITE_CODE, _WRITE_CODE_UPDATE = 0x2, 0x3, 0x7
_READ_INPUT_CODE, _READ_SPAN, _READ_CODE = 0xB, 0xC, 0xD


@dataclass(frozen=True, slots=True)
class Span:
    """One range of the output, in parts of the module's full scale.

    Attributes
    ----------
    number : int
        What is written into the span register.
    low, high : float
        Ends, in units of the reference; the highest code is one step below `high`.
    """

    number: int
    low: float
    high: float

    def bounds(self, full: float) -> tuple[float, float]:
        """Return the values of the lowest and the highest code, of a module with this full scale."""
        return self.low * full, self.high * full - self.step(full)

    def step(self, full: float) -> float:
        """Return the value of one code."""
        return (self.high - self.low) * full / N_CODES

    def value(self, code: int, full: float) -> float:
        """Return what a code makes."""
        return self.low * full + code * self.step(full)

    def code(self, value: float, full: float, low: float = -math.inf, high: float = math.inf) -> int:
        """Return the code next to a value; of one that is within `low` to `high`, none whose own value is outside.

        The upper end of the span itself, which no code makes, is the highest code.
        """
        step = self.step(full)
        found = min(max(round((value - self.low * full) / step), 0), N_CODES - 1)
        slack = step * 1e-6
        if value <= high and self.value(found, full) > high + slack:
            return max(found - 1, 0)
        if value >= low and self.value(found, full) < low - slack:
            return min(found + 1, N_CODES - 1)
        return found


SPANS = tuple(
    Span(number, low, high)
    for number, (low, high) in enumerate(((0.0, 1.0), (0.0, 2.0), (-1.0, 1.0), (-2.0, 2.0), (-0.5, 0.5), (-0.5, 1.5)))
)
"""By their numbers."""


def _word(command: int, address: int, data: int = 0) -> bytes:
    """Return a command for one DAC: four bits of command, four of address, 18 of data, six that are not looked at."""
    return bytes((command << 4 | address, data >> 10 & 0xFF, data >> 2 & 0xFF, (data & 0x3) << 6))


def span_written(address: int, span: int) -> bytes:
    """Return what writes a span without showing it; its four bits stand where those of a code end, 16 bits behind."""
    return bytes((_WRITE_SPAN << 4 | address, 0, span, 0))


def code_written(address: int, code: int, update: bool = True) -> bytes:
    """Return what writes a code, and shows it with the span that was written before."""
    return _word(_WRITE_CODE_UPDATE if update else _WRITE_CODE, address, code)


def code_read(address: int, waiting: bool = False) -> bytes:
    """Return what asks for the code that the output shows, or for the one that waits."""
    return _word(_READ_INPUT_CODE if waiting else _READ_CODE, address)


def span_read(address: int) -> bytes:
    """Return what asks for the span that the output shows."""
    return _word(_READ_SPAN, address)


def code_of(answer: bytes) -> int:
    """Return the code in four bytes that were shifted out while a code was asked for."""
    return answer[1] << 10 | answer[2] << 2 | answer[3] >> 6


def span_of(answer: bytes) -> int:
    """Return the span in four bytes that were shifted out while a span was asked for."""
    return answer[2]
