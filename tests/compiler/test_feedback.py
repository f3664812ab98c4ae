"""Branches on measured bits, compiled: native steps with their conditions do what the program says, by numpy alone."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import qctl
from qctl.compiler.feedback import Feedback, waited
from qctl.compiler.pipeline import compile_program
from qctl.compiler.routed import native_steps
from qctl.compiler.tables import tables_of
from qctl.compiler.target import target_of
from qctl.compiler.unroll import unroll
from qctl.errors import CompileError
from qctl.lab import load_lab
from qctl.lab.snapshot import effective
from qctl.program.expressions import bit
from qctl.program.opcodes import Op

LAB = load_lab("docs/examples/qblox2.toml")
FEEDBACK = Feedback("", Fraction(392, 10**9), Fraction(280, 10**9))
SX = np.array([[1 + 1j, 1 - 1j], [1 - 1j, 1 + 1j]]) / 2
GATES = {
    "x": np.array([[0, 1], [1, 0]]), "y": np.array([[0, -1j], [1j, 0]]), "z": np.diag([1, -1]),
    "h": np.array([[1, 1], [1, -1]]) / np.sqrt(2), "s": np.diag([1, 1j]), "t": np.diag([1, np.exp(0.25j * np.pi)]),
    "sx": SX,
}  # fmt: skip


def turned(state, gate, q):
    """Return a state of two qubits, (2, 2) with qubit 0 first, behind a gate on one of them."""
    return np.moveaxis(np.tensordot(gate, state, (1, q)), 0, q)


def branches(state, bits, q):
    """Return the two ways on from a measurement."""
    for found in (0, 1):
        left = np.zeros_like(state)
        index = (found, slice(None)) if q == 0 else (slice(None), found)
        left[index] = state[index]
        if np.vdot(left, left).real > 1e-12:
            yield left, (*bits, found)


def played(steps, tables):
    """Return the probability of each row of results that steps on physical qubits give, with their conditions."""
    ways = [(np.array([[1, 0], [0, 0]], complex), ())]
    order = []
    for step in steps:
        new = []
        for state, bits in ways:
            states = dict(zip(order, bits, strict=True))
            if step.op is Op.MEASURE:
                new += list(branches(state, bits, step.qubits[0]))
                continue
            if step.when is None or step.when.holds(states):
                if step.op is Op.SX:
                    state = turned(state, SX, step.qubits[0])
                elif step.op is Op.RZ:
                    half = 0.5j * step.params[0]
                    state = turned(state, np.diag(np.exp([-half, half])), step.qubits[0])
                elif step.op is Op.CZ:
                    state = state * np.array([[1, 1], [1, -1]])
            elif step.op is Op.CZ:  # its virtual turns come always, and make up for a pulse that did not come
                for k in (0, 1):
                    half = 0.5j * float(tables.pair_values[0, 1 + k])
                    state = turned(state, np.diag(np.exp([-half, half])), int(tables.pairs[0, 3 + k]))
            new.append((state, bits))
        ways = new
        if step.op is Op.MEASURE:
            order.append(step.event)
    found = {}
    for state, bits in ways:
        key = tuple(bit for _, bit in sorted(zip(order, bits, strict=True)))
        found[key] = found.get(key, 0.0) + np.vdot(state, state).real
    return found


def native(circuit):
    """Return the steps that are timed, on the processor of the example."""
    processor = LAB.processor("qpu0")
    tables = tables_of(LAB, effective(LAB, "qpu0", None))
    line = unroll(circuit.body, lambda: "")
    routed = native_steps(line.steps, 2, target_of(processor), fixed=True)
    return waited(routed.steps, tables, FEEDBACK), tables


def random_program(rng):
    """Return a circuit of two qubits with branches on its bits, and what its results should be, walked as it stands."""
    c = qctl.Circuit(2, 4)
    ways = [(np.array([[1, 0], [0, 0]], complex), ())]

    def gate(name, q, when=lambda bits: True):
        nonlocal ways
        ways = [(turned(s, GATES[name], q) if when(bits) else s, bits) for s, bits in ways]

    def some(n, when=lambda bits: True):
        for _ in range(n):
            name, q = rng.choice(list(GATES)), int(rng.integers(2))
            getattr(c, name)(q)
            gate(name, q, when)

    for n_measured in (1, 2, 3):
        some(3)
        q = int(rng.integers(2))
        c.measure(q, n_measured - 1)
        ways = [way for state, bits in ways for way in branches(state, bits, q)]
        k, value = int(rng.integers(n_measured)), int(rng.integers(2))
        with c.if_(k, value):
            some(2, lambda bits, k=k, value=value: bits[k] == value)
            if rng.random() < 0.5:
                c.cz(0, 1)
                cz = np.array([[1, 1], [1, -1]])
                ways = [(s * cz if bits[k] == value else s, bits) for s, bits in ways]
            if n_measured > 1:
                with c.if_(0, 1):
                    some(1, lambda bits, k=k, value=value: bits[k] == value and bits[0] == 1)
        with c.else_():
            some(1, lambda bits, k=k, value=value: bits[k] != value)
    some(2)
    c.measure(0, 3)
    ways = [way for state, bits in ways for way in branches(state, bits, 0)]
    found = {}
    for state, bits in ways:
        found[bits] = found.get(bits, 0.0) + np.vdot(state, state).real
    return c, found


@pytest.mark.parametrize("seed", range(25))
def test_native_steps_do_what_the_program_says(seed):
    circuit, expected = random_program(np.random.default_rng(seed))
    found = played(*native(circuit))
    for key in {*found, *expected}:
        assert found.get(key, 0.0) == pytest.approx(expected.get(key, 0.0), abs=1e-9), key


def test_a_wait_comes_between_the_capture_and_what_it_decides():
    c = qctl.Circuit(2, 2)
    c.measure(0, 0)
    with c.if_(0):
        c.x(1)
    c.measure(1, 1)
    timeline = compile_program(c, LAB, feedback=lambda lab, processor: FEEDBACK).timeline
    point = timeline.straight(0)
    when = [start for start, condition in zip(point.plays["start"], timeline.conditions, strict=True) if condition]
    capture = point.captures[0]
    assert len(when) == 2 and min(when) >= capture["start"] + 1000 + 392
    assert [condition.text(["c[0]", "c[1]"]) for condition in timeline.conditions if condition] == ["c[0] is 1"] * 2


def test_captures_that_decide_end_apart_from_each_other():
    c = qctl.Circuit(2, 3)
    c.measure(0, 0)
    c.measure(1, 1)
    with c.if_([0, 1], 3):
        c.x(0)
    c.measure(0, 2)
    starts = compile_program(c, LAB, feedback=lambda lab, processor: FEEDBACK).timeline.captures["start"][0]
    assert sorted(starts)[1] - sorted(starts)[0] == 280


def test_register_and_arithmetic_on_bits_decide():
    c = qctl.Circuit(2, 3)
    c.h(0)
    c.h(1)
    c.measure(0, 0)
    c.measure(1, 1)
    total = c.add_register("r")
    c.assign(total, bit("c[0]") + bit("c[1]"))
    with c.if_(total.equals(1)):
        c.x(0)
    c.measure(0, 2)
    found = played(*native(c))
    assert {bits[2] == (bits[0] ^ (bits[0] + bits[1] == 1)) for bits in found} == {True}


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda c: c.halt(), "if at instruction 1 would end a loop, or the shot"),
        (
            lambda c: c.rx(bit("c[0]") * 0.5, 1),
            r"depends on the measured bit .*write the gate once for each value",
        ),
    ],
)
def test_what_no_box_can_is_refused_by_name(write, words):
    c = qctl.Circuit(2, 2)
    c.measure(0, 0)
    with c.if_(0):
        write(c)
    with pytest.raises(CompileError, match=words):
        unroll(c.body, lambda: "")


def test_measurement_that_would_disturb_other_shots_is_refused():
    c = qctl.Circuit(2, 2)
    c.h(1)
    c.measure(0, 0)
    with c.if_(0):
        c.measure(1, 1)
    with pytest.raises(
        CompileError, match=r"instruction 3 is made only if c\[0\] is 1: .* play on it in the arm alone"
    ):
        unroll(c.body, lambda: "")


@pytest.mark.parametrize(("port", "refused"), [("q1.drive", True), ("q0.drive", False), ("q1.flux", False)])
def test_measurement_in_an_arm_behind_a_pulse_that_drove_the_qubit_in_all_shots_is_refused(port, refused):
    p = qctl.Program(["q0.drive", "q1.drive", "q1.flux"], ["q0", "q1"], ["a", "b"])
    p.measure("q0", "a")
    p.play(port, qctl.constant(4e-8, 0.1))
    with p.if_("a"):
        p.measure("q1", "b")
    if not refused:
        unroll(p.body, lambda: "")
        return
    with pytest.raises(CompileError, match="would disturb the qubit in others"):
        unroll(p.body, lambda: "")


def bits_of(circuit):
    """Return the probability of each row of bits that a circuit leaves, as its results are taken."""
    line = unroll(circuit.body, lambda: "")
    bits = {step.event: step.number for step in line.steps if step.event >= 0}
    found = {}
    for outcomes, p in played(*native(circuit)).items():
        states = dict(enumerate(outcomes))
        left = [0] * len(circuit.body.bits)
        for event, place in bits.items():
            if event not in line.kept or line.kept[event].holds(states):
                left[place] = states[event]
        found[tuple(left)] = found.get(tuple(left), 0.0) + p
    return {key: p for key, p in found.items() if p > 1e-9}


def coin(rounds, until=False):
    """Return a circuit that flips a coin until it shows 0, and shows the coin again."""
    c = qctl.Circuit(2, 2)
    c.x(0)
    c.measure(0, 0)
    with c.repeat_until(0, 0, max_count=rounds) if until else c.while_(0, 1, max_count=rounds):
        c.h(0)
        c.measure(0, 0)
    c.measure(0, 1)
    return c


@pytest.mark.parametrize("until", [False, True])
@pytest.mark.parametrize("rounds", [1, 2, 3, 4])
def test_loop_goes_on_while_the_coin_shows_one(until, rounds):
    found = bits_of(coin(rounds, until))
    assert found == {(1, 1): pytest.approx(0.5**rounds), (0, 0): pytest.approx(1 - 0.5**rounds)}


def test_loop_without_a_count_has_four_rounds():
    c = qctl.Circuit.from_qasm(
        'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; x q[0]; c[0] = measure q[0];'
        "while (c[0] == 1) { h q[0]; c[0] = measure q[0]; } c[1] = measure q[0];"
    )
    assert bits_of(c)[1, 1] == pytest.approx(0.5**4)


def test_measurement_in_an_arm_leaves_the_bit_alone_in_other_shots():
    c = qctl.Circuit(2, 2)
    c.h(0)
    c.measure(0, 0)
    c.measure(1, 1)
    with c.if_(0):
        c.x(1)
        c.measure(1, 1)
    assert bits_of(c) == {(0, 0): pytest.approx(0.5), (1, 1): pytest.approx(0.5)}


def test_specs_say_in_which_shots_a_bit_takes_a_result():
    timeline = compile_program(coin(2), LAB, feedback=lambda lab, processor: FEEDBACK).timeline
    assert [(spec.bit, spec.keeps and spec.keeps.table) for spec in timeline.specs] == [
        (0, None), (0, 0b10), (0, 0b1000), (1, None),
    ]  # fmt: skip


def test_a_reset_after_pulses_measures_where_the_rack_follows():
    c = qctl.Circuit(1, 1)
    c.x(0)
    c.reset(0)
    c.measure(0, 0)
    steps = unroll(c.body, lambda: "").steps
    assert [(step.op, step.when is not None) for step in steps] == [
        (Op.X, False), (Op.MEASURE, False), (Op.X, True), (Op.MEASURE, False),
    ]  # fmt: skip
    with pytest.raises(CompileError, match="reset of q0 at instruction 1 comes after pulses"):
        compile_program(c, LAB)
