"""Lowering to Zurich Instruments boxes: each limit passes at its value and is refused one beyond it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import qctl
from qctl.errors import CompileError
from qctl.instruments.zurich import sequencers as can
from qctl.instruments.zurich.body import ZurichBody, command_table_of
from qctl.instruments.zurich.connectors import carrier_of_readout
from qctl.instruments.zurich.lower import lower
from qctl.instruments.zurich.program import loaded, repeated, silence
from qctl.lab import load_lab, parse_lab
from qctl.program.tables import Waveform
from qctl.program.timeline import CAPTURE, PLAY, CaptureSpec, PortClock, Shots, Straight
from qctl.units import rational_hz

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "zurich2.toml"
TEXT = EXAMPLE.read_text("utf-8")


def lab_with(*changes):
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse_lab(text)


LAB = load_lab(EXAMPLE)
FLUX = "output.1 = { limits_v = [-1.0, 1.0], amplitude_vpp = 2.0 }"


def straight(plays=(), captures=(), waveforms=((20e-9, "constant"),), lab=LAB, rate_hz=2e9, length_s=1e-5):
    """Return one point; a play is (port, waveform, start, amplitude, frequency, phase)."""
    names = list(lab.ports)
    clocks = tuple(PortClock(name, rational_hz(2.4e9 if "flux" in name else rate_hz)) for name in names)
    rows = np.array([(names.index(port), *rest) for port, *rest in plays], PLAY)
    caught = np.array([(names.index(port), *rest) for port, *rest in captures], CAPTURE)
    return Straight(rows, caught, length_s, clocks, tuple(Waveform(kind, (s,)) for s, kind in waveforms))


def lowered(points, name="qc0", lab=LAB, n_shots=2, averaged=False, period_s=2e-4, specs=(), lead_s=None):
    shots = Shots(n_shots, averaged, period_s, tuple(specs), lead_s or {})
    return lower(points, lab.instrument(name), lab, shots)


def used(program, resource):
    (row,) = [row for row in program.usage if row.resource == resource]
    return row


def spec(k=0, n_points=1, length_s=1e-6, **more):
    return CaptureSpec("q0.readout", "q0", f"m{k}", -1, "qc0", (1,), 0.0, 0.0, length_s, n_points=n_points, **more)


# --- what is made -----------------------------------------------------------------------------------


def test_virtual_z_and_amplitude_are_entries_and_not_waveforms():
    points = [straight([("q0.drive", 0, 48 * k, 0.01 * k, 1e8, 0.1 * k) for k in range(1, 20)])]
    program = lowered(points)
    (core,) = ZurichBody.from_bytes(program.body).cores
    assert len(core.waveforms) == 1 and len(command_table_of(core)["table"]) == 19
    assert core.program.count("executeTableEntry") == 19 and core.lo_hz == 4.8e9
    assert not ZurichBody.from_bytes(program.body).notes


def test_pulses_off_the_grid_share_a_waveform_and_the_report_says_so():
    points = [straight([("q0.drive", 0, 40 * k, 0.1, 1e8, 0.0) for k in range(20)])]
    body = ZurichBody.from_bytes(lowered(points).body)
    assert body.notes == (
        "q0.drive: 20 of 20 pulses share a waveform with a neighbour, as they begin or end off the grid of 16 samples",
    )


def test_every_box_gives_a_point_the_same_time():
    points = [straight([("q0.drive", 0, 0, 0.1, 0.0, 0.0), ("q1.flux", 0, 0, 0.1, 0.0, 0.0)])]
    for period_s in (2e-4, 1.2345e-4):
        shf, hdawg = (
            ZurichBody.from_bytes(lowered(points, name, period_s=period_s).body).period_samples
            for name in ("qc0", "hd0")
        )
        assert shf / 2.0e9 == hdawg / 2.4e9 >= period_s and shf % 80 == 0


def test_lead_moves_all_pulses_and_leaves_their_phase():
    points = [straight([("q0.drive", 0, 0, 0.1, 1e8, 0.0)])]
    early, late = (
        ZurichBody.from_bytes(lowered(points, lead_s=lead_s).body).cores[0] for lead_s in ({}, {"qc0": 160e-9})
    )
    assert early.program.count("playZero") + 1 == late.program.count("playZero")
    turn = command_table_of(late)["table"][0]["phase"]["value"] - command_table_of(early)["table"][0]["phase"]["value"]
    assert turn % 360 == pytest.approx(0, abs=1e-6)  # 16 turns of 100 MHz


def test_equal_points_are_a_loop_of_readouts():
    points = [straight(captures=[("q0.readout", 0, 0)])] * 50
    (readout,) = ZurichBody.from_bytes(lowered(points, specs=[spec(n_points=50)], averaged=True).body).readouts
    assert readout.program.count("startQA") == 1 and "repeat (50)" in readout.program
    assert (readout.n_results, readout.n_averages) == (50, 2)
    (readout,) = ZurichBody.from_bytes(lowered(points, specs=[spec(n_points=50)]).body).readouts
    assert (readout.n_results, readout.n_averages) == (100, 1)


def test_changed_amplitude_changes_the_table_only():
    first, second = (lowered([straight([("q0.drive", 0, 0, a, 1e8, 0.0)])]) for a in (0.1, 0.2))
    assert set(first.blobs) == set(second.blobs)
    a, b = (ZurichBody.from_bytes(x.body).cores[0] for x in (first, second))
    assert a.program == b.program and a.command_table != b.command_table


# --- limits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "port", "most"), [("qc0", "q0.drive", 4096), ("hd0", "q1.flux", 1024)])
def test_table_entries(name, port, most):
    for n in (most, most + 1):
        points = [straight([(port, 0, 64 * k, 1e-4 * (k + 1), 0.0, 0.0) for k in range(n)], length_s=2e-4)]
        program = lowered(points, name, period_s=4e-4)
        row = used(program, "table entries")
        assert (row.used, row.allowed, row.fits) == (n, most, n == most) and bool(program.body) == row.fits


@pytest.mark.parametrize(("name", "port", "most"), [("qc0", "q0.drive", 32_768), ("hd0", "q1.flux", 16_384)])
def test_instructions(name, port, most):
    around = {"qc0": 6 + 2 + 3 + 1 + 4 + 1, "hd0": 6 + 2 + 3 + 1 + 1}[
        name
    ]  # with the silence at both ends of the point
    for n in (most - around, most - around + 1):
        plays = [(port, 0, 32 * (k - 1) + 32, 0.1 * (1 + k * k % 2), 0.0, 0.0) for k in range(n)]
        rng = np.random.default_rng(1)
        plays = [(*row[:3], 0.1 * (1 + int(rng.integers(2))), 0.0, 0.0) for row in plays]
        program = lowered([straight(plays, waveforms=((13.3e-9, "constant"),), length_s=5.5e-4)], name, period_s=6e-4)
        row = used(program, "instructions")
        assert row.used - row.allowed == n - (most - around) and row.fits == bool(program.body)


def test_waveform_samples():
    length = 98_304 // 3
    for extra in (0, 16):
        waveforms = tuple((n / 2e9, "constant") for n in (length, length - 16, length + 16 + extra))
        plays = [("q0.drive", k, 100_000 * k, 0.1, 0.0, 0.0) for k in range(3)]
        program = lowered([straight(plays, waveforms=waveforms, length_s=2e-4)], period_s=3e-4)
        row = used(program, "waveform samples")
        assert (row.used, row.fits) == (98_304 + extra, not extra)


def test_amplitude():
    assert lowered([straight([("q0.drive", 0, 0, 1.0, 1e8, 0.0)])]).body
    with pytest.raises(
        CompileError, match=r"constant pulse on q0.drive: 1 V is over what qc0 reaches, 1 V: make it weaker"
    ):
        lowered([straight([("q0.drive", 0, 0, 1.00000002, 1e8, 0.0)])])
    with pytest.raises(CompileError, match="over what qc0 reaches"):
        lowered([straight([("q0.drive", 0, 0, np.nan, 1e8, 0.0)])])


def test_pulses_that_add_up_over_the_full_scale():
    plays = [("q0.drive", 0, 0, 0.6, 1e8, 0.0), ("q0.drive", 0, 8, 0.6, 1e8, 0.0)]
    with pytest.raises(CompileError, match=r"the pulses on q0.drive reach 1.2 V on output 1 of qc0, over its 1 V"):
        lowered([straight(plays)])


def test_end_of_the_period():
    program = lowered([straight([("q0.drive", 0, 0, 0.1, 1e8, 0.0)], length_s=20e-9)], period_s=1e-7)
    assert ZurichBody.from_bytes(program.body).period_samples == 320


@pytest.mark.parametrize("n", [16, 17])
def test_readout_waveforms(n):
    plays = [("q0.readout", 0, 2000 * k, 0.001 * (k + 1), 0.0, 0.0) for k in range(n)]
    program = lowered([straight(plays, length_s=2e-5)])
    row = used(program, "readout waveforms")
    assert (row.used, row.fits) == (n, n == 16) and bool(program.body) == row.fits


@pytest.mark.parametrize("n", [16, 17])
def test_integrators(n):
    captures = [("q0.readout", k, 3000 * k) for k in range(n)]
    program = lowered([straight(captures=captures, length_s=3e-5)], specs=[spec(k) for k in range(n)])
    row = used(program, "integrators")
    assert (row.used, row.fits) == (n, n == 16)


@pytest.mark.parametrize(("n_shots", "fits"), [(131_072, True), (131_073, False)])
def test_averages(n_shots, fits):
    program = lowered([straight(captures=[("q0.readout", 0, 0)])], specs=[spec()], n_shots=n_shots, averaged=True)
    assert used(program, "averages").fits == fits
    assert used(lowered([straight(captures=[("q0.readout", 0, 0)])], specs=[spec()], n_shots=n_shots), "averages").fits


@pytest.mark.parametrize(("n_shots", "fits"), [(524_288, True), (524_289, False)])
def test_results(n_shots, fits):
    program = lowered([straight(captures=[("q0.readout", 0, 0)])], specs=[spec()], n_shots=n_shots)
    assert used(program, "results").fits == fits


@pytest.mark.parametrize("length", [4096, 4097])
def test_length_of_readout(length):
    point = straight([("q0.readout", 0, 0, 0.1, 0.0, 0.0)], waveforms=((length / 2e9, "constant"),))
    caught = straight(captures=[("q0.readout", 0, 0)])
    if length == 4096:
        assert lowered([point]).body and lowered([caught], specs=[spec(length_s=length / 2e9)]).body
        return
    with pytest.raises(CompileError, match=r"readout pulse of qc0 needs 4097 samples, .*a waveform has 4096: shorten"):
        lowered([point])
    with pytest.raises(CompileError, match=r"capture into 'm0' needs 4100 samples of qc0.*4096: shorten it"):
        lowered([caught], specs=[spec(length_s=length / 2e9)])


def test_tones_that_add_up_over_the_full_scale():
    plays = [("q0.readout", 0, 0, 0.2, 1e7, 0.0), ("q1.readout", 0, 0, 0.2, 2e7, 0.0)]
    with pytest.raises(CompileError, match=r"play together reach 0.4 V on qc0, over its 0.3162 V"):
        lowered([straight(plays)])


def test_mixer_inside_the_box_takes_no_correction():
    lab = lab_with(('output = "qc0:1"', 'output = "qc0:1"\nmixer = { gain = 1.1 }'))
    with pytest.raises(CompileError, match=r"q0.drive has a mixer to correct, and a zurich-shfqc corrects none"):
        lowered([straight([("q0.drive", 0, 0, 0.1, 0.0, 0.0)], lab=lab)], lab=lab)


def test_readout_channel_has_one_carrier_that_it_can_be_brought_to():
    ports = [LAB.ports["q0.readout"], LAB.ports["q1.drive"]]
    box, model = LAB.instrument("qc0"), can.MODELS["zurich-shfqc"]
    assert carrier_of_readout(ports[:1], box, model, LAB) == 7.0e9
    with pytest.raises(
        CompileError, match=r"q0.readout and q1.drive share a readout channel, .* 7e\+09 and 4.8e\+09 Hz"
    ):
        carrier_of_readout(ports, box, model, LAB)
    lab = lab_with(("lo_hz = 7.0e9", "lo_hz = 7.05e9"))
    with pytest.raises(CompileError, match=r"what acquires q0.readout can't be mixed with its carrier of 7.05e\+09 Hz"):
        carrier_of_readout(ports[:1], box, model, lab)


@pytest.mark.parametrize("mode", ["raw", "swept"])
def test_captures_that_are_not_compiled(mode):
    more = {"mode": "raw"} if mode == "raw" else {"ifs_hz": np.array([1.0])}
    with pytest.raises(CompileError, match=mode):
        lowered([straight(captures=[("q0.readout", 0, 0)])], specs=[spec(**more)])


# --- wiring -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([("clock_hz = 2.4e9", "clock_hz = 1.2e9")], "hd0: clock_hz = 1200000000.0 is not 2.4e.09 or 2e.09"),
        ([(FLUX, FLUX.replace("2.0 }", "1.9 }"))],
         "hd0: output 1 amplitude_vpp = 1.9 is none of 0.2"),
        ([(FLUX, FLUX.replace("output.1", "output.9")),
          ("hd0:1", "hd0:9")], "hd0: output 9 is over the 8 of a zurich-hdawg"),
        ([(FLUX, FLUX.replace("2.0 }", "2.0, lo_hz = 1e9 }"))],
         "hd0: output 1 has an lo_hz; a zurich-hdawg does not up-convert"),
        ([("2.0, lo_hz = 4.8e9 }\n", "2.0, lo_hz = 5.0e9 }\n")],
         "qc0: outputs 1 and 2 share their carrier"),
        ([("lo_hz = 7.0e9", "lo_hz = 7.05e9")],
         "qc0: output 7 lo_hz = 7.05e.09 is no multiple of 1e.08 Hz"),
        ([("amplitude_vpp = 0.6324555, lo_hz = 7.0e9", "amplitude_vpp = 0.6324555"), ("7.000e9", "0.5e9"),
          ("7.035e9", "0.6e9")], "qc0: output 7 has no lo_hz"),
    ],
)  # fmt: skip
def test_settings_that_the_box_does_not_have(changes, words):
    lab = lab_with(*changes)
    points = [straight([("q0.drive", 0, 0, 0.1, 0.0, 0.0), ("q1.flux", 0, 0, 0.1, 0.0, 0.0)], lab=lab)]
    with pytest.raises(CompileError, match=words):
        for name in ("qc0", "hd0"):
            lowered(points, name, lab)


def test_two_flux_lines_of_one_core_and_a_pair_of_outputs():
    lab = lab_with(
        ("output.1 = { limits_v = [-1.0, 1.0], amplitude_vpp = 2.0 }",
         "output.1 = { limits_v = [-1.0, 1.0], amplitude_vpp = 2.0 }\n"
         "output.2 = { limits_v = [-1.0, 1.0], amplitude_vpp = 2.0 }"),
        ('[ports."q1.flux"]', '[ports."q0.flux"]\noutput = "hd0:2"\n\n[ports."q1.flux"]'),
    )  # fmt: skip
    plays = [("q0.flux", 0, 0, 0.1, 0.0, 0.0), ("q1.flux", 0, 10, 0.2, 0.0, 0.0)]
    program = lowered([straight(plays, lab=lab)], "hd0", lab)
    (core,) = ZurichBody.from_bytes(program.body).cores
    assert core.outputs == (1, 2) and set(core.ports) == {"q0.flux", "q1.flux"} and not core.modulated
    words = program.blobs[core.waveforms[0].digest].astype(int)
    assert words.shape == (64, 2) and np.flatnonzero(words[:, 0])[0] == np.flatnonzero(words[:, 1])[0] + 10
    assert words[0, 1] * 2 == pytest.approx(words[20, 0], abs=2)


def test_readout_that_another_channel_plays_is_acquired_alone():
    lab = lab_with(('output = "qc0:7"', 'output = "qc0:6"'), ("output.7", "output.6"), ("-0.36, 0.36", "-0.36, 0.36"))
    point = straight([("q0.readout", 0, 0, 0.1, 1e7, 0.0)], [("q0.readout", 0, 0)], lab=lab)
    body = ZurichBody.from_bytes(lowered([point], lab=lab, specs=[spec()]).body)
    (readout,) = body.readouts
    assert readout.lo_hz == lab.instrument("qc0").output[6].lo_hz == 7.0e9
    assert readout.outputs == () and not readout.generators and "startQA(0,QA_INT_0,0,0,0);" in readout.program
    assert [core.ports for core in body.cores] == [("q0.readout",)]


# --- the whole way ----------------------------------------------------------------------------------


def test_run_that_is_too_large_is_cut_into_batches():
    p = qctl.Program(["q0.drive"], ["q0"], ["q0"])
    with p.sweep("phase", np.linspace(0, 3, 6000), "rad") as phase:
        p.shift_phase("q0.drive", phase)
        p.sx("q0")
        p.measure("q0", "q0")
    ready = qctl.compile(p, LAB, shots=1)
    assert [batch.n_points for batch in ready.lowered.batches] == [3000, 3000]
    assert all(row.fits for _, row in ready.lowered.report)


def test_counts_of_what_stands_around():
    assert repeated(1) == ("", "", 0) and repeated(2)[2] == 3 and repeated(1_000_001)[2] == 4
    assert loaded([256] * 16, 4096) == 2 and loaded([256] * 17, 4096) == 4 and loaded([8192, 256], 4096) == 4
    assert loaded([256] * 5, 0) == 10
    for n in (0, 32, 524_272, 524_288, 524_272 * 2 + 16, 10**9):
        lines, n_instructions = silence(n, 524_272, 32, 1)
        total = 0
        for line in lines:
            times = int(line.split("(")[1].split(")")[0]) if line.startswith("repeat") else 1
            length = int(line.rsplit("playZero(", 1)[1].split(")")[0])
            assert 32 <= length <= 524_272 and length % 16 == 0
            total += times * length
        assert total == n and n_instructions <= 8


def test_table_version_and_form():
    (core,) = ZurichBody.from_bytes(lowered([straight([("q0.drive", 0, 0, 0.1, 1e8, 0.0)])]).body).cores
    assert json.loads(core.command_table)["header"] == {"version": can.MODELS["zurich-shfqc"].player.schema}
