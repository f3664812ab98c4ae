"""Truncated, corrupted and hostile files are refused with a clear error: no crash, no huge allocation."""

import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import qctl
from qctl.cext.crc32c import crc32c
from qctl.errors import ParseError, VersionError, WireError
from qctl.program.file import HEADER_BYTES, ROW_BYTES, from_bytes
from qctl.program.program import Program
from qctl.program.sections import Section


def sample() -> Program:
    p = Program(ports=["d", "r"], qubits=3, bits=2)
    a = qctl.Parameter("a")
    p.add_frame("f", "d")
    p.add_register("n")
    p.metadata["k"] = "v"
    p.h(0)
    p.rx(a * 2, 1)
    p.ccx(0, 1, 2)
    p.u(a, 0.5, -0.0, 2)
    p.rzz(0.25, 0, 2)
    p.barrier()
    with p.subroutine("s"):
        p.assign("n", a)
    with p.sweep("t", [0.0, 1e-6], "s") as t, p.loop(10, name="rep"):
        p.delay("f", t)
        p.play("d", qctl.gaussian(40e-9, 0.1))
        p.capture("r", qctl.samples([1, 2j], 1e9), into="m", bit=0)
        with p.if_(0):
            p.break_()
        with p.else_():
            p.call("s")
    with p.cal("rz", [0], ["theta"]) as (theta,):
        p.shift_phase("d", -theta)
    p.measure(0, 1)
    return p


RAW = sample().to_bytes()
PACKED = sample().to_bytes(packed=True)


def resealed(stored: bytes, sections: bool = True) -> bytes:
    """Return the file with its checksums made right again, as an attacker would."""
    out = bytearray(stored)
    n = min(struct.unpack_from("<I", out, 12)[0], (len(out) - HEADER_BYTES) // ROW_BYTES)
    for i in range(n if sections else 0):
        at = HEADER_BYTES + ROW_BYTES * i
        offset, size = struct.unpack_from("<QQ", out, at + 8)
        if offset + size <= len(out):
            struct.pack_into("<I", out, at + 4, crc32c(bytes(out[offset : offset + size])))
    table = bytes(out[HEADER_BYTES : HEADER_BYTES + ROW_BYTES * struct.unpack_from("<I", out, 12)[0]])
    struct.pack_into("<I", out, 44, crc32c(table, crc32c(bytes(out[:44]))))
    return bytes(out)


def section_row(stored: bytes, kind: Section) -> int:
    """Return where the row of a section begins."""
    n = struct.unpack_from("<I", stored, 12)[0]
    rows = [HEADER_BYTES + ROW_BYTES * i for i in range(n)]
    return next(at for at in rows if struct.unpack_from("<H", stored, at)[0] == kind)


def patched(kind: Section, at: int, raw: bytes) -> bytes:
    """Return the raw sample with bytes of one section replaced and all checksums right."""
    out = bytearray(RAW)
    offset, size = struct.unpack_from("<QQ", RAW, section_row(RAW, kind) + 8)
    assert at + len(raw) <= size
    out[offset + at : offset + at + len(raw)] = raw
    return resealed(bytes(out))


def read_or_refuse(stored: bytes) -> bool:
    """Return True if it was read; then it must be whole: it comes back from its bytes and its text."""
    try:
        body = from_bytes(stored)
    except WireError as error:
        assert str(error)
        return False
    again = Program.from_body(body)
    whole = again.to_bytes()
    assert from_bytes(whole).structure() == body.structure()
    assert Program.from_text(again.to_text()).to_bytes() == whole
    return True


@pytest.mark.parametrize("stored", [RAW, PACKED], ids=["raw", "packed"])
def test_every_truncation_is_refused(stored):
    for n in range(len(stored)):
        with pytest.raises(WireError):
            from_bytes(stored[:n])
    with pytest.raises(WireError):
        from_bytes(stored + b"\0")


@pytest.mark.parametrize("stored", [RAW, PACKED], ids=["raw", "packed"])
def test_every_flipped_byte_is_refused(stored):
    for i in range(len(stored)):
        out = bytearray(stored)
        out[i] ^= 1 << (i % 8)
        with pytest.raises(WireError):
            from_bytes(bytes(out))


@pytest.mark.parametrize("stored", [RAW, PACKED], ids=["raw", "packed"])
def test_flipped_bytes_with_right_checksums_are_read_or_refused(stored):
    rng = np.random.default_rng(1)
    for i in range(HEADER_BYTES, len(stored)):
        for value in (0xFF, int(rng.integers(256))):
            out = bytearray(stored)
            out[i] = value
            read_or_refuse(resealed(bytes(out), sections=i >= HEADER_BYTES))


@given(st.binary(max_size=200), st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_refused(noise, behind_the_magic):
    start = RAW[:HEADER_BYTES] if behind_the_magic else b""
    with pytest.raises(WireError):
        from_bytes(start + noise)


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_any_damage_with_right_checksums_is_read_or_refused(data):
    out = bytearray(data.draw(st.sampled_from([RAW, PACKED])))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(8, len(out) - 1))
        word = data.draw(
            st.sampled_from([b"\xff\xff\xff\xff", b"\0\0\0\x80", b"\xff\xff\xff\x7f", b"\0", b"\x01", b"\x40"])
        )
        out[at : at + len(word)] = word[: len(out) - at]
    read_or_refuse(resealed(bytes(out)))


HUGE = (0xFFFFFFFF).to_bytes(4, "little")
HOSTILE = {
    "count of symbols": patched(Section.SYMBOLS, 0, HUGE),
    "length of a name": patched(Section.SYMBOLS, 5, HUGE),
    "count of sweep values": patched(Section.SWEEPS, 14, b"\xff" * 8),
    "count of tokens": patched(Section.EXPRESSIONS, 4, HUGE),
    "opcode": patched(Section.INSTRUCTIONS, 0, b"\xff\xff"),
    "qubit": patched(Section.INSTRUCTIONS, 4, HUGE),
    "end of a block": patched(Section.BLOCKS, 9, HUGE),
    "block inside itself": patched(Section.BLOCKS, 5, b"\0\0\0\0"),
    "operand": patched(Section.OPERANDS, 0, HUGE),
}


@pytest.mark.parametrize("stored", HOSTILE.values(), ids=HOSTILE)
def test_hostile_count_or_index_is_refused_without_a_huge_allocation(stored):
    tracemalloc.start()
    try:
        with pytest.raises(WireError):
            from_bytes(stored)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("field", [8, 16, 24], ids=["offset", "stored bytes", "raw bytes"])
@pytest.mark.parametrize("value", [2**64 - 1, 2**63, 2**40, 16 * 2**40, 0])
@pytest.mark.parametrize("stored", [RAW, PACKED], ids=["raw", "packed"])
def test_section_that_points_outside_is_refused(stored, field, value):
    at = section_row(stored, Section.INSTRUCTIONS)
    out = bytearray(stored)
    struct.pack_into("<Q", out, at + field, value)
    tracemalloc.start()
    try:
        with pytest.raises(WireError):
            from_bytes(resealed(bytes(out)))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def with_extra_section(flags: int) -> bytes:
    """Return the raw sample with a section of kind 999 behind the others."""
    n = struct.unpack_from("<I", RAW, 12)[0]
    table = bytearray(RAW[HEADER_BYTES : HEADER_BYTES + ROW_BYTES * n])
    for i in range(n):
        offset = struct.unpack_from("<Q", table, ROW_BYTES * i + 8)[0]
        struct.pack_into("<Q", table, ROW_BYTES * i + 8, offset + ROW_BYTES)
    table += struct.pack("<HHIQQQ", 999, flags, 0, len(RAW) + ROW_BYTES, 8, 8)
    header = bytearray(RAW[:HEADER_BYTES])
    struct.pack_into("<IQ", header, 12, n + 1, len(RAW) + ROW_BYTES + 8)
    return resealed(bytes(header + table) + RAW[HEADER_BYTES + ROW_BYTES * n :] + b"unknown!")


def test_unknown_section_is_skipped_if_optional_and_refused_if_not():
    assert Program.from_bytes(with_extra_section(1)).hash == sample().hash
    with pytest.raises(VersionError, match=r"kind 999.*mandatory"):
        from_bytes(with_extra_section(0))


def test_another_major_version_is_refused_in_one_sentence():
    out = bytearray(RAW)
    out[8] = 2
    with pytest.raises(VersionError, match=r"the file has schema 2.0, this qctl reads 1.x"):
        from_bytes(resealed(bytes(out)))
    out[8], out[10] = 1, 9
    assert Program.from_bytes(resealed(bytes(out))).hash == sample().hash


def test_a_text_file_is_named_as_such():
    with pytest.raises(WireError, match=r"no \.qis file"):
        from_bytes(b"OPENQASM 2.0;\nqreg q[2];\n" + b" " * 40)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_damaged_text_is_read_or_refused_with_its_place(data):
    text = sample().to_text()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text) - 1))
        piece = data.draw(
            st.sampled_from(["", "\n", '"', "9" * 30, "-", "(" * 50, "@7", "$9", "nan", " ", "{", "}", "é", "q[0]"])
        )
        text = text[:at] + piece + text[at + data.draw(st.integers(0, 4)) :]
    try:
        read = Program.from_text(text)
    except ParseError as error:
        assert error.line >= 0
        assert str(error)
    else:
        assert Program.from_text(read.to_text()) == read
