"""Channels against the definitions of their fields, and against QuTiP's evolution for relaxation."""

import math

import numpy as np
import pytest
import qutip

from qctl.errors import RequestError
from qctl.simulation import channels
from qctl.simulation.pauli import PAULIS, density_matrix, populations, superoperator, vector

STATES = [np.array(v, complex) / np.linalg.norm(v) for v in ([1, 0], [0, 1], [1, 1], [1, 1j], [0.3, 0.8 - 0.2j])]
ALL = [
    channels.depolarising(0.1),
    channels.depolarising(0.2, 2),
    channels.amplitude_damping(0.3),
    channels.amplitude_damping(0.3, 0.2),
    channels.phase_damping(0.4),
    channels.thermal_relaxation(50e-6, 70e-6, 1e-6),
    channels.thermal_relaxation(50e-6, 100e-6, 20e-6, 0.1),
    channels.pauli({"XI": 0.1, "ZZ": 0.2}),
]


def after(channel, rho):
    return sum(k @ rho @ k.conj().T for k in channel.operators)


@pytest.mark.parametrize("channel", ALL, ids=repr)
def test_every_channel_keeps_probability(channel):
    total = sum(k.conj().T @ k for k in channel.operators)
    assert np.abs(total - np.eye(len(total))).max() < 1e-12
    assert channel.superoperator[0].tolist() == pytest.approx([1.0] + [0.0] * (4**channel.n_qubits - 1), abs=1e-12)


@pytest.mark.parametrize("psi", STATES)
def test_channels_do_what_their_names_say(psi):
    rho = np.outer(psi, psi.conj())
    assert np.allclose(after(channels.depolarising(0.3), rho), (1 - 0.4) * rho + 0.4 * np.eye(2) / 2)
    damped = after(channels.amplitude_damping(0.3), rho)
    assert damped[1, 1] == pytest.approx(0.7 * rho[1, 1])
    assert damped[0, 1] == pytest.approx(math.sqrt(0.7) * rho[0, 1])
    warm = after(channels.amplitude_damping(1.0, 0.25), rho)
    assert np.allclose(warm, np.diag([0.75, 0.25]))
    phase = after(channels.phase_damping(0.36), rho)
    assert phase[0, 1] == pytest.approx(0.8 * rho[0, 1])
    assert phase[0, 0] == pytest.approx(rho[0, 0])
    x = after(channels.pauli({"X": 1.0}), rho)
    assert np.allclose(x, PAULIS[1] @ rho @ PAULIS[1])


def test_two_qubit_depolarising_goes_to_the_mixed_state():
    psi = np.array([1, 2j, -1, 0.5]) / np.linalg.norm([1, 2, 1, 0.5])
    rho = np.outer(psi, psi.conj())
    q = 0.3 * 16 / 15
    assert np.allclose(after(channels.depolarising(0.3, 2), rho), (1 - q) * rho + q * np.eye(4) / 4)


@pytest.mark.parametrize(("t1", "t2"), [(30e-6, 20e-6), (30e-6, 60e-6), (30e-6, 45e-6), (math.inf, 20e-6)])
def test_relaxation_is_qutips(t1, t2):
    time = 7e-6
    decay = [] if math.isinf(t1) else [math.sqrt(1 / t1) * qutip.destroy(2)]
    rate = max(1 / t2 - 0.5 / t1, 0)
    dephasing = [math.sqrt(rate / 2) * qutip.sigmaz()] if rate > 0 else []
    psi = qutip.Qobj(STATES[4])
    options = {"atol": 1e-12, "rtol": 1e-10}
    result = qutip.mesolve(qutip.qzero(2), psi, [0, time], [*decay, *dephasing], options=options)
    found = after(channels.thermal_relaxation(t1, t2, time), np.outer(STATES[4], STATES[4].conj()))
    assert np.abs(found - result.states[-1].full()).max() < 1e-8


def test_relaxation_and_its_operators_are_few():
    assert len(channels.thermal_relaxation(50e-6, 70e-6, 1e-6).operators) == 3
    assert len(channels.thermal_relaxation(50e-6, 70e-6, 0.0).operators) == 1


def test_mixtures_are_told_from_what_depends_on_the_state():
    assert channels.depolarising(0.1).probabilities == pytest.approx([0.9] + [0.1 / 3] * 3)
    assert channels.phase_damping(0.5).paulis is not None
    assert channels.amplitude_damping(0.1).probabilities is None
    assert channels.amplitude_damping(0.1).least_odds == pytest.approx(0.9)
    assert channels.amplitude_damping(1.0).least_odds == 0.0
    rotations = [math.sqrt(0.5) * np.array([[1, -1], [1, 1]]) / math.sqrt(2), math.sqrt(0.5) * np.eye(2)]
    assert channels.kraus(rotations).probabilities == pytest.approx([0.5, 0.5])


def test_one_after_the_other_is_the_product_of_real_matrices():
    first, second = channels.amplitude_damping(0.2), channels.phase_damping(0.3)
    assert np.allclose(first.then(second).superoperator, second.superoperator @ first.superoperator)


def test_real_matrices_act_as_kraus_sums():
    rng = np.random.default_rng(1)
    raw = rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))
    rho = raw @ raw.conj().T
    operators = rng.normal(size=(3, 4, 4)) + 1j * rng.normal(size=(3, 4, 4))
    real = superoperator(operators) @ vector(rho, 2, np.dtype(float))
    wanted = sum(k @ rho @ k.conj().T for k in operators)
    assert np.allclose(density_matrix(real, 2), wanted)
    assert np.allclose(populations(real, 2), np.diag(wanted).real)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: channels.kraus([[[1, 0], [0, 1.001]]]), "deviates from 1 by 0.002"),
        (lambda: channels.kraus(np.full((1, 2, 2), np.nan)), "deviates from 1 by nan"),
        (lambda: channels.kraus(np.eye(2)), "shape"),
        (lambda: channels.kraus(np.eye(8)[None]), "shape"),
        (lambda: channels.kraus(np.empty((0, 2, 2))), "shape"),
        (lambda: channels.depolarising(1.1), "p = 1.1"),
        (lambda: channels.depolarising(float("nan")), "nan"),
        (lambda: channels.depolarising(0.1, 3), "n_qubits = 3"),
        (lambda: channels.amplitude_damping(-0.1), "gamma = -0.1"),
        (lambda: channels.phase_damping(2), "lam = 2"),
        (lambda: channels.thermal_relaxation(1e-6, 3e-6, 1e-7), "above 2 t1_s"),
        (lambda: channels.thermal_relaxation(0, 3e-6, 1e-7), "t1_s = 0"),
        (lambda: channels.thermal_relaxation(1e-6, 1e-6, -1), "time_s = -1"),
        (lambda: channels.pauli({"X": 0.7, "Z": 0.7}), "more than 1"),
        (lambda: channels.pauli({"X": 0.1, "ZZ": 0.1}), "no Pauli strings"),
        (lambda: channels.pauli({"A": 0.1}), "no Pauli strings"),
        (lambda: channels.pauli({}), "no Pauli strings"),
        (lambda: channels.depolarising(0.1).then(channels.depolarising(0.1, 2)), "don't join"),
    ],
)
def test_what_is_no_channel_is_refused(made, message):
    with pytest.raises(RequestError, match=message):
        made()
