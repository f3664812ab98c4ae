"""Stabilizers and matrix product states against dense methods, and who is chosen for what."""

import importlib.util
import math

import numpy as np
import pytest
from kraus_twin import exact

from qctl.circuit import Circuit
from qctl.errors import RequestError
from qctl.program.opcodes import GATES, Op
from qctl.program.program import Program
from qctl.simulation import channels, choice, memory, mps
from qctl.simulation.noise import NoiseModel
from qctl.simulation.observables import PauliSum
from qctl.simulation.simulate import estimate, simulate

PAULI_NOISE = (
    NoiseModel()
    .on(None, channels.depolarising(0.02))
    .on(None, channels.pauli({"XY": 0.03, "IZ": 0.02}))
    .on("cx", channels.depolarising(0.05, 2))
    .on("measure", channels.pauli({"X": 0.04}))
    .read([[0.97, 0.03], [0.1, 0.9]])
)


def clifford_circuit(n, depth, seed):
    rng = np.random.default_rng(seed)
    c = Circuit(n)
    half = {"cp", "crx", "cry", "crz", "cu"}
    no = {"t", "tdg", "ch", "csx", "sqrtiswap", "sqrtiswapdg", "ccx", "ccz", "cswap", "ms", "gphase", "cu"}
    usable = [spec for spec in GATES.values() if spec.name not in no]
    for _ in range(depth):
        spec = usable[rng.integers(len(usable))]
        unit = math.pi if spec.name in half else math.pi / 2
        angles = (unit * rng.integers(-4, 5, spec.n_params)).tolist()
        c.append(spec.name, rng.permutation(n)[: spec.n_qubits].tolist(), angles)
    return c


def odds(counts, n):
    total = sum(counts.values())
    found = np.zeros(2**n)
    for text, hits in counts.items():
        found[int(text, 2)] = hits / total
    return found


@pytest.mark.parametrize("seed", range(8))
def test_stim_plays_every_clifford_gate_as_the_state_vector_does(seed):
    c = clifford_circuit(4, 40, seed)
    found, whole = simulate(c, method="stabilizer"), simulate(c)
    rng = np.random.default_rng(seed)
    for _ in range(30):
        word = PauliSum({" ".join(f"{rng.choice(list('XYZ'))}{q}" for q in range(4) if rng.random() < 0.7): 1.0})
        assert found.expectation(word) == pytest.approx(whole.expectation(word), abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_stim_with_pauli_noise_follows_the_exact_odds(seed):
    c = clifford_circuit(3, 15, 50 + seed)
    c.measure_all()
    exact_odds = np.diag(exact(c, PAULI_NOISE)).real
    for q in range(3):
        exact_odds = np.einsum("ij,aib->ajb", PAULI_NOISE.readout_of(q), exact_odds.reshape(-1, 2, 2**q)).ravel()
    counts = simulate(c, 40000, seed, noise=PAULI_NOISE, method="stabilizer").counts
    assert np.abs(odds(counts, 3) - exact_odds).max() < 4.5 * 0.5 / math.sqrt(40000)
    assert simulate(c, 40000, seed, noise=PAULI_NOISE, method="stabilizer").counts == counts


def test_five_hundred_qubits_are_no_matter():
    c = Circuit(500)
    c.h(0)
    for q in range(499):
        c.cx(q, q + 1)
    c.measure_all()
    found = simulate(c, 100, 1)
    assert found.method == "stabilizer"
    assert set(found.counts) == {"0" * 500, "1" * 500}


def ising(n, depth, seed):
    rng = np.random.default_rng(seed)
    c = Circuit(n)
    for layer in range(depth):
        for q in range(n):
            c.u(*rng.uniform(0, 3, 3), q)
        for q in range(layer % 2, n - 1, 2):
            c.rzz(0.4, q, q + 1)
    return c


def test_matrix_products_are_the_state_vector_until_bonds_are_cut():
    c = ising(8, 4, 1)
    whole = simulate(c)
    word = PauliSum({"Z0 Z1": 0.5, "X3 Y5": 1.0, "": 2.0})
    found = mps.matrix_product(c, 64)
    assert found.truncation_error < 1e-8
    assert found.expectation(word) == pytest.approx(whole.expectation(word), abs=1e-7)
    assert found.amplitude("01101001") == pytest.approx(whole.statevector[0b01101001], abs=1e-7)
    cut = mps.matrix_product(c, 2)
    assert cut.bond == 2
    assert 1e-6 < cut.truncation_error < 1
    single = mps.amplitudes(c, ["00000000", "01101001"])
    assert single == pytest.approx(whole.statevector[[0, 0b01101001]], abs=1e-10)


def test_matrix_products_sample_the_bits_where_they_were_read():
    c = Circuit(3, 3)
    c.x(1)
    c.h(0)
    c.measure(1, 0)
    c.measure(0, 2)
    counts = simulate(c, 400, 3, method="mps").counts
    assert set(counts) == {"001", "101"}
    assert abs(counts["001"] - 200) < 50


def test_the_method_is_chosen_by_what_fits(monkeypatch):
    c = Circuit(3)
    c.rx(0.3, 0)
    c.measure_all()
    damping = NoiseModel().on(None, channels.amplitude_damping(0.1))
    assert simulate(c, 10, 1).method == "statevector"
    found = simulate(c, 10, 1, noise=damping)
    assert found.method == "density"
    assert "exact odds" in found.reason
    assert simulate(c, noise=damping).method == "density"
    big = ising(18, 2, 1)
    big.measure_all()
    assert simulate(big, 20, 1, noise=damping).method == "trajectories"
    assert estimate(big, 20, noise=damping).memory_bytes >= 256 * 2**18
    wide = Circuit(300)
    wide.h(0)
    wide.measure_all()
    assert simulate(wide, 10, 1, noise=PAULI_NOISE).method == "stabilizer"
    wide = Circuit(300)
    wide.t(3)
    wide.measure_all()
    assert choice.choose_method(wide.body, simulate_wish(10))[0] == "mps"
    monkeypatch.setattr(memory, "have_bytes", lambda: 2**20)
    with pytest.raises(RequestError, match=r"no method can play this program: .*density: it needs"):
        simulate(ising(9, 1, 1), noise=damping)


def simulate_wish(shots):
    from qctl.simulation.result import Wish

    return Wish(shots)


def test_a_method_says_what_it_can_not_play(monkeypatch):
    c = Circuit(2)
    c.t(0)
    c.measure_all()
    branching = Program((), 1, 1)
    branching.measure(0, 0)
    with branching.if_(0, 1):
        branching.x(0)
    for program, method, noise, message in (
        (c, "stabilizer", None, "t at instruction 0 is no Clifford gate"),
        (branching, "stabilizer", None, "branches"),
        (branching, "mps", None, "branches"),
        (c, "mps", PAULI_NOISE, "no noise"),
        (c, "statevector", PAULI_NOISE, "no noise"),
        (Circuit(1), "stabilizer", NoiseModel().on("x", channels.amplitude_damping(0.1)), "no mixture of Paulis"),
        (Circuit(16), "density", None, "16 qubits are more than 15"),
        (c, "magic", None, "is none of"),
    ):
        with pytest.raises(RequestError, match=message):
            simulate(program, 5, noise=noise, method=method)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr("qctl.simulation.stabilizer.find_spec", lambda name: None)
    monkeypatch.setattr("qctl.simulation.mps.find_spec", lambda name: None)
    with pytest.raises(RequestError, match=r"Stim is not installed: pip install 'qctl\[stabilizer\]'"):
        simulate(Circuit(1), 5, method="stabilizer")
    with pytest.raises(RequestError, match=r"quimb is not installed: pip install 'qctl\[tensor\]'"):
        simulate(Circuit(1), 5, method="mps")


def test_every_gate_that_is_called_clifford_is_one():
    for op, spec in GATES.items():
        if spec.n_qubits in (1, 2) and spec.n_params == 0 and op not in (Op.T, Op.TDG, Op.CH, Op.CSX):
            c = Circuit(2)
            c.append(op, range(spec.n_qubits))
            if not op.name.startswith("SQRTISWAP"):
                simulate(c, 1, method="stabilizer")


def test_expectation_values_of_a_hundred_qubits() -> None:
    n = 100
    c = Circuit(n)
    c.h(0)
    for q in range(n - 1):
        c.cx(q, q + 1)
    everywhere = PauliSum({" ".join(f"X{q}" for q in range(n)): 2.0, "Z0 Z99": 0.5, "Z7": 3.0})
    for method in ("stabilizer", "mps"):
        assert simulate(c, method=method).expectation(everywhere) == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"program": "OPENQASM 2.0;"}, r"'OPENQASM 2.0;' is no Circuit or Program; qctl.load reads files"),
        ({"program": None}, "None is no Circuit"),
        ({"shots": 1.5}, r"shots = 1.5 is no whole number in \[1, 1000000000\]"),
        ({"shots": 0}, "shots = 0 is no whole number"),
        ({"seed": "a"}, "seed = 'a' is no whole number"),
        ({"threads": "two"}, "threads = 'two' is no whole number"),
        ({"noise": 0.01}, "noise = 0.01 is no NoiseModel"),
    ],
)
def test_what_is_no_wish_is_refused_by_name(wrong, message) -> None:
    with pytest.raises(RequestError, match=message):
        simulate(**{"program": Circuit(1), "shots": 10} | wrong)


def test_loops_count_as_often_as_they_are_played() -> None:
    c = Circuit(2)
    with c.loop(1000), c.loop(50):
        c.x(0)
        c.cx(0, 1)
    once = Circuit(2)
    once.x(0)
    once.cx(0, 1)
    for method in ("statevector", "density"):
        ratio = estimate(c, method=method).time_s / estimate(once, method=method).time_s
        assert ratio == pytest.approx(50_000, rel=0.2)
