"""The .qis file and wire form: header and section table, checksums, and the content hash."""

from __future__ import annotations

import hashlib
import struct
from fractions import Fraction
from typing import NamedTuple

from qctl.cext.crc32c import crc32c
from qctl.cext.packing import joined, pack, unpack
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

HEADER = struct.Struct("<8sHHIQQQ4sI")
"""Magic, major, minor, number of sections, bytes, tick numerator and denominator, reserved, CRC-32C of all before it
and of the section table."""
SECTION_ROW = struct.Struct("<HHIQQQ")
"""Kind, flags, CRC-32C of the stored bytes, offset, stored bytes, raw bytes."""


class Header(NamedTuple):
    """What stands first in a file."""

    magic: bytes
    major: int
    minor: int
    n_sections: int
    n_bytes: int
    tick_numerator: int
    tick_denominator: int
    reserved: bytes
    crc: int


class SectionRow(NamedTuple):
    """Where a section stands."""

    kind: int
    flags: int
    crc: int
    offset: int
    n_stored: int
    n_raw: int


HEADER_BYTES, ROW_BYTES = HEADER.size, SECTION_ROW.size
_KNOWN = frozenset(map(int, Section))
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
    sections = encoded(body)
    table = bytearray()
    parts: list[bytes | memoryview] = []
    end = HEADER_BYTES + ROW_BYTES * len(sections)
    for kind, raw in sections.items():
        flags, stored = OPTIONAL if kind is Section.METADATA else 0, raw
        if packed and kind in ITEM_BYTES:
            shorter = pack(raw, ITEM_BYTES[kind])
            if shorter is not None and len(shorter) < len(raw):
                flags, stored = flags | PACKED, shorter
        table += SECTION_ROW.pack(kind, flags, crc32c(stored), end, len(stored), len(raw))
        parts += (stored, bytes(-len(stored) % 8))
        end = _aligned(end + len(stored))
    tick_s = body.tick_s
    counts = (len(sections), end, tick_s.numerator, tick_s.denominator)
    header = HEADER.pack(MAGIC, *SCHEMA, *counts, bytes(4), 0)[:-4]
    return joined([header, crc32c(table, crc32c(header)).to_bytes(4, "little"), table, *parts])


def from_bytes(stored: bytes | bytearray | memoryview) -> Body:
    """Return the program of a .qis file; any bytes are either read or refused.

    Raises
    ------
    VersionError
        If the schema's major version is another, or a mandatory section is unknown.
    WireError
        If the bytes are damaged, cut short, or not consistent.
    """
    whole = memoryview(stored if isinstance(stored, bytes) else bytes(memoryview(stored)))
    header = _header(whole)
    table = whole[HEADER_BYTES : HEADER_BYTES + ROW_BYTES * header.n_sections]
    if crc32c(table, crc32c(whole[: HEADER_BYTES - 4])) != header.crc:
        raise WireError("header: the checksum of header and section table is wrong")
    sections: dict[Section, bytes | memoryview] = {}
    expected, last = HEADER_BYTES + len(table), 0
    for i in range(header.n_sections):
        row = SectionRow(*SECTION_ROW.unpack_from(table, ROW_BYTES * i))
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
        if row.kind in _KNOWN:
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
    body.vouch()
    return body


def _header(whole: memoryview) -> Header:
    if len(whole) < HEADER_BYTES:
        raise WireError(f"header: {len(whole)} bytes are below {HEADER_BYTES}")
    if bytes(whole[:8]) != MAGIC:
        raise WireError(f"header: the first bytes are {bytes(whole[:8])!r}, not {MAGIC!r}: this is no .qis file")
    header = Header(*HEADER.unpack_from(whole))
    if header.major != SCHEMA[0]:
        raise VersionError(
            f"the file has schema {header.major}.{header.minor}, this qctl reads {SCHEMA[0]}.x: use one of its version"
        )
    if header.n_bytes != len(whole):
        raise WireError(f"header: the file should have {header.n_bytes} bytes and has {len(whole)}")
    if header.n_sections > MOST_SECTIONS or ROW_BYTES * header.n_sections > len(whole) - HEADER_BYTES:
        raise WireError(f"header: {header.n_sections} sections don't fit in {len(whole)} bytes")
    if header.reserved != bytes(4):
        raise WireError(f"header: the reserved bytes are {header.reserved!r}, not zeros")
    if not header.tick_numerator or not header.tick_denominator:
        raise WireError(f"header: a tick of {header.tick_numerator}/{header.tick_denominator} s is not above 0")
    return header


def _raw(kind: Section, row: SectionRow, content: memoryview, place: str) -> bytes | memoryview:
    """Return a known section's raw bytes, a view unless they were packed; the flags must be its own."""
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
    return content


def content_hash(body: Body) -> str:
    """Return the SHA-256 of a program's canonical form, as hex; metadata and packing don't count.

    The canonical form is ``qis`` and the major version as u8, the tick's numerator and denominator as u64, then for
    each section but metadata its kind as u16, its raw length as u64, and its raw bytes.
    """
    digest = hashlib.sha256(b"qis" + bytes([SCHEMA[0]]))
    digest.update(struct.pack("<QQ", body.tick_s.numerator, body.tick_s.denominator))
    for kind, raw in encoded(body).items():
        if kind is not Section.METADATA:
            digest.update(struct.pack("<HQ", kind, len(raw)))
            digest.update(raw)
    return digest.hexdigest()
