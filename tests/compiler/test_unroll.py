"""Unrolling: what is known before a run is decided, what is around it makes points, feedback is refused."""

import numpy as np
import pytest

import qctl
from qctl.compiler.unroll import unroll
from qctl.errors import CompileError
from qctl.program.opcodes import Op
from qctl.program.tables import RegisterKind


def words(program):
    return [step.op.name.lower() for step in unroll(program.body).steps]


def test_sweeps_and_loops_around_pulses_make_points_and_repetitions():
    p = qctl.Program(ports=["q0.drive", "q0.readout"])
    p.set_frequency("q0.drive", 4.7e9)
    with p.sweep("amp", [0.1, 0.2]) as a, p.sweep("delay", [0, 1e-8, 2e-8]), p.loop(100):
        p.play("q0.drive", qctl.gaussian(40e-9, amp=a))
        p.capture("q0.readout", into="m", duration_s=1e-6)
    line = unroll(p.body)
    assert [axis.name for axis in line.axes] == ["amp", "delay"]
    assert line.n_repeats == 100
    assert [step.op for step in line.steps] == [Op.SET_FREQUENCY, Op.PLAY, Op.CAPTURE]


def test_named_loop_is_an_axis():
    p = qctl.Program(ports=["q0.readout"])
    with p.loop(5, "round"):
        p.capture("q0.readout", into="m", duration_s=1e-6)
    (axis,) = unroll(p.body).axes
    assert axis.name == "round"
    np.testing.assert_array_equal(axis.values, np.arange(5))


def test_inner_sweeps_and_loops_are_unrolled_in_time():
    c = qctl.Circuit(1)
    c.h(0)
    with c.loop(3):
        c.x(0)
    with c.sweep("a", [0.1, 0.2]) as a:
        c.rx(a, 0)
    line = unroll(c.body)
    assert [step.op.name for step in line.steps] == ["H", "X", "X", "X", "RX", "RX"]
    assert [step.params for step in line.steps[4:]] == [(0.1,), (0.2,)]
    assert line.axes == ()


def test_loop_of_gates_is_no_repetition():
    c = qctl.Circuit(1)
    with c.loop(3):
        c.x(0)
    assert words(c) == ["x"] * 3


def test_decisions_on_registers_are_made():
    c = qctl.Circuit(1)
    i = c.add_register("i", RegisterKind.I64)
    c.assign("i", 0)
    with c.while_(i < 4):
        with c.if_(i.equals(2)):
            c.x(0)
        with c.else_():
            c.rz(i * 0.5, 0)
        c.assign("i", i + 1)
    steps = unroll(c.body).steps
    assert [(step.op.name, step.params) for step in steps] == [
        ("RZ", (0.0,)),
        ("RZ", (0.5,)),
        ("X", ()),
        ("RZ", (1.5,)),
    ]


def test_break_and_continue():
    c = qctl.Circuit(2)
    i = c.add_register("i", RegisterKind.I64)
    with c.loop(10):
        c.assign("i", i + 1)
        with c.if_(i.equals(2)):
            c.continue_()
        with c.if_(i.equals(4)):
            c.break_()
        c.x(0)
    c.z(1)
    assert words(c) == ["x", "x", "z"]


def test_subroutine_is_inlined():
    c = qctl.Circuit(1)
    with c.subroutine("flip"):
        c.x(0)
    c.call("flip")
    c.h(0)
    c.call("flip")
    assert words(c) == ["x", "h", "x"]


def test_own_calibration_is_played_in_place_of_the_gate():
    p = qctl.Program(ports=["q0.drive"], qubits=["q0", "q1"])
    with p.cal("rx", ["q0"], ["theta"]) as (theta,):
        p.play("q0.drive", qctl.gaussian(40e-9, amp=theta / 10))
    p.rx(0.5, "q0")
    p.rx(0.5, "q1")
    steps = unroll(p.body).steps
    assert [step.op for step in steps] == [Op.PLAY, Op.RX]
    assert steps[0].params == (0.05,)


@pytest.mark.parametrize("kind", ["if_", "while_"])
def test_feedback_is_refused_by_name(kind):
    c = qctl.Circuit(2)
    c.measure(0, 0)
    with getattr(c, kind)(0):
        c.x(1)
    with pytest.raises(CompileError, match=rf"{kind[:-1]} at instruction 1 .*measured bit 'c\[0\]'.*feedback"):
        unroll(c.body)


def test_condition_on_an_unmeasured_bit_is_known():
    c = qctl.Circuit(1, 1)
    with c.if_(0):
        c.x(0)
    assert words(c) == []


def test_unbound_parameter_is_refused():
    c = qctl.Circuit(1)
    c.rx(qctl.Parameter("a"), 0)
    with pytest.raises(CompileError, match=r"parameter 'a' has no value; use bind\(a=...\)"):
        unroll(c.body)


def test_endless_program_is_refused():
    c = qctl.Circuit(1)
    with c.loop(10**9):
        c.x(0)
    with pytest.raises(CompileError, match="over 1000000"):
        unroll(c.body)


def test_words_of_other_platforms_are_refused():
    p = qctl.Program(ports=["t"])
    p.image("t")
    with pytest.raises(CompileError, match="image"):
        unroll(p.body)
