"""The state-vector method: samples by chi-square, shots of measured programs, memory, estimates and progress."""

import os
import subprocess
import sys

import numpy as np
import pytest
from qiskit.circuit.random import random_circuit
from qiskit.quantum_info import Statevector
from scipy.stats import chi2

import qctl
from qctl.errors import RequestError
from qctl.program.expressions import Parameter
from qctl.simulation import sampling
from qctl.simulation.result import Wish
from qctl.simulation.simulate import METHODS, choose_method, estimate, simulate

MEMORY = """
import resource, numpy as np, qctl
from qctl.simulation.simulate import simulate
def peak(): return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
def circuit(n):
    c = qctl.Circuit(n)
    for q in range(n): c.h(q)
    for q in range(n - 1): c.cx(q, q + 1)
    for q in range(n): c.rx(0.1 * q, q)
    c.measure_all()
    return c
simulate(circuit(12), shots=1000, precision="single", threads=2)
before = peak()
simulate(circuit(26), shots=1000, precision="single", threads=2)
print((peak() - before) / (8 * 2**26))
"""


def layered(n, rng):
    c = qctl.Circuit(n)
    for _ in range(3):
        for q in range(n):
            c.u(*map(float, rng.normal(size=3)), q)
        for q in range(n - 1):
            c.cx(q, q + 1)
    return c


@pytest.mark.parametrize("most_sorted", (2**22, 10))
@pytest.mark.parametrize("precision", ("double", "single"))
def test_samples_follow_the_probabilities(precision, most_sorted, monkeypatch):
    monkeypatch.setattr(sampling, "MOST_SORTED", most_sorted)
    c = layered(6, np.random.default_rng(1))
    weights = np.abs(simulate(c).statevector) ** 2
    c.measure_all()
    shots = 200_000
    counts = simulate(c, shots=shots, seed=5, precision=precision).counts
    found = np.array([counts.get(format(i, "06b"), 0) for i in range(64)])
    assert found.sum() == shots
    distance = ((found - shots * weights) ** 2 / (shots * weights)).sum()
    assert distance < chi2.ppf(0.999, 63)


def test_bits_may_be_crossed_missing_and_many():
    c = qctl.Circuit(3, 4)
    c.x(0)
    c.measure(0, 2)
    c.measure(1, 0)
    assert simulate(c, shots=5, seed=1).counts == {"0100": 5}
    c = qctl.Circuit(2, 70)
    c.x(1)
    c.measure(1, 69)
    assert simulate(c, shots=5, seed=1).counts == {"1" + "0" * 69: 5}


def test_a_billion_shots_take_no_room():
    c = qctl.Circuit(1)
    c.h(0)
    c.measure_all()
    counts = simulate(c, shots=10**9, seed=3).counts
    assert abs(counts["0"] - 5e8) < 5 * 0.5 * 10**4.5


def test_no_qubits_and_one_qubit():
    assert simulate(qctl.Circuit(0)).statevector.tolist() == [1]
    c = qctl.Circuit(0)
    c.gphase(0.3)
    assert simulate(c).statevector == pytest.approx([np.exp(0.3j)])
    c = qctl.Circuit(1)
    c.h(0)
    assert simulate(c).statevector == pytest.approx([0.5**0.5] * 2)


@pytest.mark.parametrize("simd", ("portable", "avx2", "avx512"))
@pytest.mark.parametrize("precision", ("double", "single"))
def test_large_random_circuits_agree_with_qiskit(simd, precision, monkeypatch):
    monkeypatch.setenv("QCTL_SIMD", simd)
    theirs = random_circuit(15, 12, max_operands=3, seed=3)
    expected = Statevector(theirs).data
    ours = qctl.Circuit.from_qasm(__import__("qiskit").qasm3.dumps(theirs))
    state = simulate(ours, precision=precision, threads=2).statevector
    phase = np.vdot(state, expected) / abs(np.vdot(state, expected))
    assert np.abs(state * phase - expected).max() < (1e-12 if precision == "double" else 1e-5)


def test_a_set_of_instructions_that_is_none_is_refused(monkeypatch):
    monkeypatch.setenv("QCTL_SIMD", "mmx")
    with pytest.raises(RequestError, match="QCTL_SIMD = 'mmx'"):
        simulate(qctl.Circuit(1))


def test_shots_are_the_same_for_any_number_of_threads():
    c = layered(15, np.random.default_rng(2))
    c.measure_all()
    one = simulate(c, shots=500, seed=4)
    two = simulate(c, shots=500, seed=4, threads=2)
    assert one.counts == two.counts
    assert np.array_equal(one.statevector, two.statevector)


def test_shots_of_a_measured_program_follow_its_probabilities():
    c = qctl.Circuit(2, 3)
    c.ry(1.0, 0)
    with c.loop(2):
        c.cx(0, 1)
    c.measure(0, 0)
    with c.if_(0, 1):
        c.ry(0.7, 1)
    c.reset(0)
    c.measure(1, 1)
    c.measure(0, 2)
    counts = simulate(c, shots=4000, seed=1).counts
    ones = np.sin(0.5) ** 2
    expected = {"000": 1 - ones, "001": ones * np.cos(0.35) ** 2, "011": ones * np.sin(0.35) ** 2}
    assert set(counts) == set(expected)
    distance = sum((counts[k] - 4000 * p) ** 2 / (4000 * p) for k, p in expected.items())
    assert distance < chi2.ppf(0.999, 2)


def test_a_subroutine_that_measures_is_played_for_each_shot():
    text = """OPENQASM 3.0; include "stdgates.inc"; qubit[1] q; bit[2] c;
    h q[0]; c[0] = measure q[0]; if (c[0] == 1) { x q[0]; } else { x q[0]; x q[0]; } c[1] = measure q[0];"""
    counts = simulate(qctl.Circuit.from_qasm(text), shots=400, seed=2).counts
    assert set(counts) == {"00", "01"}


def test_a_register_is_an_angle():
    p = qctl.Program((), 1, 1)
    r = p.add_register("r")
    p.assign(r, 0.4)
    p.ry(r * 2 + 0.1, 0)
    assert simulate(p).statevector == pytest.approx([np.cos(0.45), np.sin(0.45)])


def test_26_qubits_take_little_more_than_their_state():
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True, env=os.environ)
    assert float(done.stdout) < 1.1


def test_estimates_name_memory_and_time():
    c = layered(10, np.random.default_rng(3))
    found = estimate(c)
    assert (found.method, found.memory_bytes) == ("statevector", 16 * 2**10)
    assert estimate(c, precision="single").memory_bytes == 8 * 2**10
    assert 0 < found.time_s < 1
    c.measure(0)
    c.h(0)
    assert estimate(c, shots=10).memory_bytes == 2 * 16 * 2**10
    assert simulate(c, shots=10).estimate == estimate(c, shots=10)
    assert estimate(layered(50, np.random.default_rng(3))).memory_bytes == 16 * 2**50


def test_progress_is_told_in_long_runs(monkeypatch):
    monkeypatch.setattr("qctl.simulation.pace.QUIET_S", 0.0)
    monkeypatch.setattr("qctl.simulation.pace.SLICE_S", 0.0)
    monkeypatch.setattr("qctl.simulation.evolve.SLICE_S", 1e-6)
    heard = []
    simulate(layered(15, np.random.default_rng(4)), progress=heard.append)
    assert len(heard) > 1
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    c = layered(3, np.random.default_rng(4))
    c.reset(0)
    c.h(0)
    for shots in (None, 50):
        heard.clear()
        simulate(c, shots=shots, progress=heard.append)
        assert len(heard) > 1
        assert heard == sorted(heard)
        assert heard[-1] == 1.0


def test_the_method_is_named_with_its_reason():
    c = qctl.Circuit(1)
    assert simulate(c).method == "statevector"
    assert simulate(c, method="statevector").reason == "it was asked for"
    with pytest.raises(RequestError, match="method = 'abacus'"):
        simulate(c, method="abacus")
    with pytest.raises(RequestError, match="threads = 0"):
        simulate(c, threads=0)
    assert choose_method(c.body, Wish())[0] in METHODS


def test_pulses_and_free_parameters_are_refused():
    p = qctl.Program(["d"], 1)
    p.h(0)
    p.play("d", qctl.constant(1e-8, 0.1))
    with pytest.raises(RequestError, match="plays gates alone"):
        simulate(p)
    c = qctl.Circuit(1)
    c.rx(Parameter("a"), 0)
    with pytest.raises(RequestError, match="not bound: a"):
        estimate(c)
