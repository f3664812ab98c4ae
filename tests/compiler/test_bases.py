"""Every native two-qubit gate: the fewest that a class needs, equal programs by Qiskit, and who is chosen."""

import math
import random

import numpy as np
import pytest
from mqt.bench import BenchmarkLevel, get_benchmark
from qiskit import QuantumCircuit, transpile
from qiskit.circuit.library import RXXGate, RZXGate, RZZGate, UnitaryGate, iSwapGate
from qiskit.quantum_info import Operator
from qiskit.synthesis import TwoQubitWeylDecomposition

import qctl
from qctl.bench.translate_circuits import COUPLINGS
from qctl.cext.kinds import count_gates
from qctl.compiler.target import _TWO_QUBIT
from qctl.errors import RequestError
from qctl.program.opcodes import GATES, Op
from tests.compiler.test_equivalence import matrix, overlap, random_circuit

ONES = (("rz", "sx"), ("rz", "sx", "x"), ("u3",), ("rz", "rx"), ("rz", "ry"), ("rz", "rphi"), ("rphi",))
QUARTERS = ("rzx(pi/2)", "rzz(pi/2)", "rxx(pi/2)", "ms(pi/2)")
N_RANDOM, N_AT_ONCE = 1000, 50


def judged(program):
    """Return a translated program as Qiskit's circuit: known gates by its classes, the others by their definition."""
    made = QuantumCircuit(program.n_qubits)
    classes = {"rzx": RZXGate, "rxx": RXXGate, "ms": lambda a, _: RXXGate(a), "rzz": RZZGate, "iswap": iSwapGate}
    for i in range(len(program.body)):
        op, qubits, angles, _ = program.body.gate(i)
        name = op.name.lower()
        if name in classes:
            made.append(classes[name](*angles), qubits)
        elif name == "sqrtiswap":
            made.append(iSwapGate().power(0.5), qubits)
        elif name == "u3":
            made.u(*angles, *qubits)
        elif name == "rphi":
            made.r(*angles, *qubits)
        else:
            getattr(made, name)(*angles, *qubits)
    return made


def native_alone(made, basis, edges):
    coupled = set(map(frozenset, edges))
    for i in range(len(made.body)):
        op, qubits, angles, _ = made.body.gate(i)
        name = op.name.lower()
        quarter = f"{name}(pi/2)" in basis
        assert name in basis or quarter
        if quarter and name not in basis:
            assert angles[0] == pytest.approx(math.pi / 2)
        if name == "ms":
            assert angles[1] == 0
        assert len(qubits) == 1 or frozenset(qubits) in coupled


def count(made):
    ops = [Op(row[0]) for row in made.body.instructions.tolist()]
    return sum(op in GATES and GATES[op].n_qubits != 1 for op in ops)


@pytest.mark.parametrize("first", range(0, N_RANDOM, N_AT_ONCE))
def test_random_circuits_stay_what_they_are(first):
    for seed in range(first, first + N_AT_ONCE):
        rng = random.Random(seed)
        n = rng.randint(1, 5)
        edges = COUPLINGS[rng.choice([*COUPLINGS])](rng.randint(max(n, 4), 6))
        two = rng.sample(_TWO_QUBIT, rng.choice([1, 1, 1, 2]))
        basis = (*rng.choice(ONES), *two)
        circuit = random_circuit(rng, n, rng.randint(1, 20))
        made = qctl.translate(circuit, qctl.Target(basis, tuple(edges)), level=rng.randint(0, 3), seed=seed)
        native_alone(made, basis, edges)
        assert overlap(circuit, made, np.random.default_rng(seed)) == pytest.approx(1, abs=1e-10), (seed, basis)


@pytest.mark.parametrize("two", _TWO_QUBIT)
@pytest.mark.parametrize("one", ONES)
def test_operators_are_equal_by_qiskit(one, two):
    for seed in range(6):
        rng = random.Random(seed)
        n = rng.randint(2, 4)
        circuit = random_circuit(rng, n, 15)
        edges = tuple((k, k + 1) for k in range(n - 1))
        made = qctl.translate(circuit, qctl.Target((*one, two), edges), level=1, seed=seed)
        layout, final = ([int(q) for q in made.metadata[key].split(",")] for key in ("layout", "final_layout"))
        theirs = QuantumCircuit(n)
        for i in range(len(circuit.body)):
            op, qubits, angles, _ = circuit.body.gate(i)
            theirs.append(UnitaryGate(matrix(op.name.lower(), angles)), qubits)
        ours = QuantumCircuit(n)
        ours.compose(judged(made), [layout.index(q) for q in range(n)], inplace=True)
        moved = [layout.index(q) for q in final]  # where each of the program's qubits is now
        wanted = Operator(theirs).apply_permutation([moved.index(k) for k in range(n)])
        assert Operator(ours).equiv(wanted, atol=1e-8)


@pytest.mark.parametrize("name", ["ghz", "qft", "wstate", "vqe_real_amp", "qaoa", "graphstate"])
@pytest.mark.parametrize("two", _TWO_QUBIT)
def test_mqt_bench_circuits_stay_what_they_are(name, two):
    theirs = get_benchmark(name, level=BenchmarkLevel.ALG, circuit_size=6, random_parameters=True)
    theirs.remove_final_measurements()
    theirs = transpile(theirs, basis_gates=["u3", "cx", "cp", "swap", "rzz"], optimization_level=0)
    circuit = qctl.Circuit(theirs.num_qubits)
    for item in theirs.data:
        if item.operation.name not in ("barrier", "measure"):
            qubits = [theirs.find_bit(q).index for q in item.qubits]
            circuit.append(item.operation.name, qubits, [float(x) for x in item.operation.params])
    edges = COUPLINGS["line"](6)
    made = qctl.translate(circuit, qctl.Target(("rz", "sx", two), tuple(edges)), level=2)
    native_alone(made, ("rz", "sx", two), edges)
    assert overlap(circuit, made, np.random.default_rng(1)) == pytest.approx(1, abs=1e-10)


def least(kind, c):
    """Return how many gates a class needs, from Qiskit's coordinates pi/4 >= a >= b >= |c|, by the papers' regions."""
    a, b, c = c
    zero = lambda *x: all(abs(v) < 1e-9 for v in x)  # noqa: E731
    if zero(a, b, c):
        return 0
    if kind in ("cz", "cx", *QUARTERS):
        return 1 if zero(a - math.pi / 4, b, c) else 2 if zero(c) else 3
    if kind in ("rzz", "rxx", "ms", "rzx"):
        return 1 if zero(b, c) else 2 if zero(c) else 3
    if kind == "iswap":
        return 1 if zero(a - math.pi / 4, b - math.pi / 4, c) else 2 if zero(c) else 3
    return 1 if zero(a - math.pi / 8, b - math.pi / 8, c) else 2 if a - b > abs(c) - 1e-9 else 3


def blocks():
    rng = np.random.default_rng(5)
    eighths = [(a, b, c) for a in range(5) for b in range(a + 1) for c in range(-b, b + 1)]
    yield from (np.array(c) * math.pi / 16 for c in eighths)
    for _ in range(60):
        a, b, c = np.sort(rng.uniform(0, math.pi / 4, 3))[::-1]
        yield from (np.array(x) for x in ((a, b, c), (a, b, -c), (a, b, 0), (a, 0, 0), (math.pi / 4, b, c), (a, a, c)))


@pytest.mark.parametrize("kind", _TWO_QUBIT)
def test_a_block_has_the_fewest_gates_and_is_exact(kind):
    rng = np.random.default_rng(7)
    for c in blocks():
        circuit = qctl.Circuit(2)
        turn = lambda q: circuit.u3(*rng.uniform(0, 6, 3), q)  # noqa: E731, B023
        turn(0)
        turn(1)
        for name, x in zip(("rxx", "ryy", "rzz"), c, strict=True):
            circuit.append(name, (0, 1), (-2 * float(x),))
        turn(0)
        turn(1)
        made = qctl.translate(circuit, qctl.Target(("u3", kind), ((0, 1),)), level=0)
        whole = np.eye(4, dtype=complex)
        for i in range(len(circuit.body)):
            op, qubits, angles, _ = circuit.body.gate(i)
            u = matrix(op.name.lower(), angles)
            whole = (
                u if len(qubits) == 2 else np.kron(u, np.eye(2)) if qubits == (1,) else np.kron(np.eye(2), u)
            ) @ whole
        weyl = TwoQubitWeylDecomposition(whole)
        wanted = least(kind, (weyl.a, weyl.b, weyl.c))
        counts = np.zeros(1, np.int32)
        count_gates(c.reshape(1, 3), _TWO_QUBIT.index(kind), counts)
        assert (count(made), int(counts[0])) == (wanted, wanted), c
        assert made.metadata["final_layout"] == "0,1"
        found = Operator(judged(made)).data
        assert np.abs(found * np.vdot(found, whole) / 4 - whole).max() < 5e-9, c


@pytest.mark.parametrize("kind", ["iswap", "cz"])
def test_a_pair_with_two_gates_takes_the_better_one(kind):
    circuit = qctl.Circuit(2)
    circuit.iswap(0, 1)
    circuit.t(0)
    circuit.barrier(0, 1)
    circuit.cz(0, 1)
    errors = {"cz": (0.001,), "iswap": (0.05,)} if kind == "cz" else {"cz": (0.05,), "iswap": (0.001,)}
    made = qctl.translate(circuit, qctl.Target(("rz", "sx", "cz", "iswap"), ((0, 1),), rates=qctl.Rates(errors)))
    assert {Op(op).name.lower() for op in made.body.instructions["op"].tolist()} == {"barrier", "rz", "sx", kind}
    assert float(made.metadata["expected_success"]) > 0.98
    even = qctl.translate(circuit, qctl.Target(("rz", "sx", "cz", "iswap"), ((0, 1),)))
    assert count(even) <= 2


def test_a_coupler_that_lacks_a_gate_does_with_the_other():
    edges = ((0, 1), (1, 2))
    rates = qctl.Rates({"cz": (0.01, 1.0), "iswap": (1.0, 0.01)})
    circuit = qctl.Circuit(3)
    circuit.cz(0, 1)
    circuit.cz(1, 2)
    made = qctl.translate(circuit, qctl.Target(("rz", "sx", "cz", "iswap"), edges, rates=rates), level=0)
    rows = made.body.instructions.tolist()
    assert [{r[2], r[3]} for r in rows if r[0] == Op.CZ] == [{0, 1}]
    assert [{r[2], r[3]} for r in rows if r[0] == Op.ISWAP] == [{1, 2}] * 2


def test_the_better_direction_is_taken():
    rates = qctl.Rates((0.03, 0.01))
    circuit = qctl.Circuit(2)
    circuit.cx(0, 1)
    made = qctl.translate(circuit, qctl.Target(("rz", "sx", "cx"), ((0, 1), (1, 0)), directed=True, rates=rates))
    assert [(r[2], r[3]) for r in made.body.instructions.tolist() if r[0] == Op.CX] == [(1, 0)]


def test_blocks_and_symbols_keep_their_angles():
    for one in (("rz", "rphi"), ("rphi",)):
        circuit = qctl.Circuit(2)
        angle = qctl.Parameter("a")
        with circuit.loop(3):
            circuit.rz(angle, 0)
            circuit.rzz(0.3, 0, 1)
            circuit.h(0)
        circuit.rzz(0.7, 0, 1)
        target = qctl.Target((*one, "ms"), ((0, 1),))
        made = qctl.translate(circuit, target)
        assert made.bind(a=0.4).body.parameters == ()
        straight, native = qctl.Circuit(2), qctl.Circuit(2)
        straight.rz(angle, 0)
        straight.rzz(0.3, 0, 1)
        native = qctl.translate(straight, target).bind(a=0.4)
        assert overlap(straight.bind(a=0.4), native, np.random.default_rng(1)) == pytest.approx(1, abs=1e-10)


@pytest.mark.parametrize(
    ("basis", "match"),
    [
        (("rz", "sx"), "lacks one of cz"),
        (("rz", "cz"), "lacks rz with sx, rx, ry or rphi"),
        (("rz", "sx", "ms(pi)"), "lacks"),
    ],
)
def test_a_basis_without_enough_is_refused(basis, match):
    with pytest.raises(RequestError, match=match):
        qctl.Target(basis, ((0, 1),))


def test_rates_of_other_gates_are_refused():
    with pytest.raises(RequestError, match=r"rates\.pair_error has cz, cx; the basis has cz, iswap"):
        qctl.Target(("rz", "sx", "cz", "iswap"), ((0, 1),), rates=qctl.Rates({"cz": (0.1,), "cx": (0.1,)}))


def test_the_count_of_gates_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="don't fit"):
        count_gates(np.zeros((1, 2)), 0, np.zeros(1, np.int32))
    with pytest.raises(ValueError, match="kind 12"):
        count_gates(np.zeros((1, 3)), 12, np.zeros(1, np.int32))
    count_gates(np.zeros((0, 3)), 0, np.zeros(0, np.int32))
