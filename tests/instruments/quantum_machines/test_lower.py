"""QUA and configuration of an OPX: sweeps and trains are loops, and what it can't play is refused by name."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import numpy as np
import pytest

import qctl
from qctl.errors import CompileError
from qctl.instruments.quantum_machines.body import QuaBody
from qctl.lab import load_lab

LAB = load_lab(Path(__file__).parents[3] / "docs" / "examples" / "opx2.toml")


def body_of(program, **options):
    """Return what is made of a program."""
    ready = qctl.compile(program, LAB, **{"shots": 10, **options})
    (made,) = [p for p in ready.programs if p.model == "qm-opx"]
    body = QuaBody.from_bytes(made.body)
    assert body.program.startswith("# UNVERIFIED")
    ast.parse(body.program)
    return body


def drive(*steps):
    """Return a program of plays and delays on q0.drive."""
    p = qctl.Program(["q0.drive"])
    for step in steps:
        if isinstance(step, float):
            p.delay("q0.drive", step)
        else:
            p.play("q0.drive", step)
    return p


def test_a_sweep_is_one_loop_over_an_array_and_one_waveform():
    p = qctl.Program(["q0.drive"], ["q0"], ["b"])
    with p.sweep("amp", np.linspace(-0.4, 0.4, 21), "V") as amp:
        p.play("q0.drive", qctl.gaussian(40e-9, amp))
        p.measure("q0", "b")
    body = body_of(p)
    assert body.program.count("play(") == 1 and "with for_(p, 0, p < 21, p + 1):" in body.program
    assert "amplitude_scale=v0[p]" in body.program and body.program.count("declare(fixed, value=") == 1
    assert len([w for w in json.loads(body.config)["waveforms"] if w.startswith("q0_drive")]) == 2


def test_swept_delays_and_phases_are_one_loop_when_they_are_on_the_cycles():
    p = qctl.Program(["q0.drive"], ["q0"], ["b"])
    with p.sweep("t", np.arange(40, 2040, 40) * 1e-9, "s") as t:
        p.play("q0.drive", qctl.gaussian(40e-9, 0.1))
        p.delay("q0.drive", t)
        p.shift_phase("q0.drive", t * 1e6)
        p.play("q0.drive", qctl.gaussian(40e-9, 0.1))
        p.measure("q0", "b")
    body = body_of(p)
    assert body.program.count("with for_(p, 0, p < 50") == 1 and body.program.count("play(") == 2


def test_a_train_is_a_loop():
    pulse = qctl.gaussian(40e-9, 0.1)
    body = body_of(drive(*[x for _ in range(100) for x in (pulse, 160e-9)]))
    assert "with for_(k, 0, k < 99, k + 1):" in body.program and len(body.program.splitlines()) < 30


def test_averages_are_made_by_the_stream_processing():
    p = qctl.Program(["q0.readout"], ["q0"], ["b"])
    p.measure("q0", "b")
    assert ".average().save('s0_i')" in body_of(p, averaged=True).program
    assert ".save_all('s0_i')" in body_of(p).program


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (drive(qctl.constant(40e-9, 0.5001)), r"q0\.drive.*amplitude.*0\.5001.*over 0\.5"),
        (drive(qctl.constant(22e-9, 0.1), qctl.constant(22e-9, 0.2)), r"cycle of 4 ns.*delay it by \d ns"),
        (
            drive(*[qctl.samples(np.full(41_000, 0.1) + np.arange(41_000) * 1e-6, 1e9)]),
            "needs 41000 waveforms.*has 40000",
        ),
    ],
)
def test_what_an_opx_can_t_play_is_refused(program, words):
    with pytest.raises(CompileError, match=words):
        body_of(program)


def test_a_frequency_that_is_out_of_reach_is_refused():
    p = qctl.Program(["q0.drive"])
    p.set_frequency("q0.drive", 4.9e9 + 400e6 + 1)
    p.play("q0.drive", qctl.constant(40e-9, 0.1))
    with pytest.raises(CompileError, match=r"frequency on output = 400000001 Hz is over 400000000.*move the LO"):
        body_of(p)


def test_a_second_window_of_a_pulse_and_raw_records_are_refused():
    p = qctl.Program(["q0.readout"])
    p.play("q0.readout", qctl.constant(800e-9, 0.1))
    p.capture("q0.readout", into="m", duration_s=200e-9)
    p.capture("q0.readout", into="n", duration_s=200e-9)
    with pytest.raises(CompileError, match="a pulse is measured once"):
        body_of(p)
    p = qctl.Program(["q0.readout"])
    p.capture("q0.readout", into="m", duration_s=200e-9, mode="raw")
    with pytest.raises(CompileError, match="is raw: not compiled for an OPX"):
        body_of(p)


def test_a_capture_that_would_fill_memory_is_refused():
    p = qctl.Program(["q0.readout"], ["q0"], ["m"])
    p.capture("q0.readout", into="m", duration_s=1.0)
    with pytest.raises(CompileError, match="it lasts 1000000008 ns, and 16777216 ns is the most that is compiled"):
        qctl.compile(p, LAB, shots=1)
