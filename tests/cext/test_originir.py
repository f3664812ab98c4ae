"""Lines of OriginIR: what they become, and where and why broken ones are refused."""

import pytest

import qctl
from qctl.cext.originir import OriginirReader
from qctl.errors import ParseError
from qctl.formats.originir import read_originir

HEAD = "QINIT 3\nCREG 2\n"


def lines(text, head=HEAD):
    """Return the instructions as text assembly."""
    whole = read_originir(head + text + "\n").to_text().splitlines()
    return [line.strip() for line in whole if not line.startswith(("qis", "tick", "metadata", "qubits", "bits"))]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", []),
        ("// nothing\r\n\r\n\tH q[0] // a gate", ["h q[0]"]),
        ("H q", ["h q[0]", "h q[1]", "h q[2]"]),
        ("RX q[1],(-PI/4)", ["rx(-0.7853981633974483) q[1]"]),
        ("RX q[1],(2*pi-(1e-9+3))", ["rx(3.283185306179586) q[1]"]),
        ("U3 q[0],(1,2.5,3)", ["u3(1.0, 2.5, 3.0) q[0]"]),
        ("CR q[2],q[0],(0.5)", ["cp(0.5) q[2], q[0]"]),
        ("CP q[2],q[0],(0.5)", ["cp(0.5) q[2], q[0]"]),
        ("MEASURE q[0],c[1]", ["measure q[0], c[1]"]),
        ("BARRIER q", ["barrier q[0], q[1], q[2]"]),
        ("BARRIER q[1],q[1],q[0]", ["barrier q[1], q[0]"]),
        ("RESET q[1]", ["reset q[1]"]),
        ("ECHO q[1]\nECHO q[1],(0.0)\nIDLE q[0]", ["id q[1]", "id q[1]", "id q[0]"]),
        ("DAGGER\nBARRIER q[0]\nS q[0]\nU2 q[0],(1,2)\nENDDAGGER",
         ["u3(-1.5707963267948966, -2.0, -1.0) q[0]", "sdg q[0]", "barrier q[0]"]),
        ("QIF c[0],c[1]\nX q[0]\nENDQIF", ["if value=and(bit(c[0]), bit(c[1])) {", "x q[0]", "}"]),
        ("QIF c[0]==0\nQELSEIF c[1]\nX q[0]\nQELSE\nQENDIF",
         ["if value=not(bit(c[0])) {", "}", "else {", "if value=bit(c[1]) {", "x q[0]", "}", "else {", "}", "}"]),
        ("QWHILE c[0]\nQWHILE c[1]\nENDQWHILE\nQENDWHILE",
         ["while value=bit(c[0]) {", "while value=bit(c[1]) {", "}", "}"]),
        ("QGATE g a,(t)\nRX a,(t*2)\nENDQGATE\nQGATE k a,b\ng b,(0.5)\nCNOT a,b\nENDQGATE\nk q[2],q[0]",
         ["rx(1.0) q[0]", "cx q[2], q[0]"]),
    ],
)  # fmt: skip
def test_lines_become_instructions(text, wanted):
    assert lines(text) == wanted


def test_all_qubits_are_measured_into_bits_of_their_numbers():
    wanted = [f"measure q[{k}], c[{k}]" for k in range(3)]
    assert lines("MEASURE q,c", "QINIT 3\nCREG 4\n") == wanted
    assert lines("MEASURE q,c", "// first\n\nQINIT 3\n\nCREG 3\n") == wanted


def test_places_of_blocks_are_kept_for_refusals_by_others():
    assert read_originir(HEAD + "H q[0]\n QIF c[0]\nQENDIF\n").metadata["qasm.places"] == "1:4:2"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("h q[0]", "line 3, column 1: gate 'h' is not defined"),
        ("gphase q[0],(1)", "line 3, column 1: gate 'gphase' is not defined"),
        ("H q[3]", "line 3, column 5: q[3] is outside [0, 2]"),
        ("H c[0]", "line 3, column 3: 'c' is not a qubit"),
        ("H q[0] X q[1]", "line 3, column 8: expected the end of the line, found 'X'"),
        ("H q[0];", "line 3, column 7: expected the end of the line, found ';'"),
        ("RX (0.5),q[0]", "line 3, column 4: expected a qubit, found '('"),
        ("RX q[0]", "line 3, column 1: gate 'RX' takes 1 angles, not 0"),
        ("RX q[0],(1/0)", "line 3, column 11: the expression is undefined for (1.0, 0.0): float division by zero"),
        ("RX q[0],(x)", "line 3, column 10: 'x' is neither a parameter nor a function of OriginIR"),
        ("CNOT q[0],q[0]", "line 3, column 1: gate 'CNOT' names a qubit twice"),
        ("MEASURE q,c", "line 3, column 9: 3 qubits can't be measured into 2 bits"),
        ("MEASURE q[0],c", "line 3, column 9: 1 qubits can't be measured into 2 bits"),
        ("IDLE q[0],(3)", "line 3, column 1: a duration of 3.0: OriginIR has no unit for it"),
        ("QIF c", "line 3, column 5: a condition takes single bits"),
        ("QIF c[0]==2", "line 3, column 11: a bit is never 2"),
        ("QIF c[0]", "line 3, column 1: QIF is never ended"),
        ("QELSE", "line 3, column 1: QELSE ends no QIF"),
        ("QIF c[0]\nQELSE\nQELSE", "line 5, column 1: QELSE ends no QIF"),
        ("QIF c[0]\nQENDWHILE", "line 4, column 1: QENDWHILE ends no QWHILE"),
        ("QWHILE c[0]\n" * 65, "line 67, column 1: QWHILE is nested more than 64 deep"),
        ("QGATE H a\nENDQGATE", "line 3, column 7: 'H' can't be defined again"),
        ("QGATE g a\nX b\nENDQGATE", "line 4, column 3: 'b' is no qubit of this gate"),
        ("QGATE g a\ng a", "line 4, column 1: 'g' can't stand in a gate's definition: it is no gate defined before"),
        ("QGATE g a\nX a", "line 5, column 1: expected a gate, found end of file"),
        ("QIF c[0]\nQGATE g a", "line 4, column 7: 'g' can't be defined in a block"),
        ("ENDQGATE", "line 3, column 1: ENDQGATE can't stand here"),
        ("H q[0]\n\n  §", "line 5, column 3: unexpected character '§'"),
    ],
)  # fmt: skip
def test_broken_lines_are_refused_with_their_place(text, told):
    with pytest.raises(ParseError) as caught:
        read_originir(HEAD + text + "\n")
    assert str(caught.value) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "line 1, column 1: expected QINIT, found end of file"),
        ("QINIT 0\nCREG 1", "line 1, column 7: QINIT = 0 is outside [1, 65536]"),
        ("QINIT 65537\nCREG 1", "line 1, column 7: QINIT = 65537 is outside [1, 65536]"),
        ("QINIT 1\nH q[0]", "line 2, column 1: expected CREG, found 'H'"),
        ("QINIT 1 CREG 1", "line 1, column 9: expected the end of the line, found 'CREG'"),
        ("QINIT x", "line 1, column 7: expected a number, found 'x'"),
    ],
)
def test_broken_headers_are_refused(text, told):
    with pytest.raises(ParseError) as caught:
        read_originir(text)
    assert str(caught.value) == told


def test_what_a_subclass_answers_must_be_given():
    reader = OriginirReader("", qctl.Circuit(1), 1)
    for ask in (
        lambda: reader.most_of(True),
        lambda: reader.add_register("q", 1, True),
        lambda: reader.begin_flow("QIF", [], 0),
        lambda: reader.end_flow(),
    ):
        with pytest.raises(NotImplementedError):
            ask()
