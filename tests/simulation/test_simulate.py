"""simulate against Qiskit's state vectors and against probabilities that are known on paper."""

import math

import numpy as np
import pytest
from qiskit.circuit.random import random_circuit
from qiskit.quantum_info import Operator, Statevector

from qctl.circuit import Circuit
from qctl.errors import RequestError
from qctl.program.expressions import Parameter
from qctl.program.opcodes import GATES, Op
from qctl.program.program import Program
from qctl.program.unitaries import gate_matrix
from qctl.simulation.simulate import simulate


@pytest.mark.parametrize("seed", range(12))
def test_random_circuits_agree_with_qiskit(seed):
    theirs = random_circuit(5, 8, max_operands=3, seed=seed)
    names = {"cu1": Op.CP, "u1": Op.U1, "cu3": None, "rccx": None, "r": Op.RPHI, "dcx": None, "ecr": None}
    ours = Circuit(5)
    kept = theirs.copy_empty_like()
    for item in theirs.data:
        op = names.get(item.operation.name, getattr(Op, item.operation.name.upper(), None))
        if op is None or op not in GATES:
            continue
        kept.append(item.operation, item.qubits)
        ours.append(op, [theirs.find_bit(q).index for q in item.qubits], item.operation.params)
    assert len(kept) > 8
    for precision, error in (("double", 1e-12), ("single", 1e-5)):
        state = simulate(ours, precision=precision).statevector
        assert abs(abs(np.vdot(state, Statevector(kept).data)) - 1) < error


def test_every_gate_is_unitary_and_its_controlled_form_too():
    for op, spec in GATES.items():
        n = spec.n_qubits if spec.n_qubits >= 0 else 4
        params = [0.3 + 0.2 * k for k in range(spec.n_params)]
        for controls in (0, 2):
            matrix = gate_matrix(op, params, n + controls, controls)
            assert matrix.shape == (2 ** (n + controls),) * 2
            assert np.allclose(matrix @ matrix.conj().T, np.eye(len(matrix)))


def test_many_controls_act_on_one_state_alone():
    c = Circuit(6)
    for q in range(5):
        c.x(q)
    c.append("x", range(6), n_controls=5)
    assert abs(simulate(c).statevector[0b111111]) == pytest.approx(1)


def test_two_ion_ms_gate_is_rxx_and_four_make_a_cat():
    assert np.allclose(gate_matrix(Op.MS, (0.7, 0.0), 2), gate_matrix(Op.RXX, (0.7,), 2))
    c = Circuit(4)
    c.ms(math.pi / 2, 0.0, *range(4))
    p = np.abs(simulate(c).statevector) ** 2
    assert p[0] == pytest.approx(0.5)
    assert p[15] == pytest.approx(0.5)


def test_counts_follow_qiskits_order_and_the_seed():
    c = Circuit(3)
    c.x(0)
    c.measure_all()
    assert simulate(c, shots=7, seed=1).counts == {"001": 7}
    c = Circuit(2)
    c.h(0)
    c.cx(0, 1)
    c.measure_all()
    found = simulate(c, shots=4000, seed=2).counts
    assert set(found) == {"00", "11"}
    assert abs(found["00"] - 2000) < 5 * math.sqrt(1000)
    assert simulate(c, shots=4000, seed=2).counts == found


def test_teleportation_by_outcomes_in_mid_circuit():
    c = Circuit(3, 3)
    c.ry(1.1, 0)
    c.h(1)
    c.cx(1, 2)
    c.cx(0, 1)
    c.h(0)
    c.measure(0, 0)
    c.measure(1, 1)
    with c.if_(1, 1):
        c.x(2)
    with c.if_(0, 1):
        c.z(2)
    c.measure(2, 2)
    counts = simulate(c, shots=3000, seed=3).counts
    ones = sum(n for text, n in counts.items() if text[0] == "1")
    assert abs(ones / 3000 - math.sin(0.55) ** 2) < 0.03


def test_reset_and_repeat_until_success_end_in_zero():
    p = Program((), 1, 1)
    p.h(0)
    p.measure(0, 0)
    with p.while_("c[0]", 1):
        p.h(0)
        p.measure(0, 0)
    assert simulate(p, shots=50, seed=4).counts == {"0": 50}
    c = Circuit(1)
    c.h(0)
    c.reset(0)
    c.measure_all()
    assert simulate(c, shots=50, seed=5).counts == {"0": 50}


def test_what_cannot_be_played_is_refused():
    c = Circuit(1)
    c.rx(Parameter("a"), 0)
    with pytest.raises(RequestError, match="not bound: a"):
        simulate(c)
    with pytest.raises(RequestError, match="half of this machine"):
        simulate(Circuit(50))
    with pytest.raises(RequestError, match="precision"):
        simulate(Circuit(1), precision="half")
    with pytest.raises(RequestError, match="shots"):
        simulate(Circuit(1), shots=0)
    endless = Program((), 1, 1)
    endless.x(0)
    endless.measure(0, 0)
    with endless.while_("c[0]", 1):
        endless.measure(0, 0)
    with pytest.raises(RequestError, match="has not ended"):
        simulate(endless, shots=1)


def test_unitary_of_the_table_is_qiskits():
    from qiskit.circuit import library as q

    for op, gate in (
        (Op.CCX, q.CCXGate()),
        (Op.CSWAP, q.CSwapGate()),
        (Op.RZX, q.RZXGate(0.4)),
        (Op.CU, q.CUGate(0.1, 0.2, 0.3, 0.4)),
    ):
        params = [float(v) for v in gate.params]
        mine = gate_matrix(op, params, gate.num_qubits)
        swapped = Operator(gate).reverse_qargs().data
        assert np.allclose(mine, swapped)
