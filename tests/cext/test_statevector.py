"""Fused, cache-blocked gates on a state against each gate as a matrix, on every instruction set and precision."""

import numpy as np
import pytest

from qctl.cext.statevector import SETS, adjoint, best_set, evolution
from qctl.circuit import Circuit
from qctl.program.expressions import Parameter
from qctl.program.opcodes import GATES, Op
from qctl.program.unitaries import gate_matrix

ERRORS = {np.complex64: 1e-5, np.complex128: 1e-12}
HERE = [name for name in SETS if best_set(name) == name]


def slow(circuit: Circuit) -> np.ndarray:
    """Play each gate's matrix on a tensor with an axis a qubit."""
    body, n = circuit.body, circuit.n_qubits
    state = np.zeros((2,) * n, complex)
    state[(0,) * n] = 1
    for i in range(len(body)):
        op, qubits, params, n_controls = body.gate(i)
        k = len(qubits)
        matrix = gate_matrix(op, params, k, n_controls)
        if not k:
            state = state * matrix[0, 0]
            continue
        state = np.tensordot(matrix.reshape((2,) * (2 * k)), state, (range(k, 2 * k), qubits))
        state = np.moveaxis(state, range(k), qubits)
    return state.transpose(range(n - 1, -1, -1)).ravel()


def fast(circuit: Circuit, dtype=np.complex128, threads: int = 1, **how) -> np.ndarray:
    body = circuit.body
    state = np.zeros(2**circuit.n_qubits, dtype)
    state[0] = 1
    tables = (body.instructions.view(np.uint8), body.operands, body.constants, np.zeros(0))
    run = evolution(*tables, 0, len(body), state, **how)
    assert run.advance(0.0, threads) == 1.0
    assert run.finished
    return state


def random_gates(n: int, n_gates: int, rng: np.random.Generator) -> Circuit:
    """Return gates of all kinds on random qubits, some with generic controls."""
    c = Circuit(n)
    ops = list(GATES)
    while len(c) < n_gates:
        op = ops[rng.integers(len(ops))]
        k = GATES[op].n_qubits if GATES[op].n_qubits >= 0 else int(rng.integers(2, 6))
        n_controls = int(rng.integers(1, 9)) if rng.random() < 0.15 else 0
        if k + n_controls <= n:
            qubits = [int(q) for q in rng.permutation(n)[: k + n_controls]]
            c.append(op, qubits, [float(x) for x in rng.normal(size=GATES[op].n_params)], n_controls)
    return c


def test_the_portable_set_runs_everywhere():
    assert SETS[0] == "portable"
    assert best_set("portable") == "portable"
    with pytest.raises(ValueError, match="set = 'mmx'"):
        best_set("mmx")


@pytest.mark.parametrize("name", HERE)
@pytest.mark.parametrize("dtype", ERRORS)
def test_random_gates_are_those_of_their_matrices(name, dtype):
    rng = np.random.default_rng(len(name))
    for _ in range(12):
        n = int(rng.integers(1, 13))
        circuit = random_gates(n, int(rng.integers(1, 100)), rng)
        expected = slow(circuit)
        for most in (0, 8):
            found = fast(circuit, dtype, set=name, most_chunk_qubits=most)
            assert np.abs(found - expected).max() < ERRORS[dtype]


@pytest.mark.parametrize("op", GATES)
@pytest.mark.parametrize("name", HERE)
def test_every_gate_with_and_without_controls(op, name):
    rng = np.random.default_rng(int(op))
    k = GATES[op].n_qubits if GATES[op].n_qubits >= 0 else 4
    for n_controls in (0, 1, 3, 7):
        n = max(1, k + n_controls)
        circuit = Circuit(n)
        for q in range(n):
            circuit.u(*map(float, rng.normal(size=3)), q)
        qubits = [int(q) for q in rng.permutation(n)[: k + n_controls]]
        circuit.append(op, qubits, [float(x) for x in rng.normal(size=GATES[op].n_params)], n_controls)
        assert np.abs(fast(circuit, set=name) - slow(circuit)).max() < 1e-12


@pytest.mark.parametrize("dtype", ERRORS)
def test_threads_change_no_bit(dtype):
    circuit = random_gates(11, 80, np.random.default_rng(5))
    one = fast(circuit, dtype, 1, most_chunk_qubits=8)
    for threads in (2, 3, 64):
        assert np.array_equal(one, fast(circuit, dtype, threads, most_chunk_qubits=8))
    assert np.array_equal(fast(circuit, dtype, 1), fast(circuit, dtype, 4))


def test_a_large_program_is_planned_in_windows():
    circuit = random_gates(5, 2500, np.random.default_rng(6))
    assert np.abs(fast(circuit) - slow(circuit)).max() < 1e-11


def test_no_rows_change_nothing():
    assert fast(Circuit(3)).tolist() == [1, 0, 0, 0, 0, 0, 0, 0]


def test_a_budget_comes_back_before_the_end():
    circuit = random_gates(10, 150, np.random.default_rng(7))
    body, state = circuit.body, np.zeros(2**10, complex)
    state[0] = 1
    run = evolution(body.instructions.view(np.uint8), body.operands, body.constants, np.zeros(0), 0, 150, state,
                    most_chunk_qubits=8)  # fmt: skip
    rounds = 0
    while not run.finished:
        run.advance(1e-9)
        rounds += 1
    assert rounds > 3
    assert run.figures["passes"] == rounds
    assert np.abs(state - slow(circuit)).max() < 1e-12


def test_what_does_not_fit_is_refused():
    c = Circuit(2)
    c.rzz(0.3, 0, 1)
    body = c.body
    rows, state = body.instructions.view(np.uint8), np.zeros(4, complex)
    empty = np.zeros(0, np.uint32)

    def play(rows=rows, state=state, first=0, end=1, constants=body.constants, **how):
        evolution(rows, empty, constants, np.zeros(0), first, end, state, **how).advance()

    with pytest.raises(ValueError, match="rows 0 to 2"):
        play(end=2)
    with pytest.raises(ValueError, match="rows 0 to 1 are not within 15"):
        play(rows=rows[:15].copy())
    with pytest.raises(ValueError, match="shape"):
        play(state=np.zeros(3, complex))
    with pytest.raises(ValueError, match="shape"):
        play(state=np.zeros(1, complex))
    with pytest.raises(ValueError, match="outside of the state or the tables"):
        play(state=np.zeros(2, complex))
    with pytest.raises(ValueError, match="outside of the state or the tables"):
        play(constants=np.zeros(0))
    with pytest.raises(ValueError, match="contiguous"):
        play(state=np.zeros(8, complex)[::2])
    with pytest.raises(ValueError, match="set"):
        play(set="sse9")
    with pytest.raises(ValueError, match="most_chunk_qubits"):
        play(most_chunk_qubits=3)
    reset = Circuit(2)
    reset.reset(0)
    with pytest.raises(ValueError, match="row 0 is no gate"):
        play(rows=reset.body.instructions.view(np.uint8))
    with pytest.raises(ValueError, match="threads = 0"):
        evolution(rows, empty, body.constants, np.zeros(0), 0, 1, state).advance(0.0, 0)


def test_barriers_and_measurements_are_passed_over():
    c = Circuit(2)
    c.h(0)
    c.barrier()
    c.measure(0, 0)
    c.append(Op.CX, (0, 1))
    assert np.allclose(fast(c), [0.5**0.5, 0, 0, 0.5**0.5])


@pytest.mark.parametrize("name", HERE)
@pytest.mark.parametrize("dtype", ERRORS)
@pytest.mark.parametrize("n", (2, 5, 10))
def test_derivatives_are_those_of_small_steps(name, dtype, n):
    rng = np.random.default_rng(n)
    c = random_gates(n, 12, rng)
    for k in range(6):
        q = int(rng.integers(n))
        c.append((Op.RX, Op.RZ, Op.P)[k % 3], (q,), (Parameter(f"a{k}"),))
        c.append((Op.RZZ, Op.CRY)[k % 2], (q, (q + 1) % n), (Parameter(f"b{k}"),))
        c.ry(float(rng.normal()), q)
    body, angles = c.body, rng.normal(size=12)
    by = rng.normal(size=(2**n, 2)) @ [1, 1j]  # |y> = by * |x>: any vector will do

    def play(values, kind):
        state = np.zeros(2**n, kind)
        state[0] = 1
        tables = (body.instructions.view(np.uint8), body.operands, body.constants, values)
        evolution(*tables, 0, len(body), state, set=name).advance()
        return tables, state

    tables, state = play(angles, dtype)
    partner = (state * by).astype(dtype)
    expected = []
    for k in range(len(angles)):
        ends = [play(angles + sign * 1e-6 * (np.arange(12) == k), complex)[1] for sign in (1, -1)]
        expected.append(2 * np.vdot(partner.astype(complex), (ends[0] - ends[1]) / 2e-6).real)
    found = np.ones(12)
    run = adjoint(*tables, 0, len(body), state, partner, found, set=name, most_chunk_qubits=8)
    assert run.advance(0.0, 2) == 1.0
    assert found - 1 == pytest.approx(expected, abs=1e-3 if dtype is np.complex64 else 1e-7)
    start = np.zeros(2**n)
    start[0] = 1
    assert np.abs(state - start).max() < 10 * ERRORS[dtype]


def test_partners_and_derivatives_that_do_not_fit_are_refused():
    c = Circuit(2)
    c.rx(Parameter("a"), 0)
    tables = (c.body.instructions.view(np.uint8), c.body.operands, c.body.constants)
    state = np.zeros(4, complex)
    with pytest.raises(ValueError, match=r"partner has shape \(8,\)"):
        adjoint(*tables, np.zeros(1), 0, 1, state, np.zeros(8, complex), np.zeros(1))
    with pytest.raises(ValueError, match=r"derivatives have shape \(2,\)"):
        adjoint(*tables, np.zeros(1), 0, 1, state, np.zeros(4, complex), np.zeros(2))
    with pytest.raises(ValueError, match="outside of the state or the tables"):
        adjoint(*tables, np.zeros(0), 0, 1, state, np.zeros(4, complex), np.zeros(0)).advance()
