"""Read OpenQASM 2 angle expressions: numbers at once, gate bodies as postfix code."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from openqasm2_twin.tokens import END, Tokens
from qctl.errors import ParseError
from qctl.formats.limits import MAX_NESTING

__all__ = ["Angle", "angle_value", "read_angle", "read_angles"]

Step = tuple[Callable[..., float] | None, float, int]
"""Function (None for a leaf), the leaf's number, and the leaf's parameter index (-1 for a number)."""
Angle = float | list[Step]
"""A number, or postfix code over the parameters of the gate around it."""

_FUNCTIONS: dict[str, Callable[[float], float]] = {
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "exp": math.exp,
    "ln": math.log,
    "sqrt": math.sqrt,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
}
# Binary sign → binding strength to the left, strength that its right side must exceed, function.
_BINARY: dict[str, tuple[int, int, Callable[[float, float], float]]] = {
    "+": (1, 1, lambda x, y: x + y),
    "-": (1, 1, lambda x, y: x - y),
    "*": (2, 2, lambda x, y: x * y),
    "/": (2, 2, lambda x, y: x / y),
    "^": (4, 3, math.pow),
}
_SIGN_STRENGTH = 3


def _negative(x: float) -> float:
    return -x


def read_angles(tokens: Tokens, parameters: dict[str, int]) -> list[Angle]:
    """Read ``( a, b, … )`` if it stands here; `parameters` has the names that a gate body may use.

    Raises
    ------
    ParseError
        For anything that isn't a list of expressions with finite values.
    """
    angles: list[Angle] = []
    if not tokens.accept("("):
        return angles
    if tokens.accept(")"):
        return angles
    while True:
        angles.append(read_angle(tokens, parameters))
        if tokens.accept(")"):
            return angles
        tokens.expect(",")


def read_angle(tokens: Tokens, parameters: dict[str, int]) -> Angle:
    """Read one expression."""
    return _read(tokens, parameters, 0, 0)


def angle_value(angle: Angle, values: Sequence[float]) -> float:
    """Return the number of an angle, given the values of the gate's parameters.

    Raises
    ------
    ParseError
        If it is undefined or not finite.
    """
    if isinstance(angle, float):
        return angle
    stack: list[float] = []
    for function, number, index in angle:
        if function is None:
            stack.append(values[index] if index >= 0 else number)
        elif index == 1:
            stack.append(_apply(function, stack.pop()))
        else:
            right = stack.pop()
            stack.append(_apply(function, stack.pop(), right))
    return stack[0]


def _apply(function: Callable[..., float], *operands: float) -> float:
    try:
        result = function(*operands)
    except (ArithmeticError, ValueError) as error:
        raise ParseError(f"the expression is undefined for {operands}: {error}") from None
    if not math.isfinite(result):
        raise ParseError(f"the expression is not finite for {operands}")
    return result


def _join(tokens: Tokens, at: int, function: Callable[..., float], *operands: Angle) -> Angle:
    """Return a function's value if its operands are numbers, else the joined code."""
    numbers = [operand for operand in operands if isinstance(operand, float)]
    if len(numbers) == len(operands):
        try:
            return _apply(function, *numbers)
        except ParseError as error:
            raise tokens.error(error.message, at) from None
    first = operands[0]
    code: list[Step] = first if isinstance(first, list) else [(None, first, -1)]
    for operand in operands[1:]:
        code.extend(operand if isinstance(operand, list) else [(None, operand, -1)])
    code.append((function, 0.0, len(operands)))
    return code


def _read(tokens: Tokens, parameters: dict[str, int], strength: int, depth: int) -> Angle:
    """Read an expression of binary signs that bind stronger than `strength`."""
    if depth > MAX_NESTING:
        raise tokens.error(f"the expression is nested more than {MAX_NESTING} deep")
    left = _read_operand(tokens, parameters, depth)
    while True:
        binary = _BINARY.get(tokens.next)
        if binary is None or binary[0] <= strength:
            return left
        at = tokens.index
        tokens.take()
        left = _join(tokens, at, binary[2], left, _read(tokens, parameters, binary[1], depth + 1))


def _read_operand(tokens: Tokens, parameters: dict[str, int], depth: int) -> Angle:
    at = tokens.index
    text = tokens.take()
    first = text[0]
    if first.isdigit() or first == ".":
        number = float(text)
        if not math.isfinite(number):
            raise tokens.error("the number is too large", at)
        return number
    if text == "pi":
        return math.pi
    if text in parameters:
        return [(None, 0.0, parameters[text])]
    if text == "-":
        return _join(tokens, at, _negative, _read(tokens, parameters, _SIGN_STRENGTH, depth + 1))
    if text == "+":
        return _read(tokens, parameters, _SIGN_STRENGTH, depth + 1)
    if text == "(":
        inner = _read(tokens, parameters, 0, depth + 1)
        tokens.expect(")")
        return inner
    if text in _FUNCTIONS:
        tokens.expect("(")
        inner = _read(tokens, parameters, 0, depth + 1)
        tokens.expect(")")
        return _join(tokens, at, _FUNCTIONS[text], inner)
    tokens.index = at
    if text is not END and (first.isalpha() or first == "_"):
        raise tokens.error(f"{tokens.shown()} is neither a parameter nor a function of OpenQASM 2")
    raise tokens.error(f"expected an expression, found {tokens.shown()}")
