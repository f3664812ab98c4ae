"""What the OriginIR writer writes is read by Origin's own software as the same unitary, and the other way round."""

from __future__ import annotations

import math

import numpy as np
import program_twin as twin
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyqpanda3.core import QProg
from pyqpanda3.intermediate_compiler import convert_originir_string_to_qprog, convert_qprog_to_originir
from pyqpanda3.quantum_info import Unitary

from qctl.circuit import Circuit
from qctl.errors import RequestError
from qctl.formats.load import load, loads
from qctl.formats.save import save
from qctl.program.expressions import Parameter
from qctl.program.opcodes import GATES, Op
from qctl.program.program import Program

ANGLES = [0.3, -1.1, 2.2, math.pi / 8]
N = 4
THEIR_ANGLE = 1e-7
"""Their writer has eight decimals."""


def judged(text: str) -> np.ndarray:
    """Return the matrix of a text as pyqpanda3 reads it."""
    return np.array(Unitary(convert_originir_string_to_qprog(text).to_circuit()).ndarray())


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float(abs(np.vdot(one, other)) / len(one))


def on_all_qubits() -> Circuit:
    """Return a circuit that uses every qubit: their matrices are of those that are used."""
    circuit = Circuit(N, 1)
    for q in range(N):
        circuit.rx(0.1 + q, q)
    return circuit


@pytest.mark.parametrize("op", GATES, ids=lambda op: op.name)
def test_each_gate_is_read_by_pyqpanda3(op: Op) -> None:
    """With all numbers of controls for which there are qubits."""
    spec = GATES[op]
    n_own = 3 if spec.n_qubits < 0 else spec.n_qubits
    for n_controls in range(N - max(n_own, 1) + 1):
        circuit = on_all_qubits()
        circuit.append(op, [3, 1, 0, 2][: n_own + n_controls], ANGLES[: spec.n_params], n_controls)
        text = circuit.to_originir()
        ours = twin.unitary(circuit.body)
        assert overlap(ours, judged(text)) == pytest.approx(1, abs=1e-9), text
        assert overlap(ours, twin.unitary(Circuit.from_originir(text).body)) == pytest.approx(1, abs=1e-12), text


def test_gates_that_originir_has_come_back_as_the_same_instructions() -> None:
    circuit = Circuit(9, 9)
    other = (Op.U, Op.SX, Op.SXDG, Op.CSX, Op.CU, Op.MS, Op.GPHASE)
    for op, spec in GATES.items():
        if op not in other:
            circuit.append(op, range(spec.n_qubits), ANGLES[: spec.n_params])
    circuit.append(Op.RX, range(5), [1e-300], 4)
    circuit.barrier()
    circuit.reset(2)
    circuit.measure_all()
    again = loads(circuit.to_originir())
    assert again.hash == circuit.hash


LINES = """
    H X Y Z S T I X1 Y1 Z1 RX1 RY1 RZ1 P1 U11 U22 U33 U44 RPhi2 CNOT CZ CR1 CRX1 CRY1 CRZ1 CU4 SWAP ISWAP SQISWAP
    RXX1 RYY1 RZZ1 RZX1 TOFFOLI
"""
ONES = """
    H X Y Z S T I X1 Y1 Z1 RX RY RZ P U1 U2 U3 U4 RPhi
"""


@st.composite
def originir(draw: st.DrawFn, free: tuple[int, ...] = tuple(range(N)), depth: int = 0) -> str:
    """Return lines of gates and blocks."""
    text = ""
    for _ in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["gate", "gate", "DAGGER", "CONTROL"])) if depth < 2 else "gate"
        if kind == "gate":
            word = draw(st.sampled_from(LINES.split()))
            counted = word not in ("X1", "Y1", "Z1") and word[-1].isdigit()
            name, n_angles = (word[:-1], int(word[-1])) if counted else (word, 0)
            n_qubits = 3 if name == "TOFFOLI" else 1 if name in ONES.split() else 2
            if n_qubits > len(free):
                continue
            qubits = draw(st.permutations(free))[:n_qubits]
            angles = [f"{draw(st.floats(-7, 7)):.8f}" for _ in range(n_angles)]
            text += f"{name} {','.join(f'q[{q}]' for q in qubits)}{f',({chr(44).join(angles)})' if angles else ''}\n"
        elif kind == "DAGGER":
            text += f"DAGGER\n{draw(originir(free, depth + 1))}ENDDAGGER\n"
        elif len(free) > 2:
            control = draw(st.sampled_from(free))
            inner = draw(originir(tuple(q for q in free if q != control), depth + 1))
            text += f"CONTROL q[{control}]\n{inner}ENDCONTROL\n"
    return text


@settings(max_examples=100, deadline=None)
@given(originir())
def test_texts_mean_what_pyqpanda3_reads(lines: str) -> None:
    """And what it writes of them means the same, as far as its eight decimals go."""
    every = "".join(f"RX q[{q}],({q}.5)\n" for q in range(N))
    text = f"QINIT {N}\nCREG 1\n{every}{lines}"
    theirs = judged(text)
    program = loads(text)
    assert overlap(twin.unitary(program.body), theirs) == pytest.approx(1, abs=1e-9), text
    written = convert_qprog_to_originir(convert_originir_string_to_qprog(text))
    assert overlap(twin.unitary(loads(written).body), theirs) == pytest.approx(1, abs=THEIR_ANGLE), written
    again = Circuit.from_body(program.body).to_originir()
    assert overlap(judged(again), theirs) == pytest.approx(1, abs=1e-9), again


def flows() -> Circuit:
    """Return a circuit with every kind of block that OriginIR has."""
    c = Circuit(3, 3)
    c.measure(0, 0)
    c.measure(1, 1)
    with c.if_(0):
        c.x(2)
    with c.else_():
        c.h(2)
    with c.if_([0, 1], 2):
        c.y(2)
    with c.if_(1, 0):
        c.z(2)
    with c.else_():
        c.s(2)
    with c.while_(0):
        c.h(0)
        c.measure(0, 0)
    with c.loop(3):
        c.rx(0.1, 0)
    with c.box():
        c.barrier(0, 2)
    c.reset(1)
    c.measure_all()
    return c


def test_blocks_mean_the_same_and_are_read_by_pyqpanda3() -> None:
    circuit = flows()
    text = circuit.to_originir()
    again = loads(text)
    ours, back = twin.mixture(twin.branches(circuit.body)), twin.mixture(twin.branches(again.body))
    assert ours.keys() == back.keys()
    assert all(np.allclose(ours[bits], back[bits]) for bits in ours)
    theirs = convert_originir_string_to_qprog(text)
    assert isinstance(theirs, QProg)
    assert loads(convert_qprog_to_originir(theirs)).hash == loads(text).hash


def test_files_are_told_by_their_content_and_written_by_their_suffix(tmp_path) -> None:  # type: ignore[no-untyped-def]
    circuit = flows()
    save(circuit, tmp_path / "flows.originir")
    assert load(tmp_path / "flows.originir").hash == loads(circuit.to_originir()).hash
    assert Circuit.from_qasm("// first\n" + circuit.to_originir()).hash == loads(circuit.to_originir()).hash


@settings(max_examples=60)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_angles_come_back_to_the_bit(value: float) -> None:
    circuit = Circuit(1, 1)
    circuit.rx(value, 0)
    assert loads(circuit.to_originir()).hash == circuit.hash


def refused() -> dict[str, Program]:
    """Return programs that OriginIR can't say, by what the refusal says."""
    found: dict[str, Program] = {}
    c: Program = Circuit(1)
    c.rx(Parameter("a"), 0)
    found["instruction 0: OriginIR has no parameters; bind them first"] = c
    c = Circuit(1)
    c.delay(0, 1e-9)
    found["instruction 0 (delay) can't be written as OriginIR"] = c
    c = Program(ports=["q0.drive"], qubits=1)
    c.shift_phase("q0.drive", 0.1)
    found["instruction 0 (shift_phase) can't be written as OriginIR"] = c
    c = Circuit(1, 1)
    with c.while_(0, 0):
        c.measure(0, 0)
    found["instruction 0: OriginIR has no loop while a bit is 0"] = c
    c = Circuit(1, 2)
    with c.if_([0, 1], 1):
        c.x(0)
    with c.else_():
        c.h(0)
    found["instruction 0: OriginIR has no else of bits some of which are 0"] = c
    c = Circuit(1)
    with c.loop(10**12):
        c.h(0)
    found["the loop of 1000000000000 rounds makes more than 5000000 lines"] = c
    found["a program without qubits can't be written as OriginIR"] = Program()
    return found


@pytest.mark.parametrize(("told", "program"), refused().items(), ids=lambda x: x if isinstance(x, str) else "")
def test_what_originir_lacks_is_refused(told: str, program: Program) -> None:
    with pytest.raises(RequestError) as caught:
        Circuit.from_body(program.body).to_originir()
    assert caught.value.message == told
