"""The ELF files of sequencer programs, as far as an emulator needs them: the sections with the source.

Source: System V ABI, ELF-32 (header and section table); what zhinst-seqc-compiler 26.7.2.5 writes has the SeqC in the
section ``.c``. The machine code beside it can't be executed here, so emulated sequencers execute the source.
"""

from __future__ import annotations

import struct

from qctl.errors import RequestError

__all__ = ["sections", "source_of", "written"]

_HEADER = struct.Struct("<16sHHIIIIIHHHHHH")
_SECTION = struct.Struct("<10I")
_MAGIC = b"\x7fELF\x01\x01\x01"


def sections(elf: bytes) -> dict[str, bytes]:
    """Return the sections of a file by name.

    Raises
    ------
    RequestError
        If it is no little-endian ELF-32 file, or cut off.
    """
    try:
        head = _HEADER.unpack_from(elf)
        if not head[0].startswith(_MAGIC):
            raise RequestError("no ELF file for a sequencer")
        offset, width, n, names_at = head[6], head[11], head[12], head[13]
        rows = [_SECTION.unpack_from(elf, offset + k * width) for k in range(n)]
        names = elf[rows[names_at][4] :][: rows[names_at][5]]
        return {names[r[0] : names.index(b"\0", r[0])].decode(): elf[r[4] : r[4] + r[5]] for r in rows}
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise RequestError(f"the ELF file is cut off or damaged: {error}") from None


def source_of(elf: bytes) -> str:
    """Return the SeqC that a file was compiled from.

    Raises
    ------
    RequestError
        If it does not say.
    """
    found = sections(elf).get(".c")
    if found is None:
        raise RequestError("the ELF file has no source in it")
    return found.decode("utf-8").rstrip("\0")


def written(parts: dict[str, bytes]) -> bytes:
    """Return a file with these sections and no machine code."""
    names = b"\0.shstrtab\0" + b"".join(name.encode() + b"\0" for name in parts)
    contents = [names, *parts.values()]
    rows, at = [(0,) * 10], _HEADER.size
    for name, content in zip((".shstrtab", *parts), contents, strict=True):
        kind = 3 if name == ".shstrtab" else 1
        rows.append((names.index(name.encode() + b"\0"), kind, 0, 0, at, len(content), 0, 0, 1, 0))
        at += len(content)
    head = _HEADER.pack(
        _MAGIC.ljust(16, b"\0"), 2, 0, 1, 0, 0, at, 0, _HEADER.size, 0, 0, _SECTION.size, len(rows), 1
    )  # fmt: skip
    return b"".join([head, *contents, *(_SECTION.pack(*row) for row in rows)])
