"""Programs of trapped ions become pulses on beams in the right order, and what ions cannot do is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qctl
from qctl.compiler.ions import time_ions
from qctl.compiler.pipeline import compile_program
from qctl.compiler.steps import Step, StepLine
from qctl.errors import CompileError
from qctl.lab import Lab, load_lab, parse_lab
from qctl.lab.snapshot import effective
from qctl.program.opcodes import Op
from qctl.program.timeline import Timeline

SUPPORT = Path(__file__).parents[1] / "support"
PI = np.pi
BEGIN = 1_520_000
"""Nanoseconds of cooling and pumping."""


@pytest.fixture(scope="module")
def lab() -> Lab:
    return load_lab(SUPPORT / "ions4.toml")


def altered(old: str, new: str) -> Lab:
    text = (SUPPORT / "ions4.toml").read_text()
    assert old in text
    return parse_lab(text.replace(old, new))


def rows(timeline: Timeline, point: int = 0) -> list[tuple[str, int, int]]:
    """Return port, start and length in ns of each play."""
    return [
        (
            timeline.ports[row["port"]].name,
            int(row["start"]),
            round(float(timeline.waveforms[row["waveform"]].duration_s) * 1e9),  # type: ignore[arg-type]
        )
        for row in timeline.plays[point]
    ]


def compiled(circuit: Any, lab: Lab) -> Timeline:
    return compile_program(circuit, lab).timeline


def timed(lab: Lab, *steps: Step) -> Timeline:
    """Return the timeline of native gates as they stand."""
    body = qctl.Program([], ["i0"]).body
    return time_ions(StepLine(steps), body, lab, effective(lab, "qpu0"))


def rphi(theta: float, phi: float, q: int = 0) -> Step:
    return Step(Op.RPHI, (q,), (theta, phi))


def test_a_shot_is_prepared_played_and_detected(lab: Lab) -> None:
    circuit = qctl.Circuit(1)
    circuit.rphi(PI / 2, 0.3, 0)
    circuit.measure_all()
    timeline = compiled(circuit, lab)
    assert rows(timeline) == [
        ("cool.drive", 0, 1_000_000),
        ("eit.drive", 1_000_000, 500_000),
        ("pump.drive", 1_500_000, 20_000),
        ("raman0.drive", BEGIN, 2500),
        ("detect.drive", BEGIN + 2500, 300_000),
    ]
    (spec,) = timeline.specs
    assert (spec.instrument, spec.inputs, spec.threshold, spec.length_s) == ("ctl0", (1,), 6.0, 3e-4)
    assert spec.start_s == pytest.approx((BEGIN + 2500) * 1e-9)
    assert timeline.plays[0]["frequency_hz"][3] == pytest.approx(2e8)
    assert timeline.plays[0]["phase_rad"][3] == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("theta", "phi", "length", "axis"),
    [
        (PI / 2, 0.0, 2500, 0.0), (PI, 0.4, 5000, 0.4), (-PI / 2, 0.0, 2500, PI), (1.5 * PI, 0.0, 2500, PI),
        (PI / 4, 1.0, 1250, 1.0), (2 * PI + 0.1, 0.0, 159, 0.0),
    ],
)  # fmt: skip
def test_a_rotation_is_a_part_of_the_calibrated_pulse(
    lab: Lab, theta: float, phi: float, length: int, axis: float
) -> None:
    timeline = timed(lab, rphi(theta, phi, 1))
    assert rows(timeline)[3] == ("raman1.drive", BEGIN, length)
    assert timeline.plays[0]["phase_rad"][3] == pytest.approx(axis, abs=1e-9)


def test_rz_takes_no_time_and_turns_the_axis_of_what_follows(lab: Lab) -> None:
    plays = timed(lab, rphi(PI / 2, 0.0), Step(Op.RZ, (0,), (0.3,)), rphi(PI / 2, 0.1)).plays[0][3:]
    assert [int(start) for start in plays["start"]] == [BEGIN, BEGIN + 2500]
    assert np.diff(plays["phase_rad"]) % (2 * PI) == pytest.approx((0.1 - 0.3) % (2 * PI))


def test_gates_come_one_after_the_other_along_the_chain(lab: Lab) -> None:
    circuit = qctl.Circuit(3)
    for q in range(3):
        circuit.rphi(PI / 2, 0.0, q)
    starts = [start for port, start, _ in rows(compiled(circuit, lab)) if port.startswith("raman")]
    assert starts == [BEGIN, BEGIN + 2500, BEGIN + 5000]


def test_a_molmer_sorensen_gate_is_two_tones_on_each_of_any_two_ions(lab: Lab) -> None:
    timeline = timed(lab, Step(Op.MS, (0, 3), (PI / 2, 0.0)))
    tones = timeline.plays[0][3:]
    names = [timeline.ports[port].name for port in tones["port"]]
    assert names == ["raman0.drive"] * 2 + ["raman3.drive"] * 2
    offset_hz = lab.processor("qpu0").mode["com"].frequency_hz + 1e4  # type: ignore[union-attr]
    assert tones["frequency_hz"] - 2e8 == pytest.approx([offset_hz, -offset_hz] * 2)
    # At the beginning of the gate both tones of an ion are in step, a quarter turn before x.
    now = tones["phase_rad"] - 2 * PI * (tones["frequency_hz"] - 2e8) * BEGIN * 1e-9
    assert np.exp(1j * now) == pytest.approx([-1j] * 4, abs=1e-6)
    assert len(set(tones["start"].tolist())) == 1


def test_a_negative_angle_turns_one_spin_round_and_a_small_one_is_weaker(lab: Lab) -> None:
    plays = np.array([timed(lab, Step(Op.MS, (0, 1), (x, 0.0))).plays[0][3:] for x in (PI / 2, -PI / 8)])
    assert plays["amplitude"][1] / plays["amplitude"][0] == pytest.approx([0.5] * 4)
    turned = (plays["phase_rad"][1] - plays["phase_rad"][0]) % (2 * PI)
    assert turned == pytest.approx([PI, PI, 0.0, 0.0], abs=1e-9)


def test_a_beam_pauses_while_its_synthesiser_is_set() -> None:
    lab = altered('purpose = "raman"', 'purpose = "raman"\nsettle_s = 4.0e-6')
    found = rows(timed(lab, rphi(PI / 2, 0.0), rphi(PI / 2, 1.0)))
    first, second = (start for port, start, _ in found if port == "raman0.drive")
    assert second - first == 2500 + 4000


def test_a_program_plays_and_counts_itself(lab: Lab) -> None:
    program = qctl.Program(["raman0.drive", "detect.drive", "i0.readout"], ["i0"])
    with program.sweep("t", [1e-6, 2e-6], "s") as length:
        program.shift_frequency("raman0.drive", 1e6)
        program.play("raman0.drive", qctl.constant(length, 0.1))
        program.barrier()
        program.play("detect.drive", qctl.constant(1e-4, 0.3))
        program.capture("i0.readout", into="photons", duration_s=1e-4)
    timeline = compiled(program, lab)
    assert [length for _, _, length in rows(timeline, 1)][3:] == [2000, 100_000]
    assert timeline.plays["frequency_hz"][0][3] == pytest.approx(2.01e8)
    (spec,) = timeline.specs
    assert spec.mode == "iq" and spec.starts_s == pytest.approx([(BEGIN + 1000) * 1e-9, (BEGIN + 2000) * 1e-9])


def test_a_new_frequency_begins_with_the_phase_of_the_old_one(lab: Lab) -> None:
    program = qctl.Program(["raman0.drive"], ["i0"])
    program.play("raman0.drive", qctl.constant(1e-6, 0.1))
    program.shift_frequency("raman0.drive", 123_456.0)
    program.play("raman0.drive", qctl.constant(1e-6, 0.1))
    one, two = compiled(program, lab).plays[0][3:]
    at_s = (BEGIN + 1000) * 1e-9
    phases = [2 * PI * play["frequency_hz"] * at_s - play["phase_rad"] for play in (one, two)]
    assert np.exp(1j * (phases[1] - phases[0])) == pytest.approx(1.0, abs=1e-6)


def test_ttl_and_dds_hold_until_they_are_set_again(lab: Lab) -> None:
    program = qctl.Program(["cool.ttl", "detect.drive"], ["i0"])
    program.ttl("cool.ttl", 1)
    program.dds("detect.drive", 2.1e8, 0.2, 0.5)
    program.delay("cool.ttl", 2e-6)
    program.ttl("cool.ttl", 0)
    program.delay("detect.drive", 1e-6)
    program.dds("detect.drive", 2.1e8, 0.0, 0.0)
    found = rows(compiled(program, lab))[3:]
    assert sorted(found) == [("cool.ttl", BEGIN, 2000), ("detect.drive", BEGIN, 1000)]


def test_what_ions_cannot_do_is_refused_by_name(lab: Lab) -> None:
    late = qctl.Circuit(2, 2)
    late.measure(0, 0)
    late.rphi(PI / 2, 0.0, 0)
    with pytest.raises(CompileError, match=r"rphi \(instruction 1\) comes after i0 was measured"):
        compiled(late, lab)
    again = qctl.Circuit(1)
    again.rphi(PI / 2, 0.0, 0)
    again.reset(0)
    with pytest.raises(CompileError, match="i0 was used before; ions are prepared once"):
        compiled(again, lab)
    drive = qctl.Program(["i0.readout"], ["i0"])
    drive.play("i0.readout", qctl.constant(1e-6, 0.1))
    with pytest.raises(CompileError, match=r"i0.readout counts photons, and plays nothing"):
        compiled(drive, lab)
    line = qctl.Program(["cool.ttl"], ["i0"])
    line.dds("cool.ttl", 1e6)
    with pytest.raises(CompileError, match=r"cool.ttl is not for dds"):
        compiled(line, lab)
    with pytest.raises(CompileError, match=r"theta = 2 rad is over pi/2, the calibrated gate"):
        timed(lab, Step(Op.MS, (0, 1), (2.0, 0.0)))
    with pytest.raises(CompileError, match=r"beam pump reaches i0, i1, i2, i3, not i0 and i1 alone"):
        timed(altered('ms = { mode = "com"', 'ms = { beam = "pump", mode = "com"'), Step(Op.MS, (0, 1), (PI / 2, 0.0)))
