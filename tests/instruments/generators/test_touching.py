"""Pulses that touch meet on every generator's clock: each sample's middle is in one of them, whatever their lengths."""

from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from generator_boxes import BOXES, LAB, body_of, lab_with, lowered, played
from hypothesis import given, settings
from hypothesis import strategies as st

import qctl
from qctl.compiler.pipeline import compile_program
from qctl.instruments import rendering
from qctl.instruments.registry import lowering_of
from qctl.instruments.tektronix_awg5014.capabilities import code_voltages
from qctl.program.timeline import Shots

EACH = pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
PS = Fraction(1, 10**12)


def sample(time, rate_hz):
    """Return the first sample whose middle is not before a time."""
    return ceil(time * rate_hz - Fraction(1, 2))


def unit(kind, length_s, n, rate_hz):
    """Return an envelope at the middles of n samples that lie evenly about its own middle, from the builder's words."""
    t = (np.arange(n) + 0.5 - n / 2) / rate_hz
    if kind == "constant":
        return np.ones(n, complex)
    if kind == "flat_top":
        edge, rise = length_s / 2 - np.abs(t), length_s / 4
        return np.where(edge < rise, (1 - np.cos(np.pi * np.clip(edge, 0, None) / rise)) / 2, 1.0) + 0j
    sigma, beta = length_s / 5, 0.03 * length_s
    low = np.exp(-((length_s / 2 / sigma) ** 2) / 2)
    bell = np.exp(-((t / sigma) ** 2) / 2)
    return ((bell - low) - 1j * beta * t / sigma**2 * bell) / (1 - low)


def pulse(kind, length_s, amp):
    """Return the same envelope for a program."""
    if kind == "constant":
        return qctl.constant(length_s, amp)
    if kind == "flat_top":
        return qctl.flat_top(length_s, amp, length_s / 4)
    return qctl.drag(length_s, amp, length_s / 5, 0.03 * length_s)


def ideal(pulses, n_samples, rate_hz):
    """Return pulses (exact start, exact length, kind, amplitude) as I + iQ, and how many own each sample."""
    volts, owners = np.zeros(n_samples, complex), np.zeros(n_samples, int)
    for start, length, kind, amp in pulses:
        first, end = sample(start, rate_hz), sample(start + length, rate_hz)
        volts[first:end] += amp * np.conj(unit(kind, float(length), end - first, float(rate_hz)))
        owners[first:end] += 1
    return volts, owners


def program_of(port, steps):
    """Return a program of delays and pulses one after the other, and the pulses with their exact starts."""
    p, at, pulses = qctl.Program(ports=[port]), Fraction(0), []
    for delay_ps, length_ps, kind, amp in steps:
        if delay_ps:
            p.delay(port, delay_ps * 1e-12)
            at += Fraction(repr(delay_ps * 1e-12))
        length_s = length_ps * 1e-12
        p.play(port, pulse(kind, length_s, amp))
        pulses.append((at, Fraction(repr(length_s)), kind, amp))
        at += Fraction(repr(length_s))
    return p, pulses


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 0, 400, 1234, 10_001]), st.integers(4_000, 45_000),
        st.sampled_from(["constant", "drag", "flat_top"]), st.sampled_from([0.2, -0.13, 0.05]),
    ),
    min_size=2, max_size=9,
)  # fmt: skip


@EACH
@settings(max_examples=25, deadline=None)
@given(steps=STEPS, delayed_ps=st.integers(0, 9000))
def test_random_pulses_are_the_ideal_waveform_and_share_no_sample(box, steps, delayed_ps):
    steps = [(delayed_ps, *steps[0][1:]), *steps[1:]]
    p, pulses = program_of("q1.flux", steps)
    lab, rate_hz = lab_with(box), Fraction(int(box.clock_hz))
    made, body = lowered(p, lab)
    volts = played(made, body, box, 1)
    want, owners = ideal(pulses, len(volts), rate_hz)
    assert owners.max() <= 1
    np.testing.assert_allclose(volts, want.real, atol=box.vpp / (2**box.bits - 1))
    clock = next(port for port in compile_program(p, lab).timeline.ports if port.name == "q1.flux")
    errors = [abs(Fraction(sample(start, rate_hz)) / rate_hz - start) for start, *_ in pulses]
    assert clock.residual_s == pytest.approx(float(max(errors)), abs=1e-18)
    assert max(errors) <= Fraction(1, 2) / rate_hz


@EACH
@pytest.mark.parametrize("length_s", [20.3e-9, 40.7e-9, 33.35e-9, 50e-9])
def test_pulses_of_full_scale_touch_without_a_spike_or_a_gap(box, length_s):
    p = qctl.Program(ports=["q1.flux"])
    for _ in range(5):
        p.play("q1.flux", qctl.constant(length_s, box.vpp / 2))
    made, body = lowered(p, lab_with(box))
    volts = played(made, body, box, 1)
    n = sample(5 * Fraction(repr(length_s)), Fraction(int(box.clock_hz)))
    assert np.ptp(volts[:n]) == 0 and volts[0] == pytest.approx(box.vpp / 2, rel=1e-3)
    assert not volts[n:].any()


@pytest.mark.parametrize("box", [box for box in BOXES.values() if box.clock_hz > 1e9], ids=lambda box: box.model)
def test_drag_pulses_on_their_carrier_touch(box):
    p, pulses = program_of("q0.drive", [(0, 20_300, "drag", 0.2)] * 4 + [(0, 11_150, "constant", 0.1)])
    made, body = lowered(p, lab_with(box), "awg0")
    i, q = (played(made, body, box, n) for n in (1, 2))
    want, _ = ideal(pulses, len(i), Fraction(int(box.clock_hz)))
    (processor,) = LAB.processors.values()
    hz = processor.qubit["q0"].frequency_hz - LAB.instruments[LAB.ports["q0.drive"].lo].frequency_hz
    want *= np.exp(2j * np.pi * hz * (np.arange(len(i)) + 0.5) / box.clock_hz)
    np.testing.assert_allclose(i + 1j * q, want, atol=box.vpp / (2**box.bits - 1) * 2**0.5)


@EACH
def test_swept_lengths_and_delays_touch_at_every_point(box):
    lengths, delays = np.linspace(7e-9, 31.7e-9, 9), np.linspace(0, 5.3e-9, 3)
    p = qctl.Program(ports=["q1.flux"])
    with p.sweep("delay", delays, "s") as wait, p.sweep("length", lengths, "s") as lasts:
        p.delay("q1.flux", wait)
        for amp in (0.2, -0.1, 0.2):
            p.play("q1.flux", qctl.constant(lasts, amp))
    made, body = lowered(p, lab_with(box))
    rate_hz = Fraction(int(box.clock_hz))
    for k, (delay, length) in enumerate([(d, t) for d in delays for t in lengths]):
        at, own = Fraction(repr(float(delay))), Fraction(repr(float(length)))
        volts = played(made, body, box, 1, k)
        pulses = [(at + n * own, own, "constant", amp) for n, amp in enumerate((0.2, -0.1, 0.2))]
        np.testing.assert_allclose(volts, ideal(pulses, len(volts), rate_hz)[0].real, atol=box.vpp / (2**box.bits - 1))


def test_what_is_kept_of_one_length_is_not_taken_for_the_other():
    box = BOXES["tektronix-awg5200"]
    rendering.forget()
    for delay_s in (0.0, 0.1e-9, 0.3e-9, 0.0):
        p = qctl.Program(ports=["q1.flux"])
        p.delay("q1.flux", delay_s)
        p.play("q1.flux", qctl.constant(20.3e-9, 0.2))
        made, body = lowered(p, lab_with(box))
        start, rate_hz = Fraction(repr(delay_s)), Fraction(2_500_000_000)
        n = sample(start + Fraction("20.3e-9"), rate_hz) - sample(start, rate_hz)
        assert np.count_nonzero(played(made, body, box, 1)) == n
    assert n == 51


@settings(max_examples=25, deadline=None)
@given(steps=STEPS)
def test_an_awg5014c_plays_them_too(steps):
    p, pulses = program_of("q1.flux", steps)
    instrument = LAB.instruments["awg2"]
    flux = next(ref.output for ref in LAB.ports["q1.flux"].outputs)
    made = lowering_of(instrument.model).lower(
        compile_program(p, LAB).timeline.straights(), instrument, LAB, Shots(1, False, 2e-4)
    )
    body = body_of(made)
    channel = body.channels[flux]
    volts = np.concatenate(
        [
            np.tile(
                code_voltages(channel.amplitude_vpp, channel.offset_v, made.blobs[step.waveforms[flux]]), step.n_loops
            )
            for step in body.points[0]
        ]
    )
    want, owners = ideal(pulses, len(volts), Fraction(int(instrument.clock_hz)))
    assert owners.max() <= 1
    np.testing.assert_allclose(volts - channel.offset_v, want.real, atol=channel.amplitude_vpp / (2**14 - 1))


def test_a_pulse_of_whole_samples_has_them_wherever_it_begins():
    p = qctl.Program(ports=["q1.flux"])
    for delay_s in [1.25e-9, 0.4e-9] * 20:  # the first one is a sample and a half
        p.delay("q1.flux", delay_s)
        for _ in range(2):
            p.play("q1.flux", qctl.constant(42.5e-9, 0.1))  # 51 samples
    straight = compile_program(p, LAB).timeline.straight()
    assert len(straight.waveforms) == 1 and straight.waveforms[0].ticks is None
    starts = straight.plays["start"]
    assert (starts[1::2] - starts[::2] == 51).all()
