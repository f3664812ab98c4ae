"""Angles are what Python's own arithmetic gives, at once and in gate bodies."""

import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qctl.cext.angles import CODES, AngleReader
from qctl.errors import ParseError
from qctl.formats.openqasm2 import read_openqasm2, undefined

HEAD = 'include "qelib1.inc"; qreg q[1]; '
FUNCTIONS = {name: getattr(math, name) for name in ("sin", "cos", "tan", "exp", "sqrt", "asin", "acos", "atan")}
NAMES = {"pi": math.pi, "ln": math.log, **FUNCTIONS}


def angle(statement: str) -> float:
    return float(struct.unpack("<d", read_openqasm2(HEAD + statement).body.instructions.tobytes()[8:16])[0])


def expressions(leaves: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.recursive(
        leaves,
        lambda inner: (
            st.tuples(inner, st.sampled_from("+-*/^"), inner).map(lambda t: f"({t[0]}{t[1]}{t[2]})")
            | st.tuples(st.sampled_from([*FUNCTIONS, "ln", "-", "+"]), inner).map(lambda t: f"{t[0]}({t[1]})")
        ),
        max_leaves=12,
    )


def value(text: str, **names: float) -> float | None:
    try:
        found = float(eval(text.replace("^", "**"), {"__builtins__": {}}, NAMES | names))
    except (ArithmeticError, ValueError, TypeError):
        return None
    return found if math.isfinite(found) else None


LEAVES = st.sampled_from(["pi", "0.5", "2", "1e3", "3"])


@settings(max_examples=300, deadline=None)
@given(expressions(LEAVES))
def test_numbers_are_pythons(text):
    wanted = value(text)
    try:
        found = angle(f"rz({text}) q[0];")
    except ParseError:
        found = None
    if wanted is not None and found is not None:  # Python goes on through infinities and complex numbers
        assert math.isclose(found, wanted, rel_tol=1e-12)


@settings(max_examples=300, deadline=None)
@given(expressions(LEAVES | st.just("@")), st.sampled_from(["0.5", "2", "-1"]))
def test_bodies_give_what_the_text_gives_in_place(text, argument):
    def outcome(statement: str) -> float | None:
        try:
            return angle(statement)
        except ParseError:
            return None

    called = outcome(f"gate g(t_) a {{ rz({text.replace('@', 't_')}) a; }} g({argument}) q[0];")
    assert called == outcome(f"rz({text.replace('@', f'({argument})')}) q[0];")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("2^3^2", 512.0), ("-2^2", -4.0), ("2^-1", 0.5), ("1-2-3", -4.0), ("2*3+4*5", 26.0), ("8/4/2", 1.0), ("-0", -0.0)],
)
def test_signs_bind_as_in_the_paper(text, wanted):
    assert struct.pack("<d", angle(f"rz({text}) q[0];")) == struct.pack("<d", wanted)


def test_undefined_values_are_said_in_words():
    assert undefined("div", (1.0, 0.0)) == "the expression is undefined for (1.0, 0.0): float division by zero"
    assert undefined("mul", (1e300, 1e300)) == "the expression is not finite for (1e+300, 1e+300)"
    assert AngleReader("").undefined("ln", (0.0,)) == "ln is not finite for (0.0,)"
    assert CODES[6] == "pow"
