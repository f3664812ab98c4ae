"""Conditions on classical bits, as expressions."""

from __future__ import annotations

from collections.abc import Sequence

from qctl.program.expressions import Expression, bit

__all__ = ["FALSE", "TRUE", "bits_equal", "bits_value", "is_set"]

FALSE = Expression((("const", 0.0),))
TRUE = Expression((("const", 1.0),))
EXACT_BITS = 52
"""Bits that a float64 holds without rounding."""


def is_set(name: str, value: bool = True) -> Expression:
    """Return the condition that a bit is 1, or 0."""
    return bit(name) if value else bit(name).apply("not")


def bits_value(names: Sequence[str]) -> Expression:
    """Return bits as an unsigned number, the first bit lowest; at most `EXACT_BITS` of them are exact."""
    code = list(bit(names[0]).code)
    for k, name in enumerate(names[1:], 1):
        code += [("bit", name), ("const", float(2**k)), ("mul", None), ("add", None)]
    return Expression(tuple(code))


def bits_equal(names: Sequence[str], value: int) -> Expression:
    """Return the condition that bits, the first one lowest, are a number; exact for any number of bits."""
    if not 0 <= value < 1 << len(names):
        return FALSE
    if len(names) == 1:
        return is_set(names[0], bool(value))
    if len(names) <= EXACT_BITS:
        return bits_value(names).equals(float(value))
    code = list(is_set(names[0], bool(value & 1)).code)
    for k, name in enumerate(names[1:], 1):
        code += [*is_set(name, bool(value >> k & 1)).code, ("and", None)]
    return Expression(tuple(code))
