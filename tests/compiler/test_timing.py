"""When things start: within half a tick, barriers kept, captures aligned, and what can't be timed is refused."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import qctl
from qctl.compiler.pipeline import compile_program
from qctl.errors import CompileError

RATE = Fraction(1_200_000_000)


def starts(timeline, point=0):
    """Return label → list of (start tick, samples) at a point."""
    straight = timeline.straight(point)
    found = {}
    for play, label in zip(straight.plays, straight.labels, strict=True):
        found.setdefault(label, []).append(int(play["start"]))
    return found


def test_ramsey_pulses_start_within_half_a_tick_of_the_swept_delay(lab):
    delays = np.linspace(0, 1.234567e-6, 23)
    p = qctl.Program(ports=["q0.drive"], qubits=["q0"], bits=1)
    with p.sweep("delay", delays, "s") as t:
        p.sx("q0")
        p.delay("q0", t)
        p.sx("q0")
        p.measure("q0", 0)
    timeline = compile_program(p, lab).timeline
    readout = {starts(timeline, k)["readout of q0"][0] for k in range(23)}
    assert len(readout) == 1
    for k, delay_s in enumerate(delays):
        first, second = starts(timeline, k)["sx on q0"]
        end = Fraction(readout.copy().pop()) / RATE
        wanted_second = end - Fraction(20, 10**9)
        wanted_first = wanted_second - Fraction(repr(float(delay_s))) - Fraction(20, 10**9)
        for got, wanted in ((first, wanted_first), (second, wanted_second)):
            assert abs(got / RATE - wanted) <= Fraction(1, 2) / RATE
    assert 0 < timeline.residual_s <= float(Fraction(1, 2) / RATE)


def test_error_of_a_late_pulse_is_not_accumulated(lab):
    p = qctl.Program(ports=["q0.drive"])
    for _ in range(3000):
        p.play("q0.drive", qctl.constant(7e-9, 0.1))
        p.delay("q0.drive", 1.7e-9)
    timeline = compile_program(p, lab).timeline
    ticks = timeline.straight().plays["start"]
    exact = [k * Fraction(87, 10**10) * RATE for k in range(3000)]
    assert max(abs(int(t) - e) for t, e in zip(ticks, exact, strict=True)) <= Fraction(1, 2)


def test_delay_in_ticks_is_exact(lab):
    p = qctl.Program(ports=["q0.drive"], tick_s=Fraction(1, 1_200_000_000))
    p.delay_ticks("q0.drive", 12345)
    p.play("q0.drive", qctl.constant(1e-8, 0.1))
    assert int(compile_program(p, lab).timeline.straight().plays["start"][0]) == 12345


def test_ports_run_on_their_own_until_a_barrier(lab):
    p = qctl.Program(ports=["q0.drive", "q1.drive"])
    p.play("q0.drive", qctl.constant(100e-9, 0.1))
    p.play("q1.drive", qctl.constant(50e-9, 0.1))
    p.play("q1.drive", qctl.constant(10e-9, 0.1))
    p.barrier("q0.drive", "q1.drive")
    p.play("q1.drive", qctl.constant(10e-9, 0.1))
    timeline = compile_program(p, lab).timeline
    assert timeline.straight().plays["start"].tolist() == [0, 0, 60, 120]


def test_play_and_capture_of_a_readout_port_are_simultaneous(lab):
    p = qctl.Program(ports=["q0.readout"])
    p.play("q0.readout", qctl.constant(1e-6, 0.05))
    p.capture("q0.readout", into="m", duration_s=1e-6)
    straight = compile_program(p, lab).timeline.straight()
    assert straight.plays["start"].tolist() == straight.captures["start"].tolist()


def test_gates_wait_in_the_ground_state(lab):
    c = qctl.Circuit(3)
    for q in range(3):
        c.h(q)
    c.cz(0, 1)
    c.cz(1, 2)
    c.measure_all()
    found = starts(compile_program(c, lab).timeline)
    assert found["sx on q2"][0] > found["sx on q0"][0]
    assert found["sx on q2"][0] == found["cz on q1-q2"][0] - 24


def test_measurements_at_the_end_are_simultaneous(lab):
    c = qctl.Circuit(2)
    c.measure(0, 0)
    c.x(1)
    c.x(1)
    c.sx(1)
    c.measure(1, 1)
    timeline = compile_program(c, lab).timeline
    assert len({spec.start_s for spec in timeline.specs}) == 1


def test_measurement_before_a_barrier_comes_first(lab):
    c = qctl.Circuit(2)
    c.measure(0, 0)
    c.barrier(0, 1)
    c.sx(1)
    c.measure(1, 1)
    first, second = compile_program(c, lab).timeline.specs
    assert second.start_s - first.start_s == pytest.approx(1.12e-6, abs=1e-9)


def test_captures_start_on_the_common_grid_of_the_clocks(lab):
    for n in range(4):
        c = qctl.Circuit(1)
        for _ in range(n):
            c.sx(0)
            c.barrier(0)
        c.measure_all()
        (spec,) = compile_program(c, lab).timeline.specs
        assert spec.start_s * 1e8 == pytest.approx(round(spec.start_s * 1e8), abs=1e-6)


def test_reset_at_the_start_is_passive(lab):
    c = qctl.Circuit(1)
    c.reset(0)
    c.sx(0)
    c.measure_all()
    assert len(compile_program(c, lab).timeline.labels) == 2


def test_reset_behind_a_pulse_is_refused_by_name(lab):
    c = qctl.Circuit(2)
    c.sx(1)
    c.reset(1)
    with pytest.raises(CompileError, match="reset of q1 at instruction 1 comes after pulses"):
        compile_program(c, lab)


def test_unknown_port_is_refused(lab):
    p = qctl.Program(ports=["q9.drive"])
    p.play("q9.drive", qctl.constant(1e-8, 0.1))
    with pytest.raises(CompileError, match=r"port 'q9\.drive' is not of this processor"):
        compile_program(p, lab)


def test_capture_without_input_is_refused(lab):
    p = qctl.Program(ports=["q0.drive"])
    p.capture("q0.drive", into="m", duration_s=1e-6)
    with pytest.raises(CompileError, match=r"q0\.drive .* has no input"):
        compile_program(p, lab)


def test_negative_swept_delay_is_refused(lab):
    p = qctl.Program(ports=["q0.drive"])
    with p.sweep("t", [1e-9, -1e-9]) as t:
        p.delay("q0.drive", t)
        p.play("q0.drive", qctl.constant(1e-8, 0.1))
    with pytest.raises(CompileError, match="delay at instruction 1 = -1e-09 s is below 0"):
        compile_program(p, lab)


def test_sweeps_of_several_axes_come_in_c_order(lab):
    p = qctl.Program(ports=["q0.drive"])
    with p.sweep("amp", [0.1, 0.2]) as a, p.sweep("length", [1e-8, 2e-8, 3e-8]) as t:
        p.play("q0.drive", qctl.gaussian(t, amp=a))
    timeline = compile_program(p, lab).timeline
    assert timeline.shape == (2, 3)
    assert timeline.plays["amplitude"][:, 0].tolist() == [0.1] * 3 + [0.2] * 3
    lengths = [timeline.waveforms[k].params[0] for k in timeline.plays["waveform"][:, 0]]
    assert lengths == [1e-8, 2e-8, 3e-8] * 2
    same = timeline.straight({"amp": 0.2, "length": 2e-8}).plays, timeline.straight((1, 1)).plays
    assert same[0].tobytes() == same[1].tobytes() == timeline.straight(4).plays.tobytes()


def test_body_is_the_program_at_pulse_level_with_its_ticks(lab):
    c = qctl.Circuit(2)
    c.h(0)
    c.cx(0, 1)
    c.measure_all()
    timeline = compile_program(c, lab).timeline
    body = timeline.body
    assert len(timeline.starts) == len(body)
    assert qctl.Program.from_body(body).to_text().count("play(") == len(timeline.labels)
    assert sorted(set(timeline.starts.tolist())) == [6, 30, 132, 156, 276]


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["sx", "cz", "delay", "barrier"])), max_size=12))
@settings(max_examples=40, deadline=None)
def test_no_two_pulses_meet_on_a_port(lab, rows):
    c = qctl.Circuit(3)
    for q, word in rows:
        if word == "sx":
            c.sx(q)
        elif word == "cz":
            c.cz(q, (q + 1) % 3)
        elif word == "delay":
            c.delay(q, 33.3e-9)
        else:
            c.barrier()
    c.measure_all()
    straight = compile_program(c, lab).timeline.straight()
    for port in set(straight.plays["port"].tolist()):
        plays = straight.plays[straight.plays["port"] == port]
        order = np.argsort(plays["start"])
        lengths = [float(straight.waveforms[int(w)].params[0]) * 1.2e9 for w in plays["waveform"]]
        for a, b in pairwise(order):
            assert plays["start"][a] + lengths[a] <= plays["start"][b] + 1
