"""The values that OpenQASM 3 expressions have at reading time, and their arithmetic."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from qctl.errors import ParseError
from qctl.formats.conditions import EXACT_BITS, bits_equal, bits_value, is_set
from qctl.program.expressions import Expression
from qctl.program.tables import Waveform

__all__ = ["BitString", "Bits", "Duration", "Frame", "Pulse", "Qubits", "as_number", "binary", "call", "unary"]

MAX_CODE = 2_000
"""Words of one symbolic expression."""
_MAX_INTEGER = 1 << 64
_MAX_FRACTION_BITS = 8_192


@dataclass(frozen=True, slots=True)
class Qubits:
    """Qubits of the program; `single` tells ``q[0]`` from a register of one."""

    indices: tuple[int, ...]
    single: bool = False


@dataclass(frozen=True, slots=True)
class Bits:
    """Classical bits of the program, by index and name."""

    indices: tuple[int, ...]
    names: tuple[str, ...]
    single: bool = False


@dataclass(frozen=True, slots=True)
class BitString:
    """A constant ``"0101"``: the last digit is bit 0."""

    value: int
    width: int


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time: exact seconds, or an expression; `ticks` counts dt if it was written in them."""

    seconds: Fraction | Expression
    ticks: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """A port or frame of the program, by its name there."""

    name: str
    is_port: bool = False


@dataclass(frozen=True, slots=True)
class Pulse:
    """A waveform and the phase that its complex amplitude adds to the frame while it plays."""

    waveform: Waveform
    phase_rad: Any = 0.0


def as_number(value: Any) -> Any:
    """Return bits as an expression, a bit string as an integer, and numbers as they are.

    Raises
    ------
    ParseError
        For anything that has no number.
    """
    if isinstance(value, Bits):
        if len(value.names) > EXACT_BITS:
            raise ParseError(f"a register of {len(value.names)} bits as a number, more than {EXACT_BITS}")
        return bits_value(value.names)
    if isinstance(value, BitString):
        return value.value
    if isinstance(value, (bool, int, float, complex, Expression)):
        return value
    raise ParseError(f"a {type(value).__name__.lower()} is not a number")


def checked(value: Any) -> Any:
    """Return a result that is finite and not too large; raise ParseError otherwise."""
    if isinstance(value, Expression):
        if len(value.code) > MAX_CODE:
            raise ParseError(f"the expression has {len(value.code)} words, more than {MAX_CODE}")
    elif isinstance(value, int):
        if not -_MAX_INTEGER < value < _MAX_INTEGER:
            raise ParseError("the integer does not fit in 64 bits")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ParseError("the value is not finite")
    return value


def _divide(x: Any, y: Any) -> Any:
    if isinstance(x, int) and isinstance(y, int):
        quotient = abs(x) // abs(y)
        return quotient if (x < 0) == (y < 0) else -quotient
    return x / y


def _remainder(x: Any, y: Any) -> Any:
    if isinstance(x, int) and isinstance(y, int):
        return x - y * _divide(x, y)
    return math.fmod(x, y)


def _power(x: Any, y: Any) -> Any:
    if isinstance(x, int) and isinstance(y, int):
        if y >= 0:
            if y * max(abs(x).bit_length(), 1) > 128 and abs(x) > 1:
                raise ParseError("the integer does not fit in 64 bits")
            return x**y if abs(x) > 1 else x ** (2 + y % 2 if y > 1 else y)
        return float(x) ** y
    result = x**y
    if isinstance(result, complex) and not isinstance(x, complex) and not isinstance(y, complex):
        raise ParseError(f"{x} ** {y} is not real")
    return result


def _shift(x: int, y: int, left: bool) -> int:
    if not isinstance(x, int) or not isinstance(y, int) or not 0 <= y <= 64:
        raise ParseError(f"{x} can't be shifted by {y}")
    return x << y if left else x >> y


def _whole(function: Callable[[int, int], int]) -> Callable[[Any, Any], Any]:
    def apply(x: Any, y: Any) -> Any:
        if not isinstance(x, int) or not isinstance(y, int):
            raise ParseError(f"{x} and {y} are not both integers")
        return function(x, y)

    return apply


_PLAIN: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": _remainder,
    "**": _power,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "&&": lambda x, y: bool(x) and bool(y),
    "||": lambda x, y: bool(x) or bool(y),
    "&": _whole(operator.and_),
    "|": _whole(operator.or_),
    "^": _whole(operator.xor),
    "<<": lambda x, y: _shift(x, y, True),
    ">>": lambda x, y: _shift(x, y, False),
}
_SYMBOLIC = {
    "+": "add",
    "-": "sub",
    "*": "mul",
    "/": "div",
    "%": "mod",
    "**": "pow",
    "==": "eq",
    "!=": "ne",
    "<": "lt",
    "<=": "le",
    ">": "gt",
    ">=": "ge",
    "&&": "and",
    "||": "or",
}
_ON_BITS = {"&": "and", "|": "or", "^": "xor"}


def binary(sign: str, x: Any, y: Any) -> Any:
    """Return ``x sign y``.

    Raises
    ------
    ParseError
        If the operator doesn't take these, or the result is undefined; without a place.
    """
    if isinstance(x, Duration) or isinstance(y, Duration):
        return _durations(sign, x, y)
    if sign in ("==", "!=") and isinstance(y, Bits) and not isinstance(x, Bits):
        x, y = y, x
    if sign in ("==", "!=") and isinstance(x, Bits) and isinstance(y, (bool, int, BitString)):
        if isinstance(y, BitString) and y.width != len(x.names):
            raise ParseError(f"{len(x.names)} bits are compared with {y.width}")
        equal = bits_equal(x.names, int(as_number(y)))
        return equal if sign == "==" else equal.apply("not")
    single = all(isinstance(v, (bool, Bits)) and getattr(v, "single", True) for v in (x, y))
    x, y = as_number(x), as_number(y)
    try:
        if not isinstance(x, Expression) and not isinstance(y, Expression):
            return checked(_PLAIN[sign](x, y))
        if sign in _ON_BITS and single:
            word = _ON_BITS[sign]
        elif sign in _SYMBOLIC:
            word = _SYMBOLIC[sign]
        else:
            raise ParseError(f"operator {sign} on values that are not known before the run")
        return checked(_expression(x).apply(word, _expression(y)))
    except (ArithmeticError, ValueError, TypeError) as error:
        raise ParseError(f"{sign} is undefined here: {error}") from None


def _expression(value: Any) -> Expression:
    if isinstance(value, Expression):
        return value
    if isinstance(value, complex):
        raise ParseError("a complex number with a value that is not known before the run")
    return Expression((("const", float(checked(value))),))


def _durations(sign: str, x: Any, y: Any) -> Any:
    both = isinstance(x, Duration) and isinstance(y, Duration)
    if sign in ("+", "-") and both:
        ticks = None if x.ticks is None or y.ticks is None else _PLAIN[sign](x.ticks, y.ticks)
        return Duration(_seconds(sign, x.seconds, y.seconds), ticks)
    if sign in ("*", "/") and not both and not (sign == "/" and isinstance(y, Duration)):
        length, factor = (x, as_number(y)) if isinstance(x, Duration) else (y, as_number(x))
        if isinstance(factor, (int, float)) and (factor or sign == "*"):
            exact = Fraction(checked(factor)) if isinstance(factor, int) else Fraction(repr(checked(factor)))
            factor = exact if sign == "*" else 1 / exact
            ticks = None if length.ticks is None else length.ticks * factor
            return Duration(_seconds("*", length.seconds, factor), ticks)
        if isinstance(factor, Expression):
            if sign == "*" and length.seconds == 1:
                return Duration(factor)
            return Duration(_seconds(sign, length.seconds, factor))
    if both and not isinstance(x.seconds, Expression) and not isinstance(y.seconds, Expression):
        if sign == "/" and y.seconds:
            return float(x.seconds / y.seconds)
        if sign in ("==", "!=", "<", "<=", ">", ">="):
            return _PLAIN[sign](x.seconds, y.seconds)
    raise ParseError(f"operator {sign} on these durations")


def _seconds(sign: str, x: Any, y: Any) -> Fraction | Expression:
    if isinstance(x, Expression) or isinstance(y, Expression):
        left, right = (v if isinstance(v, Expression) else _expression(float(v)) for v in (x, y))
        found: Expression = checked(left.apply(_SYMBOLIC[sign], right))
        return found
    result: Fraction = _PLAIN[sign](x, y)
    if result.numerator.bit_length() + result.denominator.bit_length() > _MAX_FRACTION_BITS:
        raise ParseError("the duration has too many digits")
    return result


def unary(sign: str, x: Any) -> Any:
    """Return ``-x``, ``!x`` or ``~x``; raise ParseError where that has no meaning."""
    if sign == "-":
        if isinstance(x, Duration):
            return binary("*", x, -1)
        x = as_number(x)
        return checked(_expression(x).apply("neg") if isinstance(x, Expression) else -x)
    if isinstance(x, Bits) and (sign == "!" or len(x.names) == 1):
        return is_set(x.names[0], False) if x.single or len(x.names) == 1 else bits_equal(x.names, 0)
    if sign == "~" and isinstance(x, BitString):
        return BitString(~x.value & ((1 << x.width) - 1), x.width)
    x = as_number(x)
    if sign == "!":
        return x.apply("not") if isinstance(x, Expression) else not x
    if isinstance(x, bool):
        return not x
    raise ParseError("operator ~ on a value that is neither a bit nor a constant bit string")


_FUNCTIONS: dict[str, tuple[Callable[..., Any], str | None]] = {
    "arccos": (math.acos, "acos"),
    "arcsin": (math.asin, "asin"),
    "arctan": (math.atan, "atan"),
    "ceiling": (math.ceil, "ceil"),
    "cos": (math.cos, "cos"),
    "exp": (math.exp, "exp"),
    "floor": (math.floor, "floor"),
    "log": (math.log, "log"),
    "mod": (_remainder, "mod"),
    "pow": (_power, "pow"),
    "sin": (math.sin, "sin"),
    "sqrt": (math.sqrt, "sqrt"),
    "tan": (math.tan, "tan"),
}
_TWO = ("mod", "pow")


def call(name: str, arguments: list[Any]) -> Any:
    """Return a built-in function's value; raise ParseError if there is none."""
    if name == "popcount" and len(arguments) == 1 and isinstance(arguments[0], (BitString, int)):
        return as_number(arguments[0]).bit_count()
    if name not in _FUNCTIONS:
        raise ParseError(f"function {name!r} is not supported")
    if len(arguments) != (2 if name in _TWO else 1):
        raise ParseError(f"function {name!r} does not take {len(arguments)} arguments")
    function, word = _FUNCTIONS[name]
    values = [as_number(argument) for argument in arguments]
    try:
        if any(isinstance(value, Expression) for value in values):
            first, *others = (_expression(value) for value in values)
            return checked(first.apply(str(word), *others))
        return checked(function(*values))
    except (ArithmeticError, ValueError, TypeError) as error:
        raise ParseError(f"{name} is undefined here: {error}") from None
