"""Byte layout of the arrays of a program: dtypes, flags and the special words."""

from __future__ import annotations

from enum import IntFlag

import numpy as np

__all__ = [
    "CONSTANT",
    "CONTROLS_SHIFT",
    "EXPRESSION_BIT",
    "INSTRUCTION",
    "NONE",
    "OPERAND",
    "PORT_BIT",
    "Flag",
    "immediate_s",
    "immediate_ticks",
]

INSTRUCTION = np.dtype([("op", "<u2"), ("flags", "<u2"), ("a", "<u4"), ("b", "<u4"), ("c", "<u4")])
"""One instruction: 16 bytes, little-endian."""
OPERAND = np.dtype("<u4")
"""One word of the operand list."""
CONSTANT = np.dtype("<f8")
"""One constant."""

NONE = 0xFFFFFFFF
"""An operand that isn't there."""
EXPRESSION_BIT = 0x80000000
"""Set in a value word: the rest is an expression's index; clear: a constant's."""
PORT_BIT = 0x40000000
"""Set in a symbol word (delay, barrier): the rest is a port's or frame's index; clear: a qubit's."""
CONTROLS_SHIFT = 8
"""The high byte of the flags is the number of generic controls."""


class Flag(IntFlag):
    """Flags of an instruction, low byte."""

    IMM = 1
    EXPR = 2
    WIDE = 4
    TICKS = 8


def immediate_s(row: np.void) -> float:
    """Return the float64 immediate of an IMM row (angle, seconds, hertz, as the opcode says)."""
    return float(np.array([row["b"], row["c"]], "<u4").view("<f8")[0])


def immediate_ticks(row: np.void) -> int:
    """Return the int64 ticks of a TICKS row."""
    return int(np.array([row["b"], row["c"]], "<u4").view("<i8")[0])
