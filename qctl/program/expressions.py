"""Symbolic numbers: postfix code over parameters, sweep variables, registers and bits."""

from __future__ import annotations

import math
import numbers
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from qctl.errors import RequestError

__all__ = [
    "LEAVES",
    "MOST_TOKENS",
    "OPERATORS",
    "Expression",
    "Parameter",
    "Value",
    "bit",
    "constant_value",
    "register",
    "sweep_variable",
]

LEAVES = ("const", "param", "sweep", "register", "bit")
"""Leaves of the postfix code: each carries its number or name."""

OPERATORS: dict[str, tuple[int, Callable[..., float]]] = {
    "neg": (1, lambda x: -x),
    "add": (2, lambda x, y: x + y),
    "sub": (2, lambda x, y: x - y),
    "mul": (2, lambda x, y: x * y),
    "div": (2, lambda x, y: x / y),
    "pow": (2, math.pow),
    "mod": (2, lambda x, y: x % y),
    "sin": (1, math.sin),
    "cos": (1, math.cos),
    "tan": (1, math.tan),
    "asin": (1, math.asin),
    "acos": (1, math.acos),
    "atan": (1, math.atan),
    "exp": (1, math.exp),
    "log": (1, math.log),
    "sqrt": (1, math.sqrt),
    "abs": (1, abs),
    "floor": (1, lambda x: float(math.floor(x))),
    "ceil": (1, lambda x: float(math.ceil(x))),
    "eq": (2, lambda x, y: float(x == y)),
    "ne": (2, lambda x, y: float(x != y)),
    "lt": (2, lambda x, y: float(x < y)),
    "le": (2, lambda x, y: float(x <= y)),
    "gt": (2, lambda x, y: float(x > y)),
    "ge": (2, lambda x, y: float(x >= y)),
    "and": (2, lambda x, y: float(bool(x) and bool(y))),
    "or": (2, lambda x, y: float(bool(x) or bool(y))),
    "not": (1, lambda x: float(not x)),
    "xor": (2, lambda x, y: float(int(x) ^ int(y))),
}
"""Operators of the postfix code: how many operands each takes, and what it does to floats."""

MOST_TOKENS = 4096
"""Longest postfix code that the format takes."""

_CELL = struct.Struct("<d")

Token = tuple[str, "str | float | None"]


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """A number that is known later, as postfix code.

    Attributes
    ----------
    code : tuple of (word, argument)
        Leaves ``("const", 2.0)``, ``("param", "a")``, ``("sweep", name)``, ``("register", name)``, ``("bit", name)``
        and operators ``("mul", None)``, in postfix order.
    """

    code: tuple[Token, ...]

    def key(self) -> tuple[object, ...]:
        """Return what tells two expressions apart, floats to the bit."""
        return tuple((word, _CELL.pack(x) if isinstance(x, float) else x) for word, x in self.code)

    def same_as(self, other: Expression) -> bool:
        """Say whether both have the same code."""
        return self.key() == other.key()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and self.key() == other.key()

    def __hash__(self) -> int:
        return hash(self.key())

    def names(self, kind: str = "param") -> tuple[str, ...]:
        """Return the names of the leaves of one kind, each once, in order."""
        return tuple(dict.fromkeys(str(x) for word, x in self.code if word == kind))

    def evaluate(self, values: Mapping[str, float]) -> float:
        """Return the number, from a value for each name (of whatever kind).

        Raises
        ------
        RequestError
            If a name has no value, or the result is undefined.
        """
        stack: list[float] = []
        for word, x in self.code:
            if word == "const":
                stack.append(float(x))  # type: ignore[arg-type]
            elif word in LEAVES:
                if x not in values:
                    raise RequestError(f"{word} {x!r} has no value in {self}")
                stack.append(float(values[str(x)]))
            else:
                count, function = OPERATORS[word]
                operands = stack[-count:]
                del stack[-count:]
                try:
                    stack.append(function(*operands))
                except (ArithmeticError, ValueError) as error:
                    raise RequestError(f"{word}{tuple(operands)} is undefined in {self}: {error}") from None
        return stack[0]

    def substitute(self, values: Mapping[str, float], kind: str = "param") -> Expression | float:
        """Return it with the named leaves of one kind replaced; a float once no leaf is left."""
        code = tuple(("const", float(values[str(x)])) if w == kind and x in values else (w, x) for w, x in self.code)
        new = Expression(code)
        if all(word == "const" or word in OPERATORS for word, _ in code):
            return new.evaluate({})
        return new

    def __str__(self) -> str:
        stack: list[str] = []
        for word, x in self.code:
            if word in LEAVES:
                stack.append(repr(x) if word == "const" else str(x))
            else:
                count = OPERATORS[word][0]
                stack[-count:] = [f"{word}({', '.join(stack[-count:])})"]
        return stack[0] if len(stack) == 1 else repr(self.code)

    def _with(self, word: str, other: Any, swapped: bool = False) -> Expression:
        mine, theirs = self.code, _code(other)
        if theirs is None:
            return NotImplemented  # type: ignore[no-any-return]
        if len(mine) + len(theirs) >= MOST_TOKENS:
            raise RequestError(f"an expression of {len(mine) + len(theirs) + 1} tokens is over {MOST_TOKENS}")
        return Expression((*theirs, *mine, (word, None)) if swapped else (*mine, *theirs, (word, None)))

    def _unary(self, word: str) -> Expression:
        return Expression((*self.code, (word, None)))

    def __add__(self, other: Any) -> Expression:
        return self._with("add", other)

    def __radd__(self, other: Any) -> Expression:
        return self._with("add", other, True)

    def __sub__(self, other: Any) -> Expression:
        return self._with("sub", other)

    def __rsub__(self, other: Any) -> Expression:
        return self._with("sub", other, True)

    def __mul__(self, other: Any) -> Expression:
        return self._with("mul", other)

    def __rmul__(self, other: Any) -> Expression:
        return self._with("mul", other, True)

    def __truediv__(self, other: Any) -> Expression:
        return self._with("div", other)

    def __rtruediv__(self, other: Any) -> Expression:
        return self._with("div", other, True)

    def __pow__(self, other: Any) -> Expression:
        return self._with("pow", other)

    def __rpow__(self, other: Any) -> Expression:
        return self._with("pow", other, True)

    def __mod__(self, other: Any) -> Expression:
        return self._with("mod", other)

    def __neg__(self) -> Expression:
        return self._unary("neg")

    def __abs__(self) -> Expression:
        return self._unary("abs")

    def __lt__(self, other: Any) -> Expression:
        return self._with("lt", other)

    def __le__(self, other: Any) -> Expression:
        return self._with("le", other)

    def __gt__(self, other: Any) -> Expression:
        return self._with("gt", other)

    def __ge__(self, other: Any) -> Expression:
        return self._with("ge", other)

    def equals(self, other: Any) -> Expression:
        """Return the condition that both are equal (``==`` compares the code itself)."""
        return self.apply("eq", other)

    def differs(self, other: Any) -> Expression:
        """Return the condition that both are unequal."""
        return self.apply("ne", other)

    def sin(self) -> Expression:
        """Return its sine; ``numpy.sin`` finds this method too."""
        return self._unary("sin")

    def cos(self) -> Expression:
        """Return its cosine."""
        return self._unary("cos")

    def tan(self) -> Expression:
        """Return its tangent."""
        return self._unary("tan")

    def exp(self) -> Expression:
        """Return e to its power."""
        return self._unary("exp")

    def log(self) -> Expression:
        """Return its natural logarithm."""
        return self._unary("log")

    def sqrt(self) -> Expression:
        """Return its square root."""
        return self._unary("sqrt")

    def apply(self, word: str, *others: Any) -> Expression:
        """Return any operator of `OPERATORS` applied to it, and to others if it takes two.

        Raises
        ------
        RequestError
            If there is no such operator, or it takes another number of operands.
        """
        if word not in OPERATORS or OPERATORS[word][0] != 1 + len(others):
            raise RequestError(f"operator {word!r} with {1 + len(others)} operands is none of {sorted(OPERATORS)}")
        if not others:
            return self._unary(word)
        if _code(others[0]) is None:
            raise RequestError(f"{others[0]!r} is not a number or expression")
        return self._with(word, others[0])


Value = float | Expression


def _code(value: Any) -> tuple[Token, ...] | None:
    """Return postfix code of a number or expression, or None for anything else."""
    if isinstance(value, Expression):
        return value.code
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return (("const", constant_value(value)),)
    return None


def constant_value(value: Any, what: str = "value") -> float:
    """Return a finite float.

    Raises
    ------
    RequestError
        If it is no real number, or NaN, or infinite.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise RequestError(f"{what} = {value!r} is not a number or expression")
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise RequestError(f"{what} = {value!r} is not a finite number")
    return found


def _leaf(kind: str, name: str) -> Expression:
    if not isinstance(name, str) or not name:
        raise RequestError(f"{kind} name = {name!r} is not a non-empty string")
    return Expression(((kind, name),))


def Parameter(name: str) -> Expression:
    """Return an input of a program, bound later with ``program.bind(name=value)``."""
    return _leaf("param", name)


def sweep_variable(name: str) -> Expression:
    """Return the current value of a sweep."""
    return _leaf("sweep", name)


def register(name: str) -> Expression:
    """Return the current value of an i64 or f64 register."""
    return _leaf("register", name)


def bit(name: str) -> Expression:
    """Return the current value of a bit: 0 or 1."""
    return _leaf("bit", name)
