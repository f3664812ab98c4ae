"""The .qis file and wire form: header and section table in construct, checksums, and the content hash."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from typing import Any

from construct import Const, ConstructError, Int16ul, Int32ul, Int64ul, Struct

from qctl.cext.crc32c import crc32c
from qctl.cext.packing import pack, unpack
from qctl.errors import RequestError, VersionError, WireError
from qctl.program.body import Body
from qctl.program.checking import fault
from qctl.program.sections import ITEM_BYTES, Section, decoded, encoded

__all__ = ["HEADER", "MAGIC", "SCHEMA", "SECTION_ROW", "content_hash", "from_bytes", "to_bytes"]

MAGIC = b"\x89QIS\r\n\x1a\n"
"""First bytes of a file; text-mode damage breaks them, as in PNG (ISO 15948, 5.2)."""
SCHEMA = (1, 0)
"""Schema version: a reader refuses another major one; minor ones add optional sections only."""
OPTIONAL = 1
PACKED = 2

HEADER = Struct(
    "magic" / Const(MAGIC),
    "major" / Int16ul,
    "minor" / Int16ul,
    "n_sections" / Int32ul,
    "n_bytes" / Int64ul,
    "tick_numerator" / Int64ul,
    "tick_denominator" / Int64ul,
    "reserved" / Const(b"\0\0\0\0"),
    "crc" / Int32ul,
)
"""48 bytes; `crc` is the CRC-32C of the 44 bytes before it, then of the section table."""

SECTION_ROW = Struct(
    "kind" / Int16ul,
    "flags" / Int16ul,
    "crc" / Int32ul,
    "offset" / Int64ul,
    "n_stored" / Int64ul,
    "n_raw" / Int64ul,
)
"""32 bytes a section; `crc` is the CRC-32C of the stored bytes."""

HEADER_BYTES, ROW_BYTES = 48, 32
MOST_SECTIONS = 1024


def _aligned(n: int) -> int:
    return (n + 7) & ~7


def to_bytes(body: Body, packed: bool = False) -> bytes:
    """Return a program as the bytes of a .qis file.

    Parameters
    ----------
    body : Body
    packed : bool
        Pack instructions, operands and constants, without loss, where that is shorter.

    Raises
    ------
    RequestError
        If the body is not consistent.
    """
    wrong = fault(body)
    if wrong:
        raise RequestError(wrong)
    table, bodies = b"", b""
    sections = encoded(body)
    start = HEADER_BYTES + ROW_BYTES * len(sections)
    for kind, raw in sections.items():
        flags, stored = OPTIONAL if kind is Section.METADATA else 0, raw
        if packed and kind in ITEM_BYTES:
            shorter = pack(raw, ITEM_BYTES[kind])
            if len(shorter) < len(raw):
                flags, stored = flags | PACKED, shorter
        row = {"kind": kind, "flags": flags, "crc": crc32c(stored), "offset": start + len(bodies)}
        table += SECTION_ROW.build({**row, "n_stored": len(stored), "n_raw": len(raw)})
        bodies += stored + bytes(_aligned(len(stored)) - len(stored))
    header = HEADER.build(
        {
            "major": SCHEMA[0],
            "minor": SCHEMA[1],
            "n_sections": len(sections),
            "n_bytes": start + len(bodies),
            "tick_numerator": body.tick_s.numerator,
            "tick_denominator": body.tick_s.denominator,
            "crc": 0,
        }
    )[:-4]
    checked: bytes = header + Int32ul.build(crc32c(table, crc32c(header))) + table + bodies
    return checked


def from_bytes(stored: bytes | bytearray | memoryview) -> Body:
    """Return the program of a .qis file; any bytes are either read or refused.

    Raises
    ------
    VersionError
        If the schema's major version is another, or a mandatory section is unknown.
    WireError
        If the bytes are damaged, cut short, or not consistent.
    """
    whole = memoryview(stored).cast("B")
    header = _header(whole)
    table = whole[HEADER_BYTES : HEADER_BYTES + ROW_BYTES * header.n_sections]
    if crc32c(table, crc32c(whole[: HEADER_BYTES - 4])) != header.crc:
        raise WireError("header: the checksum of header and section table is wrong")
    sections: dict[Section, bytes] = {}
    expected, last = HEADER_BYTES + len(table), 0
    for i in range(header.n_sections):
        row = SECTION_ROW.parse(table[ROW_BYTES * i : ROW_BYTES * (i + 1)])
        place = f"section table, row {i} (kind {row.kind})"
        if row.kind <= last:
            raise WireError(f"{place}: sections are not in ascending order")
        if row.offset != expected or row.n_stored > len(whole) - expected:
            raise WireError(
                f"{place}: {row.n_stored} bytes at {row.offset} are not next in a file of {len(whole)} bytes"
            )
        last = row.kind
        end = row.offset + row.n_stored
        expected = _aligned(end)
        if expected > len(whole) or any(whole[end:expected]):
            raise WireError(f"{place}: is not filled up with zeros to 8 bytes")
        content = whole[row.offset : end]
        if crc32c(content) != row.crc:
            raise WireError(f"{place}: the checksum is wrong")
        if row.kind in set(Section):
            sections[Section(row.kind)] = _raw(Section(row.kind), row, content, place)
        elif not row.flags & OPTIONAL:
            raise VersionError(
                f"{place} is mandatory and unknown to schema {SCHEMA[0]}.{SCHEMA[1]}; the file has "
                f"{header.major}.{header.minor}: read it with a newer qctl"
            )
    if expected != len(whole):
        raise WireError(f"{len(whole) - expected} bytes are left over after the last section")
    tick_s = Fraction(header.tick_numerator, header.tick_denominator)
    if tick_s.denominator != header.tick_denominator:
        raise WireError("header: the tick is not in lowest terms")
    body = decoded(sections, tick_s)
    wrong = fault(body)
    if wrong:
        raise WireError(wrong)
    return body


def _header(whole: memoryview) -> Any:
    if len(whole) < HEADER_BYTES:
        raise WireError(f"header: {len(whole)} bytes are below {HEADER_BYTES}")
    if bytes(whole[:8]) != MAGIC:
        raise WireError(f"header: the first bytes are {bytes(whole[:8])!r}, not {MAGIC!r}: this is no .qis file")
    try:
        header = HEADER.parse(whole[:HEADER_BYTES])
    except ConstructError as error:
        raise WireError(f"header: {error}") from None
    if header.major != SCHEMA[0]:
        raise VersionError(
            f"the file has schema {header.major}.{header.minor}, this qctl reads {SCHEMA[0]}.x: use one of its version"
        )
    if header.n_bytes != len(whole):
        raise WireError(f"header: the file should have {header.n_bytes} bytes and has {len(whole)}")
    if header.n_sections > MOST_SECTIONS or ROW_BYTES * header.n_sections > len(whole) - HEADER_BYTES:
        raise WireError(f"header: {header.n_sections} sections don't fit in {len(whole)} bytes")
    if not header.tick_numerator or not header.tick_denominator:
        raise WireError(f"header: a tick of {header.tick_numerator}/{header.tick_denominator} s is not above 0")
    return header


def _raw(kind: Section, row: Any, content: memoryview, place: str) -> bytes:
    """Return a known section's raw bytes; the flags must be its own."""
    allowed = (OPTIONAL if kind is Section.METADATA else 0, PACKED if kind in ITEM_BYTES else 0)
    if row.flags & ~PACKED != allowed[0] or row.flags & PACKED & ~allowed[1]:
        raise WireError(f"{place}: flags = {row.flags} are not those of {kind.name.lower()}")
    if not row.n_raw:
        raise WireError(f"{place}: an empty section is left out, not stored")
    if row.flags & PACKED:
        try:
            if row.n_raw >= 2**62:
                raise ValueError(f"{row.n_raw} raw bytes are too many")
            return unpack(content, ITEM_BYTES[kind], row.n_raw)
        except ValueError as error:
            raise WireError(f"{place}: {error}") from None
    if row.n_raw != row.n_stored:
        raise WireError(f"{place}: {row.n_stored} stored bytes are not its {row.n_raw} raw bytes")
    return bytes(content)


def content_hash(body: Body) -> str:
    """Return the SHA-256 of a program's canonical form, as hex; metadata and packing don't count.

    The canonical form is ``qis`` and the major version as u8, the tick's numerator and denominator as u64, then for
    each section but metadata its kind as u16, its raw length as u64, and its raw bytes.
    """
    digest = hashlib.sha256(b"qis" + bytes([SCHEMA[0]]))
    digest.update(Int64ul.build(body.tick_s.numerator) + Int64ul.build(body.tick_s.denominator))
    for kind, raw in encoded(body).items():
        if kind is not Section.METADATA:
            digest.update(Int16ul.build(kind) + Int64ul.build(len(raw)))
            digest.update(raw)
    return digest.hexdigest()
