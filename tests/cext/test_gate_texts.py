"""Gate calls: broadcasting, own gates, and the steps that they take."""

import pytest

import qctl
from qctl.cext.gate_texts import GateReader
from qctl.errors import ParseError
from qctl.formats.openqasm2 import read_openqasm2

HEAD = 'include "qelib1.inc"; qreg q[3]; qreg r[3]; '


def rows(text: str) -> list[tuple[int, ...]]:
    return [tuple(row) for row in read_openqasm2(HEAD + text).body.instructions[["op", "a", "b"]].tolist()]


def test_single_qubits_are_repeated_in_a_broadcast():
    assert rows("cx q[1], r;") == [(0x115, 1, 3), (0x115, 1, 4), (0x115, 1, 5)]
    assert rows("cx q, r;") == [(0x115, 0, 3), (0x115, 1, 4), (0x115, 2, 5)]


def test_own_gates_are_expanded_in_order():
    assert rows("gate g a, b { h b; cx b, a; } gate k a, b { g b, a; x a; } k q[0], r[0];") == [
        (0x104, 0, 0xFFFFFFFF),
        (0x115, 0, 3),
        (0x101, 0, 0xFFFFFFFF),
    ]


def test_a_body_keeps_the_gates_that_it_was_defined_with():
    assert rows("gate g a { sx a; } gate sx a { x a; } g q[0]; sx q[0];") == [
        (0x109, 0, 0xFFFFFFFF),
        (0x101, 0, 0xFFFFFFFF),
    ]


def test_gates_that_double_are_refused_before_they_are_expanded():
    text = "gate g0 a { h a; } " + "".join(f"gate g{k + 1} a {{ g{k} a; g{k} a; }} " for k in range(60))
    with pytest.raises(ParseError, match="more than 5000000 steps"):
        read_openqasm2(HEAD + text + "g60 q[0];")
    with pytest.raises(ParseError, match="more than 64 deep"):
        read_openqasm2(HEAD + text + "".join(f"gate g{k + 1} a {{ g{k} a; }} " for k in range(60, 66)))


@pytest.mark.parametrize("n", [8, 9, 300])
def test_a_wide_gate_names_no_qubit_twice(n):
    names = ",".join(f"a{k}" for k in range(n))
    head = f"qreg w[{n}]; gate g {names} {{ barrier {names}; cx a0, a{n - 1}; }} "
    assert len(rows(head + f"g {','.join(f'w[{k}]' for k in range(n))};")) == 2
    with pytest.raises(ParseError, match="names a qubit twice"):
        rows(head + f"g {','.join(f'w[{k}]' for k in range(n - 1))},w[0];")


def test_gates_are_defined_from_outside():
    reader = GateReader("", qctl.Program(qubits=1), 10)
    reader.define("h", 0x104, 1, 0)
    reader.define("rz", 0x10E, 1, 1)
    assert reader.defined() == ["h", "rz"]
    assert reader.steps_left == reader.most_steps == 10
    with pytest.raises(TypeError):
        GateReader("", None, 10)
