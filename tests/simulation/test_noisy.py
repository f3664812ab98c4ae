"""Noisy methods against exact Kraus sums, and trajectories against the density matrix."""

import math

import numpy as np
import pytest
import scipy.stats
from kraus_twin import exact, random_circuit

from qctl.circuit import Circuit
from qctl.errors import RequestError
from qctl.program.program import Program
from qctl.simulation import branches, channels, flow
from qctl.simulation.noise import NoiseModel
from qctl.simulation.observables import PauliSum
from qctl.simulation.simulate import simulate

NOISE = (
    NoiseModel()
    .on(None, channels.amplitude_damping(0.05), channels.phase_damping(0.08))
    .on(None, channels.depolarising(0.05, 2), channels.thermal_relaxation(30e-6, 40e-6, 1e-6))
    .on(["h", "x"], channels.pauli({"X": 0.05, "Z": 0.02}))
    .on("cx", channels.pauli({"XZ": 0.1, "IY": 0.05}), qubits=[0, 1])
    .on("cx", channels.pauli({"XI": 0.2}), qubits=[1, 2])
    .on("ccx", channels.amplitude_damping(0.1))
    .on("reset", channels.pauli({"X": 0.02}))
    .on("measure", channels.pauli({"X": 0.03}))
    .idle(30e-6, 45e-6)
    .idle(20e-6, 20e-6, 1)
)


def density(program, noise=NOISE, shots=None, seed=1, precision="double", threads=1):
    return simulate(program, shots, seed, precision, noise, threads, method="density")


def shots_of(program, shots, noise=NOISE, seed=1, precision="double", threads=1):
    return simulate(program, shots, seed, precision, noise, threads, method="trajectories")


def scene(n, seed):
    c = random_circuit(n, 12, seed)
    c.delay(0, 5e-6)
    c.reset(n - 1)
    more = random_circuit(n, 10, seed + 100)
    for i in range(len(more.body)):
        op, qubits, params, controls = more.body.gate(i)
        c.append(op, qubits, params, n_controls=controls)
    if n > 1:
        c.ms(0.4, 0.3, *range(n))
    if n > 3:
        c.append("ry", range(n), [0.7], n_controls=n - 1)
    return c


@pytest.mark.parametrize(("precision", "error"), [("double", 1e-12), ("single", 1e-5)])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_density_matrices_are_exact_kraus_sums(n, precision, error):
    for seed in range(4):
        circuit = scene(n, seed) if n > 2 else random_circuit(n, 20, seed)
        found = density(circuit, precision=precision).density_matrix
        assert np.abs(found - exact(circuit, NOISE)).max() < error


@pytest.mark.parametrize("n", [1, 3, 4])
def test_means_of_trajectories_are_those_of_the_density_matrix(n):
    n_shots = 6000
    circuit = scene(n, 7) if n > 2 else random_circuit(n, 20, 7)
    whole, found = density(circuit), shots_of(circuit, n_shots)
    rng = np.random.default_rng(2)
    for _ in range(12):
        word = PauliSum({" ".join(f"{rng.choice(list('XYZ'))}{q}" for q in range(n) if rng.random() < 0.7): 1.0})
        mean, error = found.mean_and_error(word)
        assert abs(mean - whole.expectation(word)) < 4.5 * error + 1e-9, word


def chi_square(counts, odds):
    """Return how probable so bad a fit is; expected counts below five are put together."""
    texts = sorted(odds, key=lambda text: odds[text])
    n = sum(counts.values())
    assert set(counts) <= {text for text in texts if odds[text] > 1e-12}
    seen, wanted = [0.0], [0.0]
    for text in texts:
        if wanted[-1] >= 5:
            seen.append(0.0)
            wanted.append(0.0)
        seen[-1] += counts.get(text, 0)
        wanted[-1] += n * odds[text]
    if wanted[-1] < 5 and len(wanted) > 1:
        seen[-2:], wanted[-2:] = [sum(seen[-2:])], [sum(wanted[-2:])]
    return scipy.stats.chisquare(seen, wanted).pvalue if len(seen) > 1 else 1.0


@pytest.mark.parametrize("seed", range(3))
def test_counts_of_both_methods_follow_the_exact_odds_with_readout_errors(seed):
    n = 3
    noise = NOISE.read([[0.95, 0.05], [0.1, 0.9]]).read([[0.8, 0.2], [0.3, 0.7]], 1)
    circuit = scene(n, 40 + seed)
    circuit.measure_all()
    odds = np.diag(exact(circuit, noise)).real
    for q in range(n):
        view = odds.reshape(-1, 2, 2**q)
        odds = np.einsum("ij,aib->ajb", noise.readout_of(q), view).ravel()
    table = {format(i, f"0{n}b"): p for i, p in enumerate(odds)}
    assert chi_square(density(circuit, noise, 20000, seed).counts, table) > 1e-3
    assert chi_square(shots_of(circuit, 20000, noise, seed).counts, table) > 1e-3
    assert chi_square(shots_of(circuit, 20000, noise, seed, "single").counts, table) > 1e-3


def feedback():
    p = Program((), 3, 4)
    p.ry(1.1, 0)
    p.h(1)
    p.cx(1, 2)
    p.cx(0, 1)
    p.h(0)
    p.measure(0, 0)
    p.measure(1, 1)
    with p.if_(1, 1):
        p.x(2)
    with p.else_():
        p.rz(0.3, 2)
    with p.if_(0, 1):
        p.z(2)
    p.measure(0, 3)
    with p.while_(3, 1):
        p.h(0)
        p.measure(0, 3)
    p.measure(2, 2)
    return p


def test_feedback_teleports_and_noise_in_it_is_the_same_in_both_methods():
    ideal = density(feedback(), NoiseModel(), 20000).counts
    ones = sum(k for text, k in ideal.items() if text[1] == "1")
    assert abs(ones / 20000 - math.sin(0.55) ** 2) < 4 * 0.5 / math.sqrt(20000)
    noise = NOISE.read([[0.95, 0.05], [0.1, 0.9]])
    exact_odds = density(feedback(), noise, 4_000_000).counts
    total = sum(exact_odds.values())
    table = {text: k / total for text, k in exact_odds.items()}
    assert chi_square(shots_of(feedback(), 10000, noise).counts, table) > 1e-3


def test_loops_and_registers_are_played():
    p = Program((), 1, 1)
    k = p.add_register("k")
    with p.while_(k < 3):
        p.rx(math.pi / 3, 0)
        p.assign("k", k + 1)
    p.measure(0, 0)
    assert density(p, NoiseModel(), 50).counts == {"1": 50}
    assert shots_of(p, 50, NoiseModel()).counts == {"1": 50}


def test_same_seed_gives_the_same_shots_with_any_number_of_threads():
    circuit = scene(4, 3)
    circuit.measure_all()
    first = shots_of(circuit, 203)
    assert (shots_of(circuit, 203, threads=3).bits == first.bits).all()
    assert (shots_of(circuit, 100).bits == first.bits[:100]).all()
    assert (shots_of(circuit, 203, seed=2).bits != first.bits).any()
    branching = [shots_of(feedback(), 100, NOISE, 5, threads=threads).bits for threads in (1, 3)]
    assert (branching[0] == branching[1]).all()


def test_expectations_of_sums_and_fidelity():
    c = Circuit(2)
    c.h(0)
    c.cx(0, 1)
    found = density(c, NoiseModel().on("cx", channels.depolarising(0.15, 2)))
    bell = np.array([1, 0, 0, 1]) / math.sqrt(2)
    assert found.fidelity(bell) == pytest.approx(1 - 0.15 * 12 / 15)
    whole = PauliSum({"X0 X1": 1.0, "Y0 Y1": -1.0, "Z0 Z1": 1.0, "": 1.0})
    assert found.expectation(whole) == pytest.approx(4 * found.fidelity(bell))
    assert found.probabilities.sum() == pytest.approx(1)
    with pytest.raises(RequestError, match="names qubit 2"):
        found.expectation(PauliSum({"Z2": 1.0}))


def test_what_noise_can_not_say_is_refused(monkeypatch):
    c = Circuit(1)
    c.h(0)
    with pytest.raises(RequestError, match="no state vector"):
        _ = density(c).statevector
    with pytest.raises(RequestError, match="without shots"):
        simulate(c, noise=NOISE, method="trajectories")
    many = Program((), 1, 6)
    for bit in range(6):
        many.h(0)
        many.measure(0, bit)
    many.h(0)
    with pytest.raises(RequestError, match="classical histories of 1 qubits"):
        branches.evolve(many.body, NoiseModel(), np.dtype(float), 1, 20)
    endless = Program((), 1, 1)
    endless.x(0)
    endless.measure(0, 0)
    with endless.while_(0, 1):
        endless.x(0)
        endless.x(0)
        endless.measure(0, 0)
    monkeypatch.setattr(flow, "MOST_ROUNDS", 20)
    for method in (density, lambda p, noise: shots_of(p, 1, noise)):
        with pytest.raises(RequestError, match="has not ended"):
            method(endless, NoiseModel())
