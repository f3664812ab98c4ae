"""What simulation is given in odd types and sizes is refused clearly, and noise is not left out in silence."""

import math
import warnings

import numpy as np
import pytest

import qctl
from qctl.errors import QctlError, RequestError
from qctl.simulation.channels import (
    amplitude_damping,
    depolarising,
    kraus,
    pauli,
    phase_damping,
    thermal_relaxation,
)
from qctl.simulation.noise import NoiseModel
from qctl.simulation.observables import PauliSum

ODD = ("odd", None, [1, "b"], {}, object(), 1j, [[1], [2, 3]])


def test_pauli_sums_are_divided_and_summed():
    x, z = PauliSum({"X0": 3.0}), PauliSum({"Z0 Z1": 1.0})
    assert x / 2 == PauliSum({"X0": 1.5})
    assert sum([x, z, x]) == PauliSum({"X0": 6.0, "Z0 Z1": 1.0})
    assert x / np.float64(3) == PauliSum({"X0": 1.0})
    with pytest.raises(RequestError, match="divided by 0"):
        x / 0
    for wrong in (
        lambda: x / z,
        lambda: 1 / x,
        lambda: x * z,
        lambda: x + 1,
        lambda: 1 + x,
        lambda: x - 1,
        lambda: x / "2",
    ):
        with pytest.raises(TypeError, match="unsupported operand"):
            wrong()


@pytest.mark.parametrize("odd", ODD, ids=map(repr, range(len(ODD))))
def test_odd_types_of_channels_are_refused(odd):
    calls = [
        lambda: depolarising(odd),
        lambda: depolarising(0.1, odd),
        lambda: amplitude_damping(odd),
        lambda: amplitude_damping(0.1, odd),
        lambda: phase_damping(odd),
        lambda: thermal_relaxation(odd, 1.0, 1.0),
        lambda: thermal_relaxation(1.0, odd, 1.0),
        lambda: thermal_relaxation(1.0, 1.0, odd),
        lambda: pauli(odd),
        lambda: pauli({"X": odd}),
        lambda: kraus(odd),
        lambda: depolarising(0.1).then(odd),
        lambda: NoiseModel().on("x", odd),
        lambda: NoiseModel().on([odd], depolarising(0.1)),
        lambda: NoiseModel().on("x", depolarising(0.1), qubits=[odd]),
        lambda: NoiseModel().read(odd),
        lambda: NoiseModel().read(np.eye(2), [odd]),
        lambda: NoiseModel().idle(odd, 1.0),
        lambda: NoiseModel().idle(1.0, 1.0, "q"),
    ]
    for call in calls:
        with pytest.raises(RequestError):
            call()


@pytest.mark.parametrize("odd", ODD, ids=map(repr, range(len(ODD))))
def test_odd_types_of_propagation_are_refused(odd):
    good = {"hamiltonian": np.diag([0.0, 1.0]), "drives": None, "dt_s": [1.0]}
    for name in ("hamiltonian", "drives", "dt_s", "collapse", "state", "at", "observables", "tolerance", "threads"):
        if odd is None and name in ("drives", "state", "at", "observables"):
            continue
        if odd == 1j and name in ("hamiltonian", "collapse", "observables"):
            continue  # an array of numbers, if not of the right shape; that is tested with the shapes
        with pytest.raises(QctlError) as caught:
            qctl.propagate(**{**good, name: odd})
        assert caught.value.message


def test_more_qubits_than_a_state_vector_can_count_are_refused():
    circuit = qctl.Circuit(100)
    circuit.rx(0.1, 0)
    with pytest.raises(RequestError, match="100 qubits are more than 58"):
        qctl.estimate(circuit)
    assert math.log2(qctl.estimate(qctl.Circuit(58)).memory_bytes) == 62


def toffoli(controls: int = 0) -> qctl.Circuit:
    c = qctl.Circuit(4)
    c.x(0)
    if controls:
        c.append("x", range(controls + 1), n_controls=controls)
    else:
        c.ccx(0, 1, 2)
    return c


def test_a_gate_that_is_left_without_noise_is_named():
    noise = NoiseModel().on(None, depolarising(0.1)).on(None, depolarising(0.1, 2))
    with pytest.warns(UserWarning, match=r"ccx at instruction 1 acts on 3 qubits, and no rule .*say .on\('ccx', …\)"):
        qctl.simulate(toffoli(), noise=noise)
    with pytest.warns(UserWarning, match="x at instruction 1 acts on 4 qubits"):
        qctl.simulate(toffoli(3), noise=noise)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        qctl.simulate(toffoli(), noise=noise.on("ccx", depolarising(0.1)))
        qctl.simulate(toffoli(), noise=noise.on("ccx"))
        qctl.simulate(toffoli(2), noise=noise.on("ccx", depolarising(0.1)))
        qctl.simulate(toffoli(), noise=NoiseModel().on("x", depolarising(0.1)))


@pytest.mark.parametrize("method", ["density", "trajectories", "stabilizer"])
def test_a_gate_under_controls_has_the_noise_of_its_name(method):
    flip = NoiseModel().on("cx", pauli({"IX": 1.0}))
    named, under = qctl.Circuit(2), qctl.Circuit(2)
    named.cx(0, 1)
    under.append("x", [0, 1], n_controls=1)
    for c in (named, under):
        c.measure_all()
        assert qctl.simulate(c, shots=20, seed=1, noise=flip, method=method).counts == {"10": 20}
    assert [q for _, q in flip.after(qctl.program.opcodes.Op.X, (0, 1))] == [(0, 1)]
    assert flip.after(qctl.program.opcodes.Op.X, (0,)) == []
