"""What the writers write is read by Qiskit as the same circuit."""

from __future__ import annotations

import math

import numpy as np
import program_twin as twin
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qasm_judges import HEADER2, HEADER3, outcome_distance, qiskit_loads, unitary_overlap
from qiskit import qasm2

from qctl.circuit import Circuit
from qctl.errors import RequestError
from qctl.formats.load import loads
from qctl.formats.openqasm2 import read_openqasm2
from qctl.formats.openqasm3 import read_openqasm3
from qctl.formats.save import dumps
from qctl.formats.writer import number_text
from qctl.program.expressions import Parameter
from qctl.program.opcodes import GATES, Op
from qctl.program.program import Program

ANGLES = [0.3, -1.1, 2.2, math.pi / 8]


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("op", GATES, ids=lambda op: op.name)
def test_each_gate_is_read_by_qiskit(op: Op, version: int) -> None:
    """With 0 to 4 controls; version 2 also as Qiskit reads it without gates of its own, and strictly."""
    spec = GATES[op]
    n_own = 3 if spec.n_qubits < 0 else spec.n_qubits
    for n_controls in range(5 - max(n_own, 1) + 1):
        circuit = Circuit(5)
        circuit.append(op, [3, 1, 4, 0, 2][: n_own + n_controls], ANGLES[: spec.n_params], n_controls)
        text = dumps(circuit, version)
        judged = [qiskit_loads(text, version)]
        if version == 2:
            judged += [qasm2.loads(text), qasm2.loads(text, strict=True)]
        for each in judged:
            assert unitary_overlap(circuit.body, each) == pytest.approx(1, abs=1e-9), text
        assert _same(circuit, loads(text)), text


def test_gates_of_openqasm_2_come_back_as_the_same_instructions() -> None:
    """Those that its include lacks are known by their definitions; a gate with another definition is not."""
    circuit = Circuit(9)
    for op, spec in GATES.items():
        if op is not Op.GPHASE:
            circuit.append(op, range(3 if spec.n_qubits < 0 else spec.n_qubits), ANGLES[: spec.n_params])
    for n_controls in range(2, 9):
        circuit.append(Op.P, range(n_controls + 1), [0.3], n_controls)
    circuit.measure_all()
    text = dumps(circuit, 2)
    assert loads(text).hash == circuit.hash
    other = loads(text.replace("gate sx a { sdg a; h a; sdg a; }", "gate sx a { sdg a; h a; }"))
    assert Circuit.from_body(other.body).count_ops()["sdg"] == 2


def test_too_many_controls_for_openqasm_2_are_refused() -> None:
    """Its text would double with each one."""
    circuit = Circuit(10)
    circuit.append(Op.X, range(10), (), 9)
    with pytest.raises(RequestError, match="OpenQASM 2 has no x with 9 controls"):
        dumps(circuit, 2)


def _same(one: Program, other: Program) -> bool:
    overlap = abs(np.vdot(twin.unitary(one.body), twin.unitary(other.body))) / 2**one.n_qubits
    return bool(abs(overlap - 1) < 1e-9)


OUTCOMES2 = {
    "conditions": "qreg q[3]; creg c[2]; creg d[1]; h q; measure q[0] -> c[0]; measure q[1] -> c[1];"
    "if(c==2) x q[2]; if(c==1) cx q[2],q[0]; if(c==3) measure q[2] -> d[0]; if(d==1) reset q[2]; barrier q; "
    "if(d==0) h q;",
    "registers": "qreg a[1]; qreg b[2]; creg x1[2]; creg y1[1]; h b; cx b[1],a[0]; measure b -> x1; measure a -> y1;",
}
OUTCOMES3 = {
    "blocks": "qubit[3] q; bit[2] c; bit d; h q; c[0] = measure q[0]; c[1] = measure q[1]; "
    "if (c == 2) { x q[2]; } else { s q[2]; }"
    "if (c[0]) { if (!c[1]) { h q[0]; } } d = measure q[2]; while (d) { reset q[2]; h q[2]; d = measure q[2]; }"
    "for int i in [1:3] { rx(0.2) q[0]; } barrier q; delay[12.5ns] q[0]; delay[10dt] q[1]; reset q[1];",
    "physical": "bit[2] c; h $0; cx $0, $1; c[0] = measure $0; c[1] = measure $1;",
    "single": "qubit a; qubit b; bit m; h a; cx a, b; m = measure b; if (m) { x a; }",
}


@pytest.mark.parametrize(
    ("text", "version"), [(t, 2) for t in OUTCOMES2.values()] + [(t, 3) for t in OUTCOMES3.values()]
)
def test_blocks_and_measurements_are_read_by_qiskit(text: str, version: int) -> None:
    """Read, write, and let Qiskit read both."""
    whole = (HEADER2 if version == 2 else HEADER3) + text
    program = loads(whole)
    for target in {version, 3}:
        written = dumps(program, target)
        judged = qiskit_loads(written.replace("pragma qctl", "// pragma"), target)
        assert outcome_distance(program.body, judged) < 1e-9, written
    assert version == 2 or loads(dumps(program, 3)).hash == program.hash


def test_what_only_we_read_comes_back_the_same() -> None:
    """Parameters, registers, set bits, conditions on several bits, break, box and expressions."""
    program = read_openqasm3(
        HEADER3
        + "input float w; qubit[2] q; bit[3] c; int k = 0; rx(2 * w - sin(w) / 3) q[0]; c[0] = measure q[0];"
        + "while (k < 3) { k += 1; c[1] = c[0]; c[2] = 1; ry(w ** 2) q[1]; } box { h q; } delay[w * 1s] q[0];"
        + "if (c[0] && !c[1]) { x q[0]; } c[0] = c[1] ^ c[2];"
    )
    assert loads(dumps(program, 3)).hash == program.hash


def test_conditions_on_a_part_of_a_register_mean_the_same() -> None:
    """They are written bit by bit."""
    text = "qubit[2] q; bit[3] c; h q; c[1] = measure q[0]; c[2] = measure q[1]; if (c[1:2] == 2) { h q[0]; }"
    program = read_openqasm3(HEADER3 + text)
    again = loads(dumps(program, 3))
    ours, theirs = twin.mixture(twin.branches(program.body)), twin.mixture(twin.branches(again.body))
    assert ours.keys() == theirs.keys()
    assert all(np.allclose(ours[bits], theirs[bits]) for bits in ours)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_back_to_the_bit(value: float) -> None:
    """Multiples of pi and signed zeros included."""
    text = number_text(value)
    two = read_openqasm2(f"{HEADER2}qreg q[1]; rx({text}) q[0];").body.operand_value(0)
    assert isinstance(two, float)
    assert two.hex() == value.hex()
    assert number_text(math.pi * 3 / 4) == "3*pi/4"
    with pytest.raises(RequestError, match="nan is not a number"):
        number_text(math.nan)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_random_circuits_come_back(data: st.DataObject) -> None:
    """Any sequence of gates, in both versions; in version 2 to the last bit."""
    circuit = Circuit(4)
    for _ in range(data.draw(st.integers(0, 12))):
        op = data.draw(st.sampled_from(list(GATES)))
        spec = GATES[op]
        qubits = data.draw(st.permutations(range(4)))[: 3 if spec.n_qubits < 0 else spec.n_qubits]
        circuit.append(
            op, qubits, data.draw(st.lists(st.floats(-7, 7), min_size=spec.n_params, max_size=spec.n_params))
        )
    for version in (2, 3):
        assert _same(circuit, loads(dumps(circuit, version)))
    if not circuit.count_ops().get("gphase"):
        assert loads(dumps(circuit, 2)).hash == circuit.hash


@pytest.mark.parametrize("version", [2, 3])
def test_what_a_version_lacks_is_refused(version: int) -> None:
    """Pulses in both, parameters and long delays in version 2."""
    program = Program(ports=["q0.drive"], qubits=1)
    program.shift_phase("q0.drive", 0.1)
    with pytest.raises(RequestError, match=r"instruction 0 \(shift_phase\)"):
        dumps(program, version)
    circuit = Circuit(1)
    circuit.rx(Parameter("a"), 0)
    if version == 2:
        with pytest.raises(RequestError, match="bind"):
            dumps(circuit, 2)
        circuit = Circuit(1, 2)
        with circuit.if_(1):
            circuit.x(0)
        with pytest.raises(RequestError, match="part of a register"):
            dumps(circuit, 2)
        looped = Circuit(1)
        with looped.loop(10**12):
            looped.h(0)
        with pytest.raises(RequestError, match="more than"):
            dumps(looped, 2)
    with pytest.raises(RequestError, match="neither 2 nor 3"):
        dumps(circuit, 4)


def test_names_that_are_no_identifiers_get_others() -> None:
    """Names of a lab's qubits, words of the language and gates' names."""
    program = Program(qubits=["Q-1", "x"], bits=["if[0]", "if[1]"])
    program.h(0)
    program.measure(1, 1)
    for version in (2, 3):
        text = dumps(program, version)
        assert outcome_distance(program.body, qiskit_loads(text, version)) < 1e-9


@pytest.mark.parametrize("name", ["if", "gate", "float", "rx", "pi", "π", "U"])
def test_a_parameter_that_would_be_something_else_is_refused(name):
    circuit = Circuit(1)
    circuit.rx(Parameter(name), 0)
    with pytest.raises(RequestError, match="is no name in OpenQASM 3, or is taken there"):
        circuit.to_qasm()


def test_a_mark_at_the_beginning_of_a_text_is_passed_over():
    circuit = Circuit(1)
    circuit.h(0)
    assert loads("\ufeff" + circuit.to_qasm()) == circuit
    with pytest.raises(RequestError, match="None is no text"):
        loads(None)
