"""slope: an expression's value and its derivatives by its parameters, by dual numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from qctl.errors import RequestError
from qctl.program.expressions import LEAVES, OPERATORS, Expression

__all__ = ["slope"]

_BY_FIRST: dict[str, Callable[..., float]] = {
    "neg": lambda x: -1.0,
    "add": lambda x, y: 1.0,
    "sub": lambda x, y: 1.0,
    "mul": lambda x, y: y,
    "div": lambda x, y: 1 / y,
    "pow": lambda x, y: y * math.pow(x, y - 1),
    "sin": math.cos,
    "cos": lambda x: -math.sin(x),
    "tan": lambda x: 1 + math.tan(x) ** 2,
    "asin": lambda x: 1 / math.sqrt(1 - x * x),
    "acos": lambda x: -1 / math.sqrt(1 - x * x),
    "atan": lambda x: 1 / (1 + x * x),
    "exp": math.exp,
    "log": lambda x: 1 / x,
    "sqrt": lambda x: 0.5 / math.sqrt(x),
    "abs": lambda x: math.copysign(1.0, x),
}
_BY_SECOND: dict[str, Callable[[float, float], float]] = {
    "add": lambda x, y: 1.0,
    "sub": lambda x, y: -1.0,
    "mul": lambda x, y: x,
    "div": lambda x, y: -x / (y * y),
    "pow": lambda x, y: math.log(x) * math.pow(x, y),
}


def slope(expression: Expression, values: Mapping[str, float]) -> tuple[float, dict[str, float]]:
    """Return an expression's value, and its derivative by each parameter in it.

    Raises
    ------
    RequestError
        If a parameter has no value, or an operator on the way from a parameter has no derivative there.
    """
    stack: list[tuple[float, dict[str, float]]] = []
    for word, x in expression.code:
        if word in LEAVES:
            alone = Expression(((word, x),)).evaluate(values)
            stack.append((alone, {str(x): 1.0} if word == "param" else {}))
            continue
        count = OPERATORS[word][0]
        operands = stack[-count:]
        del stack[-count:]
        numbers = [value for value, _ in operands]
        total: dict[str, float] = {}
        try:
            value = OPERATORS[word][1](*numbers)
            for (_, inner), table in zip(operands, (_BY_FIRST, _BY_SECOND), strict=False):
                if inner:
                    factor = table[word](*numbers)
                    for name, rate in inner.items():
                        total[name] = total.get(name, 0.0) + factor * rate
        except KeyError:
            raise RequestError(f"{word} in {expression} has no derivative") from None
        except (ArithmeticError, ValueError) as error:
            raise RequestError(f"{word}{tuple(numbers)} has no derivative in {expression}: {error}") from None
        stack.append((float(value), total))
    return stack[0]
