"""Many controls: exact, on any qubits, and at few gates."""

import numpy as np
import pytest

import qctl


def odds(circuit: qctl.Circuit, index: int) -> np.ndarray:
    """Return the state that comes of a basis state."""
    start = qctl.Circuit(circuit.n_qubits)
    for q in range(circuit.n_qubits):
        if index >> q & 1:
            start.x(q)
    return qctl.simulate(start.compose(circuit)).statevector


@pytest.mark.parametrize("n_spare", [0, 1, 2])
@pytest.mark.parametrize("n_controls", [2, 3, 4, 5, 6])
def test_only_the_state_of_all_ones_changes(n_controls, n_spare):
    n = n_controls + 1 + n_spare
    places = np.random.default_rng(n).permutation(n).tolist()
    controls, target = places[:n_controls], places[n_controls]
    flips, turns = qctl.Circuit(n), qctl.Circuit(n)
    flips.mcx(controls, target)
    turns.mcp(0.7, controls, target)
    flips, turns = (qctl.translate(each, qctl.Target(), level=0) for each in (flips, turns))
    mask = sum(1 << q for q in controls)
    phases = []
    for i in range(2**n):
        wanted = i ^ (1 << target if i & mask == mask else 0)
        assert abs(odds(flips, i)[wanted]) == pytest.approx(1, abs=1e-10)
        phases.append(odds(turns, i)[i])
    whole = np.array([0.7 if i & mask == mask and i >> target & 1 else 0.0 for i in range(2**n)])
    np.testing.assert_allclose(np.array(phases) / phases[0], np.exp(1j * whole), atol=1e-9)
    plus = flips.compose(flips)
    state = qctl.Circuit(n)
    for q in range(n):
        state.ry(0.3 + q, q)
    before, after = qctl.simulate(state).statevector, qctl.simulate(state.compose(plus)).statevector
    assert abs(np.vdot(before, after)) == pytest.approx(1, abs=1e-10), "phases between basis states are kept"


@pytest.mark.parametrize(("n_spare", "few", "many"), [(0, 510, 40_000), (1, 120, 1_000)])
def test_the_cost_is_linear_with_a_qubit_to_borrow_and_quadratic_without(n_spare, few, many):
    for n_controls, most in ((7, few), (40, many)):
        circuit = qctl.Circuit(n_controls + 1 + n_spare)
        circuit.mcx(list(range(n_controls)), n_controls)
        assert qctl.translate(circuit, qctl.Target()).count_ops()["cz"] <= most
