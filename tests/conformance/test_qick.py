"""Programs of a QICK board: its assembler takes them, its own compiler makes the same words, and events are in time."""

from __future__ import annotations

import json
import warnings
from contextlib import redirect_stdout
from fractions import Fraction
from io import StringIO
from pathlib import Path

import msgspec
import numpy as np
import pytest
from qick_judge import Played, assemble

import qctl
from qctl.errors import CompileError, TimingError
from qctl.instruments.qick.body import QickBody
from qctl.instruments.qick.lower import LEAD_TICKS
from qctl.lab import load_lab

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
SOCCFG = json.loads((EXAMPLES / "qick_zcu216.json").read_text("utf-8"))
TIMING_HZ = 430_080_000
RATE_HZ = 9_584_640_000


@pytest.fixture
def lab():
    return load_lab(EXAMPLES / "qick2.toml")


def board_with(lab, change):
    """Return the lab with another soccfg."""
    soccfg = json.loads(json.dumps(SOCCFG))
    change(soccfg)
    board0 = msgspec.structs.replace(lab.instruments["board0"], board=json.dumps(soccfg))
    return msgspec.structs.replace(lab, instruments={**lab.instruments, "board0": board0})


def check(ready, soccfg=SOCCFG):
    """Hold every batch of a run to the judges; return its bodies."""
    bodies = []
    straights = [
        timeline.straight(k)
        for timeline, part in zip((c.timeline for c in ready.compiled), ready.lowered.parts, strict=True)
        for k in range(part.n_points)
    ]
    for batch in ready.lowered.batches:
        (program,) = batch.programs
        body = QickBody.from_bytes(program.body)
        words = assemble(body.program)
        used = {row.resource: row for row in program.usage}
        assert len(words) <= used["instructions"].used <= used["instructions"].allowed
        waves = program.blobs[body.waves]
        assert len(waves) == used["waveforms"].used
        played = Played(body.program, TIMING_HZ / 200e6)
        assert played.late <= 0 and played.n_shots == body.n_shots
        hold(played, body, waves, straights[batch.first_point : batch.first_point + batch.n_points], soccfg)
        bodies.append((body, waves, played))
    return bodies


def hold(played, body, waves, straights, soccfg):
    """Compare the events of the text with what the straights ask for, each within half a tick of its clock."""
    starts = {}
    head = played.first
    by_port: dict[int, list] = {}
    for tick, port, entry in played.waves:
        by_port.setdefault(port, []).append((tick - head, entry))
    for shot in range(body.n_shots):
        for p, straight in enumerate(straights):
            zero = (shot * len(straights) + p) * body.period_ticks
            for play in straight.plays:
                name = straight.ports[int(play["port"])].name
                starts.setdefault(GENERATOR[name], []).append((zero, play, straight))
    for number, wanted in starts.items():
        found = [(t, waves[e]) for t, e in by_port[soccfg["gens"][number]["tproc_ch"]] if waves[e][5] != 16]
        assert len(found) == len(wanted)
        wanted.sort(key=lambda w: (w[0], w[1]["start"]))
        for (tick, wave), (zero, play, straight) in zip(found, wanted, strict=True):
            asked = Fraction(int(play["start"])) * TIMING_HZ / RATE_HZ
            assert abs(tick - zero - LEAD_TICKS - asked) <= Fraction(1, 2)
            assert abs(float(tick - zero - LEAD_TICKS - asked)) / TIMING_HZ <= body.start_error_s + 1e-18
            waveform = straight.waveforms[int(play["waveform"])]
            cycles = float(waveform.duration_s) * soccfg["gens"][number]["f_fabric"] * 1e6
            assert -0.5 <= wave[4] - cycles <= (0.5 if waveform.kind == "constant" else 1.0)
            step_hz = soccfg["gens"][number]["fs"] * 1e6 / 2**32
            made_hz = wave[0] * step_hz
            rough = 40 * step_hz if "readout" in straight.ports[int(play["port"])].name else 0.5001 * step_hz
            assert abs((made_hz - play["frequency_hz"] + RATE_HZ / 2) % RATE_HZ - RATE_HZ / 2) <= rough
            if wave[5] == 8 and "drive" in straight.ports[int(play["port"])].name:
                # The carrier has run from the point's start; in the middle of the pulse's first sample it has the
                # frame's phase.
                time_s = (tick - zero - LEAD_TICKS) / TIMING_HZ + 0.5 / RATE_HZ
                turns = made_hz * ((tick - zero) / TIMING_HZ) + wave[1] / 2**32
                turns -= play["frequency_hz"] * time_s - play["phase_rad"] / (2 * np.pi)
                assert abs((turns + 0.5) % 1 - 0.5) < 1e-6
    for readout in body.readouts:
        bit = 1 << soccfg["readouts"][readout.number]["trigger_bit"]
        edges = [(tick - head, bool(word & bit)) for tick, _, word in played.words]
        rises = [t for (t, up), (_, before) in zip(edges, [(0, False), *edges], strict=False) if up and not before]
        asked = [
            (shot * len(straights) + p) * body.period_ticks
            + LEAD_TICKS
            + Fraction(int(c["start"])) * TIMING_HZ / RATE_HZ
            for shot in range(body.n_shots)
            for p, s in enumerate(straights)
            for c in s.captures
            if s.ports[int(c["port"])].name == readout.port
        ]
        assert len(rises) == len(asked) and all(abs(a - b) <= 0.5 for a, b in zip(rises, sorted(asked), strict=True))


GENERATOR = {"q0.drive": 0, "q1.drive": 1, "q0.readout": 2, "q1.readout": 3, "q1.flux": 4}


def randomized(n_pulses, seed):
    """Return a circuit of random π/2 pulses on two qubits with CZ gates between, and its measurement."""
    rng = np.random.default_rng(seed)
    c = qctl.Circuit(2)
    for k in range(n_pulses):
        for q in range(2):
            c.rz(float(rng.uniform(0, 6)), q)
            c.sx(q)
        c.barrier(0, 1)
        if k % 4 == 3:
            c.cz(0, 1)
            c.barrier(0, 1)
    c.measure_all()
    return c


def test_random_circuits_are_taken_and_in_time(lab):
    ready = qctl.compile([randomized(40, seed) for seed in range(3)], lab, shots=2)
    check(ready)
    assert {p.model for p in ready.programs} == {"qick-tproc-v2"}


def test_rabi_sweep_is_one_envelope_and_a_wave_for_each_gain(lab):
    p = qctl.Program(["q0.drive", "q0.readout"], ["q0"], ["q0"])
    with p.sweep("amp", np.linspace(-0.25, 0.25, 9), "V") as amp:
        p.play("q0.drive", qctl.drag(20.032e-9, amp, sigma_s=5e-9, beta_s=0.36e-9))
        p.barrier()
        p.measure("q0", "q0")
    ((body, waves, _),) = check(qctl.compile(p, lab, shots=5, averaged=True))
    gains = sorted(int(w[3]) for w in waves if w[5] == 8)
    # A zero-gain pulse is a wave, too; 0.25 of 0.4 V is 5/8 of full scale, times the largest sample.
    assert len(gains) == 9 and gains[0] == -gains[-1] and gains[4] == 0
    assert len({g.envelopes for g in body.generators if g.envelopes}) == 1


def test_swept_delays_and_detunings_keep_the_frame_s_phase(lab):
    p = qctl.Program(["q0.drive"], ["q0"], ["q0"])
    with p.sweep("delay", [0.0, 33.0e-9, 70e-6, 700e-6], "s") as t:
        p.set_frequency("q0.drive", 3.90e9 + 1.234567e6)
        p.sx("q0")
        p.shift_frequency("q0.drive", -3e6)
        p.sx("q0")
        p.delay("q0", t)
        p.sx("q0")
        p.measure("q0", "q0")
    check(qctl.compile(p, lab, shots=2))


def test_trains_are_loops_and_their_error_does_not_add_up(lab):
    p = qctl.Program(["q0.drive"], ["q0"], ["q0"])
    for _ in range(200):
        p.play("q0.drive", qctl.gaussian(40e-9, amp=0.1))
        p.delay("q0.drive", 112e-9 - 40e-9 + 1e-6)
    p.measure("q0", "q0")
    ((body, _, played),) = check(qctl.compile(p, lab, shots=2))
    assert len([1 for _, port, _ in played.waves if port == 0]) == 2 * 201
    assert body.start_error_s <= 0.5 / TIMING_HZ
    # Frames turn from pulse to pulse; without a carrier, equal pulses on the grid are one loop.
    q = qctl.Program(["q1.flux"])
    for _ in range(300):
        q.play("q1.flux", qctl.gaussian(62.5e-9, amp=0.1))
        q.delay("q1.flux", 2.5e-6 - 62.5e-9)
    ready = qctl.compile(q, lab, shots=2)
    ((body, _, played),) = check(ready)
    assert len(body.program.splitlines()) < 40 and len(played.waves) == 2 * 301


def test_words_and_times_are_those_of_qick_s_own_compiler(lab):
    with redirect_stdout(StringIO()):
        from qick import QickConfig
        from qick.asm_v2 import AveragerProgramV2

    p = qctl.Program(["q0.readout"])
    p.play("q0.readout", qctl.gaussian(100e-9, amp=0.2))
    p.delay("q0.readout", 200e-9)
    p.play("q0.readout", qctl.constant(800e-9, 0.1))
    p.capture("q0.readout", into="m", duration_s=600e-9)
    q = qctl.compile(p, lab, shots=7)
    ((body, waves, played),) = check(q)
    (program,) = q.programs
    straight = q.timeline.straight(0)
    starts_us = [float(x["start"]) / RATE_HZ * 1e6 for x in (*straight.plays, *straight.captures)]
    (generator,) = body.generators
    memory = program.blobs[generator.envelopes]
    lead_us = LEAD_TICKS / TIMING_HZ * 1e6

    class Same(AveragerProgramV2):
        def _initialize(self, cfg):
            self.declare_gen(ch=2, nqz=1)
            self.declare_readout(ch=0, length=0.6, freq=1000, gen_ch=2)
            self.add_envelope(ch=2, name="bell", idata=memory[:, 0], qdata=memory[:, 1])
            common = {"ch": 2, "ro_ch": 0, "freq": 1000}
            turns = [w[1] / 2**32 for w in mine]
            self.add_pulse(name="bell", style="arb", envelope="bell", phase=360 * turns[0], gain=0.5, **common)
            self.add_pulse(name="flat", style="const", length=0.8, phase=360 * turns[1], gain=0.25, **common)

        def _body(self, cfg):
            self.pulse(ch=2, name="bell", t=starts_us[0] + lead_us)
            self.pulse(ch=2, name="flat", t=starts_us[1] + lead_us)
            self.trigger(ros=[0], t=starts_us[2] + lead_us)

    mine = [waves[entry] for _, port, entry in played.waves if port == 2][:2]
    with redirect_stdout(StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = Same(QickConfig(SOCCFG), reps=7, final_delay=1.0)
        regs = theirs.soccfg.freq2reg(1000, gen_ch=2, ro_ch=0)
        rounded = theirs.soccfg.adcfreq(1000, gen_ch=2, ro_ch=0)
    words = theirs.binprog["wmem"]
    for ours, row in zip(mine, words, strict=True):
        freq, phase, env, gain, length, conf = (int(x) for x in np.asarray(row)[:6])
        assert ours[0] == freq % 2**32 == regs and ours[2] == env and (ours[4], ours[5]) == (length, conf)
        assert abs((int(ours[1]) - phase + 2**31) % 2**32 - 2**31) <= 1  # through degrees and back
        assert abs(int(ours[3]) - gain) <= 1  # qick cuts off, and takes half of full scale for what has a peak below 1
    assert body.readouts[0].frequency_hz == pytest.approx(rounded * 1e6, abs=1e-3)
    assert body.readouts[0].length == theirs.ro_chs[0]["length"]
    times = [int(one["TIME"].lstrip("@")) for one in theirs.prog_list if one["CMD"] in ("WPORT_WR", "DPORT_WR")]
    first = sorted([(t, 0) for t, *_ in played.waves[:2]] + [(t, 1) for t, *_ in played.words[:2]])
    zero = first[0][0] - times[0]
    assert zero == played.first and [t - zero for t, _ in first] == times


def test_a_tproc_configured_readout_is_set_at_each_point(lab):
    p = qctl.Program(["q1.readout"])
    p.play("q1.readout", qctl.constant(500e-9, 0.1))
    p.capture("q1.readout", into="m", duration_s=400e-9)
    ((_, waves, played),) = check(qctl.compile(p, lab, shots=2))
    with redirect_stdout(StringIO()):
        from qick import QickConfig

        wanted = QickConfig(SOCCFG).freq2reg_adc(1000, ro_ch=1, gen_ch=3)
    set_to = [waves[entry] for _, port, entry in played.waves if port == 9]
    assert len(set_to) == 2 and all((-int(w[0])) % 2**32 == wanted and w[5] == 8 for w in set_to)


def test_at_the_limit_it_passes_and_one_more_is_refused(lab):
    def long(cycles):
        p = qctl.Program(["q0.drive"])
        p.play("q0.drive", qctl.constant(cycles / 599.04e6, 0.1))
        return qctl.compile(p, lab, shots=1)

    for cycles in (3, 65_535):
        check(long(cycles))
    for cycles in (2, 65_536):
        with pytest.raises(CompileError, match=rf"q0\.drive.*{cycles}|{cycles}.*q0\.drive"):
            long(cycles)

    def strong(amp):
        p = qctl.Program(["q0.drive"])
        p.play("q0.drive", qctl.constant(50e-9, amp))
        return qctl.compile(p, lab, shots=1)

    ((_, waves, _),) = check(strong(0.4))
    assert waves[:, 3].max() == 32_766
    with pytest.raises(CompileError, match=r"q0\.drive.*0\.4001 V is over.*0\.4 V: lower it"):
        strong(0.40013)


@pytest.mark.parametrize(("key", "resource"), [("wmem_size", "waveforms"), ("pmem_size", "instructions")])
def test_a_full_memory_passes_and_a_smaller_one_cuts_or_refuses(lab, key, resource):
    circuit = randomized(20, 1)
    ready = qctl.compile(circuit, lab, shots=1)
    used = next(u.used for _, u in ready.lowered.report if u.resource == resource)
    check(qctl.compile(circuit, board_with(lab, lambda s: s["tprocs"][0].update({key: used})), shots=1))
    smaller = board_with(lab, lambda s: s["tprocs"][0].update({key: used - 1}))
    with pytest.raises(CompileError, match=rf"needs {used} {resource} of board0.*has {used - 1}"):
        qctl.compile(circuit, smaller, shots=1)
    assert len(qctl.compile([circuit, randomized(20, 2)], board_with(
        lab, lambda s: s["tprocs"][0].update({key: used + 5})), shots=1).lowered.batches) == 2  # fmt: skip


def test_envelope_memory_is_counted(lab):
    def envelopes(n):
        p = qctl.Program(["q0.drive"])
        p.play("q0.drive", qctl.gaussian(n / RATE_HZ, amp=0.1))
        return qctl.compile(p, lab, shots=1)

    check(envelopes(65_536))
    with pytest.raises(CompileError, match="needs 65552 waveform samples"):
        envelopes(65_537)


def test_what_would_play_late_is_refused(lab):
    p = qctl.Program(["q0.drive"])
    for k in range(1400):
        p.play("q0.drive", qctl.constant(3 / 599.04e6, 0.0001 * (k % 97)))
    with pytest.raises(TimingError, match=r"point 0 on board0 is due at .* gets there at"):
        qctl.compile(p, lab, shots=1)


def test_pulses_that_would_push_each_other_late_are_refused(lab):
    p = qctl.Program(["q0.drive"])
    for _ in range(200):
        p.play("q0.drive", qctl.gaussian(20.1e-9, amp=0.1))
    with pytest.raises(CompileError, match=r"ns before the ones before it have ended.*whole number of cycles"):
        qctl.compile(p, lab, shots=1)


def test_boards_that_are_missing_or_of_another_kind_are_refused(lab):
    c = randomized(1, 0)
    board0 = msgspec.structs.replace(lab.instruments["board0"], board="other.json")
    with pytest.raises(CompileError, match=r"names the file 'other\.json'"):
        qctl.compile(c, msgspec.structs.replace(lab, instruments={"board0": board0}), shots=1)
    with pytest.raises(CompileError, match="the board has 3 gens, so there is no output 4"):
        qctl.compile(c, board_with(lab, lambda s: s.update(gens=s["gens"][:2] + s["gens"][4:5])), shots=1)
