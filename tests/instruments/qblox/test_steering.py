"""Conditions on a Qblox cluster: every sequencer, executed with every outcome, plays what the timeline says."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import qctl
from qctl.errors import CompileError, QctlError
from qctl.hil.instruments.qblox.assembly import assemble
from qctl.hil.instruments.qblox.core import PLAY, Core, Settings, run_together
from qctl.hil.instruments.qblox.steering import arrival_ns
from qctl.instruments.qblox.body import QbloxBody
from qctl.instruments.qblox.steering import forms_of
from qctl.lab import load_lab
from qctl.lowering import compile
from qctl.program.conditions import Condition
from qctl.program.expressions import Expression

LAB = load_lab("docs/examples/qblox2.toml")
LEAD_NS, CAPTURE_NS = 4, 1000


def sequencers(circuit, **options):
    """Return the timeline, and the sequencers by port."""
    ready = compile(circuit, LAB, shots=1, **options)
    (batch,) = ready.lowered.batches
    found = [one for one in batch.programs if one.model != "qblox-cluster"]
    bodies = [QbloxBody.from_bytes(program.body) for program in found]
    return ready.compiled[0].timeline, {one.port: one for body in bodies for one in body.sequencers}


def plays_of(one, triggers):
    """Return (ns from the start of the point, gain) of what a sequencer plays when triggers come at such times."""
    inverts = tuple(int(a in one.inverted) for a in range(1, 16))
    settings = Settings(inverts=inverts)
    code = assemble(one.program)
    alone = Core(code, settings)
    assert run_together([alone]) and not alone.flag, alone.log
    zero = int(alone.rows["time"][0])
    given = np.array(sorted((zero + at, address) for at, address in triggers), np.int64).reshape(-1, 2)
    core = Core(code, settings, triggers=given)
    assert run_together([core]) and not core.flag, core.log
    rows = core.rows[core.rows["operation"] == PLAY]
    return [(int(row["time"]) - zero, int(row["gain0"]), int(row["phase"])) for row in rows]


def flip_flop():
    c = qctl.Circuit(2, 4)
    c.x(0)
    c.measure(0, 0)
    with c.if_(0):
        c.x(0)
        c.z(1)
    with c.else_():
        c.h(1)
    c.measure(0, 1)
    c.measure(1, 2)
    with c.if_([1, 2], 2):
        c.x(1)
    with c.if_([1, 2], 3):
        c.h(0)
    c.h(1)
    c.reset(0)
    c.measure(0, 3)
    return c


def parity():
    c = qctl.Circuit(2, 3)
    c.h(0)
    c.h(1)
    c.measure(0, 0)
    c.measure(1, 1)
    with c.if_(Expression((("bit", "c[0]"), ("bit", "c[1]"), ("xor", None)))):
        c.x(1)
    with c.else_():
        c.sx(0)
    c.measure(1, 2)
    return c


def rounds(value):
    c = qctl.Circuit(2, 2)
    c.h(0)
    c.measure(0, 0)
    with c.while_(0, value, max_count=3):
        c.x(0)
        c.h(1)
        c.measure(0, 0)
    with c.if_(0, value):
        c.x(1)
    c.measure(1, 1)
    return c


@pytest.mark.parametrize("write", [flip_flop, parity, lambda: rounds(0), lambda: rounds(1)])
def test_program_plays_what_the_timeline_says_for_every_outcome(write):
    timeline, found = sequencers(write())
    plays, captures = timeline.plays[0], timeline.captures[0]
    address = {k: found[timeline.specs[k].port].sends for k in range(len(captures))}
    sent = {k: not found[timeline.specs[k].port].sends_zero for k in range(len(captures))}
    for outcome in product((0, 1), repeat=len(captures)):
        triggers = [
            (arrival_ns(int(row["start"]) + LEAD_NS + CAPTURE_NS, 0), address[k])
            for k, row in enumerate(captures)
            if address[k] and bool(outcome[k]) is sent[k]
        ]
        for port, one in found.items():
            if port.endswith(".readout"):
                continue
            index = [clock.name for clock in timeline.ports].index(port)
            expected = [
                int(play["start"]) + LEAD_NS
                for play, when in zip(plays, timeline.conditions, strict=True)
                if play["port"] == index and (when is None or when.holds(outcome))
            ]
            assert [at for at, *_ in plays_of(one, triggers)] == expected, (port, outcome)


def test_settings_of_a_pulse_do_not_depend_on_whether_the_one_before_was_played():
    c = qctl.Circuit(2, 1)
    c.measure(0, 0)
    with c.if_(0):
        c.x(1)
    c.h(1)
    timeline, found = sequencers(c)
    one = found["q1.drive"]
    end = int(timeline.captures[0]["start"][0]) + LEAD_NS + CAPTURE_NS
    without, with_it = plays_of(one, []), plays_of(one, [(arrival_ns(end, 0), 1)])
    assert len(with_it) == len(without) + 2 and with_it[2:] == without


@pytest.mark.parametrize("n", [1, 2, 3])
def test_operators_are_those_of_the_trigger_network(n):
    address = {k: k + 3 for k in range(n)}
    operators = [
        lambda met: any(met), lambda met: not any(met), all, lambda met: not all(met),
        lambda met: sum(met) % 2 == 1, lambda met: sum(met) % 2 == 0,
    ]  # fmt: skip
    made = 0
    for table in range(1, (1 << (1 << n)) - 1):
        condition = Condition(tuple(range(n)), table)
        if condition.reduced().captures != condition.captures:
            continue
        for operator, inverted in forms_of(condition, address):
            made += 1
            for states in product((0, 1), repeat=n):
                met = [states[k] != inverted[address[k]] for k in range(n)]
                assert operators[operator](met) == condition.holds(states), (table, operator, inverted)
    assert made == {1: 4, 2: 18, 3: 34}[n]


def test_what_the_network_cannot_tell_is_refused():
    c = qctl.Circuit(2, 3)
    c.measure(0, 0)
    c.measure(0, 1)
    with c.if_([0, 1], 2):
        c.x(1)
    c.measure(1, 2)
    with pytest.raises(CompileError, match="several results of one qubit in a way that"):
        compile(c, LAB, shots=10)


def test_result_that_is_needed_again_after_the_next_one_came_is_refused():
    c = qctl.Circuit(2, 3)
    c.measure(0, 0)
    with c.if_(0):
        c.x(1)
    c.measure(0, 1)
    with c.if_(1):
        c.x(1)
    with c.if_(0):
        c.x(1)
    c.measure(1, 2)
    with pytest.raises(
        CompileError, match=r"q1.drive of point 0 still depends on a result at .* that the next one of the same qubit"
    ):
        compile(c, LAB, shots=10)


def test_rack_without_feedback_refuses_by_box_bit_and_instruction():
    lab = load_lab("tests/support/transmon5.toml")
    c = qctl.Circuit(1, 1)
    c.measure(0, 0)
    with c.if_(0):
        c.x(0)
    words = r"if at instruction 1 depends on the measured bit 'c\[0\]'.*which \w+ \(tektronix-awg5014c\) does not have"
    with pytest.raises(CompileError, match=words):
        compile(c, lab, shots=10)


def test_a_result_that_decides_alone_and_with_the_one_before_it_on_one_port_is_refused():
    """Both are counted together, for the pulse that wants both: the other one would see the first result, too."""
    c = qctl.Circuit(2, 3)
    c.measure(0, 0)
    c.measure(0, 1)
    with c.if_(1, 0):
        c.x(1)
    with c.if_([0, 1], 0):
        c.x(1)
    c.measure(1, 2)
    with pytest.raises(CompileError, match=r"not on that of the same qubit at .* and another one of this port on both"):
        compile(c, LAB, shots=1)


def test_samples_over_full_scale_are_refused_with_their_own_height():
    p = qctl.Program(["q0.drive"], ["q0"], ["m"])
    p.play("q0.drive", qctl.samples(np.full(40, 200.0), 1e9))
    with pytest.raises(CompileError, match="200 V is over what qcm0 reaches"):
        compile(p, LAB, shots=1)


@pytest.mark.parametrize(("length_s", "most"), [(16_777_212e-9, True), (16_777_216e-9, False), (1.0, False)])
def test_captures_over_the_longest_integration_are_refused_before_weights_are_made_of_them(length_s, most):
    p = qctl.Program(["q0.readout"], ["q0"], ["m"])
    p.capture("q0.readout", into="m", duration_s=length_s)
    if most:
        compile(p, LAB, shots=1)
        return
    with pytest.raises(QctlError, match=r"the capture into 'm': length .* is over 16777212 ns"):
        compile(p, LAB, shots=1)
