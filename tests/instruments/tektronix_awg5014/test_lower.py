"""Lowering for the AWG5014C: content hashes, sharing, padding, ranges and the memory, at the limit and past it."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

import qctl
from qctl.compiler.pipeline import compile_program
from qctl.errors import CompileError
from qctl.instruments.tektronix_awg5014 import capabilities as can
from qctl.instruments.tektronix_awg5014.body import AwgBody
from qctl.instruments.tektronix_awg5014.checks import check_program
from qctl.instruments.tektronix_awg5014.lower import lower
from qctl.lab import load_lab
from qctl.program.timeline import Shots
from qctl.units import Limits

SHOTS = Shots(100, False, 2e-4)


@pytest.fixture(scope="module")
def lab():
    return load_lab(Path(__file__).parents[2] / "support" / "transmon5.toml")


def lowered(program, lab, name="awg0", shots=SHOTS):
    timeline = compile_program(program, lab).timeline
    made = lower(timeline.straights(), lab.instruments[name], lab, shots)
    body = AwgBody.from_bytes(made.body)
    check_program(body, made.blobs, lab.instruments[name])
    return made, body


def rabi(values, other=0.1):
    p = qctl.Program(ports=["q0.drive", "q1.drive"], qubits=["q0"], bits=1)
    with p.sweep("amp", values) as a:
        p.play("q1.drive", qctl.gaussian(40e-9, amp=other))
        p.play("q0.drive", qctl.gaussian(40e-9, amp=a))
        p.measure("q0", 0)
    return p


def test_words_are_the_envelope_on_its_carrier(lab):
    p = qctl.Program(ports=["q0.drive"])
    p.delay("q0.drive", 10e-9)
    p.shift_phase("q0.drive", 0.3)
    p.play("q0.drive", qctl.drag(20e-9, amp=0.25, sigma_s=5e-9, beta_s=4e-10))
    made, body = lowered(p, lab)
    ((step,),) = body.points
    i, q = (can.code_voltages(1.0, 0.0, made.blobs[step.waveforms[n]]) for n in (1, 2))
    t = (np.arange(24) + 0.5) / 1.2e9
    u = (t - 10e-9) / 5e-9
    g, floor = np.exp(-(u**2) / 2), np.exp(-2.0)
    envelope = 0.25 * ((g - floor) - 1j * 4e-10 * g * u / 5e-9) / (1 - floor)
    expected = np.conj(envelope * np.exp(0.3j)) * np.exp(2j * np.pi * -400e6 * (t + 12 / 1.2e9))
    np.testing.assert_allclose(i[12:36] + 1j * q[12:36], expected, atol=1.0 / 2**13)
    assert not np.any(i[36:]) and not np.any(i[:12])
    assert len(i) == 250


def test_second_compile_gives_the_same_hashes(lab):
    first, second = (lowered(rabi(np.linspace(0, 0.3, 11)), lab)[0] for _ in range(2))
    assert first.body == second.body
    assert first.blobs.keys() == second.blobs.keys()


def test_one_changed_amplitude_changes_only_its_waveforms(lab):
    first, second = (set(lowered(rabi([0.1, 0.2, x]), lab)[0].blobs) for x in (0.3, 0.31))
    assert len(second - first) == 2
    flux = []
    for x in (0.3, 0.31):
        p = qctl.Program(ports=["q0.flux", "q1.flux"])
        p.play("q0.flux", qctl.constant(100e-9, 0.2))
        p.play("q1.flux", qctl.constant(100e-9, x))
        flux.append(set(lowered(p, lab, "awg2")[0].blobs))
    assert len(flux[1] - flux[0]) == 1


def test_equal_waveforms_are_shared_and_equal_points_are_one(lab):
    made, body = lowered(rabi([0.1, 0.2, 0.1, 0.2]), lab)
    assert len(body.points) == made.n_points == 4
    assert len(made.blobs) == 2 * 2 + 2
    readout, body = lowered(rabi([0.1, 0.2, 0.1, 0.2]), lab, "awg4")
    assert len(body.points) == readout.n_points == 1


def test_outputs_without_pulses_stay_off(lab):
    p = qctl.Program(ports=["q0.drive"])
    p.play("q0.drive", qctl.constant(1e-8, 0.1))
    assert set(lowered(p, lab)[1].channels) == {1, 2}


def test_amplitude_at_the_range_passes_and_above_is_refused_by_name(lab):
    p = qctl.Program(ports=["q1.flux"])
    p.play("q1.flux", qctl.constant(1e-8, 0.5))
    lowered(p, lab, "awg2")
    p = qctl.Program(ports=["q1.flux"])
    p.play("q1.flux", qctl.constant(1e-7, 0.1))
    p.play("q1.flux", qctl.constant(1e-8, 0.501))
    with pytest.raises(
        CompileError, match=r"constant pulse at instruction 1 on q1\.flux: 0\.501 V .* ±0\.5 V"
    ) as found:
        lowered(p, lab, "awg2")
    assert found.value.details["output"] == 4


def test_limits_of_the_lab_hold_where_the_range_is_wider(lab):
    awg = lab.instruments["awg2"]
    narrow = msgspec.structs.replace(awg.output[4], limits_v=(-0.2, 0.2))
    awg = msgspec.structs.replace(awg, output={**awg.output, 4: narrow})
    tight = msgspec.structs.replace(lab, instruments={**lab.instruments, "awg2": awg})
    p = qctl.Program(ports=["q1.flux"])
    p.play("q1.flux", qctl.constant(1e-8, 0.2))
    lowered(p, tight, "awg2")
    p.play("q1.flux", qctl.constant(1e-8, -0.21))
    with pytest.raises(CompileError, match=r"output 4 of awg2 would reach .* outside \[-0\.2, 0\.2\] V"):
        lowered(p, tight, "awg2")


def held(samples):
    """Return a flux pulse of some samples."""
    p = qctl.Program(ports=["q1.flux"])
    p.play("q1.flux", qctl.samples(np.full(samples, 0.1), 1.2e9))
    return p


def test_longest_waveform_passes_and_one_sample_more_is_refused_by_name(lab, monkeypatch):
    monkeypatch.setattr(can, "LENGTH_SAMPLES", Limits(250, 20_000))
    made, _ = lowered(held(20_000), lab, "awg2")
    assert all(row.fits for row in made.usage)
    with pytest.raises(CompileError, match=r"samples pulse .* of 20001 samples .* at most 20000"):
        lowered(held(20_001), lab, "awg2")


def test_mixer_correction_and_offset_are_applied(lab):
    port = lab.ports["q0.drive"]
    mixer = msgspec.structs.replace(port.mixer, gain=0.9, phase_rad=0.1, offset_v=(0.01, -0.02))
    lab = msgspec.structs.replace(lab, ports={**lab.ports, "q0.drive": msgspec.structs.replace(port, mixer=mixer)})
    p = qctl.Program(ports=["q0.drive"])
    p.play("q0.drive", qctl.constant(1e-7, 0.1))
    made, body = lowered(p, lab)
    assert [body.channels[n].offset_v for n in (1, 2)] == [0.01, -0.02]
    ((step,),) = body.points
    i, q = (can.code_voltages(1.0, 0.0, made.blobs[step.waveforms[n]])[:120] for n in (1, 2))
    z = 0.1 * np.exp(2j * np.pi * -400e6 * (np.arange(120) + 0.5) / 1.2e9)
    np.testing.assert_allclose(i, z.real, atol=1e-4)
    np.testing.assert_allclose(q, 0.9 * (z * np.exp(0.1j)).imag, atol=1e-4)


def test_late_trigger_moves_the_pulses(lab):
    p = qctl.Program(ports=["q1.flux"])
    p.play("q1.flux", qctl.constant(1e-8, 0.1))
    made, body = lowered(p, lab, "awg2", Shots(1, False, 1e-4, lead_s={"awg2": 25e-9}))
    words = made.blobs[body.points[0][0].waveforms[4]]
    assert np.flatnonzero(words != can.CODE_ZERO).tolist() == list(range(30, 42))


def test_report_names_the_fullest_output_and_the_last_pulse(lab):
    rows = {row.resource: row for row in lowered(rabi([0.1, 0.2]), lab)[0].usage}
    assert rows["sequence elements"].used == 2
    assert rows["waveform samples"].used == 500
    assert rows["waveform samples"].place.startswith("output 1, up to gaussian pulse")
    assert rows["longest waveform"].place.startswith("gaussian pulse at instruction")
