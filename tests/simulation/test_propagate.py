"""Pulse physics against exact exponentials of each slice, and against QuTiP."""

import numpy as np
import pytest
import qutip
import scipy.linalg

import qctl
from qctl.errors import RequestError
from tests.support.pulse_physics import (
    LOWER,
    NUMBER,
    exact_propagators,
    exact_states,
    transmon,
    two_pulses,
    two_transmons,
)

ZERO9 = np.diag([1.0, 0, 0, 0, 0, 0, 0, 0, 0]).astype(complex)


def random_system(seed, d, n_drives, n_jumps):
    rng = np.random.default_rng(seed)

    def matrix():
        return rng.normal(size=(d, d)) + 1j * rng.normal(size=(d, d))

    first = matrix()
    operators = [1e7 * (first + first.conj().T)]
    operators += [m + m.conj().T if k % 2 else m for k, m in enumerate(matrix() for _ in range(n_drives))]
    jumps = [1e3 * matrix() for _ in range(n_jumps)]
    state = matrix()
    state = state @ state.conj().T
    drives = 1e7 * rng.normal(size=(7, n_drives)) + 1e7j * rng.normal(size=(7, n_drives)) * (
        np.arange(n_drives) % 2 == 0
    )
    drives[3:5] = drives[2]
    return operators, drives, jumps, state / state.trace()


@pytest.mark.parametrize("slices", [20, 100])
def test_two_transmons_with_t1_and_t2_are_those_of_exact_exponentials(slices):
    hamiltonian, collapse = two_transmons()
    drives = two_pulses(slices)
    found = qctl.propagate(hamiltonian, drives, 200e-9 / slices, collapse, ZERO9, at=range(slices + 1))
    wanted = exact_states(hamiltonian, drives, 200e-9 / slices, collapse, ZERO9)
    assert np.abs(found - wanted).max() < 1e-10


def test_batch_is_its_runs_one_by_one():
    hamiltonian, collapse = two_transmons()
    batch = np.array([two_pulses(40, amplitude) for amplitude in np.linspace(0, 2, 37)])
    together = qctl.propagate(hamiltonian, batch, 5e-9, collapse, ZERO9)
    assert together.shape == (37, 9, 9)
    for k in range(37):
        alone = qctl.propagate(hamiltonian, batch[k], 5e-9, collapse, ZERO9)
        assert np.abs(alone - together[k]).max() < 1e-10
    wanted = exact_states(hamiltonian, batch[-1], 5e-9, collapse, ZERO9)[-1]
    assert np.abs(together[-1] - wanted).max() < 1e-9
    np.testing.assert_array_equal(qctl.propagate(hamiltonian, batch, 5e-9, collapse, ZERO9, threads=2), together)


@pytest.mark.parametrize(
    ("d", "n_drives", "n_jumps"), [(1, 1, 1), (2, 0, 0), (2, 1, 2), (3, 3, 1), (4, 2, 0), (6, 2, 2)]
)
def test_dense_random_systems_are_those_of_exact_exponentials(d, n_drives, n_jumps):
    operators, drives, jumps, rho = random_system(d, d, n_drives, n_jumps)
    dt_s = 1e-9 * np.array([1, 2, 0.5, 3, 3, 40, 0])
    states = exact_states(operators, drives, dt_s, jumps, rho)
    found = qctl.propagate(operators, drives, dt_s, jumps, rho, at=[0, 3, 3, 7])
    assert np.abs(found - states[[0, 3, 3, 7]]).max() < 1e-9
    vector = np.arange(1, d + 1) / np.linalg.norm(np.arange(1, d + 1))
    u = qctl.propagate(operators, drives, dt_s)
    assert np.abs(u @ vector - exact_states(operators, drives, dt_s, [], vector)[-1]).max() < 1e-9
    s = qctl.propagate(operators, drives, dt_s, jumps)
    assert s.shape == ((d * d, d * d) if n_jumps else (d, d))
    if n_jumps:
        assert np.abs((s @ rho.ravel()).reshape(d, d) - states[-1]).max() < 1e-9
        unhermitian = np.arange(d * d) + 1j
        wanted = unhermitian
        for step in exact_propagators(operators, drives, dt_s, jumps):
            wanted = step @ wanted
        assert np.abs(s @ unhermitian - wanted).max() < 1e-8


def test_vectors_and_their_batches_keep_norm_and_phase():
    hamiltonian, _ = two_transmons()
    hamiltonian[0] = hamiltonian[0] + 2 * np.pi * 1e8 * np.eye(9)
    drives = two_pulses(50)
    vector = np.arange(9) * (1 + 0.3j)
    vector /= np.linalg.norm(vector)
    wanted = exact_states(hamiltonian, drives, 4e-9, [], vector)[-1]
    assert np.abs(qctl.propagate(hamiltonian, drives, 4e-9, state=vector) - wanted).max() < 1e-9
    column = qctl.propagate(hamiltonian, drives, 4e-9, state=vector[:, None])
    assert column.shape == (9, 1)
    both = qctl.propagate(hamiltonian, drives, 4e-9, state=np.array([vector, -1j * vector])[..., None], at=[0, 50])
    assert both.shape == (2, 2, 9, 1)
    assert np.abs(both[1, 1, :, 0] + 1j * wanted).max() < 1e-9
    batch = np.stack([drives] * 20)
    many = qctl.propagate(hamiltonian, batch, 4e-9, state=vector)
    assert np.abs(many - wanted).max() < 1e-9
    unitaries = qctl.propagate(hamiltonian, batch[:5], 4e-9)
    assert np.abs(unitaries @ vector - wanted).max() < 1e-9


def test_vector_with_collapse_becomes_a_density_matrix():
    hamiltonian, collapse = transmon()
    drives = two_pulses(30)[:, :1]
    vector = np.array([0.6, 0.8j, 0])
    found = qctl.propagate(hamiltonian, drives, 3e-9, collapse, vector)
    wanted = qctl.propagate(hamiltonian, drives, 3e-9, collapse, np.outer(vector, vector.conj()))
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("vector", [False, True])
def test_expectation_values_are_those_of_states(vector):
    hamiltonian, collapse = transmon()
    batch = np.stack([two_pulses(30, x)[:, :1] for x in (0.5, 1.0)])
    state = np.array([0.8, 0.6, 0]) if vector else np.diag([0.7, 0.2, 0.1])
    jumps = [] if vector else collapse
    states = qctl.propagate(hamiltonian, batch, 3e-9, jumps, state, at=[0, 10, 30])
    rho = states[..., :, None] * states[..., None, :].conj() if vector else states
    real = qctl.propagate(hamiltonian, batch, 3e-9, jumps, state, at=[0, 10, 30], observables=[NUMBER, LOWER + LOWER.T])
    assert real.dtype == np.float64
    assert real.shape == (2, 3, 2)
    wanted = np.stack([np.trace(rho @ o, axis1=2, axis2=3) for o in (NUMBER, LOWER + LOWER.T)], axis=-1)
    np.testing.assert_allclose(real, wanted.real, atol=1e-12)
    ladder = qctl.propagate(hamiltonian, batch, 3e-9, jumps, state, observables=[LOWER])
    np.testing.assert_allclose(ladder[:, 0], np.trace(rho[:, -1] @ LOWER, axis1=1, axis2=2), atol=1e-12)


@pytest.mark.parametrize("dissipative", [False, True])
def test_driven_transmon_agrees_with_qutip(dissipative):
    (h, drive), collapse = transmon()
    drives = two_pulses(100)[:, 0]
    times = np.arange(101) * 1e-9
    held = np.append(drives, drives[-1])
    listed = [
        qutip.Qobj(h),
        [qutip.Qobj(drive), qutip.coefficient(held, tlist=times, order=0)],
        [qutip.Qobj(drive.conj().T), qutip.coefficient(held.conj(), tlist=times, order=0)],
    ]
    options = {"atol": 1e-11, "rtol": 1e-11, "max_step": 5e-10, "nsteps": 10**6}
    jumps = [qutip.Qobj(m) for m in collapse] if dissipative else []
    start = qutip.basis(3, 0)
    solver = qutip.mesolve if dissipative else qutip.sesolve
    arguments = {"c_ops": jumps} if dissipative else {}
    wanted = solver(listed, start, times, options=options, **arguments).states[-1].full()
    found = qctl.propagate([h, drive], drives, 1e-9, collapse if dissipative else (), start.full())
    assert np.abs(found - wanted).max() < 1e-7


def test_two_transmons_agree_with_qutip():
    hamiltonian, collapse = two_transmons()
    drives = two_pulses(50)
    times = np.arange(51) * 4e-9
    held = np.concatenate([drives, drives[-1:]])
    listed = [qutip.Qobj(hamiltonian[0])]
    for k in range(2):
        for operator, samples in ((hamiltonian[k + 1], held[:, k]), (hamiltonian[k + 1].conj().T, held[:, k].conj())):
            listed.append(
                [qutip.Qobj(operator), qutip.coefficient(np.ascontiguousarray(samples), tlist=times, order=0)]
            )
    options = {"atol": 1e-10, "rtol": 1e-10, "max_step": 2e-9, "nsteps": 10**6}
    jumps = [qutip.Qobj(m) for m in collapse]
    wanted = qutip.mesolve(listed, qutip.Qobj(ZERO9), times, c_ops=jumps, options=options).states[-1].full()
    assert np.abs(qctl.propagate(hamiltonian, drives, 4e-9, collapse, ZERO9) - wanted).max() < 1e-6


def test_long_flat_slice_is_as_exact_as_many_short_ones():
    (h, drive), _ = transmon()
    lab_frame = h + 2 * np.pi * 5e9 * NUMBER
    amplitude = 2 * np.pi * 1e7
    u = qctl.propagate([lab_frame, drive + drive.T], [amplitude], 1e-6)
    wanted = scipy.linalg.expm(-1e-6j * (lab_frame + amplitude * (drive + drive.T)))
    assert np.abs(u - wanted).max() < 1e-9
    flat = np.full(1000, amplitude)
    assert np.abs(qctl.propagate([lab_frame, drive + drive.T], flat, 1e-9) - wanted).max() < 1e-9


def test_nothing_to_do_changes_nothing():
    hamiltonian, collapse = transmon()
    none = np.zeros((0, 1))
    rho = np.diag([0.5, 0.5, 0]).astype(complex)
    np.testing.assert_array_equal(qctl.propagate(hamiltonian, none, 1e-9, collapse, rho), rho)
    np.testing.assert_array_equal(qctl.propagate(hamiltonian, none, np.zeros(0)), np.eye(3))
    assert qctl.propagate(hamiltonian, np.zeros((0, 5, 1)), 1e-9, collapse, rho).shape == (0, 3, 3)
    assert qctl.propagate(hamiltonian, np.zeros((5, 1)), 1e-9, collapse, rho, at=[]).shape == (0, 3, 3)
    assert qctl.propagate(hamiltonian, np.zeros((5, 1)), 1e-9, collapse, rho, observables=[]).shape == (0,)
    np.testing.assert_array_equal(qctl.propagate(np.zeros((2, 2)), None, 1.0, state=[1, 0]), [1, 0])
    np.testing.assert_allclose(qctl.propagate([[3.0]], None, 2.0), [[np.exp(-6j)]], atol=1e-14)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hamiltonian": np.zeros((2, 3))}, "hamiltonian has shape"),
        ({"hamiltonian": []}, "hamiltonian has no matrix"),
        ({"hamiltonian": [[[0, 1], [0, 0]], [[0, 1], [0, 0]]]}, "differs from its adjoint by 1"),
        ({"hamiltonian": [[[np.nan, 0], [0, 0]], [[0, 1], [0, 0]]]}, r"hamiltonian\[0, 0, 0\] = .*nan.* is not finite"),
        ({"drives": np.zeros((5, 2))}, r"drives have shape \(5, 2\)"),
        ({"drives": np.full((5, 1), np.inf)}, r"drives\[0, 0\] = .* is not finite"),
        ({"drives": None}, "drives have shape None"),
        ({"hamiltonian": [[[0, 0], [0, 1]], [[0, 1], [1, 0]]], "drives": [1j] * 5}, "is Hermitian and needs real ones"),
        ({"dt_s": -1e-9}, "below 0"),
        ({"dt_s": np.nan}, "is not finite"),
        ({"dt_s": np.ones(4)}, "4 lengths for 5 slices"),
        ({"dt_s": np.ones((5, 1))}, "dt_s has shape"),
        ({"collapse": np.zeros((1, 3, 3))}, "collapse has shape"),
        ({"state": np.zeros(3)}, "state has shape"),
        ({"state": [[0, 1], [0, 0]]}, "no density matrix"),
        ({"state": np.zeros((3, 2, 1)), "drives": np.zeros((2, 5, 1))}, "3 states for drives of 2 runs"),
        ({"at": [6]}, "not ascending boundaries"),
        ({"at": [3, 1]}, "not ascending boundaries"),
        ({"at": [0.5]}, "whole numbers"),
        ({"observables": np.zeros((1, 3, 3))}, "observables has shape"),
        ({"observables": np.zeros((1, 2, 2)), "state": None}, "need a state"),
        ({"tolerance": 0.0}, "tolerance = 0.0"),
        ({"threads": 0}, "threads = 0"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_numbers(change, message):
    good = {
        "hamiltonian": [[[0, 0], [0, 1]], [[0, 1], [0, 0]]],
        "drives": np.zeros((5, 1)),
        "dt_s": 1e-9,
        "collapse": [],
        "state": [1, 0],
    }
    with pytest.raises(RequestError, match=message):
        qctl.propagate(**(good | change))


def test_nanoseconds_taken_for_seconds_are_refused_at_once() -> None:
    z, x = np.diag([1.0, -1.0]), np.array([[0, 1], [1, 0]])
    with pytest.raises(RequestError, match=r"may turn by 1e\+10 rad, over 1e\+08: are dt_s seconds"):
        qctl.propagate([z, x], np.ones((5, 1)), 1e9, state=[1, 0])
