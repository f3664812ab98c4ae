"""What the timed samples do to qubits, judged by QuTiP; frames, virtual Z, CZ and multiplexed readout."""

from itertools import pairwise

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector

import qctl
from qctl.compiler.pipeline import compile_program
from qctl.errors import CompileError
from qctl.program.timeline import Shots

# The pi/2 pulse of a qubit at 4.70 GHz on a line with 100 MHz/V, tuned by hand for the judge.
TUNED = {"q0": {"drive": {"amplitude_v": 0.28256512, "beta_s": 3.59e-10}}}
GATES = {
    "x": lambda c: c.x(0),
    "sx": lambda c: c.sx(0),
    "h": lambda c: c.h(0),
    "hzh": lambda c: (c.h(0), c.z(0), c.h(0)),
    "hsh": lambda c: (c.h(0), c.s(0), c.h(0)),
    "htxth": lambda c: (c.h(0), c.t(0), c.sx(0), c.tdg(0), c.h(0)),
    "turns": lambda c: (c.ry(1.0, 0), c.rx(0.4, 0), c.rz(0.7, 0), c.ry(-0.3, 0)),
    "barrier": lambda c: (c.ry(1.0, 0), c.barrier(0), c.rx(0.4, 0), c.barrier(0), c.rz(0.7, 0), c.ry(-1.3, 0)),
}


@pytest.mark.parametrize("name", GATES)
def test_samples_turn_a_transmon_as_the_gates_say(name, lab, snapshot_of, judge):
    ours, theirs = qctl.Program(qubits=["q0"], bits=1), QuantumCircuit(1)
    GATES[name](ours)
    GATES[name](theirs)
    ours.measure(0, 0)
    timeline = compile_program(ours, lab, snapshot_of(TUNED)).timeline
    found = judge.evolve(judge.driven(timeline, lab, "awg0", 1, 2), 4.70e9, -2.2e8)
    np.testing.assert_allclose(found[:2], Statevector(theirs).probabilities(), atol=1e-3)


def test_drag_means_the_same_at_every_intermediate_frequency(lab, snapshot_of, judge):
    # Held samples tilt the spectrum, the other way above the LO; the amplitude is the same sinc away from 0.2336 V.
    amplitude_v = 0.2336 / np.sinc(350e6 / judge.rate_hz)
    snapshot = snapshot_of({"q1": {"drive": {"amplitude_v": float(amplitude_v), "beta_s": 3.59e-10}}})
    for name in ("x", "turns", "htxth"):
        ours, theirs = qctl.Program(qubits=["q1"], bits=1), QuantumCircuit(1)
        GATES[name](ours)
        GATES[name](theirs)
        ours.measure(0, 0)
        timeline = compile_program(ours, lab, snapshot).timeline
        found = judge.evolve(judge.driven(timeline, lab, "awg0", 3, 4), 5.45e9, -2.2e8)
        np.testing.assert_allclose(found[:2], Statevector(theirs).probabilities(), atol=2e-3)


def test_idle_qubit_keeps_its_phase_between_pulses(lab, snapshot_of, judge):
    for delay_s, angle in ((0.0, 0.0), (71.3e-9, 0.4), (200e-9, 2.2)):
        c = qctl.Program(qubits=["q0"], bits=1)
        c.sx(0)
        c.delay(0, delay_s)
        c.rz(angle, 0)
        c.sx(0)
        c.measure(0, 0)
        timeline = compile_program(c, lab, snapshot_of(TUNED)).timeline
        found = judge.evolve(judge.driven(timeline, lab, "awg0", 1, 2), 4.70e9, -2.2e8)
        assert found[1] == pytest.approx((1 + np.cos(angle)) / 2, abs=2e-3)


def test_ramsey_by_a_detuned_frame_turns_with_the_detuning(lab, snapshot_of, judge):
    p = qctl.Program(ports=["q0.drive"], qubits=["q0"], bits=1)
    delays = np.array([0.0, 30e-9, 60e-9])
    with p.sweep("delay", delays, "s") as t:
        p.set_frequency("q0.drive", 4.70e9 + 5e6)
        p.sx("q0")
        p.delay("q0", t)
        p.sx("q0")
        p.measure("q0", 0)
    timeline = compile_program(p, lab, snapshot_of(TUNED)).timeline
    drives = [judge.driven(timeline, lab, "awg0", 1, 2, k) for k in range(3)]
    found = [judge.evolve(samples, 4.70e9, -2.2e8)[1] for samples in drives]
    angles = np.arccos(2 * np.array(found) - 1)
    np.testing.assert_allclose(np.diff(angles), 2 * np.pi * 5e6 * 30e-9, atol=0.05)


def test_frequency_changes_keep_the_phase_continuous(lab):
    p = qctl.Program(ports=["q0.drive"])
    p.play("q0.drive", qctl.constant(100e-9, 0.1))
    p.set_frequency("q0.drive", 4.70e9 + 3.7e6)
    p.play("q0.drive", qctl.constant(100e-9, 0.1))
    p.shift_frequency("q0.drive", -5e6)
    p.play("q0.drive", qctl.constant(100e-9, 0.1))
    timeline = compile_program(p, lab).timeline
    plays = timeline.straight().plays
    for a, b in pairwise(plays):
        at_s = b["start"] / 1.2e9
        jump = 2 * np.pi * (a["frequency_hz"] - b["frequency_hz"]) * at_s - (a["phase_rad"] - b["phase_rad"])
        assert abs(np.remainder(jump + np.pi, 2 * np.pi) - np.pi) < 1e-9


def test_bell_pair_of_two_coupled_transmons(lab, snapshot_of, judge):
    """Calibrate a CZ on the judge's own pair, as a tune-up would, and make a Bell pair with it."""
    low, high, alpha, g, per_v = 4.70e9, 5.10e9, -2.2e8, 4.5e6, -1e9
    n_cz = 96
    idle = np.zeros(n_cz)

    def states(flux):
        return [
            judge.evolve_pair((idle, idle), flux, (low, high), alpha, g, per_v, np.eye(9)[:, k]) for k in (0, 1, 3, 4)
        ]

    best = None
    for amplitude_v in np.linspace(0.176, 0.184, 33):
        kept = states(np.full(n_cz, amplitude_v))
        leak = 1 - abs(kept[3][4]) ** 2
        best = min(best or (9, 0), (leak, amplitude_v))
    amplitude_v = best[1]
    kept = states(np.full(n_cz, amplitude_v))
    turn = 2 * np.pi * n_cz / judge.rate_hz
    phases = [np.angle(s[k]) for s, k in zip(kept, (0, 1, 3, 4), strict=True)]
    phase_high = phases[1] - phases[0] + turn * (high - 5.1e9)
    phase_low = phases[2] - phases[0] + turn * (low - 5.1e9)
    conditional = phases[3] - phases[2] - phases[1] + phases[0]
    assert abs(abs(np.remainder(conditional + np.pi, 2 * np.pi) - np.pi) - np.pi) < 0.15
    drive = {"amplitude_v": 0.28256512, "beta_s": 3.59e-10}
    snapshot = snapshot_of(
        {"q0": {"drive": drive}, "q1": {"drive": {"amplitude_v": 0.2488, "beta_s": 3.6e-10}, "frequency_hz": high}},
        {
            "q0-q1": {
                "amplitude_v": float(amplitude_v),
                "length_s": n_cz / judge.rate_hz,
                "rise_s": 0.0,
                "phase_rad": {
                    "q0": float(np.remainder(-phase_low + np.pi, 2 * np.pi) - np.pi),
                    "q1": float(np.remainder(-phase_high + np.pi, 2 * np.pi) - np.pi),
                },
            }
        },
    )
    c = qctl.Program(qubits=["q0", "q1"], bits=2)
    c.h(0)
    c.cx(0, 1)
    c.measure(0, 0)
    c.measure(1, 1)
    timeline = compile_program(c, lab, snapshot).timeline
    drives = [judge.driven(timeline, lab, "awg0", i, i + 1) for i in (1, 3)]
    flux = judge.volts(timeline, lab, "awg2")[4]
    n = max(len(flux), len(drives[0]))
    drives = [np.pad(d, (0, n - len(d))) for d in drives]
    flux = np.pad(flux, (0, n - len(flux)))
    state = judge.evolve_pair(drives, flux, (low, high), alpha, g, per_v, np.eye(9)[:, 0])
    found = np.abs(state[[0, 1, 3, 4]]) ** 2
    np.testing.assert_allclose(found, [0.5, 0, 0, 0.5], atol=0.03)


def test_cz_phases_turn_the_frames_behind_it(lab, snapshot_of):
    c = qctl.Program(qubits=["q0", "q1"], bits=2)
    for q in (0, 1):
        c.sx(q)
    c.cz(0, 1)
    for q in (0, 1):
        c.sx(q)
        c.measure(q, q)
    phases = {"phase_rad": {"q0": 0.3, "q1": -1.1}}
    timeline = compile_program(c, lab, snapshot_of(couplers={"q0-q1": phases})).timeline
    plays = dict(zip(timeline.labels, timeline.straight().plays, strict=True))
    assert plays["sx on q0"]["phase_rad"] == pytest.approx(-0.3)
    assert plays["sx on q1"]["phase_rad"] == pytest.approx(1.1)
    assert timeline.ports[plays["cz on q0-q1"]["port"]].name == "q1.flux"


def test_multiplexed_readout_demodulates_each_tone(lab, judge):
    c = qctl.Circuit(5)
    c.x(2)
    c.measure_all()
    timeline = compile_program(c, lab).timeline
    found = judge.volts(timeline, lab, "awg4")
    line = found[1] + 1j * found[2]
    assert len({spec.start_s for spec in timeline.specs}) == 1
    for spec in timeline.specs:
        k = np.arange(len(line))
        t = (k + 0.5) / judge.rate_hz
        begin = round((spec.start_s - 100e-9) * judge.rate_hz)
        window = (k >= begin) & (k < begin + 1200)
        tone = np.mean(line[window] * np.exp(-2j * np.pi * spec.if_hz * t[window]))
        assert abs(tone) == pytest.approx(0.05, rel=0.05)
        assert abs(np.angle(tone)) < 0.05
    assert sorted(spec.if_hz for spec in timeline.specs) == [-70e6, -35e6, 0.0, 35e6, 70e6]


def test_frequency_beyond_the_clock_is_refused_by_name(lab):
    p = qctl.Program(ports=["q0.drive"])
    p.set_frequency("q0.drive", 5.8e9)
    p.play("q0.drive", qctl.constant(100e-9, 0.1))
    with pytest.raises(CompileError, match=r"lo_drive.*q0\.drive reaches less than 600000000 Hz"):
        compile_program(p, lab)


def test_swept_readout_frequency_reaches_the_capture(lab):
    p = qctl.Program(ports=["q0.readout"])
    with p.sweep("frequency", np.array([6.99e9, 7.0e9]), "Hz") as f:
        p.set_frequency("q0.readout", f)
        p.play("q0.readout", qctl.constant(1e-6, 0.05))
        p.capture("q0.readout", into="m", duration_s=1e-6)
    (spec,) = compile_program(p, lab).timeline.specs
    assert [spec.if_at(k) for k in (0, 1)] == [-80e6, -70e6]
    assert spec.starts_s is None
    assert Shots(1, False, 1e-4).lead_s == {}


def test_weights_that_are_all_zero_are_refused(lab):
    p = qctl.Program(ports=["q0.readout"])
    p.capture("q0.readout", qctl.samples(np.zeros(500), 5e8), into="m")
    with pytest.raises(CompileError, match="weights of the capture 'm' are all 0"):
        compile_program(p, lab)
