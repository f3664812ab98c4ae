"""compile_program: where qubits go, what is fixed, and that it is a pure function."""

import pickle

import numpy as np
import pytest

import qctl
from qctl.compiler.pipeline import compile_program
from qctl.errors import CompileError, RequestError


def ghz(n):
    c = qctl.Circuit(n)
    c.h(0)
    for k in range(n - 1):
        c.cx(k, k + 1)
    c.measure_all()
    return c


def test_counts_and_layout(lab):
    made = compile_program(ghz(5), lab)
    assert made.layout == made.final_layout == ("q0", "q1", "q2", "q3", "q4")
    assert (made.n_two_qubit_gates, made.n_pulses) == (4, 9)
    assert [name for name, _ in made.times_s] == ["unroll", "translate", "time"]


def test_bits_are_those_of_the_program(lab):
    made = compile_program(ghz(3), lab)
    assert made.timeline.bits == ("c[0]", "c[1]", "c[2]")
    assert [(s.qubit, s.bit) for s in made.timeline.specs] == [("q0", 0), ("q1", 1), ("q2", 2)]


def test_qubits_of_the_processors_names_stay(lab):
    p = qctl.Program(qubits=["q3", "q1"], bits=2)
    p.sx("q3")
    p.measure("q3", 0)
    p.measure("q1", 1)
    made = compile_program(p, lab)
    assert made.layout == ("q3", "q1")
    assert {s.qubit: s.bit for s in made.timeline.specs} == {"q3": 0, "q1": 1}


def test_openqasms_physical_qubits_stay(lab):
    p = qctl.Program(qubits=["$3", "a"], bits=2)
    p.sx("$3")
    p.measure("$3", 0)
    p.measure("a", 1)
    assert compile_program(p, lab).layout == ("q3", "q0")
    with pytest.raises(CompileError, match=r"qubit \$5 is outside the 5 qubits"):
        compile_program(qctl.Program(qubits=["$5"]), lab)


def test_program_with_ports_is_not_moved(lab):
    p = qctl.Program(ports=["q0.drive"], qubits=3, bits=1)
    p.cx(0, 2)
    with pytest.raises(CompileError, match="no coupler, and a program that names ports"):
        compile_program(p, lab)


def test_swept_angle_is_a_swept_phase(lab):
    c = qctl.Circuit(1)
    with c.sweep("theta", np.linspace(0, np.pi, 5)) as theta:
        c.rx(theta, 0)
        c.measure(0, 0)
    timeline = compile_program(c, lab).timeline
    assert timeline.n_points == 5
    phases = timeline.plays["phase_rad"][:, 1]
    np.testing.assert_allclose(np.diff(phases), -np.pi / 4)


def test_compiled_program_survives_pickling(lab):
    made = compile_program(ghz(3), lab)
    back = pickle.loads(pickle.dumps(made))
    assert back.timeline.plays.tobytes() == made.timeline.plays.tobytes()
    assert back.timeline.ports == made.timeline.ports


def test_snapshot_values_are_used(lab, snapshot_of):
    c = qctl.Program(qubits=["q0"], bits=1)
    c.sx(0)
    c.measure(0, 0)
    timeline = compile_program(
        c, lab, snapshot_of({"q0": {"drive": {"amplitude_v": 0.2}, "frequency_hz": 4.75e9}})
    ).timeline
    play = timeline.straight().plays[0]
    assert (play["amplitude"], play["frequency_hz"]) == (0.2, pytest.approx(-350e6))


def test_unknown_processor_is_refused(lab):
    with pytest.raises(RequestError, match="did you mean qpu0"):
        compile_program(ghz(2), lab, qpu="qpu1")


def test_frames_of_a_port_are_apart(lab):
    p = qctl.Program(ports=["q0.drive"])
    p.add_frame("ef", "q0.drive")
    p.set_frequency("ef", 4.55e9)
    p.shift_phase("ef", 0.5)
    p.play("ef", qctl.constant(1e-8, 0.1))
    p.play("q0.drive", qctl.constant(1e-8, 0.1))
    plays = compile_program(p, lab).timeline.straight().plays
    assert plays["frequency_hz"].tolist() == pytest.approx([-550e6, -400e6])
    assert plays["phase_rad"].tolist() == pytest.approx([0.5, 0.0])
    assert plays["start"].tolist() == [0, 12]
