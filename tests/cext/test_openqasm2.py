"""The OpenQASM 2 kernel reads what its slow twin reads, and refuses what it refuses, with the same words and place."""

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from openqasm2_twin.reader import read_openqasm2 as twin

from qctl.errors import ParseError
from qctl.formats.openqasm2 import read_openqasm2

HEAD = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[3];\nqreg r[3];\ncreg c[3];\n'


def outcome(read, text):
    """Return the bytes of the program, or the error's place and words."""
    try:
        return read(text).to_bytes()
    except ParseError as error:
        return error.message, error.line, error.column


def assert_same(text):
    """Compare with the twin, which names bad characters first; the kernel names the first fault."""
    found, wanted = outcome(read_openqasm2, text), outcome(twin, text)
    if isinstance(wanted, tuple) and "unexpected character" in wanted[0]:
        assert isinstance(found, tuple)
        assert found == wanted or found[1:] < wanted[1:]
    else:
        assert found == wanted


STATEMENTS = [
    "h q;",
    "cx q,r;",
    "cx q[0],r;",
    "u3(0.1,-pi/2,sin(0.3)^2) q[1];",
    "cu3(1,2,3) q[0],q[1];",
    "c4x q[0],q[1],q[2],r[0],r[1];",
    "u0(3) q[0];",
    "rzz(1e-3) q[0],r[1];",
    "rccx q[0],q[1],q[2];",
    "barrier q,r[0];",
    "barrier;",
    "measure q -> c;",
    "measure q[0] -> c[2];",
    "reset q;",
    "reset r[1];",
    "if(c==5) x q[0];",
    "if(c[1]==1) measure q[0] -> c[0];",
    ";",
    "U(0,0,0) q[0];",
    "gate g(a,b) x0,y0 { rz(a*2-b/3^2) x0; barrier x0,y0; cx x0,y0; }\ng(1,2) q[0],r[0];",
    "opaque iswap a,b; iswap q[0],q[1];",
    "gate p2(t) a { rx(1+t*t-t) a; ry(-(t+1)*ln(2)) a; }\ngate p3(t) a,b { p2(t/2) a; p2(t) b; }\np3(0.7) q,r;",
    "CX q[0],q[1];",
    "opaque o(a) p;",
    "// a comment\n",
    "gate e a { }\ne q;",
    "gate sx a { h a; }\nsx q[0];",
    "rz(--1.5e300*0) q[0];",
]
BROKEN = [
    "cx q[0],q[0];",
    "cx q,q;",
    "h q[3];",
    "h s;",
    "h c;",
    "rz q[0];",
    "rz(1,2) q[0];",
    "rz(1 q[0];",
    "rz(x) q[0];",
    "rz(1/0) q[0];",
    "rz(ln(0)) q[0];",
    "rz(sqrt(-1)) q[0];",
    "rz(1e400) q[0];",
    "rz(1e300*1e300) q[0];",
    "rz(0^-1) q[0];",
    "foo q[0];",
    "qreg q[1];",
    "qreg pi[1];",
    "qreg z[0];",
    "qreg z[99999999];",
    "qreg h[2];",
    "creg d[2]; qreg d[1];",
    "measure q[0] -> c;",
    "measure q -> q;",
    "measure q[0] - > c[0];",
    "gate g a { foo a; }",
    "gate g a { h b; }",
    "gate g a,a { h a; }",
    "gate g a { cx a,a; }",
    "h q[0], q[1];",
    "gate g(t) a { rz(1/t) a; }\ng(0) q[0];",
    "opaque o(a) p;\no(1) q[0];",
    "gate g a { h a; }\ngate g a { h a; }",
    "if(c==1) qreg x[1];",
    "if(c==1) if(c==1) x q[0];",
    "if(q==1) x q[0];",
    'include "other.inc";',
    'include "qelib1.inc";',
    "include",
    "h q[0]",
    "\x00",
    "é;",
    "rz(1) q[0] /;",
    "'abc",
    "gate g a { h a; ",
    "q q[0];",
    "OPENQASM 2.0;",
    "rz(" + "(" * 70 + "1" + ")" * 70 + ") q[0];",
    "h q[1.5];",
    "rz(" + "-" * 70 + "1) q[0];",
    "reset c;",
    "barrier c;",
    "if(c=1) x q[0];",
    "h q[0];;}",
    "gate g() { h q; }",
    "rz(1..2) q[0];",
    "x q[00000000000000000003];",
    "x q[" + "9" * 400 + "];",
    "gate g a { g a; }",
    "cx q[0],r,s;",
    "rz(sin) q[0];",
    "rz() q[0];",
]


@pytest.mark.parametrize("text", [*STATEMENTS, *BROKEN])
def test_each_statement_has_the_twins_outcome(text):
    assert_same(HEAD + text)
    spaced = HEAD + "h q[0]; // é\n\t " + text + " \n"
    assert_same(spaced)


@pytest.mark.parametrize(
    "text",
    ["", "OPENQASM 3.0;", "OPENQASM", "OPENQASM 2.0", "h q[0];", "gate h a { }\n" + HEAD, "qreg q[1];U(1,2,3) q[0];"],
)
def test_each_beginning_has_the_twins_outcome(text):
    assert_same(text)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(STATEMENTS), max_size=12))
def test_any_order_of_statements_has_the_twins_outcome(statements):
    text = HEAD + "\n".join(statements)
    assert_same(text)


PIECES = [
    *"()[]{};,+-*/^.0193",
    "==",
    "->",
    "pi",
    "sin",
    "q",
    "c",
    " ",
    "\n",
    "1e",
    "0.5",
    "if",
    "gate",
    "h",
    "cx",
    "//",
    '"',
    "é",
    "\x00",
]


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_any_damage_is_refused_or_read_as_the_twin_does(data):
    text = HEAD + "\n".join(data.draw(st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=4)))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.sampled_from(PIECES)) + text[at + data.draw(st.integers(0, 3)) :]
    assert_same(text)


def test_a_barrier_on_everything_takes_steps():
    with pytest.raises(ParseError, match="more than 5000000 steps"):
        read_openqasm2("qreg q[65536];" + "barrier;" * 100)


def test_a_registers_name_can_replace_an_extension_once():
    with pytest.raises(ParseError, match="already defined"):
        read_openqasm2('include "qelib1.inc"; qreg sx[1]; qreg sx[1];')
