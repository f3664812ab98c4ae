"""Options of translation: approximation within its bound, threads, a budget of time, gates that exist one way."""

import random

import numpy as np
import pytest
from qiskit.quantum_info import Operator, average_gate_fidelity

import qctl
from qctl.bench.translate_circuits import COUPLINGS, FAMILIES
from qctl.errors import RequestError
from qctl.program.opcodes import Op
from tests.compiler.test_equivalence import native_only, overlap, play, random_circuit

PAIR = qctl.Target(edges=((0, 1),))


def circuit_of(family, n):
    circuit = qctl.Circuit(n)
    for name, angles, qubits in FAMILIES[family](n):
        circuit.append(name, qubits, angles)
    return circuit


def n_two(made):
    return int(np.isin(made.body.instructions["op"], [Op.CZ, Op.CX]).sum())


def unitary(program):
    """Return the 4 x 4 matrix of a program on two qubits, its first qubit lowest."""
    columns = []
    for k in range(4):
        state = np.zeros((2, 2), complex)
        state[k & 1, k >> 1] = 1
        columns.append(play(program, state).transpose(1, 0).reshape(4))
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("bound", [1e-6, 1e-3, 0.03, 0.2])
def test_each_block_loses_what_is_reported_and_no_more_than_the_bound(seed, bound):
    rng = np.random.default_rng(seed)
    circuit = qctl.Circuit(2)
    for angle in rng.normal(size=3) * 10 ** rng.uniform(-3, 0):
        circuit.u(*rng.uniform(-3, 3, 3), 0)
        circuit.rzz(float(angle), 0, 1)
        circuit.u(*rng.uniform(-3, 3, 3), 1)
    exact = qctl.translate(circuit, PAIR, level=0)
    made = qctl.translate(circuit, PAIR, level=0, approximation=bound)
    lost = 1 - average_gate_fidelity(Operator(unitary(made)), Operator(unitary(circuit)))
    told = float(made.metadata.get("infidelity", "0"))
    assert n_two(made) <= n_two(exact)
    if n_two(made) < n_two(exact):
        assert told > 0
    # Three rotations and the block that they make may each lose as much; amplitudes of errors add up.
    assert lost <= 16 * bound + 1e-12
    assert lost <= (4 * np.sqrt(told) + 1e-6) ** 2


def test_one_block_loses_exactly_what_is_reported():
    for angle, n in ((1e-3, 0), (np.pi / 2 - 1e-3, 1)):
        circuit = qctl.Circuit(2)
        circuit.rzz(angle, 0, 1)
        made = qctl.translate(circuit, PAIR, approximation=1e-6)
        lost = 1 - average_gate_fidelity(Operator(unitary(made)), Operator(unitary(circuit)))
        assert n_two(made) == n
        assert float(made.metadata["infidelity"]) == pytest.approx(lost, rel=1e-6)
        assert n_two(qctl.translate(circuit, PAIR, approximation=1e-7)) == 2


def test_fourier_transforms_lose_their_smallest_phases():
    circuit = circuit_of("qft", 20)
    target = qctl.Target(edges=tuple(COUPLINGS["heavyhex"](20)))
    exact, made = (qctl.translate(circuit, target, approximation=bound) for bound in (0.0, 1e-4))
    assert "infidelity" not in exact.metadata
    assert n_two(made) < n_two(exact)
    assert 0 < float(made.metadata["infidelity"]) < 20 * 19 / 2 * 1e-4


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("family", ["qft", "clifft", "qaoa", "qv"])
def test_number_of_threads_changes_nothing(family, level):
    circuit = circuit_of(family, 20)
    target = qctl.Target(edges=tuple(COUPLINGS["heavyhex"](20)))
    one = qctl.translate(circuit, target, level=level)
    for threads in (2, 3, 64):
        assert qctl.translate(circuit, target, level=level, threads=threads).to_bytes() == one.to_bytes()


@pytest.mark.parametrize("limit_s", [1e-9, 1e-3, 0.05])
@pytest.mark.parametrize("threads", [1, 3])
def test_what_is_cut_by_time_is_still_right(limit_s, threads):
    rng = random.Random(3)
    edges = tuple(COUPLINGS["grid"](7))
    for seed in range(5):
        circuit = random_circuit(rng, 6, 60)
        options = {"time_limit_s": limit_s, "threads": threads}
        made = qctl.translate(circuit, qctl.Target(edges=edges), level=3, seed=seed, **options)
        native_only(made, ("rz", "sx", "cz"), edges)
        assert overlap(circuit, made, np.random.default_rng(seed)) == pytest.approx(1, abs=1e-9)


def test_without_time_there_is_one_pass_from_where_the_program_is():
    circuit = circuit_of("clifft", 100)
    target = qctl.Target(edges=tuple(COUPLINGS["heavyhex"](100)))
    made = qctl.translate(circuit, target, level=3, time_limit_s=1e-9)
    assert made.to_bytes() == qctl.translate(circuit, target, level=0).to_bytes()


@pytest.mark.parametrize("seed", range(20))
def test_gates_that_exist_one_way_are_used_so(seed):
    rng = random.Random(seed)
    edges = tuple(edge[:: rng.choice((1, -1))] for edge in COUPLINGS["grid"](6))
    circuit = random_circuit(rng, 5, 30)
    made = qctl.translate(circuit, qctl.Target(("rz", "sx", "cx"), edges, directed=True), level=2, seed=seed)
    found = {made.body.gate(i)[1] for i in range(len(made.body)) if made.body.gate(i)[0] == Op.CX}
    assert found <= set(edges)
    assert overlap(circuit, made, np.random.default_rng(seed)) == pytest.approx(1, abs=1e-9)
    free = qctl.translate(circuit, qctl.Target(("rz", "sx", "cx"), edges), level=2, seed=seed)
    assert n_two(free) == n_two(made)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"approximation": -0.1}, r"approximation = -0.1 is outside \[0, 1\)"),
        ({"approximation": 1.0}, "approximation"),
        ({"approximation": float("nan")}, "approximation"),
        ({"time_limit_s": 0.0}, "time_limit_s = 0.0 is not above 0"),
        ({"time_limit_s": float("nan")}, "time_limit_s"),
        ({"threads": 0}, r"threads = 0 is outside \[1, 1024\]"),
    ],
)
def test_options_out_of_range_are_refused(options, match):
    with pytest.raises(RequestError, match=match):
        qctl.translate(qctl.Circuit(2), PAIR, **options)
