"""Progress of every method, its end by the listener, and results that don't depend on vector instructions."""

import numpy as np
import pytest

import qctl
from qctl import channels
from qctl.cext.statevector import SETS, best_set
from qctl.errors import JobCancelledError, RequestError
from qctl.simulation.pace import Pace

HERE = [name for name in SETS if best_set(name) == name]
PAULI_NOISE = qctl.NoiseModel().on(None, channels.depolarising(0.02)).on("cx", channels.depolarising(0.02, 2))
DAMPED = PAULI_NOISE.on("h", channels.amplitude_damping(0.05))


@pytest.fixture(autouse=True)
def no_quiet_time(monkeypatch):
    monkeypatch.setattr("qctl.simulation.pace.QUIET_S", 0.0)
    monkeypatch.setattr("qctl.simulation.pace.SLICE_S", 0.0)


def circuit(n_qubits=4, branching=False):
    rng = np.random.default_rng(8)
    c = qctl.Circuit(n_qubits)
    for layer in range(6):
        for q in range(n_qubits):
            c.h(q)
            c.s(q) if rng.random() < 0.5 else c.x(q)
        for q in range(layer % 2, n_qubits - 1, 2):
            c.cx(q, q + 1)
    if branching:
        c.measure(0, 0)
        with c.if_("c[0]"):
            c.x(1)
    for q in range(branching, n_qubits):
        c.measure(q, q)
    return c


CASES = [
    ("statevector", None, False),
    ("statevector", None, True),
    ("density", DAMPED, False),
    ("density", DAMPED, True),
    ("trajectories", DAMPED, False),
    ("trajectories", DAMPED, True),
    ("stabilizer", PAULI_NOISE, False),
    ("mps", None, False),
]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("method", "noise", "branching"), CASES)
def test_each_method_tells_its_progress_and_changes_nothing_by_it(method, noise, branching, threads):
    heard = []
    given = {"shots": 50, "seed": 3, "noise": noise, "method": method, "threads": threads}
    c = circuit(branching=branching)
    found = qctl.simulate(c, progress=heard.append, **given)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    assert all(0 <= part <= 1 for part in heard)
    assert qctl.simulate(c, **given).counts == found.counts


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("method", "noise", "branching"), CASES)
def test_what_the_listener_raises_ends_the_run(method, noise, branching, threads):
    def stop(part):
        raise JobCancelledError(f"{part} was enough")

    with pytest.raises(JobCancelledError, match="was enough"):
        qctl.simulate(circuit(branching=branching), 50, 3, noise=noise, method=method, threads=threads, progress=stop)


def test_threads_are_told_to_stop():
    stopped = []

    def share(k, watch):
        while not watch[0]:
            watch[1] += 1
        stopped.append(k)

    def stop(part):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Pace(stop).together(share, 3, 10**9, 1.0)
    assert sorted(stopped) == [0, 1, 2]


def test_an_error_of_one_thread_ends_the_others():
    def share(k, watch):
        if k == 1:
            raise RequestError("no")
        while not watch[0]:
            pass

    with pytest.raises(RequestError, match="no"):
        Pace().together(share, 2, 1, 1.0)


@pytest.mark.parametrize("name", HERE)
@pytest.mark.parametrize(("precision", "bound"), [("double", 1e-12), ("single", 1e-5)])
def test_amplitudes_are_the_same_with_all_vector_instructions(name, precision, bound, monkeypatch):
    c, rotated = circuit(6), qctl.Circuit(6)
    rotated.extend(c)
    best = qctl.simulate(c, precision=precision)
    exact = qctl.simulate(c, noise=DAMPED, precision=precision, method="density")
    shots = qctl.simulate(c, 64, 5, noise=DAMPED, precision=precision, method="trajectories")
    sweep = [np.diag([0.0, 1, 2]) * 1e8, np.diag(np.sqrt([1.0, 2]), -1) / 2]
    drives = 1e8 * np.exp(1j * np.arange(40 * 12).reshape(40, 12, 1))
    driven = qctl.propagate(sweep, drives, 1e-9, state=[1, 0, 0])
    monkeypatch.setenv("QCTL_SIMD", name)
    assert np.abs(qctl.simulate(c, precision=precision).statevector - best.statevector).max() < bound
    found = qctl.simulate(c, noise=DAMPED, precision=precision, method="density")
    assert np.abs(found.density_matrix - exact.density_matrix).max() < bound
    played = qctl.simulate(c, 64, 5, noise=DAMPED, precision=precision, method="trajectories")
    observable = qctl.PauliSum({"Z0": 1.0, "X1 Y2": 0.5})
    assert abs(played.expectation(observable) - shots.expectation(observable)) < 10 * bound
    assert np.abs(qctl.propagate(sweep, drives, 1e-9, state=[1, 0, 0]) - driven).max() < 1e-12


@pytest.mark.parametrize("method", ["statevector", "density", "trajectories"])
def test_an_unknown_set_is_refused(method, monkeypatch):
    monkeypatch.setenv("QCTL_SIMD", "mmx")
    noise = None if method == "statevector" else DAMPED
    with pytest.raises(RequestError, match="QCTL_SIMD = 'mmx' is none of"):
        qctl.simulate(circuit(), 5, 1, noise=noise, method=method)
