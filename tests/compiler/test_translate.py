"""Translation judged by Qiskit: every gate, controls, routing, and the native form."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import library as q
from qiskit.quantum_info import Operator

import qctl
from qctl.compiler.routed import native_steps
from qctl.compiler.target import Target
from qctl.compiler.unroll import unroll
from qctl.errors import CompileError, RequestError
from qctl.program.opcodes import GATES, Op

JUDGE = {
    Op.ID: q.IGate,
    Op.X: q.XGate,
    Op.Y: q.YGate,
    Op.Z: q.ZGate,
    Op.H: q.HGate,
    Op.S: q.SGate,
    Op.SDG: q.SdgGate,
    Op.T: q.TGate,
    Op.TDG: q.TdgGate,
    Op.SX: q.SXGate,
    Op.SXDG: q.SXdgGate,
    Op.P: q.PhaseGate,
    Op.U1: q.PhaseGate,
    Op.RX: q.RXGate,
    Op.RY: q.RYGate,
    Op.RZ: q.RZGate,
    Op.U2: lambda phi, lam: q.UGate(math.pi / 2, phi, lam),
    Op.U: q.UGate,
    Op.U3: q.UGate,
    Op.RPHI: q.RGate,
    Op.GPHASE: q.GlobalPhaseGate,
    Op.CX: q.CXGate,
    Op.CY: q.CYGate,
    Op.CZ: q.CZGate,
    Op.CH: q.CHGate,
    Op.CSX: q.CSXGate,
    Op.SWAP: q.SwapGate,
    Op.ISWAP: q.iSwapGate,
    Op.ISWAPDG: lambda: q.iSwapGate().inverse(),
    Op.SQRTISWAP: lambda: q.iSwapGate().power(0.5),
    Op.SQRTISWAPDG: lambda: q.iSwapGate().inverse().power(0.5),
    Op.CP: q.CPhaseGate,
    Op.CRX: q.CRXGate,
    Op.CRY: q.CRYGate,
    Op.CRZ: q.CRZGate,
    Op.RXX: q.RXXGate,
    Op.RYY: q.RYYGate,
    Op.RZZ: q.RZZGate,
    Op.RZX: q.RZXGate,
    Op.CU: q.CUGate,
    Op.CCX: q.CCXGate,
    Op.CCZ: q.CCZGate,
    Op.CSWAP: q.CSwapGate,
}
LINE = tuple((k, k + 1) for k in range(5))
STAR = tuple((0, k) for k in range(1, 6))
RING = tuple((k, (k + 1) % 6) for k in range(6))


def judged(steps, n):
    """Return the unitary of steps by Qiskit."""
    circuit = QuantumCircuit(n)
    for step in steps:
        if step.op in GATES:
            gate = JUDGE[step.op](*step.params)
            if step.n_controls:
                gate = gate.control(step.n_controls, annotated=False)
            circuit.append(gate, list(step.qubits))
    return Operator(circuit).data


def placed(layout, n_physical):
    """Return the isometry that puts program qubits on physical ones, the others in 0."""
    n = len(layout)
    found = np.zeros((2**n_physical, 2**n))
    for x in range(2**n):
        found[sum(((x >> k) & 1) << layout[k] for k in range(n)), x] = 1
    return found


def check(circuit, target, **options):
    """Translate, compare with Qiskit up to a global phase, and return what was made."""
    n = circuit.n_qubits
    n_physical = target.size(n)
    steps = unroll(circuit.body).steps
    made = native_steps(steps, n, target, **options)
    assert {step.op for step in made.steps} <= {Op.RZ, Op.SX, Op.CZ}
    if target.edges is not None:
        assert {frozenset(step.qubits) for step in made.steps if step.op is Op.CZ} <= set(map(frozenset, target.edges))
    ours = judged(made.steps, n_physical) @ placed(made.layout, n_physical)
    theirs = placed(made.final_layout, n_physical) @ judged(steps, n)
    assert abs(np.vdot(ours, theirs)) / 2**n == pytest.approx(1, abs=1e-9)
    return made


def random_circuit(rng, n, n_gates, most_controls=2):
    circuit = qctl.Circuit(n)
    for _ in range(n_gates):
        op = rng.choice([op for op in JUDGE if GATES[op].n_qubits <= n])
        spec = GATES[op]
        n_controls = min(rng.choice([0, 0, 0, 1, most_controls]), n - spec.n_qubits)
        qubits = rng.sample(range(n), spec.n_qubits + n_controls)
        angles = [rng.choice([rng.uniform(-7, 7), math.pi, -math.pi / 2, 0.0]) for _ in range(spec.n_params)]
        circuit.append(op, qubits, angles, n_controls)
    return circuit


@pytest.mark.parametrize("op", JUDGE, ids=lambda op: op.name.lower())
@pytest.mark.parametrize("n_controls", [0, 1, 2])
def test_every_gate_equals_qiskits(op, n_controls):
    rng = random.Random(op)
    spec = GATES[op]
    n = max(spec.n_qubits + n_controls, 1)
    circuit = qctl.Circuit(n)
    qubits = rng.sample(range(n), spec.n_qubits + n_controls)
    circuit.append(op, qubits, [rng.uniform(-4, 4) for _ in range(spec.n_params)], n_controls)
    check(circuit, Target())


@given(st.integers(0, 10**9), st.integers(1, 5), st.sampled_from([LINE, STAR, RING]))
@settings(max_examples=40, deadline=None)
def test_random_circuits_survive_routing(seed, n, edges):
    rng = random.Random(seed)
    check(random_circuit(rng, n, rng.randint(1, 12)), Target(edges=edges), seed=seed)


@given(st.integers(0, 10**9))
@settings(max_examples=10, deadline=None)
def test_six_qubits_on_a_line(seed):
    rng = random.Random(seed)
    check(random_circuit(rng, 6, 8, 1), Target(edges=LINE), seed=seed)


def test_five_controls_are_exact():
    circuit = qctl.Circuit(6)
    circuit.append("x", range(6), (), 5)
    check(circuit, Target())


@given(st.lists(st.tuples(st.sampled_from(["rx", "ry", "rz"]), st.floats(-7, 7)), min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_one_qubit_run_has_at_most_two_sx(rows):
    circuit = qctl.Circuit(1)
    for name, angle in rows:
        circuit.append(name, [0], [angle])
    made = check(circuit, Target())
    assert sum(step.op is Op.SX for step in made.steps) <= 2
    assert len(made.steps) <= 5


@pytest.mark.parametrize(("name", "n_sx"), [("x", 2), ("sx", 1), ("h", 1), ("z", 0), ("t", 0), ("id", 0), ("y", 2)])
def test_pulses_of_common_gates(name, n_sx):
    circuit = qctl.Circuit(1)
    circuit.append(name, [0])
    assert sum(step.op is Op.SX for step in check(circuit, Target()).steps) == n_sx


def test_gate_and_its_inverse_cancel():
    circuit = qctl.Circuit(2)
    for _ in range(2):
        circuit.cx(0, 1)
        circuit.h(1)
        circuit.h(1)
    assert check(circuit, Target()).steps == ()


def test_swap_beside_cz_costs_two():
    circuit = qctl.Circuit(2)
    circuit.cx(0, 1)
    circuit.swap(0, 1)
    made = native_steps(unroll(circuit.body).steps, 2, Target())
    assert sum(step.op is Op.CZ for step in made.steps) <= 4


def test_layout_without_swaps_is_found():
    circuit = qctl.Circuit(5)
    for a, b in ((0, 3), (3, 1), (1, 4), (4, 2)):
        circuit.cx(a, b)
    made = check(circuit, Target(edges=LINE[:4]))
    assert made.n_swaps == 0
    assert made.layout != (0, 1, 2, 3, 4)


def test_own_numbers_are_kept_where_they_fit():
    circuit = qctl.Circuit(3)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    assert check(circuit, Target(edges=LINE)).layout == (0, 1, 2)


def test_same_seed_gives_the_same_program():
    circuit = random_circuit(random.Random(3), 5, 20)
    steps = unroll(circuit.body).steps
    made = [native_steps(steps, 5, Target(edges=LINE), seed=7) for _ in range(2)]
    assert made[0].steps == made[1].steps


def test_measured_bits_follow_their_qubits():
    circuit = qctl.Circuit(3)
    circuit.x(0)
    for a, b in ((0, 1), (1, 2), (0, 2)):
        circuit.cz(a, b)
    circuit.measure_all()
    made = native_steps(unroll(circuit.body).steps, 3, Target(edges=LINE))
    measured = {step.number: step.qubits[0] for step in made.steps if step.op is Op.MEASURE}
    assert measured == dict(enumerate(made.final_layout))


def test_symbolic_angles_stay_symbolic():
    a = qctl.Parameter("a")
    circuit = qctl.Circuit(2)
    circuit.rx(2 * a, 0)
    circuit.cp(a, 0, 1)
    circuit.u(a, a / 2, -a, 1)
    made = qctl.translate(circuit, Target(edges=LINE))
    for value in (0.3, -2.0, math.pi):
        bound = made.bind(a=value)
        ours = judged(unroll(bound.body).steps, 6)
        theirs = placed((0, 1), 6) @ judged(unroll(circuit.bind(a=value).body).steps, 2)
        assert abs(np.vdot(ours @ placed((0, 1), 6), theirs)) / 4 == pytest.approx(1, abs=1e-9)


def test_qubits_without_a_way_are_refused():
    circuit = qctl.Circuit(4)
    for a, b in ((0, 1), (1, 2), (2, 3), (3, 0), (0, 2)):
        circuit.cx(a, b)
    with pytest.raises(CompileError, match="no chain of couplers"):
        native_steps(unroll(circuit.body).steps, 4, Target(edges=((0, 1), (2, 3))))


def test_too_many_qubits_are_refused():
    with pytest.raises(CompileError, match="7 qubits, the target 6"):
        native_steps((), 7, Target(edges=LINE))


def test_basis_without_entangling_gate_is_refused():
    with pytest.raises(RequestError, match="lacks one of cz, cx, "):
        Target(basis=("rz", "sx", "swap"))


def test_what_a_circuit_becomes_is_a_circuit():
    c = qctl.Circuit.from_qasm(
        'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q; reset q[0]; cx q[0], q[1];'
    )
    native = qctl.translate(c, Target(("rz", "sx", "cz"), ((0, 1),)))
    assert type(native) is qctl.Circuit and "cz q[0], q[1]" in native.to_qasm(version=3).replace(",q", ", q")
    assert "qasm.places" in c.metadata and "qasm.places" not in native.metadata
    p = qctl.Program(qubits=2)
    p.h(0)
    assert type(qctl.translate(p, Target(("rz", "sx", "cz"), ((0, 1),)))) is qctl.Program


@pytest.mark.parametrize("level", [1, 2, 3])
def test_numbers_with_gaps_and_dead_qubits_are_no_hindrance(level):
    circuit = qctl.Circuit(3)
    circuit.h(0)
    circuit.ccx(0, 1, 2)
    for target in (Target(edges=((0, 5), (5, 9))), Target(edges=((0, 1), (3, 6), (6, 7)), n_qubits=9)):
        check(circuit, target, level=level)


def test_what_is_no_target_is_refused():
    circuit = qctl.Circuit(2)
    with pytest.raises(RequestError, match="is no Target and no processor"):
        qctl.translate(circuit, [(0, 1)])
    for edges in ("ab", ((0, 1, 2),), ((0, 2**70),), ((0, 1.5),)):
        with pytest.raises(RequestError, match=r"edge .* (is no pair|joins no two different)"):
            Target(edges=edges)
    assert Target(edges=[[0, 1]]).edges == ((0, 1),)
