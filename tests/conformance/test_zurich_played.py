"""The emulated sequencers play, from the vendor's own ELF files, what LabOne Q's simulator plays: within a DAC step."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from circuits import randomized
from zurich import compile_seqc, compiled, play_core, play_readout
from zurich_racks import LAB, racks

import qctl
from qctl.hil.instruments.zurich.device import Device
from qctl.hil.instruments.zurich.rendering import rendered, track_of
from qctl.hil.instruments.zurich.sequence import ENTRY, START
from qctl.hil.instruments.zurich.shots import with_phases
from qctl.instruments.zurich.body import Core, ZurichBody
from qctl.instruments.zurich.nodes import INTERNAL, place_of, settings_of
from qctl.instruments.zurich.sequencers import MODELS
from qctl.lab import load_lab, parse_lab

KINDS = {"zurich-hdawg": "HDAWG", "zurich-shfsg": "SHFSG", "zurich-shfqc": "SHFSG"}
FULL_SCALE = 32_767
WIRE = 'trigger = { source = "trig0", line = 1, delay_s = 8.0e-8 }'
TRIGGER = """
[instruments.trig0]
model = "qctl-trigger"
address = "ASRL/dev/ttyACM0::INSTR"
clock_hz = 1.0e8
reference = "internal"
safe = { outputs = "off" }
line.1 = { width_s = 1.0e-7 }
"""


def emulated(program, instrument):
    """Return an emulated device that holds a program, and its body."""
    body, model = ZurichBody.from_bytes(program.body), MODELS[program.model]
    counted = {}
    device = Device(program.instrument, program.model, "dev1", lambda **amounts: counted.update(amounts))
    for one in body.sequencers:
        kind = model.player if isinstance(one, Core) else model.readout
        options = {"sequencer": kind.word} if kind.word else {}
        if program.model == "zurich-hdawg":
            options["samplerate"] = instrument.clock_hz
            device.set("system/clocks/sampleclock/freq", instrument.clock_hz)
        place = place_of(program.model, one)
        for path, value in settings_of(program.model, one, INTERNAL):
            device.set(path, value)
            assert device.tree.value(path) == pytest.approx(value)
        elf, extra = compile_seqc(one.program, model.device, "", one.number, **options)
        assert extra["messages"] == ""
        device.set(f"{place}/elf/data", np.frombuffer(elf, np.uint8))
        if isinstance(one, Core):
            for w in one.waveforms:
                device.set(f"{place}/waveform/waves/{w.index}", program.blobs[w.digest].reshape(-1))
            device.set(f"{place}/commandtable/data", one.command_table)
            assert device.tree.value(f"{place}/commandtable/status") == 1
        elif program.model == "zurich-uhfqa":
            for w in one.generators:
                device.set(f"{place}/waveform/waves/{w.index}", program.blobs[w.digest].reshape(-1))
        else:
            for w in one.generators:
                samples = (program.blobs[w.digest] / FULL_SCALE) @ np.array([1, 1j])
                device.set(f"qachannels/{one.number}/generator/waveforms/{w.index}/wave", samples)
    return device, body


def hold(ready, lab):
    """Hold every sequencer of a run to LabOne Q's simulator."""
    n_held = 0
    for batch in ready.lowered.batches:
        for program in batch.programs:
            if program.model not in (*KINDS, "zurich-shfqa", "zurich-uhfqa"):
                continue
            instrument = lab.instrument(program.instrument)
            device, body = emulated(program, instrument)
            by_place = {one.place: one for one in device.sequencers}
            for one in body.sequencers:
                track = with_phases(track_of(device, by_place[place_of(program.model, one)]))
                hold_one(one, program, body, track, instrument.clock_hz)
                n_held += 1
    return n_held


def hold_one(one, program, body, track, rate_hz):
    is_core = isinstance(one, Core)
    kind = KINDS.get(program.model, "")
    reader = "UHFQA" if program.model == "zurich-uhfqa" else "SHFQA"
    played = (
        play_core(one, program.blobs, kind, rate_hz) if is_core else play_readout(one, program.blobs, rate_hz, reader)
    )
    rows, period = track.rows, body.period_samples
    if is_core:
        assert rows["time"][rows["operation"] == ENTRY].tolist() == played.starts
        assert rows["a"][rows["operation"] == ENTRY].tolist() == played.entries
    else:
        starts = rows[rows["operation"] == START]
        assert [(int(t), int(a), int(b)) for t, a, b in zip(starts["time"], starts["a"], starts["b"], strict=True)] == (
            played.acquired
        )
    table = {row["index"]: row for row in json.loads(one.command_table)["table"]} if is_core else {}
    for p in range(body.n_points):
        low, high = np.searchsorted(rows["time"], [p * period, (p + 1) * period])
        if low == high:
            continue
        end = int((rows["time"] + track.lengths)[low:high].max()) - p * period
        found = rendered(track, int(low), int(high), p * period, end + 4096)[:, :end] * FULL_SCALE
        if is_core and not one.modulated:
            for channel, number in enumerate(one.outputs):
                want = played.wave(p * period, end, [channel]) * FULL_SCALE
                assert np.abs(found[number - 2 * one.number - 1] - want).max(initial=0) <= 1
            continue
        want = played.wave(p * period, end, [0, 1]) * FULL_SCALE
        if is_core:
            want = turned(want, one, rows[low:high], table, p * period, rate_hz, kind)
        assert np.abs(found[0] - want.real).max(initial=0) <= 1 and np.abs(found[1] - want.imag).max(initial=0) <= 1


def turned(want, core, rows, table, origin, rate_hz, kind):
    """Return what the simulator plays with the oscillators, which it leaves out."""
    hz = np.zeros(len(want))
    for row in rows[rows["operation"] == ENTRY]:
        oscillator = table[int(row["a"])].get("oscillatorSelect", {"value": 0})["value"]
        begin = int(row["time"]) - origin
        hz[begin : begin + int(row["length"])] = core.oscillators_hz[oscillator]
    turns = 2j * np.pi * hz * np.arange(len(want)) / rate_hz
    # It shows an SHF's output with the other sign of Q.
    return np.conj(want) * np.exp(turns) if kind == "SHFSG" else want * np.exp(-turns)


@pytest.fixture(scope="module")
def lab():
    return load_lab(LAB)


def test_two_qubit_circuits(lab):
    assert hold(qctl.compile([randomized(2, 12, k) for k in range(3)], lab, shots=2), lab) >= 4


def test_rabi_sweep(lab):
    p = qctl.Program(["q0.drive", "q0.readout"], ["q0"], ["q0"])
    with p.sweep("amp", np.linspace(-0.8, 0.8, 9), "V") as amp:
        p.play("q0.drive", qctl.drag(20e-9, amp, sigma_s=5e-9, beta_s=0.36e-9))
        p.barrier()
        p.measure("q0", "q0")
    assert hold(qctl.compile(p, lab, shots=3, averaged=True), lab) == 2


def test_delays_and_frequencies(lab):
    p = qctl.Program(["q0.drive"], ["q0"], ["q0"])
    with p.sweep("delay", [0.0, 33.0e-9, 7e-6], "s") as t:
        p.set_frequency("q0.drive", 4.70e9 + 1.234567e6)
        p.sx("q0")
        p.shift_frequency("q0.drive", -3e6)
        p.delay("q0", t)
        p.sx("q0")
        p.measure("q0", "q0")
    assert hold(qctl.compile(p, lab, shots=2), lab) == 2


def test_trains_that_are_loops(lab):
    p = qctl.Program(["q0.drive"], ["q0"], ["q0"])
    for _ in range(50):
        p.play("q0.drive", qctl.gaussian(40e-9, amp=0.1))
        p.delay("q0.drive", 160e-9)
    p.measure("q0", "q0")
    assert hold(qctl.compile(p, lab, shots=2), lab) == 2


@pytest.mark.parametrize("name", ["shfsg-shfqa", "hdawg-uhfqa"])
def test_other_racks(name):
    lab = racks()[name]
    assert hold(qctl.compile([randomized(2, 8, k) for k in range(2)], lab, shots=2), lab) >= 3


def test_vendors_elf_file_has_the_source(lab):
    text = "waitDigTrigger(1);\nplayZero(64);\n"
    elf, _ = compile_seqc(text, "SHFSG8")
    device = Device("qc0", "zurich-shfsg", "dev1", lambda **amounts: None)
    device.set("sgchannels/0/awg/elf/data", np.frombuffer(elf, np.uint8))
    assert [call.name for call in device.sequencers[0].script.body] == ["waitDigTrigger", "playZero"]
    assert struct.unpack_from("<4s", elf)[0] == b"\x7fELF"


def test_shots_with_triggers_of_their_own_are_taken_by_the_compiler_and_counted():
    text, address = LAB.read_text("utf-8"), 'address = "zhinst://127.0.0.1:8004/dev12001"'
    text = text.replace('trigger = "qc0"', 'trigger = "trig0"').replace('source = "qc0"', 'source = "trig0"')
    text = text.replace(address, f"{address}\n{WIRE}")
    lab = parse_lab(text + TRIGGER)
    for count in (1, 7):
        ready = qctl.compile([randomized(2, 8, k) for k in range(3)], lab, shots=count)
        for batch in ready.lowered.batches:
            for program in batch.programs:
                if program.model not in MODELS:
                    continue
                body, model = ZurichBody.from_bytes(program.body), MODELS[program.model]
                assert body.each_trigger
                used = {row.resource: row.used for row in program.usage}
                for one in body.sequencers:
                    kind = model.player if isinstance(one, Core) else model.readout
                    options = {"sequencer": kind.word} if kind.word else {"samplerate": 2.4e9}
                    made = compiled(one.program, model.device, **options)
                    assert one.program.count("waitDigTrigger") == body.n_points
                    name = "instructions" if isinstance(one, Core) else "readout instructions"
                    assert made.n_instructions <= used[name]
