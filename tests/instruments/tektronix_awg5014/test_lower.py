"""Lowering for the AWG5014C: content hashes, sharing, padding, ranges and the memory, at the limit and past it."""

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from narrowed import narrow

import qctl
from qctl.compiler.pipeline import compile_program
from qctl.errors import CompileError
from qctl.instruments import pieces, rendering
from qctl.instruments.capability import limit
from qctl.instruments.tektronix_awg5014 import capabilities as can
from qctl.instruments.tektronix_awg5014.body import AwgBody
from qctl.instruments.tektronix_awg5014.checks import check_program
from qctl.instruments.tektronix_awg5014.lower import lower
from qctl.lab import load_lab
from qctl.program.timeline import Shots

LAB = Path(__file__).parents[2] / "support" / "transmon5.toml"
SHOTS = Shots(100, False, 2e-4)


@pytest.fixture(scope="module")
def lab():
    return load_lab(LAB)


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
    with pytest.raises(CompileError, match=r"^output 4 of awg2 would reach .* outside \[-0\.2, 0\.2\] V"):
        lowered(p, tight, "awg2")


def held(samples):
    """Return a flux pulse of some samples."""
    p = qctl.Program(ports=["q1.flux"])
    p.play("q1.flux", qctl.samples(np.full(samples, 0.1), 1.2e9))
    return p


def test_longest_waveform_passes_and_one_sample_more_is_refused_by_name(lab, monkeypatch):
    narrow(monkeypatch, can, "channels.output.length", 20_000)
    made, _ = lowered(held(20_000), lab, "awg2")
    assert all(row.fits for row in made.usage)
    with pytest.raises(
        CompileError, match=r"samples pulse .*: length on output = 20001 samples is over 20000 samples, the most"
    ):
        lowered(held(20_001), lab, "awg2")


def pulses(rows, carrier):
    """Return a program of pulses: (line, delay before it in samples, length in samples, amplitude)."""
    ports = ["q0.flux", "q1.flux"] if not carrier else ["q0.drive", "q1.drive"]
    p = qctl.Program(ports=ports, tick_s=Fraction(1, 1_200_000_000))
    for line, delay, length, amp in rows:
        p.delay_ticks(ports[line], delay)
        p.play(ports[line], qctl.samples(np.full(length, amp), 1.2e9))
    return p


def expanded(made, body, point=0):
    """Return each output's words of a point, all loops played."""
    steps = body.points[point]
    return {n: np.concatenate([np.tile(made.blobs[s.waveforms[n]], s.n_loops) for s in steps]) for n in body.channels}


@given(
    st.lists(
        st.tuples(
            st.integers(0, 1),
            st.one_of(st.integers(0, 900), st.integers(3900, 5000), st.integers(0, 60_000)),
            st.integers(1, 700),
            st.floats(-0.4, 0.4),
        ),
        min_size=1,
        max_size=6,
    ),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_looped_silence_plays_the_samples_of_the_long_waveform(rows, carrier):
    lab, name, program = load_lab(LAB), "awg0" if carrier else "awg2", pulses(rows, carrier)
    short, body = lowered(program, lab, name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "LOOPED_SAMPLES", 10**9)
        long, whole = lowered(program, lab, name)
    assert all(len(steps) == 1 for steps in whole.points)
    for n, words in expanded(long, whole).items():
        np.testing.assert_array_equal(expanded(short, body)[n], words)
    held = max(sum(len(short.blobs[d]) for d in {s.waveforms[n] for s in body.points[0]}) for n in body.channels)
    assert held <= len(rows) * (700 + 2 * 4096 + 250)


def test_pulse_after_100_microseconds_takes_kilobytes(lab):
    p = qctl.Program(qubits=["q0"], bits=1, ports=["q0.drive"])
    with p.sweep("delay", np.linspace(0, 100e-6, 11)) as delay:
        p.x("q0")
        p.delay("q0", delay)
        p.measure("q0", 0)
    made, body = lowered(p, lab)
    assert sum(words.nbytes for words in made.blobs.values()) < 11 * 2 * 2 * 600
    assert {len(steps) for steps in body.points} <= {1, 2, 3}
    readout, _ = lowered(p, lab, "awg4")
    assert sum(words.nbytes for words in readout.blobs.values()) < 10_000


def test_silence_is_looped_from_its_bound_on(lab):
    rows = [(0, 0, 10, 0.1), (0, pieces.LOOPED_SAMPLES - 1, 10, 0.1)]
    assert len(lowered(pulses(rows, False), lab, "awg2")[1].points[0]) == 1
    rows[1] = (0, pieces.LOOPED_SAMPLES, 10, 0.1)
    assert [step.n_loops for step in lowered(pulses(rows, False), lab, "awg2")[1].points[0]] == [1, 14, 1]


def test_loops_at_the_bound_are_one_step_and_one_more_are_two(lab):
    for n_loops, expected in (
        (limit(can.TABLES[can.MODEL], "loops.count").most, [65_536, 1]),
        (limit(can.TABLES[can.MODEL], "loops.count").most + 1, [65_536, 1, 1]),
    ):
        _, body = lowered(pulses([(0, 250 * n_loops, 250, 0.1)], False), lab, "awg2")
        assert [step.n_loops for step in body.points[0]] == expected


def test_elements_at_the_bound_pass_and_one_more_is_over_and_not_rendered(lab, monkeypatch):
    narrow(monkeypatch, can, "sequence", 9)
    for n_points, fits in ((3, True), (4, False)):
        p = qctl.Program(ports=["q0.flux"])
        with p.sweep("amp", np.linspace(0.1, 0.2, n_points)) as amp:
            for _ in range(2):
                p.play("q0.flux", qctl.constant(1e-8, amp))
                p.delay("q0.flux", 1e-5)
        made = lower(compile_program(p, lab).timeline.straights(), lab.instruments["awg2"], lab, SHOTS)
        row = next(row for row in made.usage if row.resource == "sequence elements")
        assert (row.used, row.fits, bool(made.blobs)) == (3 * n_points, fits, fits)


def test_shot_later_than_all_loops_is_refused_by_name(lab, monkeypatch):
    narrow(monkeypatch, can, "loops.count", 40)
    narrow(monkeypatch, can, "sequence", 2)
    at, over = (compile_program(pulses([(0, n, 1000, 0.1)], False), lab).timeline for n in (19_000, 19_001))
    lower(at.straights(), lab.instruments["awg2"], lab, SHOTS)
    with pytest.raises(CompileError, match=r"samples pulse .* ends 20001 samples .* at most 20000 in one shot"):
        lower(over.straights(), lab.instruments["awg2"], lab, SHOTS)


def test_words_of_one_timeline_are_kept_for_the_next(lab, monkeypatch):
    made = [lowered(rabi([0.11, 0.22]), lab)[0].blobs for _ in range(2)]
    assert all(made[0][digest] is made[1][digest] for digest in made[0])
    monkeypatch.setattr(rendering, "MAX_KEPT_BYTES", 0)
    again = [lowered(rabi([0.11, 0.22]), lab)[0].blobs for _ in range(2)]
    assert all(np.array_equal(again[0][digest], again[1][digest]) for digest in made[0])
    assert all(again[0][digest] is not again[1][digest] for digest in made[0])


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


def test_one_thread_lowers_at_a_time(lab):
    p = qctl.Program(ports=["q1.flux"])
    p.play("q1.flux", qctl.constant(1e-8, 0.2))
    with ThreadPoolExecutor(1) as pool:
        with rendering.lowering:
            other = pool.submit(lowered, p, lab, "awg2")
            with pytest.raises(TimeoutError):
                other.result(0.2)
        other.result(30)


@pytest.mark.parametrize(
    ("key", "good", "bad"), [("amplitude_vpp", 4.5, 4.51), ("amplitude_vpp", 0.02, 0.019), ("offset_v", -2.25, -2.26)]
)
def test_settings_that_the_box_does_not_have_are_refused_before_anything_is_sent(lab, key, good, bad):
    p = qctl.Program(ports=["q1.flux"])
    p.play("q1.flux", qctl.constant(1e-8, 0.005))
    for value, fits in ((good, True), (bad, False)):
        awg = lab.instruments["awg2"]
        output = msgspec.structs.replace(awg.output[4], limits_v=(-9.0, 9.0), **{key: value})
        awg = msgspec.structs.replace(awg, output={**awg.output, 4: output})
        straights = compile_program(p, lab).timeline.straights()
        if fits:
            lower(straights, awg, lab, SHOTS)
        else:
            with pytest.raises(CompileError, match=rf"awg2 output 4: {key} = {bad}( V)? is .* of a tektronix-awg5014c"):
                lower(straights, awg, lab, SHOTS)
