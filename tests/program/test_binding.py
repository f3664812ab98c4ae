"""Binding puts numbers where parameters were, everywhere they can stand."""

import pytest

import qctl
from qctl.errors import RequestError
from qctl.program.tables import BlockKind


def everywhere(a, b):
    p = qctl.Program(ports=["d", "r"], qubits=3, bits=1)
    n = p.add_register("n")
    p.rx(a, 0)
    p.rz(2 * a - b, 1)
    p.rzz(a * b, 0, 1)
    p.u(a, 0.5, b, 2)
    p.append("rx", [0, 1], [a], n_controls=1)
    p.delay("d", a)
    p.play("d", qctl.gaussian(a, b))
    p.capture("r", qctl.constant(b, 1.0), duration_s=a)
    p.set_frequency("d", a + n)
    with p.sweep("s", [1.0]) as s:
        p.set_phase("d", s * a)
    return p


def shape(p):
    body = p.body
    gates = [body.gate(i) for i in range(5)]
    values = [body.operand_value(i) for i in (5, 6, 8, 10)]
    waves = [(w.kind, w.params, w.amp) for w in body.waveforms]
    return gates, values, waves, body.captures


def test_bound_program_is_the_one_built_with_numbers():
    a, b = qctl.Parameter("a"), qctl.Parameter("b")
    bound = everywhere(a, b).bind(a=0.25, b=0.5)
    assert bound.inputs == ()
    assert shape(bound) == shape(everywhere(0.25, 0.5))
    assert qctl.Program.from_bytes(bound.to_bytes(packed=True)) == bound
    assert qctl.Program.from_text(bound.to_text()) == bound


def test_binding_in_two_steps_is_binding_at_once():
    p = everywhere(qctl.Parameter("a"), qctl.Parameter("b"))
    half = p.bind(b=0.5)
    assert half.inputs == ("a",)
    assert shape(half.bind(a=0.25)) == shape(p.bind(a=0.25, b=0.5))
    assert p.inputs == ("a", "b")


def test_assignments_and_conditions_stay_whole():
    p = qctl.Program(bits=1)
    a = qctl.Parameter("a")
    p.add_register("n")
    p.assign("n", a * 2)
    p.set_bit(0, a > 1)
    with p.loop(a), p.if_(a > 0.5):
        p.assign("n", 1.0)
    q = p.bind(a=3)
    assert str(q.body.operand_value(0)) == "6.0"
    assert str(q.body.operand_value(1)) == "1.0"
    assert [(b.kind, b.value) for b in q.body.blocks] == [(BlockKind.LOOP, 3.0), (BlockKind.IF, 1.0)]
    assert qctl.Program.from_text(q.to_text()) == q


def test_undefined_results_are_refused():
    c = qctl.Circuit(1)
    c.rx(1 / qctl.Parameter("a"), 0)
    with pytest.raises(RequestError, match=r"div\(1.0, 0.0\).* is undefined|undefined in div"):
        c.bind(a=0)


def test_angles_of_calibrations_are_no_inputs():
    p = qctl.Program(ports=["d"], qubits=1)
    with p.cal("rz", [0], ["theta"]) as (theta,):
        p.shift_phase("d", -theta)
    p.rz(qctl.Parameter("a"), 0)
    assert p.inputs == ("a",)
