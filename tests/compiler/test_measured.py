"""Layouts follow measured errors: what is bad is avoided, and the promise is never below that of the blind one."""

import random

import numpy as np
import pytest
from qiskit.circuit import Measure
from qiskit.circuit.library import CZGate, RZGate, SXGate
from qiskit.transpiler import InstructionProperties
from qiskit.transpiler import Target as QiskitTarget

import qctl
from qctl.bench.translate_circuits import COUPLINGS, FAMILIES
from qctl.compiler.rates import Rates, expected_success
from qctl.errors import RequestError
from qctl.program.opcodes import Op
from tests.compiler.test_equivalence import native_only, overlap

GRID = tuple(COUPLINGS["grid"](9))


def circuit_of(family, n, measured=True):
    circuit = qctl.Circuit(n)
    for name, angles, qubits in FAMILIES[family](n):
        circuit.append(name, qubits, angles)
    if measured:
        circuit.measure_all()
    return circuit


def scattered(edges, seed):
    rng = random.Random(seed)
    n = max(map(max, edges)) + 1
    draw = lambda mean, count: tuple(min(0.4, mean * np.exp(rng.gauss(0, 0.8))) for _ in range(count))  # noqa: E731
    return Rates(draw(0.006, len(edges)), draw(4e-4, n), draw(0.02, n))


def their_success(made, edges, rates):
    """Return the product of all gates' fidelities as a Qiskit target has them."""
    n = made.n_qubits
    target = QiskitTarget(num_qubits=n)
    target.add_instruction(
        CZGate(), {e: InstructionProperties(error=x) for e, x in zip(edges, rates.pair_error, strict=True)}
    )
    target.add_instruction(SXGate(), {(q,): InstructionProperties(error=rates.pulse_error[q]) for q in range(n)})
    target.add_instruction(RZGate(0.0), {(q,): InstructionProperties(error=0.0) for q in range(n)})
    target.add_instruction(Measure(), {(q,): InstructionProperties(error=rates.readout_error[q]) for q in range(n)})
    left = 1.0
    for row in made.body.instructions.tolist():
        name = Op(row[0]).name.lower()
        if name == "cz":
            pair = (row[2], row[3])
            left *= 1 - target["cz"][pair if pair in target["cz"] else pair[::-1]].error
        elif name != "barrier":
            left *= 1 - target[name][(row[2],)].error
    return left


def used_pairs(made):
    rows = made.body.instructions
    return {frozenset((int(r["a"]), int(r["b"]))) for r in rows[rows["op"] == Op.CZ]}


@pytest.mark.parametrize("bad", range(len(GRID)))
def test_one_bad_coupler_is_avoided(bad):
    rates = Rates(tuple(0.3 if k == bad else 0.005 for k in range(len(GRID))))
    made = qctl.translate(circuit_of("wstate", 6), qctl.Target(edges=GRID, rates=rates))
    assert frozenset(GRID[bad]) not in used_pairs(made)


@pytest.mark.parametrize("bad", range(9))
@pytest.mark.parametrize("what", ["readout_error", "pulse_error"])
def test_one_bad_qubit_is_avoided(bad, what):
    errors = tuple(0.3 if q == bad else 0.002 for q in range(9))
    rates = Rates((0.005,) * len(GRID), **{what: errors})
    made = qctl.translate(circuit_of("qaoa", 6), qctl.Target(edges=GRID, rates=rates))
    assert str(bad) not in made.metadata["layout"].split(",")
    assert str(bad) not in made.metadata["final_layout"].split(",")


@pytest.mark.parametrize("family", ["qaoa", "clifft", "qv", "wstate", "qft"])
@pytest.mark.parametrize("where", [*COUPLINGS])
def test_promise_is_never_below_the_blind_one(family, where):
    edges = tuple(COUPLINGS[where](16))
    n = max(map(max, edges)) + 1
    rates = scattered(edges, n)
    circuit = circuit_of(family, 10)
    blind = qctl.translate(circuit, qctl.Target(edges=edges))
    made = qctl.translate(circuit, qctl.Target(edges=edges, rates=rates))
    theirs = their_success(made, edges, rates)
    assert float(made.metadata["expected_success"]) == pytest.approx(theirs, rel=1e-9)
    assert theirs >= their_success(blind, edges, rates) * (1 - 1e-12)
    assert made.to_bytes() == qctl.translate(circuit, qctl.Target(edges=edges, rates=rates)).to_bytes()


@pytest.mark.parametrize("seed", range(12))
def test_programs_stay_what_they_are(seed):
    rng = random.Random(seed)
    edges = tuple(COUPLINGS["grid"](8))
    circuit = circuit_of(rng.choice([*FAMILIES]), 4, measured=False)
    basis = rng.choice([("rz", "sx", "cz"), ("u3", "cz"), ("rz", "sx", "cx")])
    directed = basis[-1] == "cx"
    target = qctl.Target(basis, edges, rates=scattered(edges, seed), directed=directed)
    made = qctl.translate(circuit, target, level=rng.randint(1, 3), seed=seed)
    native_only(made, basis, edges)
    assert overlap(circuit, made, np.random.default_rng(seed)) == pytest.approx(1, abs=1e-9)
    if directed:
        assert {made.body.gate(i)[1] for i in range(len(made.body)) if made.body.gate(i)[0] == Op.CX} <= set(edges)


@pytest.mark.parametrize("family", ["qaoa", "clifft", "wstate"])
def test_noisy_simulation_prefers_the_layout_that_knows(family):
    edges = tuple(COUPLINGS["line"](6))
    rates = Rates((0.15, 0.12, 0.004, 0.004, 0.004))
    circuit = circuit_of(family, 4, measured=False)
    found = []
    for known in (None, rates):
        made = qctl.translate(circuit, qctl.Target(edges=edges, rates=known), level=2)
        found.append(fidelity(circuit, made, edges, rates))
    assert found[1] >= found[0] - 1e-9
    assert found[1] > 0.5


def fidelity(circuit, made, edges, rates):
    """Return <psi| rho |psi> of a density matrix that each cz depolarises, by numpy alone."""
    from tests.compiler.test_equivalence import matrix, play

    n = made.n_qubits
    rho = np.zeros((2,) * 2 * n, complex)
    rho[(0,) * 2 * n] = 1
    error = {frozenset(e): x for e, x in zip(edges, rates.pair_error, strict=True)}
    for i in range(len(made.body)):
        op, qubits, angles, _ = made.body.gate(i)
        k = len(qubits)
        u = matrix(op.name.lower(), angles).reshape((2,) * 2 * k)
        for side, m in ((0, u), (n, u.conj())):
            axes = [q + side for q in qubits[::-1]]
            rho = np.moveaxis(np.tensordot(m, rho, (range(k, 2 * k), axes)), range(k), axes)
        if k == 2:  # average infidelity e is the probability 4/3 e of the fully mixed pair
            p = error[frozenset(qubits)] * 4 / 3
            a, b = qubits
            left = np.trace(np.trace(rho, axis1=a, axis2=n + a), axis1=b - (a < b), axis2=n - 1 + b - (a < b))
            mixed = np.multiply.outer(np.eye(2)[..., None, None] * np.eye(2) / 4, left)
            mixed = np.moveaxis(mixed, (0, 1, 2, 3), (0, 1, 2, 3))
            others = [q for q in range(n) if q not in qubits]
            axes = [a, n + a, b, n + b, *others, *(n + q for q in others)]
            rho = (1 - p) * rho + p * np.moveaxis(mixed, range(2 * n), axes)
    state = np.zeros((2,) * circuit.n_qubits, complex)
    state[(0,) * circuit.n_qubits] = 1
    state = play(circuit, state)
    final = [int(q) for q in made.metadata["final_layout"].split(",")]
    free = [q for q in range(n) if q not in final]
    rho = rho.transpose([*final, *free, *(n + q for q in final), *(n + q for q in free)])
    m = len(free)
    rho = rho.reshape(2 ** len(final), 2**m, 2 ** len(final), 2**m).trace(axis1=1, axis2=3)
    psi = state.reshape(-1)
    return float((psi.conj() @ rho @ psi).real)


def test_waiting_costs_what_relaxation_takes():
    circuit = qctl.Circuit(2)
    circuit.sx(0)
    circuit.sx(1)
    circuit.sx(1)
    circuit.cz(0, 1)
    rates = Rates((0.0,), pulse_s=(1e-6, 1e-6), pair_s=(1e-6,), t1_s=(1e-5, 1e-5), t2_s=(5e-6, 5e-6))
    found = expected_success(circuit.body.instructions, circuit.body.operands, rates, ((0, 1),), 2)
    assert found == pytest.approx(0.5 + np.exp(-0.1) / 6 + np.exp(-0.2) / 3)


@pytest.mark.parametrize(
    ("edges", "options", "match"),
    [
        (GRID, {"pair_error": (0.1,)}, "pair_error has 1 values for 12"),
        (GRID, {"pair_error": (0.1,) * 11 + (1.5,)}, r"pair_error\[11\] = 1.5"),
        (GRID, {"pair_error": (0.1,) * 12, "readout_error": (0.1,)}, "readout_error has 1 values for 9"),
        (GRID, {"pair_error": (0.1,) * 12, "t1_s": (0.0,) * 9}, "t1_s"),
        (None, {"pair_error": ()}, "need a target with edges"),
    ],
)
def test_rates_that_do_not_fit_are_refused(edges, options, match):
    with pytest.raises(RequestError, match=match):
        qctl.Target(edges=edges, rates=Rates(**options))
