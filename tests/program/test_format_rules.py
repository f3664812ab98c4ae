"""Each rule of docs/instruction-format.md is kept: a hand-made file that breaks it alone is refused for that."""

import struct

import numpy as np
import pytest

from qctl.cext.crc32c import crc32c
from qctl.errors import VersionError, WireError
from qctl.program.file import from_bytes

NONE = 0xFFFFFFFF
PORT = 0x40000000
EXPRESSION = 0x80000000
MAGIC = b"\x89QIS\r\n\x1a\n"


def u32(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def name(word: str | bytes) -> bytes:
    raw = word.encode() if isinstance(word, str) else word
    return u32(len(raw)) + raw


def row(op: int, flags: int = 0, a: int = NONE, b: int = NONE, c: int = NONE) -> bytes:
    return struct.pack("<HH3I", op, flags, a, b, c)


def f64(value: float) -> bytes:
    return struct.pack("<d", value)


def block(kind=8, first=0, end=1, count=-1, sweep=NONE, value=b"\0", label="", qubits=()) -> bytes:
    fixed = struct.pack("<BIIqI", kind, first, end, count, sweep)
    return fixed + value + name(label) + u32(len(qubits), *qubits, 0)


CLOCK = struct.pack("<QQ", 10**9, 1)
NO_CLOCK = bytes(16)
QUBITS, BIT = [b"\0" + name(q) for q in ("q", "r", "s")], b"\1" + name("c")
DRIVE = b"\2" + name("d") + CLOCK + name("")
FRAME = b"\3" + name("f") + NO_CLOCK + name("d")
SYMBOLS = u32(6) + b"".join(QUBITS) + BIT + DRIVE + FRAME
PLAIN = {
    1: SYMBOLS,
    2: u32(1) + name("a"),
    3: u32(1) + b"\2" + name("n"),
    4: u32(1) + name("t") + name("s") + struct.pack("<Q", 1) + f64(0.5),
    5: u32(1, 1) + b"\1" + u32(0),
    6: u32(1) + block(),
    7: u32(1) + b"\0" + b"\1" + f64(1.0) + b"\1" + f64(1e-6),
    8: u32(1) + name("m") + b"\0\0" + u32(0, 0, 1) + name("shot"),
    9: f64(0.25),
    10: u32(0, 1, 2),
    11: row(1, a=0) + row(2, a=0) + row(0x128, 4, 0, 3, 0) + row(0x125, 0, 0, 1, 0),
    12: u32(1) + name("k") + name("v"),
}
"""Raw sections of a file that is right."""
FLAGS = {12: 1}


def sealed(sections, flags=FLAGS, tick=(1, 10**12), gap=b"", fill=b"\0", **header) -> bytes:
    """Return a file with right checksums; `header` replaces fields of it."""
    table, content, at = b"", b"", 48 + 32 * len(sections) + len(gap)
    for kind, raw in sections.items() if isinstance(sections, dict) else sections:
        table += struct.pack("<HHIQQQ", kind, flags.get(kind, 0), crc32c(raw), at, len(raw), len(raw))
        content += raw + fill * (-len(raw) % 8)
        at = 48 + 32 * len(sections) + len(gap) + len(content)
    fields = {"magic": MAGIC, "major": 1, "minor": 0, "n": len(sections), "size": at, "reserved": bytes(4)} | header
    start = struct.pack(
        "<8sHHIQQQ4s", *(fields[k] for k in ("magic", "major", "minor", "n", "size")), *tick, fields["reserved"]
    )
    return start + u32(crc32c(table, crc32c(start))) + table + gap + content


def with_section(kind: int, raw: bytes) -> bytes:
    return sealed({**PLAIN, kind: raw})


def with_rows(*rows: bytes, operands: bytes = b"", constants: bytes = PLAIN[9]) -> bytes:
    """Return the file with other instructions, without its block."""
    found = {**PLAIN, 9: constants, 10: operands, 11: b"".join(rows)}
    del found[6]
    return sealed({kind: raw for kind, raw in found.items() if raw})


def values(*code: bytes) -> bytes:
    return u32(1, len(code)) + b"".join(code)


A = b"\1" + u32(0)
WAVE, CAPTURE = PLAIN[7][4:], PLAIN[8][4:]
SECTIONS = {
    "a symbol of no kind": (1, u32(7) + SYMBOLS[4:] + b"\4" + name("x"), "kind of symbol"),
    "symbols out of order": (1, u32(6) + BIT + b"".join(QUBITS) + DRIVE + FRAME, "not in the order"),
    "an empty name": (1, u32(6) + b"\0" + name("") + SYMBOLS[10:], "name"),
    "a name of 256 bytes": (1, u32(6) + b"\0" + name("x" * 256) + SYMBOLS[10:], "name"),
    "a name that is no UTF-8": (1, u32(6) + b"\0" + name(b"\xff") + SYMBOLS[10:], "UTF-8"),
    "a qubit's name twice": (1, u32(7) + QUBITS[0] + SYMBOLS[4:], "twice"),
    "a port that has a port": (1, u32(5) + SYMBOLS[4:22] + BIT + b"\2" + name("d") + CLOCK + name("d"), "has a port"),
    "a frame on no port": (1, SYMBOLS[: -len(FRAME)] + b"\3" + name("f") + NO_CLOCK + name("e"), "isn't there"),
    "a clock that can be reduced": (1, SYMBOLS.replace(CLOCK, struct.pack("<QQ", 10**9, 10)), "lowest terms"),
    "a clock of 0 Hz": (1, SYMBOLS.replace(CLOCK, struct.pack("<QQ", 0, 1)), "above 0"),
    "a count of rows beyond": (1, u32(9) + SYMBOLS[4:], "symbols"),
    "bytes after the last row": (2, PLAIN[2] + b"\0", "left over"),
    "a table without rows": (2, u32(0), "left out"),
    "a parameter twice": (2, u32(2) + name("a") * 2, "twice"),
    "a register of a bit": (3, u32(1) + b"\0" + name("n"), "must be a symbol"),
    "a register of no kind": (3, u32(1) + b"\3" + name("n"), "kind of register"),
    "a sweep without values": (4, u32(1) + name("t") + name("s") + bytes(8), "no value"),
    "a word of no expression": (5, values(b"\x22", A), "token"),
    "an operator with too few operands": (5, values(A, b"\6"), "too few operands"),
    "an expression that leaves two values": (5, values(A, A), "leaves 2 values"),
    "an empty expression": (5, u32(2) + values()[4:] + values(A)[4:], "leaves 0 values"),
    "an expression over 4096 tokens": (5, values(A, *[b"\5"] * 4096), "over 4096"),
    "an expression twice": (5, u32(2) + values(A)[4:] * 2, "twice"),
    "a leaf that isn't there": (5, values(b"\1" + u32(1)), "param"),
    "a block of no kind": (6, u32(1) + block(kind=9), "kind of block"),
    "a block that ends before it begins": (6, u32(1) + block(first=1, end=1), "not in order"),
    "a block that begins elsewhere": (6, u32(1) + block(first=1, end=2), "block table"),
    "a loop without a count": (6, u32(1) + block(kind=0), "not one count"),
    "a loop with two counts": (6, u32(1) + block(kind=0, count=1, value=b"\1" + f64(2.0)), "not one count"),
    "a box with a count": (6, u32(1) + block(count=2), "has count"),
    "a count below -1": (6, u32(1) + block(kind=0, count=-2), "has count"),
    "a sweep block of no sweep": (6, u32(1) + block(kind=1), "has sweep"),
    "a box with a sweep": (6, u32(1) + block(sweep=0), "has sweep"),
    "an if without a value": (6, u32(1) + block(kind=2), "no condition"),
    "an else that follows no if": (6, u32(1) + block(kind=3), "follows no if"),
    "a subroutine without a name": (6, u32(1) + block(kind=6), "no name"),
    "a calibration of no gate": (6, u32(1) + block(kind=7, label="play"), "no gate"),
    "a calibration on no qubit": (6, u32(1) + block(kind=7, label="x", qubits=(3,)), "isn't there"),
    "a box on qubits": (6, u32(1) + block(qubits=(0,)), "has qubits"),
    "a waveform of no kind": (7, u32(1) + b"\6" + WAVE[1:], "waveforms"),
    "a waveform without an amplitude": (7, u32(1) + b"\0\0" + WAVE[10:], "value is missing"),
    "samples without a rate": (
        7,
        u32(1) + b"\5" + WAVE[1:10] + bytes(16) + struct.pack("<Q", 1) + bytes(16),
        "no rate",
    ),
    "no samples": (7, u32(1) + b"\5" + WAVE[1:10] + CLOCK + bytes(8), "no rate, or there are none"),
    "a capture of no mode": (8, u32(1) + name("m") + b"\4" + CAPTURE[6:], "mode"),
    "a capture with no waveform as weights": (8, u32(1) + CAPTURE[:7] + u32(1, 0, 1) + name("shot"), "weights"),
    "a capture into no bit": (8, u32(1) + CAPTURE[:7] + u32(0, 1, 1) + name("shot"), "bit"),
    "a capture along no axis": (8, u32(1) + CAPTURE[:-4] + b"long", "no sweep or loop"),
    "a capture twice along an axis": (8, u32(1) + CAPTURE[:7] + u32(0, 0, 2) + name("shot") * 2, "axis twice"),
    "half a constant": (9, bytes(4), "whole items of 8"),
    "half an operand": (10, PLAIN[10] + b"\0", "whole items of 4"),
    "half an instruction": (11, PLAIN[11] + bytes(8), "whole items of 16"),
    "metadata twice": (12, u32(2) + PLAIN[12][4:] * 2, "twice"),
    "an operand that no row takes": (10, u32(0, 1, 2, 0), "unused"),
    "a block that isn't there": (6, u32(2) + block() * 2, "open"),
}
ROWS = {
    "opcode between": (row(0x10), "unknown opcode"),
    "nop with an operand": (row(0, a=0), "must be empty"),
    "halt with a flag": (row(6, 1), "flags"),
    "break outside of a loop": (row(4), "outside of any loop"),
    "begin of no block": (row(1, a=0), "table row"),
    "call of no subroutine": (row(3, a=0), "table row"),
    "barrier that is not WIDE": (row(7, 0, 0, 1, 0), "flags"),
    "barrier with controls": (row(7, 0x104, 0, 1, 0), "flags"),
    "barrier on a port that isn't there": (row(7, 4, 0, 1, 0), "symbol", u32(PORT | 2)),
    "barrier twice on a port": (row(7, 4, 0, 2, 0), "twice", u32(PORT, PORT)),
    "barrier with a value": (row(7, 4, 0, 1, 1), "symbols or values", u32(0, 0)),
    "measure into a bit that isn't there": (row(8, a=0, b=1), "symbol"),
    "measure with a third operand": (row(8, a=0, b=0, c=0), "must be empty"),
    "reset of a port": (row(9, a=PORT), "symbol"),
    "delay without a length": (row(10, a=0), "flags"),
    "delay on a port that isn't there": (row(10, 8, PORT | 2, 1, 0), "symbol"),
    "delay with two flags": (row(10, 9, 0, 1, 0), "flags"),
    "delay of an expression with c": (row(10, 2, 0, 0, 0), "must be empty"),
    "assign of a number": (row(11, 1, 0, 0, 0), "flags"),
    "assign to no register": (row(11, 2, 1, 0), "symbol"),
    "set_bit of no bit": (row(12, 2, 1, 0), "symbol"),
    "gate on a port": (row(0x101, a=PORT), "symbol"),
    "gate with an operand too many": (row(0x101, a=0, b=0), "must be empty"),
    "rotation in ticks": (row(0x10C, 8, 0, 1, 0), "flags"),
    "rotation by no expression": (row(0x10C, 2, 0, 1), "value"),
    "gate twice on a qubit": (row(0x115, a=1, b=1), "twice"),
    "gate on two qubits with an angle too many": (row(0x115, a=0, b=1, c=0), "must be empty"),
    "rzz without an angle": (row(0x125, a=0, b=1), "value"),
    "rzz by no expression": (row(0x125, a=0, b=1, c=EXPRESSION | 1), "value"),
    "u that is not WIDE": (row(0x111, a=0), "flags"),
    "x that is WIDE": (row(0x101, 4, 0, 1, 0), "flags", u32(0)),
    "controlled x on too few qubits": (row(0x101, 0x204, 0, 2, 0), "symbols or values", u32(0, 1)),
    "controlled x twice on a qubit": (row(0x101, 0x104, 0, 2, 0), "twice", u32(1, 1)),
    "ms on one qubit": (row(0x12B, 4, 0, 1, 2), "symbols or values", u32(0, 0, 0)),
    "ccx on a port": (row(0x128, 4, 0, 3, 0), "symbol", u32(0, 1, PORT)),
    "list not next": (row(0x128, 4, 1, 3, 0), "not next", u32(0, 0, 1, 2)),
    "list beyond the operands": (row(0x128, 4, 0, 3, 0), "not next", u32(0, 1)),
    "u3 by no constant": (row(0x112, 4, 0, 1, 3), "value", u32(0, 0, 1, 0)),
    "play on a port that isn't there": (row(0x200, a=2, b=0), "symbol"),
    "play on a port as in barriers": (row(0x200, a=PORT, b=0), "symbol"),
    "play of no waveform": (row(0x200, a=0, b=1), "table row"),
    "play with no value": (row(0x200, a=0, b=0, c=1), "value"),
    "capture into no slot": (row(0x201, a=0, b=1), "table row"),
    "capture with an amplitude": (row(0x201, a=0, b=0, c=0), "must be empty"),
    "image on no port": (row(0x402, a=2, b=0), "symbol"),
    "shift_phase in ticks": (row(0x202, 8, 0, 1, 0), "flags"),
    "ttl at 2": (row(0x300, a=0, b=2), "value"),
    "dds of two ports": (row(0x301, 4, 0, 2, 3), "symbols or values", u32(0, 1, 0, 0, 0)),
    "dds of a port as in barriers": (row(0x301, 4, 0, 1, 3), "symbol", u32(PORT, 0, 0, 0)),
    "rydberg without values": (row(0x400, 4, 0, 1, 0), "symbols or values", u32(0)),
    "shuttle with one place for two": (row(0x401, 4, 0, 2, 3), "symbols or values", u32(0, 1, 0, 0, 0)),
    "wait without ticks": (row(0x502), "flags"),
    "wait on a qubit": (row(0x502, 8, 0, 1, 0), "must be empty"),
    "jump outside": (row(0x503, a=1), "table row"),
    "register with a flag": (row(0x500, 1, 0, 0, 0), "flags"),
}
HEADERS = {
    "another magic": (sealed(PLAIN, magic=b"\x89QIS\n\n\x1a\n"), "no .qis file"),
    "reserved bytes": (sealed(PLAIN, reserved=b"\0\0\0\1"), "reserved"),
    "another size": (sealed(PLAIN, size=8), "should have 8 bytes"),
    "more sections than fit": (sealed(PLAIN, n=1000), "don't fit"),
    "more than 1024 sections": (sealed(PLAIN, n=1025), "sections"),
    "a tick of 0": (sealed(PLAIN, tick=(0, 1)), "not above 0"),
    "a tick without a denominator": (sealed(PLAIN, tick=(1, 0)), "not above 0"),
    "a tick that can be reduced": (sealed(PLAIN, tick=(2, 10**12)), "lowest terms"),
    "a wrong checksum": (sealed(PLAIN)[:44] + u32(0) + sealed(PLAIN)[48:], "checksum"),
    "sections in another order": (sealed([(2, PLAIN[2]), (1, PLAIN[1])]), "ascending"),
    "a section twice": (sealed([(2, PLAIN[2]), (2, PLAIN[2])]), "ascending"),
    "a gap": (sealed(PLAIN, gap=bytes(8)), "not next"),
    "other filling": (sealed(PLAIN, fill=b"\1"), "filled up with zeros"),
    "bytes after the last section": (sealed(PLAIN, size=len(sealed(PLAIN)) + 8) + bytes(8), "left over"),
    "an empty section": (sealed({**PLAIN, 9: b""}), "left out"),
    "optional instructions": (sealed(PLAIN, flags={11: 1, 12: 1}), "flags"),
    "mandatory metadata": (sealed(PLAIN, flags={}), "flags"),
    "packed symbols": (sealed(PLAIN, flags={1: 2, 12: 1}), "flags"),
    "an unknown flag": (sealed(PLAIN, flags={11: 4, 12: 1}), "flags"),
    "constants that are not packed": (sealed(PLAIN, flags={9: 2, 12: 1}), "malformed"),
}


def refused(stored: bytes, words: str) -> None:
    with pytest.raises(WireError) as caught:
        from_bytes(stored)
    assert words in str(caught.value)


def test_the_file_that_all_others_differ_from_is_right():
    body = from_bytes(sealed(PLAIN))
    assert len(body) == 4
    assert len(from_bytes(with_rows(row(0)))) == 1
    assert not any(x.flags.writeable for x in (body.instructions, body.operands, body.constants))
    np.testing.assert_array_equal(body.operands, [0, 1, 2])


@pytest.mark.parametrize(("stored", "words"), HEADERS.values(), ids=HEADERS)
def test_a_rule_of_header_and_section_table(stored, words):
    refused(stored, words)


@pytest.mark.parametrize(("kind", "raw", "words"), SECTIONS.values(), ids=SECTIONS)
def test_a_rule_of_a_section(kind, raw, words):
    refused(with_section(kind, raw), words)


@pytest.mark.parametrize("case", ROWS.values(), ids=ROWS)
def test_a_rule_of_an_instruction(case):
    wrong, words, *operands = case
    refused(with_rows(wrong, operands=b"".join(operands)), words)
    many = [row(0x104, a=0)] * 100  # where rows of common forms are looked at several at a time
    if "jump" not in words and wrong[:2] != b"\x03\x05":
        refused(with_rows(*many, wrong, *many, operands=b"".join(operands)), f"instruction {len(many)}")


def test_unknown_sections_are_refused_unless_optional():
    assert len(from_bytes(sealed({**PLAIN, 13: b"12345678"}, flags={**FLAGS, 13: 1}))) == 4
    with pytest.raises(VersionError, match=r"kind 13.*mandatory and unknown"):
        from_bytes(sealed({**PLAIN, 13: b"12345678"}))
    with pytest.raises(VersionError, match=r"schema 2.0"):
        from_bytes(sealed(PLAIN, major=2))
    assert len(from_bytes(sealed(PLAIN, minor=7))) == 4
