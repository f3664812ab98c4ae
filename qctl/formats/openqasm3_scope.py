"""The names of an OpenQASM 3 text: scopes, variables and the conversion to declared types."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import openpulse.ast as ast

from qctl.errors import ParseError
from qctl.formats.openqasm3_values import Bits, BitString, Duration, as_number
from qctl.program.expressions import Expression

__all__ = ["CONSTANTS", "Entry", "Scope", "converted", "type_name"]

CONSTANTS: dict[str, float] = {
    "pi": math.pi,
    "π": math.pi,
    "tau": math.tau,
    "τ": math.tau,
    "euler": math.e,
    "ℇ": math.e,
}
"""Names that OpenQASM 3 defines."""


@dataclass(slots=True)
class Entry:
    """A name: its value, its declared type, and whether a statement may assign to it.

    `register` is the program's register of a variable that changes under conditions of the run; otherwise the value
    is known while reading.
    """

    value: Any
    type: ast.ClassicalType | None = None
    mutable: bool = False
    register: str = ""


class Scope:
    """Hold names in nested scopes; inner ones hide outer ones."""

    def __init__(self) -> None:
        self._levels: list[dict[str, Entry]] = [{name: Entry(value) for name, value in CONSTANTS.items()}, {}]

    @contextmanager
    def inner(self, names: dict[str, Entry] | None = None) -> Iterator[None]:
        """Open a scope for the block of a ``with`` statement."""
        self._levels.append(names if names is not None else {})
        try:
            yield
        finally:
            self._levels.pop()

    @contextmanager
    def inside_gate(self, names: dict[str, Entry]) -> Iterator[None]:
        """Show the global names and the gate's own alone, for the block of a ``with`` statement."""
        levels = self._levels
        self._levels = [*levels[:2], names]
        try:
            yield
        finally:
            self._levels = levels

    @property
    def is_global(self) -> bool:
        """Say whether the outermost scope of the text is the current one."""
        return len(self._levels) == 2

    def declare(self, name: str, entry: Entry) -> None:
        """Add a name to the current scope; raise ParseError if it is there."""
        if name in self._levels[-1] or (self.is_global and name in CONSTANTS):
            raise ParseError(f"{name!r} is already defined")
        self._levels[-1][name] = entry

    def find(self, name: str) -> Entry | None:
        """Return the innermost entry of a name, or None."""
        for level in reversed(self._levels):
            if name in level:
                return level[name]
        return None

    def lookup(self, name: str) -> Entry:
        """Return the innermost entry of a name; raise ParseError if there is none."""
        entry = self.find(name)
        if entry is None:
            raise ParseError(f"{name!r} is not defined")
        return entry


def type_name(kind: Any) -> str:
    """Return a declared type as the text spells it."""
    return type(kind).__name__.removesuffix("Type").lower()


def converted(value: Any, kind: Any, size: int | None) -> Any:
    """Return a value as its declared type wants it.

    Parameters
    ----------
    value : any value of an expression
    kind : ast.ClassicalType
    size : int or None
        The type's size in bits, if it states one.

    Raises
    ------
    ParseError
        If the value doesn't fit the type.
    """
    name = type_name(kind)
    if name == "duration":
        if not isinstance(value, Duration):
            raise ParseError("the value of a duration is not a duration")
        return value
    if name == "bit":
        return _bits(value, size)
    number = as_number(value)
    if name == "complex":
        return complex(number) if not isinstance(number, Expression) else number
    if isinstance(number, Expression):
        return number
    if isinstance(number, complex):
        raise ParseError(f"a complex number is not of type {name}")
    if name in ("float", "angle"):
        return float(number)
    if name == "bool":
        return bool(number)
    if name in ("int", "uint"):
        return _integer(number, name, 64 if size is None else size)
    raise ParseError(f"type {name!r} is not supported")


def _integer(number: Any, name: str, size: int) -> int:
    found = int(number)
    low, high = (0, (1 << size) - 1) if name == "uint" else (-(1 << (size - 1)), (1 << (size - 1)) - 1)
    if not low <= found <= high:
        raise ParseError(f"{found} is outside [{low}, {high}] of {name}[{size}]")
    return found


def _bits(value: Any, size: int | None) -> Any:
    width = 1 if size is None else size
    if isinstance(value, Bits):
        if len(value.names) != width:
            raise ParseError(f"{len(value.names)} bits are not bit[{width}]")
        return value
    if isinstance(value, BitString) and value.width != width:
        raise ParseError(f"{value.width} bits are not bit[{width}]")
    number = as_number(value)
    if isinstance(number, Expression):
        return number
    if not isinstance(number, int) or not 0 <= number < 1 << width:
        raise ParseError(f"{number} does not fit in bit[{width}]")
    return BitString(int(number), width)
