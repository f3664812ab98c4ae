"""Text assembly: what is typed by hand is read, what is wrong is refused with its place."""

from dataclasses import replace

import numpy as np
import pytest

import qctl
from qctl.errors import ParseError
from qctl.program.program import Program

BELL = """\
qis 1.0   # a Bell pair
qubits q0 q1
bits "left bit" c1

h q0
cx q0, q1
measure q0, "left bit"
measure q1, c1
"""


def test_hand_typed_text_is_read():
    p = Program.from_text(BELL)
    q = Program(qubits=["q0", "q1"], bits=["left bit", "c1"])
    q.h(0)
    q.cx(0, 1)
    q.measure(0, 0)
    q.measure(1, 1)
    assert p == q


def test_constants_numbered_otherwise_are_listed():
    c = qctl.Circuit(2)
    c.rzz(0.5, 0, 1)
    c.rzz(0.25, 0, 1)
    body = c.body
    rows = body.instructions.copy()
    rows["c"] = [1, 1]
    swapped = Program.from_body(replace(body, instructions=rows))
    text = swapped.to_text()
    assert "constants [0.5 0.25]" in text
    assert text.count("rzz($1) q[0], q[1]") == 2
    assert Program.from_text(text).to_bytes() == swapped.to_bytes()


WRONG = {
    "": (1, 1, "first statement"),
    "qis 2.0": (1, 1, "first statement"),
    "qis 1.0\nh q0": (2, 3, "qubit = 'q0' is none of"),
    "qis 1.0\nqubits a\nfoo a": (3, 1, "instruction = 'foo' is unknown"),
    "qis 1.0\nqubits a\nx a a": (3, 5, "'a' is left over"),
    "qis 1.0\nqubits a b\ncx a b": (3, 6, "where ',' is expected"),
    "qis 1.0\nqubits a\nrx a": (3, 5, "wrong number or kind of values"),
    "qis 1.0\nqubits a\nrx(1, 2) a": (3, 11, "wrong number or kind of values"),
    "qis 1.0\nqubits a\nrx(1 +) a": (3, 7, "where a value is expected"),
    "qis 1.0\nqubits a\nrx((1) a": (3, 8, "parenthesis is not closed|where"),
    "qis 1.0\nqubits a\nrx(1/0) a": (3, 6, "undefined"),
    "qis 1.0\nqubits a\nrx(foo(1)) a": (3, 7, "where"),
    "qis 1.0\nqubits a\nrx(sin) a": (3, 4, "'sin' can't stand alone"),
    "qis 1.0\nqubits a\nrx($0) a": (3, 6, "constant .0 is not in the list"),
    "qis 1.0\nqubits a\nrx(@0) a": (3, 6, "expression @0 is not in the table"),
    "qis 1.0\nqubits a\nx ?": (3, 2, "is no token"),
    "qis 1.0\nqubits a a": (2, 10, "'a' is there already"),
    "qis 1.0\n}": (2, 2, "no block is open"),
    "qis 1.0\nloop count=2 {": (2, 1, "1 blocks are not closed"),
    "qis 1.0\nloop {\n}": (3, 1, "has not one count"),
    "qis 1.0\nloop count=-1 {\n}": (2, 12, "a whole number"),
    "qis 1.0\nsweep over=s {\n}": (2, 15, "sweep = 's' is none of"),
    "qis 1.0\nsweep s []": (2, 11, "has no value"),
    "qis 1.0\nwaveform w1 = constant(1)": (2, 13, "where w0 is next"),
    "qis 1.0\nwaveform w0 = constant()": (2, 25, "0 values"),
    "qis 1.0\nport d\nplay d, w0": (3, 1, "table row"),
    "qis 1.0\ntick 0/1": (2, 9, "no fraction above 0"),
    "qis 1.0\nqubits a\nctrl(300) x a": (3, 11, "n_controls = 300"),
    'qis 1.0\nmetadata "\\ud800" "x"': (2, 10, "no JSON string"),
    "qis 1.0\nbegin 0": (2, 1, "'begin' is unknown"),
}


@pytest.mark.parametrize("text", WRONG)
def test_wrong_text_is_refused_with_line_and_column(text):
    line, column, words = WRONG[text]
    with pytest.raises(ParseError, match=words) as caught:
        Program.from_text(text)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_deep_parentheses_are_read_without_recursion():
    text = "qis 1.0\nqubits a\nparameters t\nrx(" + "(" * 5000 + "t" + ")" * 5000 + ") a"
    assert Program.from_text(text).body.operand_value(0) == qctl.Parameter("t")


def test_samples_print_to_the_bit():
    p = Program(ports=["d"])
    p.play("d", qctl.samples(np.exp(1j * np.arange(100)) / 3, 2.4e9))
    assert Program.from_text(p.to_text()).to_bytes() == p.to_bytes()
