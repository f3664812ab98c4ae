"""SeqC: the vendor's compiler and its schema take it, and LabOne Q's simulator plays what the timeline asks for."""

from __future__ import annotations

import json

import numpy as np
import pytest
from circuits import randomized
from zurich import compiled, play_core, play_readout, schema
from zurich_racks import LAB, racks

import qctl
from qctl.instruments.zurich.body import ZurichBody
from qctl.instruments.zurich.marker import markers_of
from qctl.instruments.zurich.sequencers import MODELS
from qctl.lab import load_lab
from qctl.program.sampling import envelope_samples

KINDS = {"zurich-hdawg": "HDAWG", "zurich-shfsg": "SHFSG", "zurich-shfqc": "SHFSG"}
HEAD_S = 80e-9
FULL_SCALE = 32_767


@pytest.fixture(scope="module")
def lab():
    return load_lab(LAB)


def straights_of(ready):
    """Return each point of a run in order."""
    return [ready.straights[k] for k in range(len(ready.straights))]


def ideal(straight, ports, rate_hz, zero, n, full_scale_v):
    """Return what PLAY's docstring asks for at the box's own instants, the middles of its samples, in DAC steps."""
    names = [port.name for port in straight.ports]
    out = np.zeros(n, complex)
    for play in straight.plays:
        if names[play["port"]] not in ports:
            continue
        unit = np.conj(envelope_samples(straight.waveforms[play["waveform"]], rate_hz))
        k = int(play["start"]) + np.arange(len(unit))
        turns = play["frequency_hz"] * (k + 0.5) / float(rate_hz) - play["phase_rad"] / (2 * np.pi)
        keep = k + zero < n
        out[(k + zero)[keep]] += (play["amplitude"] / full_scale_v * unit * np.exp(2j * np.pi * turns))[keep]
    return out * FULL_SCALE


def check(ready, lab):
    """Hold every batch, core and readout channel of a run to the judges; return the usage rows of all programs."""
    rows, points = [], straights_of(ready)
    _specs[:] = ready.compiled[0].timeline.specs
    _lab_ports.clear()
    _lab_ports.update(lab.ports)
    delays = {i.name: i.trigger.delay_s for i in lab.instruments.values() if i.trigger}
    lead_s = {name: max(delays.values()) - delay_s for name, delay_s in delays.items()}
    for batch in ready.lowered.batches:
        own = points[batch.first_point : batch.first_point + batch.n_points]
        for program in batch.programs:
            if not program.model.startswith("zurich"):
                continue
            body, model = ZurichBody.from_bytes(program.body), MODELS[program.model]
            assert body.n_points == len(own) and all(row.fits for row in program.usage)
            rows += program.usage
            used = {row.resource: row.used for row in program.usage}
            instrument = lab.instrument(program.instrument)
            options = {"samplerate": instrument.clock_hz} if program.model == "zurich-hdawg" else {}
            zero = round((HEAD_S + lead_s.get(program.instrument, 0.0)) * instrument.clock_hz)
            for core in body.cores:
                if model.player.word:
                    options = {"sequencer": model.player.word}
                made = compiled(core.program, model.device, **options)
                assert made.n_instructions <= used["instructions"] <= model.player.max_instructions
                if len(body.cores) == 1 and body.n_shots < 300_000:
                    assert made.n_instructions == used["instructions"]
                assert sorted(made.lengths) == sorted(w.n_samples for w in core.waveforms)
                assert ("setTrigger(1)" in core.program) == (core.number in markers_of(instrument, lab))
                if not core.ports:
                    assert not core.command_table and not core.waveforms
                    continue
                table = json.loads(core.command_table)
                assert not list(schema("hdawg" if "hdawg" in program.model else "shfsg").iter_errors(table))
                assert len(table["table"]) <= used["table entries"] <= model.player.max_entries
                hold_core(core, program, body, instrument, own, zero, table)
            for readout in body.readouts:
                options = {"sequencer": model.readout.word} if model.readout.word else {}
                made = compiled(readout.program, model.device, **options)
                assert made.n_instructions == used["readout instructions"] or program.model == "zurich-uhfqa"
                kind = "SHFQA" if model.readout.generates else "UHFQA"
                hold_readout(readout, program, body, instrument, own, zero, kind)
    return rows


def hold_core(core, program, body, instrument, straights, zero, table):
    rate_hz = straights[0].ports[[p.name for p in straights[0].ports].index(core.ports[0])].rate_hz
    played = play_core(core, program.blobs, KINDS[program.model], float(rate_hz))
    full_scale_v = instrument.output[core.outputs[0]].amplitude_vpp / 2
    period = body.period_samples
    assert played.end == period * len(straights) * body.n_shots
    oscillators = [entry.get("oscillatorSelect", {"value": 0})["value"] for entry in table["table"]]
    for p, straight in enumerate(straights):
        spans = [
            (start - p * period, length, oscillators[entry])
            for start, length, entry in zip(played.starts, played.lengths, played.entries, strict=True)
            if p * period <= start < (p + 1) * period
        ]
        n = max((start + length for start, length, _ in spans), default=0) + 64
        n = min(n, period)
        k = np.arange(n)
        if not core.modulated:
            for channel, number in enumerate(core.outputs):
                mine = [q for q in core.ports if number in {r.output for r in lab_port(instrument, q)}]
                want = ideal(straight, mine, rate_hz, zero, n, full_scale_v).real
                got = played.wave(p * period, n, [channel]) * FULL_SCALE
                assert np.abs(got - want).max(initial=0) <= 1
            continue
        want = ideal(straight, core.ports, rate_hz, zero, n, full_scale_v)
        got = played.wave(p * period, n, [0, 1]) * FULL_SCALE
        hz = np.zeros(n)
        for start, length, oscillator in spans:
            hz[start : start + length] = core.oscillators_hz[oscillator]
        # The simulator leaves oscillators out, and shows an SHF's output with the other sign of Q, by its convention.
        if KINDS[program.model] == "SHFSG":
            got = np.conj(got) * np.exp(2j * np.pi * hz * k / float(rate_hz))
        else:
            got = got * np.exp(-2j * np.pi * hz * k / float(rate_hz))
        assert np.abs((got - want).real).max(initial=0) <= 1 and np.abs((got - want).imag).max(initial=0) <= 1


_lab_ports = {}


def lab_port(instrument, name):
    return [ref for ref in _lab_ports[name].outputs if ref.instrument == instrument.name]


def hold_readout(readout, program, body, instrument, straights, zero, kind):
    port = [p.name for p in straights[0].ports].index(readout.ports[0])
    rate_hz = straights[0].ports[port].rate_hz
    played = play_readout(readout, program.blobs, float(rate_hz), kind)
    full_scale_v = instrument.output[readout.outputs[0]].amplitude_vpp / 2
    period, names = body.period_samples, [p.name for p in straights[0].ports]
    mine = [names.index(q) for q in readout.ports]
    assert played.end == period * len(straights) * body.n_shots
    assert sum(bool(mask) for _, _, mask in played.acquired) == readout.n_results * (
        body.n_shots if body.averaged else 1
    )
    for p, straight in enumerate(straights):
        n = min(period, int(straight.plays["start"].max(initial=0)) + zero + 5_000)
        got = played.wave(p * period, n, [0, 1]) * FULL_SCALE
        want = ideal(straight, readout.ports, rate_hz, zero, n, full_scale_v)
        spans = np.flatnonzero(np.abs(want) > 0)
        assert len(spans) and np.abs(got[: spans[0]]).max(initial=0) == 0
        # Each tone begins anew with startQA: what is left of an absolute phase is taken off the ideal.
        begins = [s - p * period for s, _, _ in played.acquired if p * period <= s < (p + 1) * period]
        own = np.zeros(n, complex)
        for play in straight.plays[np.isin(straight.plays["port"], mine)]:
            one = straight.plays[:0].copy()
            one = np.append(one, play)
            begin = max(b for b in begins if b <= int(play["start"]) + zero)
            turns = play["frequency_hz"] * (begin - zero) / float(rate_hz)
            part = ideal(
                type(straight)(one, straight.captures, 0.0, straight.ports, straight.waveforms),
                readout.ports,
                rate_hz,
                zero,
                n,
                full_scale_v,
            )
            own += part * np.exp(-2j * np.pi * turns)
        n_tones = max(len(readout.generators), 1)
        assert np.abs((got - own).real).max() <= 0.5 * n_tones + 0.5
        assert np.abs((got - own).imag).max() <= 0.5 * n_tones + 0.5
        # What the integrators make of it has the phase that PLAY's convention gives it.
        for capture in straight.captures[np.isin(straight.captures["port"], mine)]:
            check_integral(capture, readout, program, straight, got, want, begins, float(rate_hz), zero)


def check_integral(capture, readout, program, straight, got, want, begins, rate_hz, zero):
    start = int(capture["start"]) + zero
    begin = max(b for b in begins if b <= start) + readout.delay_samples
    spec = _specs[int(capture["capture"])]
    n = round(spec.length_s * rate_hz)
    given = np.ones(n) if spec.weights is None else spec.weights[(np.arange(n) * len(spec.weights)) // n]
    t = (int(capture["start"]) + np.arange(n) + 0.5) / rate_hz
    expected = np.sum(want[start : start + n] * given * np.exp(-2j * np.pi * spec.if_hz * t))
    if not np.any(want[start : start + n]):
        return
    errors = []
    for one in readout.integrators:
        if one.slot == spec.slot:
            weights = program.blobs[one.digest] @ np.array([1, 1j])
            assert weights.shape == (one.n_samples,) and one.n_samples <= readout.length_samples <= 4096
            errors.append(abs(np.sum(got[begin : begin + one.n_samples] * weights) / expected - 1))
    # Other tones of the feedline are averaged out, not quite.
    assert min(errors) < (1e-3 if len(readout.ports) == 1 else 0.05)


_specs = []


def test_two_qubit_circuit(lab):
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
    assert {p.instrument for b in ready.lowered.batches for p in b.programs} == {"qc0", "hd0"}
    check(ready, lab)


def test_rabi_sweep_is_one_waveform_and_an_entry_for_each_point(lab):
    p = qctl.Program(["q0.drive", "q0.readout"], ["q0"], ["q0"])
    with p.sweep("amp", np.linspace(-0.8, 0.8, 9), "V") as amp:
        p.play("q0.drive", qctl.drag(20e-9, amp, sigma_s=5e-9, beta_s=0.36e-9))
        p.barrier()
        p.measure("q0", "q0")
    ready = qctl.compile(p, lab, shots=5, averaged=True)
    rows = {row.resource: row.used for row in check(ready, lab)}
    assert rows["waveforms"] == 1 and rows["table entries"] == 9


def test_swept_delays_and_frequencies(lab):
    p = qctl.Program(["q0.drive"], ["q0"], ["q0"])
    with p.sweep("delay", [0.0, 33.0e-9, 70e-6, 290e-6], "s") as t:
        p.set_frequency("q0.drive", 4.70e9 + 1.234567e6)
        p.sx("q0")
        p.shift_frequency("q0.drive", -3e6)
        p.sx("q0")
        p.delay("q0", t)
        p.shift_frequency("q0.drive", 2e6)
        p.sx("q0")
        p.measure("q0", "q0")
    check(qctl.compile(p, lab, shots=2), lab)


def test_more_frequencies_than_oscillators_are_rendered(lab):
    p = qctl.Program(["q0.drive"], ["q0"], ["q0"])
    with p.sweep("f", np.linspace(4.6e9, 4.8e9, 21), "Hz") as f:
        p.set_frequency("q0.drive", f)
        p.play("q0.drive", qctl.gaussian(64e-9, amp=0.2))
        p.sx("q0")
    ready = qctl.compile(p, lab, shots=2)
    rows = {row.resource: row.used for row in check(ready, lab)}
    assert rows["waveforms"] > 9


def test_long_waits_and_trains_are_loops(lab):
    p = qctl.Program(["q0.drive"], ["q0"], ["q0"])
    for _ in range(50):
        p.play("q0.drive", qctl.gaussian(40e-9, amp=0.1))
        p.delay("q0.drive", 160e-9)
    p.delay("q0", 1.0e-3)
    p.measure("q0", "q0")
    ready = qctl.compile(p, lab, shots=2)
    rows = {row.resource: row.used for row in check(ready, lab)}
    assert rows["instructions"] < 40


@pytest.mark.parametrize("length_s", [5e-10, 2e-9, 8.5e-9, 17e-9, 20e-9, 33.5e-9])
def test_pulses_of_any_length_at_any_sample(lab, length_s):
    rng = np.random.default_rng(1)
    p = qctl.Program(["q0.drive"], ["q0"], ["q0"])
    for _ in range(40):
        p.shift_phase("q0.drive", float(rng.integers(4)) * np.pi / 2)
        p.play("q0.drive", qctl.constant(length_s, float(rng.uniform(-0.5, 0.5))))
        p.delay("q0.drive", float(rng.integers(0, 40)) * 0.5e-9)
    check(qctl.compile(p, lab, shots=2), lab)


def test_weights_and_several_results_of_one_shot(lab):
    weights = qctl.samples(np.exp(-np.arange(600) / 300) * (1 + 0.2j), 1e9)
    p = qctl.Program(["q0.readout"])
    for k in range(3):
        p.play("q0.readout", qctl.constant(800e-9, 0.05))
        p.delay("q0.readout", 40e-9)
        p.capture("q0.readout", weights if k == 1 else None, into=f"m{k}", duration_s=600e-9 if k else 400e-9)
        p.delay("q0.readout", 500e-9)
    for averaged in (False, True):
        check(qctl.compile(p, lab, shots=4, averaged=averaged), lab)


@pytest.mark.parametrize("n_qubits", [1, 2])
def test_set_of_random_sequences(lab, n_qubits):
    ready = qctl.compile([randomized(n_qubits, 40, k) for k in range(12)], lab, shots=1)
    assert sum(batch.n_points for batch in ready.lowered.batches) == 12
    check(ready, lab)


@pytest.mark.parametrize("name", ["shfsg-shfqa", "hdawg-uhfqa"])
@pytest.mark.parametrize("averaged", [False, True])
def test_other_racks(name, averaged):
    lab = racks()[name]
    ready = qctl.compile([randomized(2, 30, k) for k in range(3)], lab, shots=2, averaged=averaged)
    assert {p.instrument for b in ready.lowered.batches for p in b.programs} == {"qc0", "hd0", "qa0"}
    check(ready, lab)


@pytest.mark.parametrize("name", ["shfsg-shfqa", "hdawg-uhfqa"])
def test_two_flux_lines_of_one_core(name):
    lab = racks()[name]
    p = qctl.Program(["q0.flux", "q1.flux"], ["q0", "q1"])
    for k in range(20):
        p.play("q0.flux", qctl.flat_top(23e-9, amp=0.3 - 0.02 * k, rise_s=2e-9))
        p.play("q1.flux", qctl.gaussian(31.5e-9, amp=0.1 + 0.01 * k))
        p.delay("q1.flux", 5e-9 * (k % 4))
    check(qctl.compile(p, lab, shots=2), lab)


def test_swept_frequencies_and_phases_on_an_hdawg():
    lab = racks()["hdawg-uhfqa"]
    p = qctl.Program(["q0.drive"], ["q0"], ["q0"])
    with p.sweep("f", np.linspace(4.65e9, 4.75e9, 5), "Hz") as f:
        p.sx("q0")
        p.set_frequency("q0.drive", f)
        p.shift_phase("q0.drive", 0.7)
        p.sx("q0")
        p.delay("q0.drive", 17e-9)
        p.sx("q0")
    check(qctl.compile(p, lab, shots=2), lab)


@pytest.mark.parametrize(("model", "most"), [("zurich-shfsg", 32_768), ("zurich-hdawg", 16_384)])
def test_fullest_program_is_taken_and_one_instruction_more_is_refused_by_both(model, most):
    lab = racks()["shfsg-shfqa" if "shf" in model else "hdawg-uhfqa"]
    rate_hz = lab.instrument("qc0").clock_hz
    device, options = MODELS[model].device, {"samplerate": rate_hz} if "hdawg" in model else {}
    n = most // 2 - 12
    p = qctl.Program(["q0.drive"], ["q0"], ["q0"])
    rng = np.random.default_rng(3)
    for _ in range(n):
        p.play("q0.drive", qctl.constant(32 / rate_hz, 0.1 + 0.1 * int(rng.integers(2))))
        p.delay("q0.drive", (32 + 16 * int(rng.integers(3))) / rate_hz)
    ready = qctl.compile(p, lab, shots=2)
    (program,) = [x for b in ready.lowered.batches for x in b.programs if x.instrument == "qc0"]
    (core,) = ZurichBody.from_bytes(program.body).cores
    used = next(row.used for row in program.usage if row.resource == "instructions")
    assert compiled(core.program, device, **options).n_instructions == used <= most
    body, end = core.program.rsplit("}", 1)
    fullest = body + "executeTableEntry(0);\n" * (most - used) + "}" + end
    assert compiled(fullest, device, **options).n_instructions == most
    with pytest.raises(RuntimeError, match="too large"):
        compiled(body + "executeTableEntry(0);\n" * (most - used + 1) + "}" + end, device, **options)


def test_fullest_waveform_memory_is_taken():
    lab = racks()["shfsg-shfqa"]
    p = qctl.Program(["q0.drive"], ["q0"], ["q0"])
    for k in range(98_304 // 1024):
        p.play("q0.drive", qctl.gaussian(512e-9, amp=0.1, sigma_s=(60 + k) * 1e-9))
        p.delay("q0.drive", 64e-9)
    ready = qctl.compile(p, lab, shots=2)
    rows = {row.resource: row for row in check(ready, lab)}
    assert rows["waveform samples"].used == rows["waveform samples"].allowed == 98_304
    p.play("q0.drive", qctl.gaussian(16e-9, amp=0.1))
    with pytest.raises(qctl.errors.CompileError, match=r"needs 98336 waveform samples of qc0 .*, which has 98304"):
        qctl.compile(p, lab, shots=2)
