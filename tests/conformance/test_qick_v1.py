"""Programs of a tProcessor v1: QICK's parser and compiler take them, and its own programs send the same words."""

from __future__ import annotations

import json
import warnings
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from qick_v1_judge import PlayedV1, assemble_v1
from test_qick import randomized

import qctl
from qctl.cext.tproc_core import WAVE, WORD
from qctl.hil.instruments.qick.processor_v1 import execute_v1
from qctl.instruments.qick.body import QickBody
from qctl.instruments.qick.lower import LEAD_TICKS
from qctl.instruments.qick.v1_code import machine_code
from qctl.lab import load_lab

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
SOCCFG = json.loads((EXAMPLES / "qick_zcu216_v1.json").read_text("utf-8"))
TIMING_HZ, RATE_HZ = 430_080_000, 6_881_280_000


@pytest.fixture
def lab():
    return load_lab(EXAMPLES / "qick2_v1.toml")


def played(program):
    """Hold a device program's words to QICK's, and return its body and what it does."""
    body = QickBody.from_bytes(program.body)
    code = assemble_v1(body.program, SOCCFG)
    assert code == [int(word) for word in machine_code(body.program)]
    used = {row.resource: row.used for row in program.usage}
    assert used["instructions"] == len(code) and used["table entries"] == 2 + len(program.blobs[body.data])
    done = PlayedV1(code, program.blobs[body.data])
    assert done.late <= 0 and done.n_shots == body.n_shots
    check_emulated(code, program.blobs[body.data], done)
    return body, done


def check_emulated(code, data, judged):
    """Have the emulated board do what the judge says that words do."""
    memory = np.concatenate([[0, 0], data, np.zeros(64 - min(len(data), 62))]).astype(np.int64)
    done = execute_v1(np.array(code, np.uint64), memory, range(1, 8))
    assert done.n_shots == judged.n_shots and done.n_late == 0
    waves = [(t, ch, *done.waves[k]) for t, kind, ch, k in done.rows.tolist() if kind == WAVE]
    assert sorted(waves) == sorted((t, ch, *judged.rows[k]) for t, ch, k in judged.waves)
    assert [(t, ch, word) for t, kind, ch, word in done.rows.tolist() if kind == WORD] == judged.words


@pytest.mark.parametrize("n_pulses", [1, 20])
def test_random_circuits_are_taken_and_in_time(lab, n_pulses):
    ready = qctl.compile([randomized(n_pulses, seed) for seed in range(3)], lab, shots=2)
    (program,) = ready.programs
    body, done = played(program)
    # Each point's carriers start anew, and each shot is like the one before it.
    per_shot = len(done.waves) // 2
    later = [(t + 3 * body.period_ticks, ch) for t, ch, _ in done.waves[:per_shot]]
    assert later == [(t, ch) for t, ch, _ in done.waves[per_shot:]]
    assert np.array_equal(done.rows[:per_shot], done.rows[per_shot:])
    anew = sum(row[5] == 0b10000 for row in done.rows.tolist())
    assert anew == 2 * 3 * (len(body.generators) - 2)


def test_a_loop_over_points_plays_what_the_points_play_one_by_one(lab):
    p = qctl.Program(["q0.drive"], ["q0"], ["q0"])
    with p.sweep("delay", [0.0, 33.0e-9, 70e-6, 100e-6], "s") as t:
        p.set_frequency("q0.drive", 3.00e9 + 1.234567e6)
        p.sx("q0")
        p.delay("q0", t)
        p.sx("q0")
        p.measure("q0", "q0")
    soccfg = {**SOCCFG, "tprocs": [{**SOCCFG["tprocs"][0], "dmem_size": 6}]}
    text = (EXAMPLES / "qick2_v1.toml").read_text("utf-8").replace('"qick_zcu216_v1.json"', f"'{json.dumps(soccfg)}'")
    loop, row = (played(qctl.compile(p, one, shots=2).programs[0]) for one in (lab, qctl.lab.parse_lab(text)))
    assert "POINTS" in loop[0].program and "POINTS" not in row[0].program
    for one, other in ((loop[1].waves, row[1].waves), (loop[1].words, row[1].words)):
        assert [(t - loop[1].first, *x[:1]) for t, *x in one] == [(t - row[1].first, *x[:1]) for t, *x in other]
    assert np.array_equal(loop[1].rows, row[1].rows)


def test_words_and_times_are_those_of_qick_s_own_program(lab):
    with redirect_stdout(StringIO()):
        from qick import QickConfig
        from qick.averager_program import AveragerProgram

    p = qctl.Program(["q0.readout"])
    p.play("q0.readout", qctl.gaussian(100e-9, amp=0.2))
    p.delay("q0.readout", 200e-9)
    p.play("q0.readout", qctl.constant(800e-9, 0.1))
    p.capture("q0.readout", into="m", duration_s=600e-9)
    ready = qctl.compile(p, lab, shots=7)
    (program,) = ready.programs
    body, mine = played(program)
    straight = ready.timeline.straight(0)
    starts = [float(x["start"]) / RATE_HZ * 1e6 for x in (*straight.plays, *straight.captures)]
    ticks = [round(us * TIMING_HZ / 1e6) + LEAD_TICKS for us in starts]
    memory = program.blobs[body.generators[0].envelopes]
    bell, flat = mine.rows[0].tolist(), mine.rows[1].tolist()

    class Same(AveragerProgram):
        def initialize(self):
            self.declare_gen(ch=2, nqz=1)
            self.declare_readout(ch=0, length=self.us2cycles(0.6, ro_ch=0), freq=1000, gen_ch=2)
            self.add_envelope(ch=2, name="bell", idata=memory[:, 0], qdata=memory[:, 1])
            self.synci(200)

        def body(self):
            freq = self.freq2reg(1000, gen_ch=2, ro_ch=0)
            common = {"ch": 2, "freq": freq}
            self.set_pulse_registers(style="arb", waveform="bell", phase=bell[1], gain=bell[3], **common)
            self.pulse(ch=2, t=ticks[0])
            self.set_pulse_registers(
                style="const", length=self.us2cycles(0.8, gen_ch=2), phase=flat[1], gain=flat[3], **common
            )
            self.pulse(ch=2, t=ticks[1])
            self.trigger(adcs=[0], adc_trig_offset=0, t=ticks[2], width=10)
            self.wait_all()
            self.sync_all(self.us2cycles(1))

    with redirect_stdout(StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = Same(QickConfig(SOCCFG), {"reps": 7})
        theirs.compile()
        degrees = [theirs.deg2reg(row[1] * 360 / 2**32, gen_ch=2) for row in (bell, flat)]
        rounded = theirs.soccfg.adcfreq(1000, gen_ch=2, ro_ch=0)
    done = PlayedV1(theirs.binprog, np.zeros(0, np.int32))
    check_emulated(theirs.binprog, np.zeros(0, np.int32), done)
    assert done.n_shots == mine.n_shots == 7
    assert np.array_equal(done.rows[:2], mine.rows[:2]) and len(done.rows) == len(mine.rows) == 14
    assert all(abs(a - row[1]) <= 1 for a, row in zip(degrees, (bell, flat), strict=True))
    for one, other in ((done.waves, mine.waves), (done.words, mine.words)):
        assert [(t - done.first, ch) for t, ch, _ in one[:2]] == [(t - mine.first, ch) for t, ch, _ in other[:2]]
    assert [word for *_, word in done.words] == [word for *_, word in mine.words]
    assert theirs.ro_chs[0]["length"] == body.readouts[0].length
    assert body.readouts[0].frequency_hz == pytest.approx(rounded * 1e6, abs=1e-3)
