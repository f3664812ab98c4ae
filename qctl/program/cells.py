"""Little-endian cells of the small tables: a writer, and a reader that trusts no count."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError, WireError

__all__ = ["Reader", "Writer"]

MOST_NAME_BYTES = 255

_CODES = {"u8": "<B", "u16": "<H", "u32": "<I", "u64": "<Q", "i64": "<q", "f64": "<d"}
_CELLS = {name: struct.Struct(code) for name, code in _CODES.items()}
_U32 = _CELLS["u32"]


class Writer:
    """Append cells to bytes."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def cell(self, kind: str, value: float) -> None:
        """Append one number of kind u8, u16, u32, u64, i64 or f64."""
        self.parts.append(_CELLS[kind].pack(value))

    def text(self, value: str) -> None:
        """Append UTF-8 text after its length as u32."""
        try:
            raw = value.encode()
        except UnicodeEncodeError as error:
            raise RequestError(f"text {value!r} can't be UTF-8: {error.reason}") from None
        self.parts += (_U32.pack(len(raw)), raw)

    def name(self, value: str) -> None:
        """Append a name: text of 1 to 255 bytes."""
        self.text(value)
        if not 0 < len(self.parts[-1]) <= MOST_NAME_BYTES:
            raise RequestError(f"name {value!r} has {len(self.parts[-1])} bytes, outside [1, {MOST_NAME_BYTES}]")

    def array(self, values: NDArray) -> None:
        """Append an array's bytes after its length as u64."""
        self.parts.append(_CELLS["u64"].pack(len(values)))
        self.parts.append(values.tobytes())

    def done(self) -> bytes:
        """Return all that was appended."""
        return b"".join(self.parts)


class Reader:
    """Read cells from the bytes of one section; every fault is a WireError that names section and byte."""

    def __init__(self, raw: bytes | memoryview, section: str) -> None:
        self.raw = memoryview(raw)
        self.section = section
        self.at = 0

    def fail(self, what: str) -> WireError:
        """Return the error for what is wrong here."""
        return WireError(f"section {self.section}, byte {self.at} of {len(self.raw)}: {what}")

    def cell(self, kind: str) -> int:
        """Read one whole number."""
        cell = _CELLS[kind]
        if len(self.raw) - self.at < cell.size:
            raise self.fail(f"ends inside a {kind}")
        (value,) = cell.unpack_from(self.raw, self.at)
        self.at += cell.size
        found: int = value
        return found

    def number(self) -> float:
        """Read one f64."""
        return float(self.cell("f64"))

    def text(self) -> str:
        """Read one text."""
        size = self.cell("u32")
        raw = self.take(size, "text")
        try:
            return bytes(raw).decode()
        except UnicodeDecodeError as error:
            raise self.fail(f"text is not UTF-8: {error.reason}") from None

    def name(self) -> str:
        """Read one text of 1 to 255 bytes."""
        start = self.at
        found = self.text()
        if not 0 < self.at - start - 4 <= MOST_NAME_BYTES:
            raise self.fail(f"a name of {self.at - start - 4} bytes is outside [1, {MOST_NAME_BYTES}]")
        return found

    def take(self, size: int, what: str) -> memoryview:
        """Read bytes as a view."""
        if size > len(self.raw) - self.at:
            raise self.fail(f"{what} of {size} bytes ends outside")
        found = self.raw[self.at : self.at + size]
        self.at += size
        return found

    def array(self, dtype: str) -> NDArray:
        """Read one array; it is a read-only copy."""
        count = self.cell("u64")
        raw = self.take(count * np.dtype(dtype).itemsize, f"array of {count} {dtype}")
        return np.frombuffer(bytes(raw), dtype)

    def count(self, least: int) -> int:
        """Read a count of rows that take at least so many bytes each."""
        found = self.cell("u32")
        if found * least > len(self.raw) - self.at:
            raise self.fail(f"{found} rows of at least {least} bytes end outside")
        return found

    def choice(self, names: Sequence[object], what: str) -> int:
        """Read a u8 that must be an index of a sequence."""
        found = self.cell("u8")
        if found >= len(names):
            raise self.fail(f"{what} = {found} is outside [0, {len(names) - 1}]")
        return found

    def end(self) -> None:
        """Refuse bytes that are left."""
        if self.at != len(self.raw):
            raise self.fail(f"{len(self.raw) - self.at} bytes are left over")
