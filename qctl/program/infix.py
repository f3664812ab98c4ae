"""Reads values of text assembly: numbers and infix expressions, by operator precedence without recursion."""

from __future__ import annotations

import math
from typing import Any

from qctl.program.expressions import LEAVES, OPERATORS, Expression, Value
from qctl.program.text import INFIX, RESERVED
from qctl.program.tokens import Line

__all__ = ["arguments", "code", "value"]

_SIGNS = {sign: (word, tight) for word, (sign, tight) in INFIX.items()}
_MINUS = ("neg", 3)


def value(line: Line, program: Any) -> Value:
    """Take a value; what has only numbers in it becomes one."""
    found = Expression(code(line, program))
    if len(found.code) == 1 and found.code[0][0] == "const":
        number = found.code[0][1]
        assert isinstance(number, float)
        return number
    if all(word == "const" or word in OPERATORS for word, _ in found.code) and line.tokens[line.at - 2][1] != "@":
        return found.evaluate({})
    return found


def arguments(line: Line, program: Any) -> list[Value]:
    """Take values in parentheses."""
    found: list[Value] = []
    line.expect("(")
    while not line.accept(")"):
        if found:
            line.expect(",")
        found.append(value(line, program))
    return found


def code(line: Line, program: Any) -> tuple[tuple[str, str | float | None], ...]:
    """Take an expression as postfix code; operators wait on a stack, calls with their count of operands."""
    done: list[tuple[str, str | float | None]] = []
    waiting: list[tuple[str, int]] = []

    def settle(tight: int) -> None:
        while waiting and waiting[-1][1] >= tight:
            done.append((waiting.pop()[0], None))

    while True:
        if _operand(line, program, done, waiting):
            continue
        while line.peek() in (")", ",") and any(tight <= 0 for _, tight in waiting):
            settle(1)
            word, count = waiting.pop()
            sign = line.take()
            if sign == ",":
                if not word:
                    raise line.fail("',' stands outside of a call")
                waiting.append((word, count - 1))
                break
            if word:
                if OPERATORS[word][0] != 1 - count:
                    raise line.fail(f"{word} takes {OPERATORS[word][0]} operands, not {1 - count}")
                done.append((word, None))
        else:
            if line.peek() in _SIGNS and line.kind() == "sign":
                word, tight = _SIGNS[line.take()]
                settle(tight)
                waiting.append((word, tight))
                continue
            settle(1)
            if waiting:
                raise line.fail("a parenthesis is not closed")
            return tuple(done)


def _operand(line: Line, program: Any, done: list, waiting: list[tuple[str, int]]) -> bool:
    """Take one operand; True if an operator or parenthesis came first, so that the operand is still to come."""
    if line.kind() == "number":
        done.append(("const", line.number()))
    elif line.accept("-"):
        if line.kind() != "number":
            waiting.append(_MINUS)
            return True
        number = line.number()
        done.append(("const", math.copysign(number, -1.0) if not math.isnan(number) else number))
    elif line.accept("("):
        waiting.append(("", 0))
        return True
    elif line.accept("@"):
        index = line.whole()
        if index >= len(program._expressions):
            raise line.fail(f"expression @{index} is not in the table")
        done.extend(program._expressions[index].code)
    else:
        word = line.take("name", "a value")
        if word in LEAVES and line.accept("("):
            done.append((word, line.name()))
            line.expect(")")
        elif word in OPERATORS and line.accept("("):
            waiting.append((word, 0))
            return True
        elif word == "pi":
            done.append(("const", math.pi))
        elif word in RESERVED:
            line.at -= 1
            raise line.fail(f"{word!r} can't stand alone; a parameter of that name is param({word!r})")
        else:
            done.append(("param", word))
    return False
