"""Programs of sequencers: bytes, rows and text of their instructions, and what a device would refuse of them.

The layouts are docs/firmware-instructions.md. Nothing here knows a port.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from construct import Const, Int8ul, Int16ul, Int32ul, Struct
from numpy.typing import NDArray

from qctl.errors import LimitError, RequestError, WireError
from qctl.firmware_io.fixed import FixedLayout, row_dtype
from qctl.firmware_io.sequencer_messages import SequencerCapabilities

__all__ = ["FAULT_TARGET", "INSTRUCTION", "OPS", "SCHEMAS", "Op", "SequencerProgram", "check", "refusal"]

SCHEMAS = (1, 1)
"""Lowest and highest schema of instructions that this host writes."""
MAGIC = 0x51455351
FAULT_TARGET = 0xFFFF
"""Target of `wait_trigger` that makes a fault of a trigger that does not come."""
HEADER = Struct("magic" / Int32ul, "schema" / Int16ul, "count" / Int16ul, "tick_hz" / Int32ul, Const(0, Int32ul))
ROW = Struct("op" / Int8ul, "a" / Int8ul, "b" / Int16ul, "c" / Int32ul)
INSTRUCTION = row_dtype(ROW)
_header = FixedLayout.of(HEADER)


class Op(IntEnum):
    """Operations of instructions."""

    HALT = 0x00
    LINES = 0x01
    FREQUENCY = 0x02
    AMPLITUDE = 0x03
    UPDATE = 0x04
    INPUTS = 0x05
    OPEN = 0x06
    CLOSE = 0x07
    WAIT = 0x08
    WAIT_REGISTER = 0x09
    WAIT_TRIGGER = 0x0A
    SET = 0x10
    ADD = 0x11
    SUM = 0x12
    DIFFERENCE = 0x13
    AND = 0x14
    SHIFT = 0x15
    JUMP = 0x20
    LOOP = 0x21
    JUMP_EQUAL = 0x22
    JUMP_UNEQUAL = 0x23
    JUMP_BELOW = 0x24
    JUMP_NOT_BELOW = 0x25
    STORE = 0x30
    MARK = 0x31


class Fields(NamedTuple):
    """What the fields of an operation mean; empty for those that must be 0."""

    a: str = ""
    b: str = ""
    c: str = ""


OPS: dict[Op, Fields] = {
    Op.HALT: Fields(),
    Op.LINES: Fields(b="lines", c="levels"),
    Op.FREQUENCY: Fields(a="tone", c="word"),
    Op.AMPLITUDE: Fields(a="tone", b="amplitude", c="phase"),
    Op.UPDATE: Fields(b="tones"),
    Op.INPUTS: Fields(a="register"),
    Op.OPEN: Fields(a="counter"),
    Op.CLOSE: Fields(a="counter", b="register"),
    Op.WAIT: Fields(c="ticks"),
    Op.WAIT_REGISTER: Fields(a="register"),
    Op.WAIT_TRIGGER: Fields(a="trigger", b="target or fault", c="ticks"),
    Op.SET: Fields(a="register", c="number"),
    Op.ADD: Fields(a="register", b="register", c="number"),
    Op.SUM: Fields(a="register", b="register", c="register"),
    Op.DIFFERENCE: Fields(a="register", b="register", c="register"),
    Op.AND: Fields(a="register", b="register", c="word"),
    Op.SHIFT: Fields(a="register", b="register", c="shift"),
    Op.JUMP: Fields(b="target"),
    Op.LOOP: Fields(a="register", b="target"),
    Op.JUMP_EQUAL: Fields(a="register", b="target", c="number"),
    Op.JUMP_UNEQUAL: Fields(a="register", b="target", c="number"),
    Op.JUMP_BELOW: Fields(a="register", b="target", c="number"),
    Op.JUMP_NOT_BELOW: Fields(a="register", b="target", c="number"),
    Op.STORE: Fields(a="register"),
    Op.MARK: Fields(a="register", c="word"),
}
_SIGNED = ("number", "shift")
_NAMES = {op.name.lower(): op for op in Op}


@dataclass(frozen=True, slots=True, eq=False)
class SequencerProgram:
    """A program as a sequencer takes it.

    Attributes
    ----------
    tick_hz : int
        What its ticks are.
    rows : (n,) INSTRUCTION
        Its instructions, 1 to 65,535.
    """

    tick_hz: int
    rows: NDArray[Any]

    @classmethod
    def of(cls, tick_hz: int, *instructions: tuple[int, ...]) -> SequencerProgram:
        """Return a program of instructions (op, a, b, c); what is left out is 0, and c may be below 0."""
        rows = np.zeros(len(instructions), INSTRUCTION)
        for k, fields in enumerate(instructions):
            op, a, b, c = (*fields, 0, 0, 0)[:4]
            rows[k] = (op, a, b, c & 0xFFFFFFFF)
        return cls(tick_hz, rows)

    def to_bytes(self) -> bytes:
        """Return the object that the device takes.

        Raises
        ------
        RequestError
            If there are too few or too many instructions.
        """
        if not 1 <= len(self.rows) <= 65_535:
            raise RequestError(f"a sequencer's program of {len(self.rows)} instructions; it takes 1 to 65,535")
        head = _header.build(MAGIC, SCHEMAS[1], len(self.rows), self.tick_hz)
        return head + np.ascontiguousarray(self.rows, INSTRUCTION).tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> SequencerProgram:
        """Return the program of an object.

        Raises
        ------
        WireError
            If it is none; fields of instructions are not looked at.
        """
        magic, schema, count, tick_hz = _header.parse(data[:16])
        if magic != MAGIC:
            raise WireError(f"a sequencer's program begins with {magic:#010x} instead of {MAGIC:#010x}")
        if not SCHEMAS[0] <= schema <= SCHEMAS[1]:
            raise WireError(f"instructions of schema {schema}; this qctl reads {SCHEMAS[0]} to {SCHEMAS[1]}")
        if count == 0 or len(data) != 16 + 8 * count:
            raise WireError(f"a sequencer's program of {count} instructions in {len(data)} bytes")
        return cls(tick_hz, np.frombuffer(data, INSTRUCTION, offset=16))

    @classmethod
    def from_text(cls, text: str) -> SequencerProgram:
        """Return the program of a text: `tick_hz N`, then an instruction a line, with the fields that it uses in order.

        Raises
        ------
        RequestError
            With the number of the line.
        """
        tick_hz, made = 0, []
        for number, line in enumerate(text.splitlines(), 1):
            word, *fields = line.partition("#")[0].split() or [""]
            try:
                if word == "tick_hz":
                    (tick_hz,) = (int(field) for field in fields)
                elif word:
                    made.append(_row(_NAMES[word], [int(field, 0) for field in fields]))
            except (KeyError, ValueError, RequestError) as error:
                raise RequestError(f"line {number}: {line.strip()!r} is no instruction: {error}") from error
        return cls.of(tick_hz, *made)

    def to_text(self) -> str:
        """Return the text that `from_text` reads; what no operation has is printed in a comment."""
        lines = [f"tick_hz {self.tick_hz}"]
        for k, (number, a, b, c) in enumerate(self.rows.tolist()):
            if number not in OPS:
                lines.append(f"# {k}: operation {number:#04x} {a} {b} {c}")
                continue
            words = [Op(number).name.lower()]
            for meaning, value in zip(OPS[Op(number)], (a, b, c), strict=True):
                if meaning:
                    words.append(str(value - (value >> 31 << 32) if meaning in _SIGNED else value))
            lines.append(f"{' '.join(words):<40} # {k}")
        return "\n".join(lines) + "\n"


def _row(op: Op, values: list[int]) -> tuple[int, int, int, int]:
    """Return an instruction's fields from those that it uses."""
    used = [place for place, meaning in enumerate(OPS[op]) if meaning]
    if len(used) != len(values):
        raise RequestError(f"{len(values)} fields instead of {len(used)}")
    fields = [0, 0, 0]
    for place, value in zip(used, values, strict=True):
        low, high = ((0, 255), (0, 65_535), (-(1 << 31), 0xFFFFFFFF))[place]
        if not low <= value <= high:
            raise RequestError(f"{value} is outside [{low}, {high}]")
        fields[place] = value
    return (op, *fields)


def refusal(program: SequencerProgram, can: SequencerCapabilities) -> tuple[int, str] | None:
    """Return the first instruction that a device with these limits refuses, and why; None if it takes the program.

    What is wrong with the program as a whole is told of instruction 0.
    """
    rows, n = program.rows, len(program.rows)
    if program.tick_hz != can.tick_hz:
        return 0, f"counts ticks of {program.tick_hz} Hz, the device of {can.tick_hz}"
    if not 1 <= n <= min(can.max_instructions, 65_535):
        return 0, f"{n} instructions, the device takes 1 to {can.max_instructions}"
    found: list[tuple[int, str]] = []
    bounds = _bounds(can, n)
    known = np.isin(rows["op"], [int(op) for op in Op])
    _note(found, ~known, "its operation is unknown", rows["op"])
    for op, fields in OPS.items():
        here = np.flatnonzero(rows["op"] == op)
        for name, meaning in zip(("a", "b", "c"), fields, strict=True):
            values = rows[name][here].astype(np.int64)
            if meaning in _SIGNED:
                values -= values >> 31 << 32
            wrong = _wrong(meaning, values, rows["b"][here].astype(np.int64), bounds)
            bad = here[wrong]
            if len(bad):
                what = f"{op.name.lower()}: {meaning or f'field {name}, which must be 0,'}"
                found.append((int(bad[0]), f"{what} is {int(values[wrong][0])}"))
    if rows["op"][-1] not in (Op.HALT, Op.JUMP):
        found.append((n - 1, "the last instruction can be passed: neither halt nor jump"))
    return min(found, default=None)


def _note(found: list[tuple[int, str]], wrong: NDArray[np.bool_], words: str, values: NDArray[Any]) -> None:
    at = np.flatnonzero(wrong)
    if len(at):
        found.append((int(at[0]), f"{words}: {int(values[at[0]]):#04x}"))


def _bounds(can: SequencerCapabilities, n: int) -> dict[str, int]:
    """Return the highest value of each meaning that has one."""
    return {
        "": 0,
        "register": can.n_registers - 1,
        "tone": can.n_tones - 1,
        "counter": can.n_counters - 1,
        "trigger": can.n_inputs,
        "lines": (1 << min(can.n_lines, 16)) - 1,
        "tones": (1 << min(can.n_tones, 16)) - 1,
        "target": n - 1,
        "amplitude": 2**14 - 1,
        "phase": 65_535,
        "ticks": can.max_wait_ticks,
    }


def _wrong(
    meaning: str, values: NDArray[np.int64], masks: NDArray[np.int64], bounds: dict[str, int]
) -> NDArray[np.bool_]:
    if meaning == "levels":
        return (values & ~masks) != 0
    if meaning == "shift":
        return np.abs(values) > 31
    if meaning == "target or fault":
        return (values > bounds["target"]) & (values != FAULT_TARGET)
    if meaning in bounds:
        return values > bounds[meaning]
    return np.zeros(len(values), bool)


def check(program: SequencerProgram, can: SequencerCapabilities, place: str) -> None:
    """Refuse what a device with these limits would refuse.

    Raises
    ------
    LimitError
        With the instruction's number; `place` begins the message.
    """
    found = refusal(program, can)
    if found is not None:
        raise LimitError(f"{place}: instruction {found[0]}: {found[1]}")
