"""Lowering for generators: each plays the ideal waveform at its own sample instants, within a step of its converter."""

import msgspec
import numpy as np
import pytest
from generator_boxes import BOXES, LAB, constant, lab_with, limits, lowered, played

import qctl
from qctl.errors import CompileError
from qctl.instruments.capability import limit, replaced
from qctl.instruments.registry import lowering_of

EACH = pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)


def lsb(box):
    """Return one step of the converter, in volts."""
    return box.vpp / (2**box.bits - 1)


def ideal(pulses, n_samples, rate_hz):
    """Return truncated Gaussians (start, length, sigma, amplitude) at the middles of samples, in float64."""
    t = (np.arange(n_samples) + 0.5) / rate_hz
    volts = np.zeros(n_samples)
    for start, length, sigma, amp in pulses:
        inside = (t >= start) & (t < start + length)
        u = (t - start - length / 2) / sigma
        floor = np.exp(-((length / 2 / sigma) ** 2) / 2)
        volts += inside * amp * (np.exp(-(u**2) / 2) - floor) / (1 - floor)
    return volts


@EACH
def test_flux_pulses_are_the_ideal_waveform_within_one_step(box):
    p = qctl.Program(ports=["q1.flux"])
    rows, at = [], 0.0
    for delay, length, amp in ((0.0, 40e-9, 0.2), (16e-9, 80e-9, -0.13), (48e-9, 20e-9, 0.05), (20e-6, 40e-9, 0.24)):
        p.delay("q1.flux", delay)
        p.play("q1.flux", qctl.gaussian(length, amp=amp, sigma_s=length / 5))
        rows.append((at + delay, length, length / 5, amp))
        at += delay + length
    made, body = lowered(p, lab_with(box))
    volts = played(made, body, box, 1)
    assert len(volts) >= round(at * box.clock_hz)
    np.testing.assert_allclose(volts, ideal(rows, len(volts), box.clock_hz), atol=lsb(box))
    assert len(body.points[0]) > 1, "the long silence is looped"


@pytest.mark.parametrize("box", [box for box in BOXES.values() if box.clock_hz > 1e9], ids=lambda box: box.model)
def test_a_pulse_on_its_carrier_is_the_ideal_pair_within_one_step(box):
    p = qctl.Program(ports=["q0.drive"])
    p.delay("q0.drive", 10e-9)
    p.shift_phase("q0.drive", 0.3)
    p.play("q0.drive", qctl.gaussian(20e-9, amp=0.2, sigma_s=5e-9))
    made, body = lowered(p, lab_with(box), "awg0")
    i, q = (played(made, body, box, n) for n in (1, 2))
    t = (np.arange(len(i)) + 0.5) / box.clock_hz
    envelope = ideal([(10e-9, 20e-9, 5e-9, 0.2)], len(i), box.clock_hz)
    z = envelope * np.exp(-0.3j) * np.exp(2j * np.pi * -400e6 * t)
    np.testing.assert_allclose(i, z.real, atol=lsb(box))
    np.testing.assert_allclose(q, z.imag, atol=lsb(box))


@EACH
@pytest.mark.parametrize("fraction", [1.0, 0.5])
def test_the_box_resamples_to_the_clock_of_lab_toml(box, fraction):
    clock_hz = max(box.clock_hz * fraction, float(limit(limits(box), "clocks.sample.hz").low))
    p = qctl.Program(ports=["q1.flux"])
    p.play("q1.flux", qctl.gaussian(400e-9, amp=0.2, sigma_s=80e-9))
    made, body = lowered(p, lab_with(box, clock_hz))
    volts = played(made, body, box, 1)
    assert body.clock_hz == clock_hz
    np.testing.assert_allclose(volts, ideal([(0, 400e-9, 80e-9, 0.2)], len(volts), clock_hz), atol=lsb(box))


@EACH
def test_clock_outside_its_range_is_refused(box):
    high = float(limit(limits(box), "clocks.sample.hz").high)
    with pytest.raises(CompileError, match=r"awg2: .*clock.* is over .* of a " + box.model):
        lowered(constant(8, high), lab_with(box, high * 1.01))


@EACH
def test_an_event_is_within_half_its_grid_of_the_requested_time(box):
    for delay_s in (3.3e-9, 7.77e-9, 100.1e-9):
        p = qctl.Program(ports=["q1.flux"])
        p.delay("q1.flux", delay_s)
        p.play("q1.flux", qctl.constant(40e-9, 0.2))
        made, body = lowered(p, lab_with(box))
        first = int(np.flatnonzero(played(made, body, box, 1))[0])
        assert abs(first / box.clock_hz - delay_s) <= 0.5 / box.clock_hz * (1 + 1e-9)


@EACH
def test_lengths_on_the_grid_are_kept_and_others_are_filled_up_and_reported(box):
    lab = lab_with(box)
    for n, padded in ((box.least, 0), (box.least + box.multiple, 0), (box.least - 1, 1)):
        made, body = lowered(constant(n, box.clock_hz), lab)
        assert len(played(made, body, box, 1)) == n + padded
        rows = {row.resource: row.used for row in made.usage}
        assert rows.get("padded samples", 0) == padded
    made, body = lowered(constant(box.least + 1, box.clock_hz), lab)
    volts = played(made, body, box, 1)
    assert len(volts) == box.least + box.multiple
    assert not volts[box.least + 1 :].any()
    rows = {row.resource: row for row in made.usage}
    if box.multiple > 1:
        assert rows["padded samples"].used == box.multiple - 1 and rows["padded samples"].fits


@EACH
def test_amplitude_at_the_range_passes_and_above_is_refused_by_name(box):
    lab, half = lab_with(box), box.vpp / 2
    made, body = lowered(constant(box.least, box.clock_hz, half), lab)
    assert played(made, body, box, 1).max() == pytest.approx(half, abs=1e-12)
    made, body = lowered(constant(box.least, box.clock_hz, -half), lab)
    assert played(made, body, box, 1).min() == pytest.approx(-half, abs=1e-12)
    with pytest.raises(CompileError, match=r"samples pulse .* on q1\.flux: .* V .* is outside ±"):
        lowered(constant(box.least, box.clock_hz, half * 1.001), lab)


@EACH
def test_memory_and_length_at_the_limit_pass_and_one_grain_more_is_over(box, monkeypatch):
    lab, grain = lab_with(box), box.multiple
    most = box.least + 4 * grain
    module = lowering_of(box.model)
    narrowed = replaced(limits(box), "channels.output.length", high=most)
    monkeypatch.setitem(module.can.TABLES, box.model, narrowed)
    made, _ = lowered(constant(most, box.clock_hz), lab)
    assert all(row.fits for row in made.usage)
    with pytest.raises(CompileError, match=rf"samples pulse .*: length on output = {most + grain} samples is over"):
        lowered(constant(most + 1, box.clock_hz), lab)
    monkeypatch.setitem(module.can.TABLES, box.model, replaced(limits(box), "waveforms.samples", high=0))
    made, _ = lowered(constant(most, box.clock_hz), lab)
    held = {row.resource: row.used for row in made.usage}["waveform samples"]
    for bound, fits in ((held, True), (held - 1, False)):
        monkeypatch.setitem(module.can.TABLES, box.model, replaced(narrowed, "waveforms.samples", high=bound))
        made, _ = lowered(constant(most, box.clock_hz), lab)
        assert all(row.fits for row in made.usage) is fits


@EACH
def test_a_sweep_is_a_sequence_for_each_point_and_equal_waveforms_are_shared(box):
    p = qctl.Program(ports=["q1.flux"])
    with p.sweep("amp", [0.1, 0.2, 0.1]) as amp:
        p.play("q1.flux", qctl.constant(400e-9, amp))
    made, body = lowered(p, lab_with(box))
    assert len(body.points) == made.n_points == 3 and len(made.blobs) == 2
    assert body.points[0] == body.points[2] != body.points[1]
    again, _ = lowered(p, lab_with(box))
    assert again.body == made.body and again.usage == made.usage and again.blobs.keys() == made.blobs.keys()


@EACH
def test_event_input_is_refused_for_a_sweep(box):
    p = qctl.Program(ports=["q1.flux"])
    with p.sweep("amp", [0.1, 0.2]) as amp:
        p.play("q1.flux", qctl.constant(400e-9, amp))
    lab = lab_with(box)
    lab.instruments["awg2"] = msgspec.structs.replace(lab.instruments["awg2"], event=LAB.instruments["awg2"].event)
    with pytest.raises(CompileError, match="can't be led from point to point"):
        lowered(p, lab)
