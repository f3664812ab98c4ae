"""Programs of sequencers: the page's golden bytes, round trips, and what a device would refuse."""

from __future__ import annotations

import hashlib
import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qctl.errors import LimitError, RequestError, WireError
from qctl.firmware_io.instructions import (
    FAULT_TARGET,
    HEADER,
    INSTRUCTION,
    OPS,
    ROW,
    Op,
    SequencerProgram,
    check,
    refusal,
)
from qctl.firmware_io.sequencer_messages import SequencerCapabilities

PAGE = (Path(__file__).parents[2] / "docs" / "firmware-instructions.md").read_text("utf-8")
LINES = re.findall(r"^\| `([a-z].*?)` \| `([0-9a-f ]+)` \|$", PAGE, re.M)
CAN = SequencerCapabilities(10**6, 16, 8, 4, 2, 16, 1024, 1000, 4096, 4096, 10, 2, 10**9, 2**32 - 1, 65_536)
ROWS = st.builds(
    lambda op, a, b, c: (op, a, b, c),
    st.sampled_from(list(Op)) | st.integers(0, 255),
    st.integers(0, 255),
    st.integers(0, 65_535),
    st.integers(0, 2**32 - 1),
)


def golden() -> bytes:
    return b"".join(bytes.fromhex(part) for _, part in LINES)


def test_text_of_the_page_gives_its_bytes_and_hash() -> None:
    program = SequencerProgram.from_text("\n".join(text for text, _ in LINES))
    assert program.to_bytes() == golden()
    assert hashlib.sha256(golden()).hexdigest() in PAGE
    assert SequencerProgram.from_bytes(golden()).to_bytes() == golden()
    check(program, CAN, "seq0")


def test_table_of_the_page_has_every_operation() -> None:
    told = re.findall(r"^\| ([0-9A-F]{2}) \| ([a-z_]+) \|", PAGE, re.M)
    assert {(int(number, 16), name) for number, name in told} == {(op.value, op.name.lower()) for op in Op}
    assert set(OPS) == set(Op)


def test_rows_are_what_construct_says() -> None:
    row = struct.pack("<BBHI", 0x11, 3, 4, 0xFFFFFFFE)
    assert ROW.parse(row).c == 0xFFFFFFFE
    assert SequencerProgram.of(1, (Op.ADD, 3, 4, -2)).rows.tobytes() == row
    assert (ROW.sizeof(), HEADER.sizeof(), INSTRUCTION.itemsize) == (8, 16, 8)


@given(st.lists(ROWS, min_size=1, max_size=20))
def test_bytes_and_text_round_trip(rows: list[tuple[int, int, int, int]]) -> None:
    program = SequencerProgram.of(10**6, *rows)
    assert SequencerProgram.from_bytes(program.to_bytes()).to_bytes() == program.to_bytes()
    again = SequencerProgram.from_text(program.to_text())
    if refusal(program, CAN) is None:
        assert again.to_bytes() == program.to_bytes()


def one_by_one(rows: list[tuple[int, int, int, int]]) -> int | None:
    """Return the first instruction that is refused, slowly, from the page."""
    n = len(rows)
    regs = lambda *numbers: all(number < 16 for number in numbers)  # noqa: E731
    for k, (op, a, b, c) in enumerate(rows):
        number = c - (c >> 31 << 32)
        zero = {"a": not a, "b": not b, "c": not c}
        ok = {
            0x00: not (a or b or c),
            0x01: zero["a"] and c & ~b == 0,
            0x02: a < 4 and zero["b"],
            0x03: a < 4 and b <= 16_383 and c <= 65_535,
            0x04: zero["a"] and b < 16 and zero["c"],
            0x05: regs(a) and zero["b"] and zero["c"],
            0x06: a < 2 and zero["b"] and zero["c"],
            0x07: a < 2 and regs(b) and zero["c"],
            0x08: zero["a"] and zero["b"] and c <= 10**9,
            0x09: regs(a) and zero["b"] and zero["c"],
            0x0A: a <= 8 and (b < n or b == FAULT_TARGET) and c <= 10**9,
            0x10: regs(a) and zero["b"],
            0x11: regs(a, b),
            0x12: regs(a, b, c),
            0x13: regs(a, b, c),
            0x14: regs(a, b),
            0x15: regs(a, b) and -31 <= number <= 31,
            0x20: zero["a"] and b < n and zero["c"],
            0x21: regs(a) and b < n and zero["c"],
            **{op: regs(a) and b < n for op in range(0x22, 0x26)},
            0x30: regs(a) and zero["b"] and zero["c"],
            0x31: regs(a) and zero["b"],
        }.get(op, False)
        if not ok or (k == n - 1 and op not in (0, 0x20)):
            return k
    return None


SMALL = st.builds(
    lambda op, a, b, c: (op, a, b, c), st.sampled_from(list(Op)), st.sampled_from([0, 0, 1, 3, 16]),
    st.sampled_from([0, 0, 1, 2, 16, 20_000, 65_535]), st.sampled_from([0, 0, 1, 16, 31, 32, 2**31, 2**32 - 31]),
)  # fmt: skip


@given(st.lists(SMALL | ROWS, max_size=6), st.booleans())
def test_first_refusal_is_the_one_found_one_by_one(rows: list[tuple[int, int, int, int]], halts: bool) -> None:
    rows = [*rows, (0, 0, 0, 0)] if halts or not rows else rows
    found = refusal(SequencerProgram.of(10**6, *rows), CAN)
    assert (None if found is None else found[0]) == one_by_one(rows)


@pytest.mark.parametrize(
    ("instruction", "words"),
    [
        ((Op.SET, 16), "instruction 0: set: register is 16"),
        ((Op.LINES, 0, 1, 2), "levels is 2"),
        ((Op.SHIFT, 0, 0, -32), "shift is -32"),
        ((Op.JUMP, 0, 2), "target is 2"),
        ((Op.HALT, 0, 0, 1), "field c, which must be 0, is 1"),
        ((0x7F,), "unknown: 0x7f"),
    ],
)
def test_a_refusal_names_the_instruction_and_the_number(instruction: tuple[int, ...], words: str) -> None:
    with pytest.raises(LimitError, match=f"seq0: .*{re.escape(words)}"):
        check(SequencerProgram.of(10**6, instruction, (Op.HALT,)), CAN, "seq0")


def test_a_program_as_a_whole_is_refused() -> None:
    with pytest.raises(LimitError, match="2 Hz, the device of 1000000"):
        check(SequencerProgram.of(2, (Op.HALT,)), CAN, "seq0")
    with pytest.raises(LimitError, match="can be passed"):
        check(SequencerProgram.of(10**6, (Op.HALT,), (Op.SET,)), CAN, "seq0")
    with pytest.raises(LimitError, match="1001 instructions"):
        check(SequencerProgram.of(10**6, *[(Op.HALT,)] * 1001), CAN, "seq0")
    with pytest.raises(RequestError, match="0 instructions"):
        SequencerProgram.of(10**6).to_bytes()


@pytest.mark.parametrize(
    ("at", "byte", "words"), [(0, 0, "begins with"), (4, 2, "schema 2"), (6, 12, "12 instructions in 104 bytes")]
)
def test_an_object_that_is_none_is_refused(at: int, byte: int, words: str) -> None:
    data = bytearray(golden())
    data[at] = byte
    with pytest.raises(WireError, match=words):
        SequencerProgram.from_bytes(bytes(data))


@given(st.binary(max_size=60))
def test_any_bytes_are_a_program_or_an_error(data: bytes) -> None:
    try:
        program = SequencerProgram.from_bytes(data)
    except WireError:
        return
    assert program.to_bytes()[16:] == data[16:]


@pytest.mark.parametrize("line", ["jumps 1", "set 0", "set 0 x", "set 256 1", "halt 1", "wait 4294967296"])
def test_a_line_that_is_none_is_refused_with_its_number(line: str) -> None:
    with pytest.raises(RequestError, match="line 2"):
        SequencerProgram.from_text(f"tick_hz 1\n{line}\n")
