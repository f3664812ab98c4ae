"""Expressions as OpenQASM 3 spells them."""

from __future__ import annotations

from collections.abc import Mapping

from qctl.errors import RequestError
from qctl.formats.writer import number_text
from qctl.program.expressions import LEAVES, OPERATORS, Expression

__all__ = ["expression_text"]

_SIGNS = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "mod": "%",
    "pow": "**",
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "and": "&&",
    "or": "||",
    "xor": "^",
}
_FUNCTIONS = {
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "exp": "exp",
    "log": "log",
    "sqrt": "sqrt",
    "floor": "floor",
    "ceil": "ceiling",
}


def expression_text(value: Expression, bits: Mapping[str, str]) -> str:
    """Return an expression as text; `bits` has what the text calls each bit.

    Raises
    ------
    RequestError
        For an operator that OpenQASM 3 lacks, or a sweep variable.
    """
    stack: list[str] = []
    for word, x in value.code:
        if word == "const":
            number = float(x or 0.0)
            whole = number.is_integer() and abs(number) < 2**53
            text = str(int(number)) + ".0" * _is_real(value) if whole else number_text(number)
            stack.append(f"({text})" if number < 0 else text)
        elif word in LEAVES:
            if word == "sweep":
                raise RequestError(f"sweep variable {x!r} can't be written as OpenQASM 3")
            stack.append(bits[str(x)] if word == "bit" else str(x))
        else:
            count = OPERATORS[word][0]
            operands = stack[-count:]
            del stack[-count:]
            stack.append(_applied(word, operands))
    text = stack[0]
    return text[1:-1] if text.startswith("(") and _closes_last(text) else text


def _is_real(value: Expression) -> bool:
    """Say whether the expression is of real numbers; those of bits and registers keep their integers."""
    return all(word not in ("bit", "register") for word, _ in value.code)


def _applied(word: str, operands: list[str]) -> str:
    if word == "neg":
        return f"(-{operands[0]})"
    if word == "not":
        return f"(!{operands[0]})"
    if word in _SIGNS:
        return f"({operands[0]} {_SIGNS[word]} {operands[1]})"
    if word in _FUNCTIONS:
        return f"{_FUNCTIONS[word]}({operands[0]})"
    raise RequestError(f"operator {word!r} can't be written as OpenQASM 3")


def _closes_last(text: str) -> bool:
    """Say whether the first bracket closes with the last character."""
    depth = 0
    for position, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return position == len(text) - 1
    return False
