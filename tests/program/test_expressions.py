"""Expressions mean what Python's floats mean."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import qctl
from qctl.errors import RequestError
from qctl.program.expressions import OPERATORS, Expression
from qctl.program.infix import value
from qctl.program.text import expression_text
from qctl.program.tokens import Line

a, b = qctl.Parameter("a"), qctl.Parameter("b")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (2 * a - b, 2 * 0.3 - 0.7),
        (a / b + 1, 0.3 / 0.7 + 1),
        (1 - a, 0.7),
        (1 / a, 1 / 0.3),
        (a**2, 0.09),
        (2**a, 2**0.3),
        (-a % 2, -0.3 % 2),
        (abs(-a), 0.3),
        (np.sin(a), math.sin(0.3)),
        (a.cos() + b.exp(), math.cos(0.3) + math.exp(0.7)),
        (a.sqrt() * b.log() * a.tan(), math.sqrt(0.3) * math.log(0.7) * math.tan(0.3)),
        (a < b, 1.0),
        (a >= b, 0.0),
        (a.equals(0.3), 1.0),
        (a.differs(b), 1.0),
        (a.apply("and", 0.0), 0.0),
        (np.float64(2) * a, 0.6),
    ],
    ids=str,
)
def test_value(expression, expected):
    assert expression.evaluate({"a": 0.3, "b": 0.7}) == pytest.approx(expected, abs=1e-15)
    assert expression.substitute({"a": 0.3, "b": 0.7}) == pytest.approx(expected, abs=1e-15)


LEAF = st.sampled_from(
    [("param", "a"), ("sweep", "s"), ("bit", "c[0]"), ("register", "x y"), ("param", "sin")]
) | st.floats(allow_nan=False).map(lambda x: ("const", x))
TREE = st.recursive(
    LEAF.map(lambda leaf: (leaf,)),
    lambda inner: st.sampled_from(sorted(OPERATORS)).flatmap(
        lambda word: st.tuples(*[inner] * OPERATORS[word][0]).map(lambda parts: (*sum(parts, ()), (word, None)))
    ),
    max_leaves=20,
)


class Table:
    """What the reader of values needs of a program."""

    _expressions: list = []  # noqa: RUF012


@given(TREE)
def test_text_reads_back_as_the_same_code(code):
    expression = Expression(code)
    if any(word not in ("const", *OPERATORS) for word, _ in code):
        line = Line(expression_text(expression), 1)
        assert value(line, Table()) == expression
        assert not line.peek()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a - b - 1", (("param", "a"), ("param", "b"), ("sub", None), ("const", 1.0), ("sub", None))),
        ("a - (b - 1)", (("param", "a"), ("param", "b"), ("const", 1.0), ("sub", None), ("sub", None))),
        ("a + b * 2", (("param", "a"), ("param", "b"), ("const", 2.0), ("mul", None), ("add", None))),
        ("-a * -2", (("param", "a"), ("neg", None), ("const", -2.0), ("mul", None))),
        ("pow(a, sin(b))", (("param", "a"), ("param", "b"), ("sin", None), ("pow", None))),
    ],
)
def test_infix_precedence(text, code):
    assert value(Line(text, 1), Table()).code == code


def test_numbers_alone_become_one():
    assert value(Line("-pi / 4 + 1", 1), Table()) == -math.pi / 4 + 1


def test_wrong_operands_are_refused():
    with pytest.raises(RequestError, match="'x' is not a number or expression"):
        a.equals("x")
    with pytest.raises(RequestError, match="operator 'foo' with 1 operands"):
        a.apply("foo")
    with pytest.raises(TypeError):
        _ = a + "x"
    with pytest.raises(RequestError, match="param 'a' has no value"):
        a.evaluate({})
    with pytest.raises(RequestError, match="nan is not a finite number"):
        _ = a * math.nan


def test_expression_that_doubles_itself_is_refused_before_it_takes_the_memory():
    expression = qctl.Parameter("a")
    with pytest.raises(RequestError, match="tokens is over 4096"):
        for _ in range(60):
            expression = expression * expression
