"""What a sequencer refuses of a program, instruction by instruction.

Source: docs/firmware-instructions.md, schema 1, sections 1 and 3.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

__all__ = ["Limits", "refused"]


class Limits(NamedTuple):
    """What a sequencer has."""

    tick_hz: int = 100_000_000
    n_lines: int = 16
    n_inputs: int = 8
    n_tones: int = 16
    n_counters: int = 8
    n_registers: int = 16
    max_instructions: int = 4096
    max_wait_ticks: int = 2**32 - 1


def refused(program: bytes, limits: Limits) -> str:
    """Return why a program is refused, with the number of the instruction; empty if it is taken."""
    if len(program) < 16:
        return "no header"
    magic, schema, count, tick_hz, zero = struct.unpack_from("<4sHHII", program)
    if (magic, schema, zero) != (b"QSEQ", 1, 0) or len(program) != 16 + 8 * count:
        return "another's header"
    if tick_hz != limits.tick_hz:
        return f"ticks of {tick_hz} Hz"
    if not 1 <= count <= limits.max_instructions:
        return f"{count} instructions"
    rows = list(struct.iter_unpack("<BBHI", program[16:]))
    for number, (op, a, b, c) in enumerate(rows):
        if not _taken(op, a, b, c, count, limits):
            return f"instruction {number}: {op:02x} {a} {b} {c}"
    if rows[-1][0] not in (0x00, 0x20):
        return f"instruction {count - 1}: the end can be passed"
    return ""


def _taken(op: int, a: int, b: int, c: int, count: int, limits: Limits) -> bool:
    registers, targets = limits.n_registers, count
    if op in (0x00, 0x01, 0x04, 0x08, 0x20) and a:
        return False
    if op in (0x00, 0x02, 0x05, 0x06, 0x08, 0x09, 0x10, 0x30, 0x31) and b:
        return False
    if op in (0x00, 0x04, 0x05, 0x06, 0x07, 0x09, 0x20, 0x21, 0x30) and c:
        return False
    if (op in (0x05, 0x09, 0x30, 0x31) or 0x10 <= op <= 0x15 or 0x21 <= op <= 0x25) and a >= registers:
        return False
    if (op == 0x07 or 0x11 <= op <= 0x15) and b >= registers:
        return False
    if op in (0x12, 0x13) and c >= registers:
        return False
    if 0x20 <= op <= 0x25 and b >= targets:
        return False
    if op in (0x08, 0x0A) and c > limits.max_wait_ticks:
        return False
    match op:
        case 0x01:
            return not b >> limits.n_lines and not c & ~b
        case 0x02:
            return a < limits.n_tones
        case 0x03:
            return a < limits.n_tones and b < 1 << 14 and c < 1 << 16
        case 0x04:
            return not b >> limits.n_tones
        case 0x06 | 0x07:
            return a < limits.n_counters
        case 0x0A:
            return a <= limits.n_inputs and (b < targets or b == 0xFFFF)
        case 0x15:
            return c <= 31 or c >= 2**32 - 31
    return op <= 0x0A or 0x10 <= op <= 0x15 or 0x20 <= op <= 0x25 or op in (0x30, 0x31)
