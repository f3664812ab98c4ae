"""Composed, inverted and controlled circuits have the unitaries that Qiskit gives to the same."""

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator

import qctl
from qctl.cext.splice import Maps, append_controlled, append_inverse, append_mapped
from qctl.errors import RequestError
from qctl.program.opcodes import GATES
from qctl.program.unitaries import gate_matrix

NO = np.empty(0, np.uint32)
GATE_LIST = [*GATES]


def matrix(circuit):
    """Return the unitary of a circuit of gates, from the matrices of its instructions."""
    n = circuit.n_qubits
    qiskit = QuantumCircuit(n)
    body = circuit.body
    for i in range(len(body)):
        if int(body.instructions[i]["op"]) not in GATES:
            continue
        op, qubits, params, n_controls = body.gate(i)
        whole = gate_matrix(op, params, len(qubits), n_controls)
        if not qubits:
            qiskit.global_phase += params[0]
        else:
            qiskit.unitary(whole, list(qubits[::-1]))
    return Operator(qiskit).data


def every_gate(seed=0, n_qubits=4):
    rng = np.random.default_rng(seed)
    c = qctl.Circuit(n_qubits)
    for op in GATE_LIST:
        spec = GATES[op]
        n = 3 if spec.n_qubits < 0 else spec.n_qubits
        for n_controls in (0, 1):
            if n + n_controls <= n_qubits:
                qubits = rng.permutation(n_qubits)[: n + n_controls].tolist()
                c.append(op, qubits, rng.normal(size=spec.n_params).tolist(), n_controls)
    return c


@pytest.mark.parametrize("op", GATE_LIST, ids=lambda op: op.name.lower())
@pytest.mark.parametrize("n_own", [0, 1, 2])
def test_inverse_and_control_of_each_gate(op, n_own):
    spec = GATES[op]
    n = (2 if spec.n_qubits < 0 else spec.n_qubits) + n_own
    c = qctl.Circuit(max(n, 1))
    c.append(op, list(range(n))[::-1], np.random.default_rng(op).normal(size=spec.n_params).tolist(), n_own)
    wanted = Operator(matrix(c))
    assert np.allclose(matrix(c.inverse()), wanted.adjoint().data, atol=1e-12)
    assert qctl.Circuit.from_bytes(c.inverse().to_bytes()) == c.inverse()
    for n_controls in (0, 1, 2):
        found = c.control(n_controls)
        size = len(wanted.data)
        whole = np.eye(size << n_controls, dtype=complex).reshape(size, 1 << n_controls, size, 1 << n_controls)
        whole[:, -1, :, -1] = wanted.data
        assert np.allclose(matrix(found), whole.reshape(size << n_controls, -1), atol=1e-12)
        assert qctl.Circuit.from_bytes(found.to_bytes()) == found


def test_whole_circuits_are_inverted_and_repeated():
    c = every_gate()
    u = matrix(c)
    assert np.allclose(matrix(c.compose(c.inverse())), np.eye(16), atol=1e-10)
    assert np.allclose(matrix(c.inverse().inverse()), u, atol=1e-10)
    assert np.allclose(matrix(c.repeat(3)), np.linalg.matrix_power(u, 3), atol=1e-10)
    assert np.allclose(matrix(c.power(-2)), np.linalg.matrix_power(u.conj().T, 2), atol=1e-10)
    assert len(c.repeat(0)) == len(c.power(0)) == 0
    assert c.repeat(1) == c


@pytest.mark.parametrize("seed", range(5))
def test_composing_onto_qubits_is_qiskits(seed):
    rng = np.random.default_rng(seed)
    inner, outer = every_gate(seed, 3), every_gate(seed + 9, 5)
    onto = rng.permutation(5)[:3].tolist()
    whole = QuantumCircuit(5)
    whole.unitary(matrix(outer), range(5))
    whole.unitary(matrix(inner), onto)
    found = outer.compose(inner, onto)
    assert np.allclose(matrix(found), Operator(whole).data, atol=1e-10)
    assert len(found) == len(outer) + len(inner)
    assert qctl.Circuit.from_bytes(found.to_bytes()) == found
    named = outer.copy()
    named.extend(inner, [f"q[{i}]" for i in onto])
    assert named == found


def test_parameters_go_along():
    a, b = qctl.Parameter("a"), qctl.Parameter("b")
    c = qctl.Circuit(3)
    c.rx(a, 0)
    c.u(2 * a - b, b, 0.5, 1)
    c.crz(a / 2, 0, 2)
    c.ms(a, b, 0, 1, 2)
    d = qctl.Circuit(3)
    d.ry(b, 1)
    d.rzz(-a, 1, 2)
    values = {"a": 0.7, "b": -0.4}
    c_bound, d_bound = c.bind(values), d.bind(values)
    for made, wanted in (
        (c.compose(d, [2, 0, 1]), c_bound.compose(d_bound, [2, 0, 1])),
        (c.inverse(), c_bound.inverse()),
        (c.control(2), c_bound.control(2)),
        (c.repeat(2), c_bound.repeat(2)),
        (c.inverse().inverse(), c_bound),
    ):
        assert np.allclose(matrix(made.bind(values)), matrix(wanted), atol=1e-12)
    assert c.inverse().inverse() == c
    by_hand = d.copy()
    by_hand.rx(a, 2)
    one = qctl.Circuit(1)
    one.rx(a, 0)
    assert d.compose(one, [2]) == by_hand
    assert one.power(0.5).bind(a=0.6).body.gate(0)[2] == (0.3,)


def test_what_has_no_inverse_is_named():
    for act, name in (
        (lambda c: c.measure(0, 0), "measure"),
        (lambda c: c.reset(0), "reset"),
        (lambda c: c.set_bit(0, 1.0), "set_bit"),
    ):
        c = qctl.Circuit(2, 1)
        c.rx(0.1, 0)
        act(c)
        for change in (c.inverse, c.control, lambda c=c: c.power(-1), lambda c=c: c.power(0.5)):
            with pytest.raises(RequestError, match=rf"instruction 1 \({name}\)"):
                change()
    c = qctl.Circuit(1)
    c.h(0)
    with pytest.raises(RequestError, match=r"instruction 0 \(h\) has no exact power 0.5"):
        c.power(0.5)
    c = qctl.Circuit(1)
    c.rx(0.1, 0)
    c.rz(0.1, 0)
    with pytest.raises(RequestError, match=r"instruction 1 .* may not commute"):
        c.power(0.5)


def test_exact_powers_are_roots():
    c = qctl.Circuit(3)
    for gate in ("z", "s", "tdg"):
        getattr(c, gate)(1)
    c.rzz(0.7, 0, 1)
    c.cz(1, 2)
    c.append("p", [0, 1, 2], [0.3], n_controls=2)
    third = matrix(c.power(1 / 3))
    assert np.allclose(np.linalg.matrix_power(third, 3), matrix(c), atol=1e-12)


def test_branches_and_bits_go_along():
    c = qctl.Circuit(2, 2)
    c.h(0)
    c.measure(0, 0)
    with c.if_(0):
        c.x(1)
    with c.else_():
        c.z(1)
    c.measure(1, 1)
    d = qctl.Circuit(3, 3)
    d.x(2)
    e = d.compose(c, [2, 0], [1, 2]).compose(c, [1, 0])
    assert qctl.Circuit.from_bytes(e.to_bytes()) == e
    assert [b.first for b in e.body.blocks] == [3, 6, 12, 15]
    assert [str(b.value) for b in e.body.blocks] == ["c[1]", "None", "c[0]", "None"]
    assert e.body.structure().children[3].first == 16
    again = c.repeat(3)
    assert len(again.body.blocks) == 6
    assert qctl.Circuit.from_bytes(again.to_bytes()) == again
    assert set(qctl.simulate(d.compose(c, [2, 0], [1, 2]), shots=50, seed=1).counts) <= {"000", "110"}


def test_a_circuit_may_be_appended_to_itself():
    c = every_gate(3)
    wanted = c.repeat(2)
    c.extend(c)
    assert c == wanted


def test_what_does_not_fit_is_refused():
    c, small, pulses, waits = qctl.Circuit(3, 1), qctl.Circuit(2), qctl.Program(["d"]), qctl.Program(["d"])
    waits.delay("d", 1e-9)
    waits.barrier("d")
    small.measure_all()
    pulses.delay("d", 1e-9)
    pulses.shift_phase("d", 0.1)
    for change, words in (
        (lambda: c.extend(small), "has 2 bits, the program appended to has 1"),
        (lambda: small.extend(c), "has 3 qubits, the program appended to has 2"),
        (lambda: c.extend(small, [0]), "1 qubits are given for the 2"),
        (lambda: c.extend(small, [0, 0]), "qubit = 0 is given twice"),
        (lambda: c.extend(small, [0, 3]), r"qubit = 3 is outside \[0, 2\]"),
        (lambda: c.extend(pulses), r"\(shift_phase\) is of a pulse program"),
        (lambda: c.extend(waits), "has the ports d; what is composed acts on qubits alone"),
        (lambda: qctl.Circuit.from_bytes(waits.to_bytes()).control(1), "has the ports d"),
        (lambda: qctl.Circuit.from_bytes(waits.to_bytes()).inverse(), "has the ports d"),
        (lambda: c.repeat(-1), "n_times = -1"),
        (lambda: c.repeat(1.5), "not a whole number"),
        (lambda: c.control(-1), "n_controls = -1"),
    ):
        before = c.counts(), small.counts()
        with pytest.raises(RequestError, match=words):
            change()
        assert before == (c.counts(), small.counts())
    small.x(0)
    with pytest.raises(RequestError, match="can't be put under 254 controls"):
        d = qctl.Circuit(1)
        d.x(0)
        d.control(254)


def test_kernels_refuse_other_maps():
    source, target = qctl.Circuit(2), qctl.Circuit(2)
    maps = Maps(np.zeros(3, np.uint32), NO, NO, 0, None)
    for call in (
        lambda: append_mapped(target, source, maps),
        lambda: append_inverse(target, source, maps, np.zeros((2, 2), np.int16)),
        lambda: append_controlled(target, source, maps, 1, np.zeros((2, 3), np.int16), np.zeros((2, 3), np.int16)),
    ):
        with pytest.raises(ValueError, match=r"shape \(3,\), expected \(2,\)"):
            call()
