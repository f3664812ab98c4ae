"""Evaluate OpenQASM 3 expressions: to numbers where they are constant, to `Expression` where they aren't."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import openpulse.ast as ast

from qctl.errors import ParseError
from qctl.formats.limits import MAX_STEPS_3, Budget
from qctl.formats.openqasm3_parse import place_of
from qctl.formats.openqasm3_scope import Scope, converted
from qctl.formats.openqasm3_values import Bits, BitString, Duration, Qubits, binary, call, unary
from qctl.program.expressions import Expression

__all__ = ["Evaluator"]

_UNITS = {"s": Fraction(1), "ms": Fraction(1, 10**3), "us": Fraction(1, 10**6), "ns": Fraction(1, 10**9)}
_INTEGER_WORDS = frozenset(
    ["const", "bit", "neg", "add", "sub", "mul", "mod", "and", "or", "not", "xor", "eq", "ne", "lt", "le", "gt", "ge"]
)
_CODE_A_STEP = 16
"""Words of symbolic code that cost as much as a statement."""


class Evaluator:
    """Evaluate expressions in a scope.

    Attributes
    ----------
    scope : Scope
    budget : Budget
        What the whole text may cost.
    dt_s : Fraction
        Length of ``dt``.
    uses_dt : bool
        Whether a duration in dt has been met.
    integers : set of str
        Registers and parameters that are integers.
    functions : dict
        What a calibration block can call beside the built-in functions.
    """

    def __init__(self, scope: Scope, dt_s: Fraction) -> None:
        self.scope = scope
        self.budget = Budget(MAX_STEPS_3)
        self.dt_s = dt_s
        self.uses_dt = False
        self.integers: set[str] = set()
        self.functions: dict[str, Callable[[Any, list[Any]], Any]] = {}
        self.physical: Callable[[int], Qubits] = lambda index: Qubits((index,), True)
        self._kinds: dict[type, Callable[[Any], Any]] = {
            ast.Identifier: self._identifier,
            ast.IntegerLiteral: lambda node: binary("+", node.value, 0),
            ast.FloatLiteral: lambda node: binary("+", node.value, 0.0),
            ast.ImaginaryLiteral: lambda node: complex(0, node.value),
            ast.BooleanLiteral: lambda node: node.value,
            ast.BitstringLiteral: lambda node: BitString(node.value, node.width),
            ast.DurationLiteral: self._duration,
            ast.UnaryExpression: lambda node: unary(node.op.name, self.value(node.expression)),
            ast.BinaryExpression: self._binary,
            ast.IndexExpression: lambda node: self.indexed(self.value(node.collection), node.index),
            ast.FunctionCall: self._call,
            ast.Cast: self._cast,
            ast.IndexedIdentifier: self._indexed_identifier,
            ast.Concatenation: self._concatenation,
            ast.ArrayLiteral: lambda node: [self.value(item) for item in node.values],
        }

    def value(self, node: Any) -> Any:
        """Return an expression's value.

        Raises
        ------
        ParseError
            With the place of the innermost part that is wrong.
        """
        handler = self._kinds.get(type(node))
        if handler is None:
            raise ParseError(f"{type(node).__name__} is not supported", *place_of(node))
        try:
            found = handler(node)
        except ParseError as error:
            if error.line:
                raise
            raise ParseError(error.message, *place_of(node)) from None
        if isinstance(found, Expression):
            self.budget.spend(len(found.code) // _CODE_A_STEP, *place_of(node))
        return found

    def integer(self, node: Any, what: str) -> int:
        """Return a constant integer."""
        found = self.value(node)
        if isinstance(found, bool) or not isinstance(found, int):
            raise ParseError(f"{what} is not a constant integer", *place_of(node))
        return found

    def size(self, node: Any, what: str, most: int) -> int:
        """Return a constant size in [1, most]."""
        found = self.integer(node, what)
        if not 1 <= found <= most:
            raise ParseError(f"{what} = {found} is outside [1, {most}]", *place_of(node))
        return found

    def angle(self, node: Any) -> float | Expression:
        """Return a real number or an expression."""
        found = self.value(node)
        if isinstance(found, Expression):
            return found
        if isinstance(found, (bool, int, float)):
            return float(found)
        if isinstance(found, Bits):
            raise ParseError("a bit is no angle", *place_of(node))
        raise ParseError(f"a {type(found).__name__.lower()} is no angle", *place_of(node))

    def convert(self, value: Any, kind: Any) -> Any:
        """Return a value as a declared type wants it."""
        size = getattr(kind, "size", None)
        return converted(value, kind, None if size is None else self.size(size, "the type's size", 1 << 20))

    def indices(self, index: Any, length: int) -> tuple[list[int], bool]:
        """Return the positions that ``[…]`` picks from a register, and whether it is a single one."""
        if isinstance(index, ast.DiscreteSet):
            return [self._position(self.integer(item, "an index"), length, item) for item in index.values], False
        if len(index) != 1:
            raise ParseError("a register has one index", *place_of(index[0]))
        [item] = index
        if isinstance(item, ast.RangeDefinition):
            found = self.range(item, length)
            for position in (found[0], found[-1]) if found else ():
                if not 0 <= position < length:
                    raise ParseError(f"index = {position} is outside [0, {length - 1}]", *place_of(item))
            return list(found), False
        return [self._position(self.integer(item, "an index"), length, item)], True

    def range(self, node: ast.RangeDefinition, length: int | None = None) -> range:
        """Return ``start:step:end``, the end included; ends of a register's range may be missing or negative."""
        step = 1 if node.step is None else self.integer(node.step, "the step")
        if step == 0:
            raise ParseError("the step is 0", *place_of(node))
        if length is None and (node.start is None or node.end is None):
            raise ParseError("the range has no start or no end", *place_of(node))
        last = 0 if length is None else length - 1
        ends = []
        for end, default in ((node.start, 0 if step > 0 else last), (node.end, last if step > 0 else 0)):
            at = default if end is None else self.integer(end, "an end of the range")
            ends.append(at + length if length is not None and -length <= at < 0 else at)
        return range(ends[0], ends[1] + (1 if step > 0 else -1), step)

    def _position(self, index: int, length: int, node: Any) -> int:
        if not -length <= index < length:
            raise ParseError(f"index = {index} is outside [{-length}, {length - 1}]", *place_of(node))
        return index % length

    def indexed(self, collection: Any, index: Any) -> Any:
        """Return what ``collection[index]`` is."""
        if isinstance(collection, BitString):
            positions, single = self.indices(index, collection.width)
            picked = sum((collection.value >> p & 1) << k for k, p in enumerate(positions))
            return picked if single else BitString(picked, len(positions))
        if not isinstance(collection, (Qubits, Bits)) or collection.single:
            raise ParseError("only registers of qubits and bits have an index")
        positions, single = self.indices(index, len(collection.indices))
        if not positions:
            raise ParseError("the range is empty")
        numbers = tuple(collection.indices[p] for p in positions)
        if isinstance(collection, Qubits):
            return Qubits(numbers, single)
        return Bits(numbers, tuple(collection.names[p] for p in positions), single)

    def _identifier(self, node: ast.Identifier) -> Any:
        if node.name.startswith("$"):
            return self.physical(int(node.name[1:6]) if len(node.name) < 7 else 1 << 20)
        value = self.scope.lookup(node.name).value
        if value is None:
            raise ParseError(f"{node.name!r} has no value that is known here")
        return value

    def _indexed_identifier(self, node: ast.IndexedIdentifier) -> Any:
        found = self._identifier(node.name)
        for index in node.indices:
            found = self.indexed(found, index)
        return found

    def _duration(self, node: ast.DurationLiteral) -> Duration:
        if not abs(node.value) < 1e30:
            raise ParseError("the duration is too long")
        number = Fraction(repr(node.value))
        if node.unit.name == "dt":
            self.uses_dt = True
            return Duration(number * self.dt_s, number)
        return Duration(number * _UNITS[node.unit.name])

    def _binary(self, node: ast.BinaryExpression) -> Any:
        left, right = self.value(node.lhs), self.value(node.rhs)
        if node.op.name == "/" and all(isinstance(v, int) or self._is_integer(v) for v in (left, right)):
            if isinstance(left, int) and isinstance(right, int):
                return binary("/", left, right)
            raise ParseError("a division of integers that are not known before the run is not supported")
        return binary(node.op.name, left, right)

    def _is_integer(self, value: Any) -> bool:
        """Say whether a value is one of the run's integers."""
        if isinstance(value, (Bits, BitString)):
            return True
        if not isinstance(value, Expression):
            return False
        for word, x in value.code:
            if word == "const" and not float(x or 0).is_integer():
                return False
            if word not in _INTEGER_WORDS and x not in self.integers:
                return False
        return True

    def _concatenation(self, node: ast.Concatenation) -> Any:
        left, right = self.value(node.lhs), self.value(node.rhs)
        if isinstance(left, Qubits) and isinstance(right, Qubits):
            return Qubits(left.indices + right.indices)
        if isinstance(left, Bits) and isinstance(right, Bits):
            return Bits(left.indices + right.indices, left.names + right.names)
        raise ParseError("only registers of one kind can be joined by ++")

    def _call(self, node: ast.FunctionCall) -> Any:
        own = self.functions.get(node.name.name)
        arguments: Sequence[Any] = [self.value(argument) for argument in node.arguments]
        return own(node, list(arguments)) if own else call(node.name.name, list(arguments))

    def _cast(self, node: ast.Cast) -> Any:
        value = self.value(node.argument)
        if isinstance(value, Bits) and isinstance(node.type, ast.BoolType):
            return binary("!=", value, 0)
        return self.convert(value, node.type)
