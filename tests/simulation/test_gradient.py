"""Adjoint gradients against finite differences and qiskit's states, for every gate with an angle."""

import math

import numpy as np
import pytest
from qiskit.quantum_info import SparsePauliOp, Statevector

from qctl.circuit import Circuit
from qctl.errors import RequestError
from qctl.program.expressions import Parameter
from qctl.program.opcodes import GATES, Op
from qctl.simulation.gradient import gradient
from qctl.simulation.observables import PauliSum
from qctl.simulation.simulate import simulate
from qctl.simulation.slopes import slope

OBSERVABLE = PauliSum({"Z0 X1": 0.7, "Y2": -0.4, "X0 Y1 Z2": 0.3, "": 0.2, "Y0 Y3": 0.5})


def by_differences(circuit, observable, values, step=1e-5):
    found = {}
    for name in values:
        ends = []
        for sign in (1, -1):
            moved = {**values, name: values[name] + sign * step}
            ends.append(simulate(circuit.bind(**moved)).expectation(observable))
        found[name] = (ends[0] - ends[1]) / (2 * step)
    return found


def mixed(n, rng):
    c = Circuit(n)
    for q in range(n):
        c.u(*map(float, rng.normal(size=3)), q)
    for q in range(n - 1):
        c.cx(q, q + 1)
    return c


@pytest.mark.parametrize("op", [op for op, spec in GATES.items() if spec.n_params])
@pytest.mark.parametrize("n_controls", (0, 1, 2, 7))
def test_every_angle_of_every_gate(op, n_controls):
    rng = np.random.default_rng(int(op))
    k = GATES[op].n_qubits if GATES[op].n_qubits >= 0 else 3
    n = max(4, k + n_controls)
    names = [f"p{i}" for i in range(GATES[op].n_params)]
    c = mixed(n, rng)
    c.append(op, [int(q) for q in rng.permutation(n)[: k + n_controls]], [Parameter(x) for x in names], n_controls)
    for q in range(n):
        c.ry(0.3 + q, q)
    values = {name: float(rng.normal()) for name in names}
    found = gradient(c, OBSERVABLE, values)
    assert found.value == pytest.approx(simulate(c.bind(**values)).expectation(OBSERVABLE), abs=1e-12)
    assert found.derivatives == pytest.approx(by_differences(c, OBSERVABLE, values), abs=1e-8)


@pytest.mark.parametrize("simd", ("portable", "avx2", "avx512"))
@pytest.mark.parametrize("n", (4, 9, 15))
def test_layers_with_shared_parameters_and_expressions(n, simd, monkeypatch):
    monkeypatch.setenv("QCTL_SIMD", simd)
    rng = np.random.default_rng(n)
    c = Circuit(n)
    values = {}
    for layer in range(3):
        for q in range(n):
            name = f"a{layer}_{q % 3}"
            values[name] = float(rng.normal())
            c.ry(Parameter(name) * 2 + 0.1, q)
            c.rz(Parameter(name).sin() * Parameter("shared"), q)
        for q in range(n):
            c.append((Op.CX, Op.CZ)[q % 2], (q, (q + 1) % n))
        c.rzz(Parameter("shared") ** 2, 0, n - 1)
        c.cp(Parameter("shared") / (1 + Parameter("a0_0")), 1, 2)
    values["shared"] = 0.83
    found = gradient(c, OBSERVABLE, values, threads=2)
    few = {name: values[name] for name in ("shared", "a0_0", "a2_1")}
    expected = by_differences(c.bind(**{k: v for k, v in values.items() if k not in few}), OBSERVABLE, few)
    assert {name: found.derivatives[name] for name in few} == pytest.approx(expected, abs=1e-8)
    assert np.array_equal(found.vector, gradient(c, OBSERVABLE, values, threads=1).vector)
    single = gradient(c, OBSERVABLE, values, precision="single")
    assert np.abs(single.vector - found.vector).max() < 1e-4
    assert single.value == pytest.approx(found.value, abs=1e-5)
    assert list(found.derivatives) == list(c.inputs)


def test_observables_are_qiskits():
    rng = np.random.default_rng(2)
    state = rng.normal(size=16) + 1j * rng.normal(size=16)
    state /= np.linalg.norm(state)
    for _ in range(30):
        words = rng.choice(list("IXYZ"), size=(5, 4))
        weights = rng.normal(size=5)
        theirs = SparsePauliOp(["".join(reversed(row)) for row in words], weights)
        ours = PauliSum({})
        for row, weight in zip(words, weights, strict=True):
            ours += PauliSum({" ".join(f"{letter}{q}" for q, letter in enumerate(row) if letter != "I"): weight})
        assert ours.expectation(state) == pytest.approx(Statevector(state).expectation_value(theirs).real, abs=1e-12)
        assert np.abs(ours.apply(state) - theirs.to_matrix() @ state).max() < 1e-12
        assert ours.expectation(state.astype(np.complex64)) == pytest.approx(ours.expectation(state), abs=1e-5)


def test_sums_add_up_and_compare():
    a = PauliSum({"Z1 Z0": 0.5, "Z0 Z1": 0.25})
    assert a == PauliSum({"Z0 Z1": 0.75})
    assert hash(a) == hash(PauliSum({"Z0 Z1": 0.75}))
    assert 2 * a - a == a
    assert a.n_qubits == 2
    assert PauliSum({}).expectation(np.array([1, 0], complex)) == 0


@pytest.mark.parametrize("text", ("Q0", "X0 Z0", "X", "X-1", "X1048576", "XX0"))
def test_products_that_are_none_are_refused(text):
    with pytest.raises(RequestError, match="no X, Y or Z"):
        PauliSum({text: 1.0})


def test_values_come_by_name_or_in_order():
    c = Circuit(1)
    c.rx(Parameter("a"), 0)
    c.ry(Parameter("b"), 0)
    z = PauliSum({"Z0": 1.0})
    assert gradient(c, z, [0.3, 0.7]) == gradient(c, z, {"b": 0.7, "a": 0.3})


def test_what_has_no_gradient_is_refused():
    c = Circuit(2, 1)
    c.rx(Parameter("a"), 0)
    z = PauliSum({"Z0": 1.0})
    with pytest.raises(RequestError, match=r"without a value: \['a'\]"):
        gradient(c, z, {})
    with pytest.raises(RequestError, match=r"no parameter: \['b'\]"):
        gradient(c, z, {"a": 1.0, "b": 1.0})
    with pytest.raises(RequestError, match=r"values have the shape \(2,\), expected \(1,\)"):
        gradient(c, PauliSum({"Z0": 1.0}), [0.1, 0.2])
    with pytest.raises(RequestError, match="names qubit 5"):
        gradient(c, PauliSum({"Z5": 1.0}), {"a": 1.0})
    with pytest.raises(RequestError, match="precision"):
        gradient(c, z, {"a": 1.0}, precision="half")
    with pytest.raises(RequestError, match="not a finite"):
        PauliSum({"X0": math.nan})
    c.reset(0)
    with pytest.raises(RequestError, match="gates alone"):
        gradient(c, z, {"a": 1.0})
    c = Circuit(1)
    c.rx(Parameter("a").apply("floor"), 0)
    with pytest.raises(RequestError, match="no derivative"):
        gradient(c, z, {"a": 1.0})


def test_slopes_are_those_of_small_steps():
    x, y = Parameter("x"), Parameter("y")
    values = {"x": 0.4, "y": 0.7}
    for expression in (
        x * y - x / y + 3,
        (x**y).exp() + (2 * x).log() - y.sqrt(),
        x.sin() * y.cos() + x.tan(),
        x.apply("asin") + y.apply("acos") + (x * y).apply("atan"),
        abs(-x) * 2 ** (-y),
    ):
        value, rates = slope(expression, values)
        assert value == pytest.approx(expression.evaluate(values))
        for name in values:
            up, down = ({**values, name: values[name] + s} for s in (1e-6, -1e-6))
            assert rates[name] == pytest.approx((expression.evaluate(up) - expression.evaluate(down)) / 2e-6, abs=1e-8)


def test_states_of_other_types_are_taken_and_what_is_none_is_refused():
    z = PauliSum({"Z0": 1.0})
    for state in ([1, 0], np.array([1.0, 0.0]), np.eye(2, dtype=complex)[:, 0], np.array([1, 0], np.complex256)):
        assert z.expectation(state) == 1.0
        assert z.apply(state).tolist() == [1.0, 0.0]
    for state in ([1, 0, 0], np.eye(2), ["a", "b"], []):
        with pytest.raises(RequestError, match="state has the shape"):
            z.expectation(state)


def test_a_value_that_is_no_number_has_no_gradient():
    c = Circuit(1)
    c.rx(Parameter("a"), 0)
    with pytest.raises(RequestError, match="a = nan is not a finite number"):
        gradient(c, PauliSum({"Z0": 1.0}), {"a": math.nan})
