"""What an OpenQASM 3 text can't ask for: refused by name, with its place, and at once."""

from __future__ import annotations

import pytest
from qasm_judges import HEADER3

from qctl.errors import ParseError
from qctl.formats.openqasm3 import read_openqasm3

REFUSED = {
    "qubit[2] q; cx q[0];": (3, 13, "2 qubits, not 1"),
    "qubit[2] q; rx q[0];": (3, 13, "1 angles, not 0"),
    "qubit[2] q; cx q[0], q[0];": (3, 13, "twice"),
    "qubit[2] q; qubit[3] r; cx q, r;": (3, 25, "different sizes"),
    "qubit[2] q; x q[2];": (3, 17, "outside"),
    "qubit q; qubit q;": (3, 10, "already"),
    "qubit q;\n  foo q;": (4, 3, "'foo' is not defined"),
    "x r;": (3, 3, "'r' is not defined"),
    "qubit[2] q; bit c; c = measure q;": (3, 20, "2 qubits are measured into 1 bits"),
    "qubit q; rx(1/0) q;": (3, 13, "undefined"),
    "qubit q; rx(log(-1)) q;": (3, 13, "undefined"),
    "qubit q; rx(1e999) q;": (3, 13, "not finite"),
    "qubit q; rx((-8) ** 0.5) q;": (3, 13, "not real"),
    "const int n = 2 ** 100;": (3, 15, "64 bits"),
    "const int n = 9999999999999999999999;": (3, 15, "64 bits"),
    "const uint[4] n = 16;": (3, 1, r"outside \[0, 15\]"),
    "bit c; const bit d = c;": (3, 8, "not known before the run"),
    "const int n = 1; n = 2;": (3, 18, "can't be assigned"),
    "int n; qubit q; rx(n) q;": (3, 20, "no value"),
    "qubit q; sin q;": (3, 10, "'sin' is not defined"),
    "qubit q; rx(foo(1)) q;": (3, 13, "function 'foo'"),
    "gate g a { g a; }": (3, 12, "'g' is not defined"),
    "gate g a { reset a; }": (3, 12, "reset"),
    "gate g(t) a { for int i in [0:2] { rx(t) a; } }": (3, 15, "ForInLoop"),
    "gate h a { }": (3, 1, "already defined"),
    "qubit x;": (3, 1, "already defined, as a gate"),
    "qubit q; pow(0.5) @ h q;": (3, 10, "power is no integer"),
    "qubit q; ctrl(0) @ h q;": (3, 15, "outside"),
    "qubit q; h $0;": (3, 12, "can't be mixed"),
    "def f(qubit q) { x q; }": (3, 1, "subroutine definition"),
    "extern f(int) -> int;": (3, 1, "extern declaration"),
    "array[int[8], 2] a;": (3, 1, "array"),
    "stretch a;": (3, 1, "stretch"),
    "input bit c;": (3, 1, "input of type bit"),
    "output float f;": (3, 1, "output of type float"),
    "int i = 0; switch (i) { case 0 { } }": (3, 12, "switch statement"),
    "qubit q; measure q;": (3, 10, "into no bit"),
    "qubit q; box[10ns] { x q; }": (3, 10, "box with a duration"),
    "qubit q; delay[3] q;": (3, 15, "not a duration"),
    "qubit q; delay[durationof({x q;})] q;": (3, 15, "DurationOf"),
    "bit[3] c; for bit b in c { }": (3, 24, "for loop over"),
    "qubit q; bit c; for int i in [0:2] { rx(i) q; if (c) { break; } }": (3, 56, "unrolled"),
    "bit[8] c; qubit q; if (int(c) / 2 == 1) { x q; }": (3, 24, "division of integers"),
    'include "other.inc";': (3, 1, "built in"),
    "pragma qctl dt_s 1e999999999": (3, 1, "not a number of seconds"),
    "qubit q; x q": (3, 13, "unexpected end of file"),
    "qubit q; €": (3, 10, "token recognition"),
    "qubit[10000000000] q;": (3, 6, "outside"),
    "bit[10000000000] c;": (3, 4, "outside"),
    "qubit q; for int i in [0:1000000000000] { rx(i) q; }": (3, 10, "more than 500000 steps"),
    "qubit q; for int i in [0:999] { for int j in [0:999] { for int k in [0:999] { rx(i+j+k) q; } } }": (
        3,
        79,
        "steps",
    ),
    "qubit q; pow(2147483647) @ U(1, 2, 3) q;": (3, 10, "steps"),
    "qubit q; pow(2 ** 40) @ x q;": (3, 10, "outside"),
    "qubit q; rx(" + "(" * 1000 + "1" + ")" * 1000 + ") q;": (3, 76, "nested"),
    "qubit q; rx(" + "-" * 5000 + "1) q;": (3, 77, "nested"),
    "/* no end": (3, 1, "no end"),
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_wrong_is_refused_with_its_place(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Check line, column, message, and that the reference parser prints nothing."""
    line, column, message = REFUSED[text]
    with pytest.raises(ParseError, match=message) as caught:
        read_openqasm3(HEADER3 + text)
    assert (caught.value.line, caught.value.column) == (line, column), caught.value.message
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("leaf", ["h a; h a;", ""])
def test_gates_that_double_sixty_times_are_refused_at_once(leaf: str) -> None:
    """A billion laughs, with and without instructions at the bottom."""
    text = HEADER3 + f"gate g0 a {{ {leaf} }}\n"
    text += "".join(f"gate g{k} a {{ g{k - 1} a; g{k - 1} a; }}\n" for k in range(1, 60))
    with pytest.raises(ParseError, match="more than 500000 steps"):
        read_openqasm3(text + "qubit q; g59 q;")


def test_expressions_that_double_are_refused() -> None:
    """An angle that doubles its length at each level."""
    text = HEADER3 + "input float w; gate g0(a) q { rz(a) q; }\n"
    text += "".join(f"gate g{k}(a) q {{ g{k - 1}(a * a + a) q; }}\n" for k in range(1, 50))
    with pytest.raises(ParseError, match="words, more than"):
        read_openqasm3(text + "qubit q; g49(w) q;")


@pytest.mark.parametrize("block", ["", "x q[0];", "if (c == 1) { x q[0]; }", "while (c == 1) { x q[0]; }"])
def test_while_that_never_ends_is_refused_at_once(block: str) -> None:
    text = f'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[1] q; bit c;\n  while (true) {{ {block} }}\n'
    with pytest.raises(ParseError, match=r"line 4, column 3: this while never ends"):
        read_openqasm3(text)


@pytest.mark.parametrize("way_out", ["break;", "if (c == 1) { break; }", "end;"])
def test_while_with_a_way_out_is_read(way_out: str) -> None:
    read_openqasm3(f"OPENQASM 3.0; qubit[1] q; bit c; while (true) {{ c = measure q[0]; {way_out} }}")


def test_millions_of_empty_statements_are_refused_at_the_first_of_too_many() -> None:
    with pytest.raises(ParseError, match=r"line 2, column 64: not OpenQASM 3: unexpected ';'"):
        read_openqasm3("OPENQASM 3.0; qubit q;\n" + ";" * 5_000_000)
