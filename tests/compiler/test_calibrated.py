"""Rates of a calibration: what they are made of, that layouts follow them, and that the promise comes true."""

import math

import msgspec
import numpy as np
import pytest

import qctl
from qctl.compiler.measured import translated_rows
from qctl.compiler.pipeline import compile_program
from qctl.compiler.routed import native_steps
from qctl.compiler.steps import Step
from qctl.errors import RequestError
from qctl.lab.snapshot import read, write
from qctl.program.opcodes import Op
from qctl.simulation.channels import thermal_relaxation

SHOTS = 40_000


@pytest.fixture(scope="session")
def tuned(snapshot_of):
    """Return a function that makes a snapshot of a processor which is good but for what is given."""

    def make(qubits=None, couplers=None):
        good = {"readout": {"error0": 0.01, "error1": 0.03}, "drive": {"error": 4e-4}}
        every = {f"q{k}": {**good, **(qubits or {}).get(f"q{k}", {})} for k in range(5)}
        pairs = {f"q{k}-q{k + 1}": {"error": 0.01} for k in range(4)}
        return snapshot_of(
            every, {name: {**fields, **(couplers or {}).get(name, {})} for name, fields in pairs.items()}
        )

    return make


def chain(n):
    c = qctl.Circuit(n)
    c.h(0)
    for k in range(n - 1):
        c.cx(k, k + 1)
    c.measure_all()
    return c


def infidelity(*channels):
    """Return the average infidelity of what several qubits suffer at once, from the matrices of their channels."""
    d = 2 ** len(channels)
    trace = math.prod(float(np.trace(channel.superoperator).real) for channel in channels)
    return 1 - (trace / d + 1) / (d + 1)


def test_unmeasured_gates_cost_what_relaxation_costs(lab):
    found = qctl.Rates.from_lab(lab, "qpu0")
    design = lab.processor("qpu0")
    lose = lambda name, time_s: thermal_relaxation(  # noqa: E731
        design.qubit[name].t1_s, min(design.qubit[name].t2_s, 2 * design.qubit[name].t1_s), time_s
    )
    assert found.pulse_error == pytest.approx(
        [infidelity(lose(q, design.qubit[q].drive.length_s)) for q in design.qubits]
    )
    wanted = [infidelity(*(lose(q, c.cz.length_s) for q in c.qubits)) for c in design.coupler.values()]
    assert found.pair_error == pytest.approx(wanted)
    assert found.pair_s == tuple(c.cz.length_s for c in design.coupler.values())
    assert found.readout_error == ()


def test_measured_errors_come_first_and_given_ones_above_them(lab, snapshot_of, tmp_path):
    given = snapshot_of(
        {"q1": {"drive": {"error": 0.002}, "readout": {"error0": 0.02, "error1": 0.06}}, "q3": {"t2_s": 9e-6}},
        {"q1-q2": {"error": 0.03}},
    )
    snapshot = read(tmp_path, "qpu0", write(tmp_path, given).number)
    found = qctl.Rates.from_lab(lab, "qpu0", snapshot)
    assert found.pulse_error[1] == 0.002
    assert found.pair_error[1] == 0.03
    assert found.readout_error == (0.04,) * 5  # the middle one stands in for those that nobody measured
    assert found.t2_s[3] == 9e-6
    above = qctl.Rates.from_lab(lab, "qpu0", snapshot, fidelities={"q1": 0.99, "q1-q2": 0.9})
    assert (above.pulse_error[1], above.pair_error[1]) == (pytest.approx(0.01), pytest.approx(0.1))
    model = qctl.NoiseModel.from_lab(lab, "qpu0", snapshot)
    assert "fidelity of q1-q2" not in model.missing
    assert "fidelity of q1" not in model.missing


def test_snapshots_without_measured_gates_keep_their_bytes(lab):
    assert b'"error"' not in msgspec.json.encode(lab.processor("qpu0"))


@pytest.mark.parametrize("wrong", [{"q9": 0.9}, {"q0": 1.2}, {"q0-q2": 0.9}])
def test_fidelities_of_nothing_are_refused(lab, wrong):
    with pytest.raises(RequestError, match=r"q9|q0 = 1\.2|q0-q2"):
        qctl.Rates.from_lab(lab, "qpu0", fidelities=wrong)


@pytest.mark.parametrize("bad", range(4))
def test_the_server_avoids_a_coupler_that_the_snapshot_says_is_bad(lab, tuned, bad):
    name = f"q{bad}-q{bad + 1}"
    made = compile_program(chain(2), lab, tuned(couplers={name: {"error": 0.2}}))
    assert set(made.layout) != {f"q{bad}", f"q{bad + 1}"}
    best = compile_program(chain(2), lab, tuned(couplers={name: {"error": 0.001}}))
    assert set(best.layout) == {f"q{bad}", f"q{bad + 1}"}


@pytest.mark.parametrize("bad", ["q0", "q4"])
@pytest.mark.parametrize("why", [{"t1_s": 1e-6, "drive": {}}, {"readout": {"error0": 0.2, "error1": 0.3}}])
def test_the_server_avoids_a_qubit_that_the_snapshot_says_is_bad(lab, snapshot_of, tuned, bad, why):
    if "t1_s" in why:
        tuned = snapshot_of
    for n in (1, 2, 4):
        made = [compile_program(chain(n), lab, tuned({bad: why}), seed=3) for _ in range(2)]
        assert bad not in {*made[0].layout, *made[0].final_layout}
        assert made[0].layout == made[1].layout
    named = qctl.Program(qubits=[bad], bits=1)
    named.sx(bad)
    named.measure(bad, 0)
    assert compile_program(named, lab, tuned({bad: why})).layout == (bad,)


def test_lines_and_loops_follow_the_snapshot_too(lab, tuned):
    snapshot = tuned({"q0": {"readout": {"error0": 0.3, "error1": 0.3}}})
    line = qctl.Circuit(2)
    line.sx(0)
    line.cz(0, 1)
    line.measure_all()
    swept = qctl.Circuit(2)
    with swept.sweep("theta", np.linspace(0, 1, 3)) as theta:
        swept.rx(theta, 0)
        swept.cx(0, 1)
        swept.measure(0, 0)
    for program in (line, swept):
        assert "q0" not in compile_program(program, lab, snapshot).layout
        assert compile_program(program, lab).layout == ("q0", "q1")


def test_a_target_of_a_lab_has_the_rates_of_its_snapshot(lab, tuned):
    assert qctl.Target.from_lab(lab).rates is None
    target = qctl.Target.from_lab(lab, "qpu0", tuned())
    assert target.rates == qctl.Rates.from_lab(lab, "qpu0", tuned())
    steps = [Step(Op.CZ, (0, 1))]
    assert native_steps(steps, 2, target, level=0).layout == native_steps(steps, 2, target, fixed=True).layout == (0, 1)
    body = chain(2).body
    made, success = translated_rows(body.instructions, body.operands, body.constants, 2, target, level=1, seed=0)
    assert made.layout
    assert 0.8 < success < 1


def waited(native, rates, edges):
    """Return a native circuit with a delay for each wait, as early as its gates can be."""
    timed = qctl.Circuit(native.n_qubits)
    free = {}
    lengths = {frozenset(edge): time for edge, time in zip(edges, rates.pair_s, strict=True)}
    body = native.body
    for i, row in enumerate(body.instructions.tolist()):
        if row[0] == Op.MEASURE:
            timed.measure(row[2], row[3])
        if row[0] == Op.BARRIER:
            qubits = body.operands[row[2] : row[2] + row[3]].tolist()
            latest = max(free.get(q, 0.0) for q in qubits)
            for q in (q for q in qubits if q in free and latest > free[q] + 1e-15):
                timed.delay(q, latest - free[q])
            free |= dict.fromkeys(qubits, latest)
        if row[0] in (Op.MEASURE, Op.BARRIER):
            continue
        op, qubits, angles, _ = body.gate(i)
        start = max(free.get(q, 0.0) for q in qubits)
        for q in qubits:
            if start > free.get(q, start) + 1e-15:
                timed.delay(q, start - free[q])
            length = lengths[frozenset(qubits)] if len(qubits) == 2 else rates.pulse_s[q]
            free[q] = start + (0.0 if op == Op.RZ else length)
        timed.append(op, qubits, angles)
    return timed


@pytest.mark.parametrize("seed", range(3))
def test_what_was_promised_comes_out_of_a_simulation_with_the_same_calibration(lab, tuned, seed):
    """Random gates and their inverse end in 0 but for errors.

    A product of average fidelities, which is the promise, is right if each gate's error is seen by its own qubits
    alone. A product of entanglement fidelities is right if all errors are seen: five quarters of a cz's loss. What
    comes out is between them.
    """
    rng = np.random.default_rng(seed)
    even = {f"q{k}": {"readout": {"error0": 0.02, "error1": 0.02}} for k in range(5)}
    snapshot = tuned(even, {"q0-q1": {"error": 0.06}})
    rates = qctl.Rates.from_lab(lab, "qpu0", snapshot)
    half = qctl.Circuit(3)
    for _ in range(2):
        for q in range(3):
            half.u3(*rng.uniform(0, 2 * np.pi, 3), q)
        half.cx(0, 1)
        half.cx(1, 2)
    circuit = qctl.Circuit(3)
    circuit.extend(half)
    circuit.barrier(0, 1, 2)
    circuit.extend(half.inverse())
    circuit.measure_all()
    target = qctl.Target.from_lab(lab, "qpu0", snapshot)
    native = qctl.translate(circuit, target, level=2)
    promised = float(native.metadata["expected_success"])
    blind = qctl.translate(circuit, qctl.Target.from_lab(lab, "qpu0"), level=2)
    model = qctl.NoiseModel.from_lab(lab, "qpu0", snapshot)
    edges = target.edges
    found = []
    for made in (native, blind):
        counts = qctl.simulate(waited(made, rates, edges), shots=SHOTS, seed=seed, noise=model).counts
        found.append(sum(n for bits, n in counts.items() if "1" not in bits) / SHOTS)
    sigma = math.sqrt(promised * (1 - promised) / SHOTS)
    pairs = sum(row[0] == Op.CZ for row in native.body.instructions.tolist())
    print(f"promised {promised:.4f}, came {found[0]:.4f} ± {sigma:.4f}, without rates {found[1]:.4f}, {pairs} cz")
    assert promised**1.25 - 4 * sigma <= found[0] <= promised + 4 * sigma
    assert found[0] > found[1]
