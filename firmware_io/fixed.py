"""Layouts of fixed size at the speed of `struct`: the formats are read off the construct descriptions, once."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from construct import Const, Construct, FormatField, Renamed, Terminated

from qctl.errors import InternalError, WireError

__all__ = ["FixedLayout", "row_dtype"]

_NUMPY = {"B": "u1", "H": "u2", "L": "u4", "Q": "u8", "l": "i4"}


class FixedLayout:
    """Bytes of a layout whose fields are little-endian numbers.

    Parameters
    ----------
    fields : list of (name or None, format code, constant)
        In order; a field without a name always has its constant.
    """

    def __init__(self, fields: list[tuple[str | None, str, int]]) -> None:
        self.names = tuple(name for name, _, _ in fields if name is not None)
        self.fields = tuple((name, code) for name, code, _ in fields)
        self._fields = [(name, constant) for name, _, constant in fields]
        self._form = struct.Struct("<" + "".join(code for _, code, _ in fields))
        self._places = [place for place, (name, _) in enumerate(self._fields) if name is not None]
        self._constants = [(place, constant) for place, (name, constant) in enumerate(self._fields) if name is None]

    def build(self, *values: int) -> bytes:
        """Return the bytes of the named fields' values, in order.

        Raises
        ------
        WireError
            If a value is no whole number or does not fit its field.
        """
        try:
            if not self._constants:
                return self._form.pack(*values)
            given = iter(values)
            return self._form.pack(*(constant if name is None else next(given) for name, constant in self._fields))
        except struct.error as error:
            raise WireError(
                f"{dict(zip(self.names, values, strict=False))} does not fit its layout: {error}"
            ) from error

    def parse(self, data: bytes) -> tuple[int, ...]:
        """Return the values of the named fields.

        Raises
        ------
        WireError
            If the length is wrong, or a constant field has another value.
        """
        try:
            found = self._form.unpack(data)
        except struct.error as error:
            raise WireError(f"{len(data)} bytes instead of {self._form.size}") from error
        for place, constant in self._constants:
            if found[place] != constant:
                raise WireError(f"field {place} is {found[place]} instead of {constant}")
        return tuple([found[place] for place in self._places])

    @classmethod
    def of(cls, layout: Construct) -> FixedLayout:
        """Return the fixed form of a construct Struct.

        Raises
        ------
        InternalError
            If a field has no fixed size, or is not little-endian.
        """
        fields: list[tuple[str | None, str, int]] = []
        for part in layout.subcons:
            if part is Terminated:
                continue
            inner: Any = part.subcon if isinstance(part, Renamed | Const) else part
            if not isinstance(inner, FormatField) or inner.fmtstr[0] != "<":
                raise InternalError(f"{part.name or part} has no fixed size")
            constant = part.value if isinstance(part, Const) else 0
            fields.append((None if isinstance(part, Const) else part.name, inner.fmtstr[1:], constant))
        return cls(fields)


def row_dtype(layout: Construct) -> np.dtype[Any]:
    """Return a row's layout as numpy has it; what is reserved is 0."""
    fields = FixedLayout.of(layout).fields
    return np.dtype([(name or f"reserved{k}", f"<{_NUMPY[code]}") for k, (name, code) in enumerate(fields)])
