"""Definitions of gates: their names, their steps, and how deep they go."""

import pytest

from qctl.cext.gate_bodies import GateBodyReader
from qctl.cext.gate_texts import GateReader
from qctl.errors import ParseError
from qctl.formats.openqasm2 import read_openqasm2
from qctl.formats.originir import read_originir

HEAD = 'include "qelib1.inc"; qreg q[3]; '


def test_definitions_are_read_in_both_languages():
    assert issubclass(GateBodyReader, GateReader)
    two = read_openqasm2(HEAD + "gate g(a) x0,x1 { rz(a/2) x1; cx x1,x0; } g(0.5) q[0],q[1];")
    other = read_originir("QINIT 3\nCREG 0\nQGATE g x0,x1,(a)\nRZ x1,(a/2)\nCNOT x1,x0\nENDQGATE\ng q[0],q[1],(0.5)\n")
    assert two.hash == other.hash


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("gate g a,a { }", "a qubit 'a' is named twice"),
        ("gate g(t,t) a { }", "a parameter 't' is named twice"),
        ("gate g a { x b; }", "'b' is no qubit of this gate"),
        ("gate g a,b { cx a,a; }", "qubit 'a' is named twice"),
        ("gate g a { k a; }", "'k' can't stand in a gate body"),
        ("gate g a { rz a; }", "gate 'rz' takes 1 angles, not 0"),
    ],
)
def test_broken_definitions_are_refused(text, told):
    with pytest.raises(ParseError, match=told):
        read_openqasm2(HEAD + text)


def test_the_steps_of_nested_definitions_are_counted():
    text = "".join(
        f"gate g{k} a {{ g{k - 1} a; g{k - 1} a; }}\n" if k else "gate g0 a { x a; x a; }\n" for k in range(40)
    )
    with pytest.raises(ParseError, match="expands to more than"):
        read_openqasm2(HEAD + text + "g39 q[0];")
