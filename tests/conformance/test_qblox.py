"""Q1ASM of Qblox modules: the vendor's assembler takes it, and q1simulator plays what the timeline asks for."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import numpy as np
import pytest
from circuits import randomized
from qblox import RENDERED_NS, Played, assemble

import qctl
from qctl.instruments.qblox.body import QbloxBody, sequence_of
from qctl.lab import load_lab, parse_lab
from qctl.program.sampling import envelope_samples

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
KINDS = {"qblox-qcm": "QCM", "qblox-qrm": "QRM", "qblox-qcm-rf": "QCM-RF", "qblox-qrm-rf": "QRM-RF"}

_names = (f"sim{k}" for k in count())


@pytest.fixture(scope="module", params=["qblox2.toml", "qblox_rf2.toml"])
def lab(request):
    return load_lab(EXAMPLES / request.param)


def expected(rows, port, waveforms, period_ns, first, full_scale_v, modulated):
    """Return I + iQ in the DAC's steps before its rounding, by the formula that docs/adr/0009 states."""
    out = np.zeros(period_ns, complex)
    scale = full_scale_v * (np.sqrt(0.5) if modulated else 1)
    for play in rows[rows["port"] == port]:
        unit = np.conj(envelope_samples(waveforms[play["waveform"]], 10**9))
        if not modulated:
            unit = unit.real + 0j
        top = max(np.abs(unit.real).max(), np.abs(unit.imag).max())
        words = np.rint(unit.real / top * 32767).astype(int), np.rint(unit.imag / top * 32767).astype(int)
        gain = int(np.rint(play["amplitude"] * top / scale * 32768 * 32768 / 32767))
        i, q = (gain * words[0]) >> 15, (gain * words[1]) >> 15
        begin = int(play["start"]) + 4
        if not modulated:
            out[begin : begin + len(unit)] = i
            continue
        k = np.arange(len(unit))
        turns = round(play["frequency_hz"] * 4) / 4 * 1e-9 * (play["start"] + k + 0.5) - play["phase_rad"] / (2 * np.pi)
        out[begin : begin + len(unit)] = (i + 1j * q) * np.exp(2j * np.pi * turns) * np.sqrt(0.5)
    return out


def check(ready, lab, tmp_path):
    """Hold every batch and sequencer of a run to the judges; return how many instructions they have."""
    n_instructions = 0
    specs = ready.compiled[0].timeline.specs
    lengths_ns = [round(len(s.weights) if s.weights is not None else s.length_s * 1e9) for s in specs]
    for batch in ready.lowered.batches:
        straights = [
            timeline.straight(k)
            for timeline, part in zip((c.timeline for c in ready.compiled), ready.lowered.parts, strict=True)
            for k in range(part.n_points)
        ][batch.first_point : batch.first_point + batch.n_points]
        for program in batch.programs:
            if program.model == "qblox-cluster":  # it only starts the others
                continue
            body = QbloxBody.from_bytes(program.body)
            assert body.n_points == len(straights)
            for one in body.sequencers:
                n_words = assemble(one.program, tmp_path)
                used = next(row for row in program.usage if row.resource == "instructions")
                assert len(one.program.splitlines()) <= used.used <= used.allowed
                assert n_words <= used.allowed
                n_instructions += len(one.program.splitlines())
                hold(one, program, body, straights, lengths_ns, lab)
    return n_instructions


def hold(one, program, body, straights, lengths_ns, lab):
    kind = KINDS[program.model]
    full_scale_v = lab.instruments[program.instrument].output[one.outputs[0]].amplitude_vpp / 2
    played = Played(kind, sequence_of(one, program.blobs), one.modulated, one.integration_ns, next(_names))
    names = [port.name for port in straights[0].ports]
    port = names.index(one.port)
    n_points = min(len(straights), RENDERED_NS // body.period_ns)
    assert n_points > 0
    for p, straight in enumerate(straights[:n_points]):
        wanted = expected(
            straight.plays, port, straight.waveforms, body.period_ns, p * body.period_ns,
            full_scale_v, one.modulated,
        )  # fmt: skip
        got = played.samples[:, p * body.period_ns : (p + 1) * body.period_ns]
        if not one.modulated:
            np.testing.assert_array_equal(got[0], wanted.real)
            continue
        # The simulator cuts off what the DAC can't resolve.
        assert np.abs(got[0] - wanted.real).max() < 1 + 1e-6 and np.abs(got[1] - wanted.imag).max() < 1 + 1e-6
    if one.inputs:
        windows = [
            (p * body.period_ns + int(capture["start"]) + 4, lengths_ns[int(capture["capture"])])
            for p, straight in enumerate(straights)
            for capture in straight.captures[straight.captures["port"] == port]
        ]
        assert played.windows[: len(windows)] == windows
        for slot, acquisition in one.acquisitions.items():
            _, counts = played.bins[slot]
            assert len(counts) == acquisition.n_bins
            if len(one.acquisitions) == 1:
                assert np.nansum(counts) == len(windows) * body.n_shots
                assert np.nanmax(counts) == (body.n_shots if body.averaged else 1)


def test_two_qubit_circuit(lab, tmp_path):
    c = qctl.Circuit(2)
    c.sx(0)
    c.rz(0.3, 0)
    c.barrier(0, 1)
    c.sx(0)
    c.cz(0, 1)
    c.sx(1)
    c.x(0)
    c.measure_all()
    ready = qctl.compile(c, lab, shots=3)
    assert len({p.instrument for b in ready.lowered.batches for p in b.programs} - {"cluster0"}) == 3
    check(ready, lab, tmp_path)


def test_rabi_sweep_is_one_waveform_and_a_gain_for_each_point(lab, tmp_path):
    p = qctl.Program(["q0.drive", "q0.readout"], ["q0"], ["q0"])
    with p.sweep("amp", np.linspace(-0.25, 0.25, 9), "V") as amp:
        p.play("q0.drive", qctl.drag(20e-9, amp, sigma_s=5e-9, beta_s=0.36e-9))
        p.barrier()
        p.measure("q0", "q0")
    ready = qctl.compile(p, lab, shots=5, averaged=True)
    check(ready, lab, tmp_path)
    (batch,) = ready.lowered.batches
    module = lab.ports["q0.drive"].outputs[0].instrument
    (drive,) = QbloxBody.from_bytes(next(x.body for x in batch.programs if x.instrument == module)).sequencers
    assert len(drive.waveforms) == 2 and drive.program.count("set_awg_gain") == 9


def test_swept_delays_and_frequencies(lab, tmp_path):
    p = qctl.Program(["q0.drive"], ["q0"], ["q0"])
    with p.sweep("delay", [0.0, 33.0e-9, 70e-6, 290e-6, 700e-6], "s") as t:
        p.set_frequency("q0.drive", 4.70e9 + 1.234567e6)
        p.sx("q0")
        p.shift_frequency("q0.drive", -3e6)
        p.sx("q0")
        p.delay("q0", t)
        p.shift_frequency("q0.drive", 2e6)
        p.sx("q0")
        p.measure("q0", "q0")
    check(qctl.compile(p, lab, shots=2), lab, tmp_path)


def test_long_waits_and_trains_are_loops(lab, tmp_path):
    p = qctl.Program(["q0.drive"], ["q0"], ["q0"])
    for _ in range(50):
        p.play("q0.drive", qctl.gaussian(40e-9, amp=0.1))
        p.delay("q0.drive", 160e-9)
    p.delay("q0", 1.0e-3)
    p.measure("q0", "q0")
    ready = qctl.compile(p, lab, shots=2)
    assert check(ready, lab, tmp_path) < 60


def test_weights_and_several_results_of_one_shot(lab, tmp_path):
    weights = qctl.samples(np.exp(-np.arange(600) / 300) * (1 + 0.2j), 1e9)
    p = qctl.Program(["q0.readout"])
    for k in range(3):
        p.play("q0.readout", qctl.constant(800e-9, 0.05))
        p.delay("q0.readout", 40e-9)
        p.capture("q0.readout", weights if k == 1 else None, into=f"m{k}", duration_s=600e-9 if k else 400e-9)
        p.delay("q0.readout", 500e-9)
    for averaged in (False, True):
        check(qctl.compile(p, lab, shots=4, averaged=averaged), lab, tmp_path)


@pytest.mark.parametrize("n_qubits", [1, 2])
def test_set_of_random_sequences_is_cut_into_batches_that_the_assembler_takes(lab, tmp_path, n_qubits):
    ready = qctl.compile([randomized(n_qubits, 100, k) for k in range(120)], lab, shots=1)
    assert len(ready.lowered.batches) > 1
    assert sum(batch.n_points for batch in ready.lowered.batches) == 120
    assert check(ready, lab, tmp_path) > 120 * 150


def test_assembler_takes_what_is_made_for_a_qrc(tmp_path):
    text = (EXAMPLES / "qblox_rf2.toml").read_text("utf-8")
    for model in ("qblox-qcm-rf", "qblox-qrm-rf"):
        text = text.replace(model, "qblox-qrc")
    text = text.replace("4.95e9", "4.9e9").replace("6.95e9", "6.9e9")
    lab = parse_lab(text)
    ready = qctl.compile([randomized(2, 100, k) for k in range(60)], lab, shots=1)
    found = [(p, QbloxBody.from_bytes(p.body)) for p in ready.programs if p.model == "qblox-qrc"]
    assert len(found) > 1
    for program, body in found:
        assert {one.lo_hz for one in body.sequencers} <= {4.9e9, 6.9e9}
        for one in body.sequencers:
            used = next(row for row in program.usage if row.resource == "instructions")
            assert assemble(one.program, tmp_path) <= used.allowed == 12_288


def test_points_that_wait_for_triggers(tmp_path):
    """The assembler takes them; between triggers, which q1simulator does not know, the pulses are as asked for."""
    lab = load_lab(EXAMPLES / "open_architecture.toml")
    p = qctl.Program(["q0.drive", "q0.readout"], ["q0"], ["q0"])
    with p.sweep("amp", [0.1, 0.2, 0.3], "V") as amp:
        p.play("q0.drive", qctl.constant(40e-9, amp))
        p.barrier()
        p.measure("q0", "q0")
    ready = qctl.compile(p, lab, shots=2)
    program = next(one for one in ready.programs if one.instrument == "qcm0")
    (one,) = QbloxBody.from_bytes(program.body).sequencers
    assert assemble(one.program, tmp_path) > 0
    assert one.program.count("wait_trigger 15,4\n") == 3
    sequence = sequence_of(one, program.blobs)
    sequence["program"] = one.program.replace("wait_trigger 15,4", "wait 1000")
    size = np.hypot(*Played("QCM", sequence, one.modulated, 4, next(_names)).samples)
    edges = np.flatnonzero(np.diff((size > 100).astype(int), prepend=0, append=0))
    starts, stops = edges[::2], edges[1::2]
    assert (stops - starts).tolist() == [40] * 6
    volts = [size[a:b].mean() / 2**15 * 2.5 for a, b in zip(starts, stops, strict=True)]
    # A step of the DAC is 76 uV, and the mixer cuts off twice; two shots of each point come one after the other.
    np.testing.assert_allclose(volts, [0.1, 0.1, 0.2, 0.2, 0.3, 0.3], atol=2e-4)


@pytest.mark.parametrize("averaged", [False, True])
def test_captures_that_wait_for_triggers(averaged, tmp_path):
    """The assembler takes them; the simulator, to which waits are known times, fills each bin by the capture due."""
    text = (EXAMPLES / "qblox2.toml").read_text()
    led = text.replace(
        "line.1 = { width_s", 'trigger = { source = "trig0", line = 1, delay_s = 0.0 }\nline.1 = { width_s'
    )
    led += '\n[instruments.trig0]\nmodel = "qctl-trigger"\naddress = "TCPIP::127.0.0.1::9::SOCKET"\nclock_hz = 1.0e8\n'
    led += 'reference = "internal"\nline.1 = { width_s = 1.0e-7 }\n'
    p = qctl.Program(["q0.drive", "q0.readout"], ["q0"], ["q0", "again"])
    with p.sweep("amp", [0.1, 0.2, 0.3], "V") as amp:
        p.measure("q0", "q0")
        p.play("q0.drive", qctl.constant(40e-9, amp))
        p.barrier()
        p.measure("q0", "again")
    n_points, n_shots = 3, 4
    ready = qctl.compile(p, parse_lab(led), shots=n_shots, averaged=averaged)
    program = next(one for one in ready.programs if one.instrument == "qrm0")
    (one,) = QbloxBody.from_bytes(program.body).sequencers
    assert assemble(one.program, tmp_path) > 0
    assert one.program.count("wait_trigger 15,4\n") == n_points
    sequence = sequence_of(one, program.blobs)
    sequence["program"] = one.program.replace("wait_trigger 15,4", "wait 1000")
    played = Played("QRM", sequence, one.modulated, one.integration_ns, next(_names))
    assert len(played.windows) == 2 * n_points * n_shots
    starts = np.array([start for start, _ in played.windows]).reshape(n_points, n_shots, 2)
    assert len(set(np.diff(starts, axis=2).ravel().tolist())) == 1
    for slot, (path, counts) in played.bins.items():
        if averaged:
            assert counts.tolist() == [n_shots] * n_points
            continue
        assert one.point_captures == (2,) * n_points
        filled = np.flatnonzero(~np.isnan(path) & (counts > 0))
        # Shot after shot of a point, and point after point; both captures of a shot count on.
        assert filled.tolist() == list(range(slot == "again", 2 * n_points * n_shots, 2)), slot
