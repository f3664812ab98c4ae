"""Runs: batches with exact points and shots, parts of several programs, and refusals that name the pulse."""

from pathlib import Path

import numpy as np
import pytest
from narrowed import narrow

import qctl
from qctl.compiler.pipeline import compile_program
from qctl.errors import CompileError
from qctl.instruments.capability import limit
from qctl.instruments.keysight_infiniium import capabilities as digitizer
from qctl.instruments.keysight_infiniium.body import DigitizerBody
from qctl.instruments.qctl_trigger.body import TriggerBody
from qctl.instruments.tektronix_awg5014 import capabilities as generator
from qctl.lab import load_lab
from qctl.lowering import lower

LAB = Path(__file__).parent / "support" / "transmon5.toml"


@pytest.fixture(scope="module")
def lab():
    return load_lab(LAB)


DIGITIZER = digitizer.TABLES[digitizer.MODEL]


def rabi(n_points):
    p = qctl.Program(ports=["q0.drive"], qubits=["q0"], bits=1)
    with p.sweep("amp", np.linspace(0, 0.3, n_points)) as a:
        p.play("q0.drive", qctl.gaussian(40e-9, amp=a))
        p.measure("q0", 0)
    return p


def circuit(n):
    c = qctl.Circuit(n)
    for q in range(n):
        c.sx(q)
    c.measure_all()
    return c


def program_of(batch, name):
    return next(program for program in batch.programs if program.instrument == name)


def covered(lowered, n_shots):
    """Return the shots that each point gets over all batches."""
    shots = np.zeros(lowered.n_points, int)
    for batch in lowered.batches:
        shots[batch.first_point : batch.first_point + batch.n_points] += batch.n_shots
    return set(shots.tolist()) == {n_shots}


def test_small_run_is_one_batch_of_those_who_take_part(lab):
    ready = qctl.compile(rabi(5), lab, shots=300)
    (batch,) = ready.lowered.batches
    assert [program.instrument for program in batch.programs] == ["trig0", "awg0", "awg4", "dig0"]
    assert (batch.first_point, batch.n_points, batch.n_shots, batch.period_s) == (0, 5, 300, 2e-4)
    assert DigitizerBody.from_bytes(program_of(batch, "dig0").body).n_records == 300
    assert TriggerBody.from_bytes(program_of(batch, "trig0").body).n_shots == 300
    assert program_of(batch, "awg0").n_points == 5
    assert program_of(batch, "awg4").n_points == 1


def test_too_many_shots_for_the_recorder_are_cut_exactly(lab):
    ready = qctl.compile(rabi(2), lab, shots=100_001)
    shots = [batch.n_shots for batch in ready.lowered.batches]
    assert max(shots) <= limit(DIGITIZER, "scope.records").most
    assert covered(ready.lowered, 100_001)


def test_shots_at_the_recorders_limit_are_one_batch(lab, monkeypatch):
    n_most = limit(DIGITIZER, "settings.read_samples").most // 500  # of 1 us at 500 MS/s
    assert len(qctl.compile(rabi(1), lab, shots=n_most).lowered.batches) == 1
    assert len(qctl.compile(rabi(1), lab, shots=n_most + 1).lowered.batches) == 2
    narrow(monkeypatch, digitizer, "settings.read_samples", limit(DIGITIZER, "scope.samples").most)
    assert len(qctl.compile(rabi(1), lab, shots=65_536).lowered.batches) == 1
    assert len(qctl.compile(rabi(1), lab, shots=65_537).lowered.batches) == 2


def test_ten_million_shots_are_cut_into_reads_that_no_link_waits_long_for(lab):
    lowered = qctl.compile(rabi(1), lab, shots=10_000_000).lowered
    assert covered(lowered, 10_000_000)
    assert max(batch.n_shots for batch in lowered.batches) * 500 <= limit(DIGITIZER, "settings.read_samples").most


def test_too_many_points_are_cut_at_points(lab, monkeypatch):
    narrow(monkeypatch, generator, "sequence", 7)
    ready = qctl.compile(rabi(30), lab, shots=10)
    assert all(program_of(batch, "awg0").n_points <= 7 for batch in ready.lowered.batches)
    assert covered(ready.lowered, 10)
    assert [b.first_point for b in ready.lowered.batches] == sorted(b.first_point for b in ready.lowered.batches)


def test_memory_at_its_limit_is_one_batch_and_one_sample_less_is_two(lab, monkeypatch):
    narrow(monkeypatch, generator, "waveforms.samples", 250 * 8)
    assert len(qctl.compile(rabi(8), lab, shots=10, averaged=True).lowered.batches) == 1
    narrow(monkeypatch, generator, "waveforms.samples", 250 * 8 - 1)
    assert len(qctl.compile(rabi(8), lab, shots=10, averaged=True).lowered.batches) == 2


def test_single_shot_that_does_not_fit_is_refused_with_its_pulse(lab, monkeypatch):
    narrow(monkeypatch, generator, "waveforms.samples", 249)
    with pytest.raises(
        CompileError, match=r"one shot needs 250 waveform samples of awg0 .* which has 249; .*up to gaussian pulse"
    ):
        qctl.compile(rabi(4), lab, shots=10)
    monkeypatch.undo()
    p = qctl.Program(ports=["q0.drive"])
    p.delay("q0.drive", 110.0)
    p.play("q0.drive", qctl.gaussian(40e-9, amp=0.1))
    with pytest.raises(CompileError, match=r"trig0: period_ticks = 1100000000\d is over 4294967295 ticks"):
        qctl.compile(p, lab)


def test_list_of_circuits_is_one_run_of_several_parts(lab):
    ready = qctl.compile([circuit(1), rabi(3), circuit(2)], lab, shots=50)
    assert [(part.first_point, part.n_points) for part in ready.lowered.parts] == [(0, 1), (1, 3), (4, 1)]
    assert [len(part.captures) for part in ready.lowered.parts] == [1, 1, 2]
    assert len({spec.start_s for spec in ready.lowered.captures}) == 1
    (batch,) = ready.lowered.batches
    assert batch.n_points == 5
    assert program_of(batch, "awg0").n_points == 5


def test_loop_around_the_program_multiplies_the_shots(lab):
    p = qctl.Program(ports=["q0.readout"])
    with p.loop(20):
        p.play("q0.readout", qctl.constant(1e-6, 0.05))
        p.capture("q0.readout", into="m", duration_s=1e-6)
    (batch,) = qctl.compile(p, lab, shots=5).lowered.batches
    assert batch.n_shots == 100


@pytest.mark.parametrize(("rounds", "shots"), [(10_000_001, 1), (100_000, 101), (10**12, 100)])
def test_loop_around_the_program_makes_no_more_shots_than_a_run_has(lab, rounds, shots):
    p = qctl.Program(ports=["q0.drive"])
    with p.loop(rounds):
        p.play("q0.drive", qctl.constant(1e-6, 0.05))
    words = f"{shots} shots of a program that goes {rounds} times round its loop are {rounds * shots}, over 10000000"
    with pytest.raises(CompileError, match=words):
        qctl.compile(p, lab, shots=shots)


def test_long_shots_stretch_the_period(lab):
    p = qctl.Program(ports=["q0.drive"], qubits=["q0"], bits=1)
    p.sx("q0")
    p.delay("q0", 1e-3)
    p.measure("q0", 0)
    (batch,) = qctl.compile(p, lab, shots=5).lowered.batches
    assert batch.period_s > 1e-3


def test_report_has_a_row_for_each_resource(lab):
    report = qctl.compile(rabi(5), lab, shots=300).lowered.report
    assert {(name, row.resource) for name, row in report} >= {
        ("awg0", "waveform samples"),
        ("awg0", "sequence elements"),
        ("dig0", "records"),
        ("trig0", "shots"),
    }
    assert all(row.fits for _, row in report)


def test_same_program_gives_the_same_device_programs(lab):
    first, second = (qctl.compile(rabi(7), str(LAB), shots=10).programs for _ in range(2))
    assert [(p.instrument, p.body) for p in first] == [(p.instrument, p.body) for p in second]
    assert [sorted(p.blobs) for p in first] == [sorted(p.blobs) for p in second]


def test_no_shots_and_no_programs_are_refused(lab):
    with pytest.raises(CompileError, match="n_shots = 0"):
        qctl.compile(rabi(1), lab, shots=0)
    with pytest.raises(CompileError, match="no program"):
        qctl.compile([], lab)


def test_ten_million_single_shots_are_cut_into_batches_of_bounded_records(lab):
    c = qctl.Circuit(1)
    c.measure_all()
    batches = lower(compile_program(c, lab).timeline, lab, None, n_shots=10_000_000, averaged=False).batches
    assert sum(batch.n_shots for batch in batches) == 10_000_000
    bodies = [
        DigitizerBody.from_bytes(program.body)
        for batch in batches
        for program in batch.programs
        if program.model == "keysight-infiniium-s"
    ]
    assert len(bodies) == len(batches)
    assert max(body.n_records * body.n_samples for body in bodies) <= limit(DIGITIZER, "settings.read_samples").most
