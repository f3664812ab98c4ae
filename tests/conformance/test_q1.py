"""The emulated sequencer against q1simulator: the same samples, acquisitions, registers and flags of any program."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import numpy as np
import pytest
from qblox import Played, simulate

import qctl
from qctl.hil.instruments.qblox.assembly import OPERATIONS, assemble
from qctl.hil.instruments.qblox.core import ACQUIRES, Core, Settings, run_together
from qctl.hil.instruments.qblox.rendering import Modulation, rendered, words_of
from qctl.instruments.qblox.body import QbloxBody
from qctl.instruments.qblox.body import sequence_of as sequence_of_body
from qctl.lab import load_lab

_names = (f"q1sim{k}" for k in count())
LAB = Path(__file__).parents[2] / "docs" / "examples" / "qblox2.toml"
FULL_SCALE_V = {"QCM": 2.5, "QRM": 0.5}


def emulate(sequence, version=1, modulated=False, settings=None):
    """Return the core after the run, and what both paths put out since it synchronised."""
    core = Core(assemble(sequence["program"], version), settings or Settings(synchronised=True))
    run_together([core])
    waves = {int(w["index"]): words_of(np.array(w["data"])) for w in sequence["waveforms"].values()}
    samples, _ = rendered(core.rows, core.synced_ns, core.end_ns, waves, Modulation(modulated))
    return core, samples


def compare(sequence, kind="QRM", version=1, modulated=False):
    core, samples = emulate(sequence, version, modulated)
    judge = simulate(kind, sequence, modulated, next(_names), version)
    volts = np.stack([judge.output["I"].data, judge.output["Q"].data])
    wanted = np.rint(volts / FULL_SCALE_V[kind] * 2**15)
    assert [str(flag).rpartition(".")[2].replace("_", " ") for flag in judge.flags] == (
        [core.flag] if core.flag else []
    )
    if core.flag:
        return core
    assert core.exit_code == judge.exit_code
    np.testing.assert_array_equal(core.registers, judge.registers)
    assert wanted.shape[1] == core.end_ns - core.synced_ns
    if modulated:  # both cut off what the DAC can't resolve: a rounding error there makes a step of one
        assert np.abs(wanted - samples).max(initial=0) <= 1
        assert np.mean(wanted != samples) < 0.01
    else:
        np.testing.assert_array_equal(wanted, samples)
    if kind == "QRM":
        acquired = core.rows[np.isin(core.rows["operation"], ACQUIRES[:2])]
        lengths = {int(w["index"]): len(w["data"]) for w in sequence["weights"].values()}
        windows = [
            (int(row["time"]) - core.synced_ns, 100 if row["operation"] == ACQUIRES[0] else
             max(lengths[int(row["c"])], lengths[int(row["d"])]))
            for row in acquired
        ]  # fmt: skip
        assert windows == judge.windows
        bins = {}
        for row in acquired:
            bins[int(row["a"]), int(row["b"])] = bins.get((int(row["a"]), int(row["b"])), 0) + 1
        assert bins == judge.counts
    return core


def sequence_of(program, rng=None, n_waves=4):
    rng = rng or np.random.default_rng(1)
    lengths = rng.integers(4, 60, n_waves)
    return {
        "waveforms": {f"w{k}": {"data": rng.uniform(-0.9, 0.9, n).tolist(), "index": k} for k, n in enumerate(lengths)},
        "weights": {f"k{k}": {"data": [1.0] * (40 + 20 * k), "index": k} for k in range(3)},
        "acquisitions": {f"a{k}": {"num_bins": 40, "index": k} for k in range(3)},
        "program": program,
    }


class Writer:
    """Writes random programs that end, mostly in time, with every instruction that both know."""

    def __init__(self, rng, kind, version):
        self.rng, self.kind, self.version = rng, kind, version
        self.lines, self.n_labels = [], 0

    def number(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def loaded(self, value, register):
        self.lines += [f"move {value},R{register}", "nop"]
        return f"R{register}"

    def wait(self):
        return self.number(4, 60) if self.rng.random() < 0.9 else self.number(60, 3000)

    def block(self, depth):
        for _ in range(self.number(2, 6)):
            if depth and self.rng.random() < 0.25:
                self.loop(depth)
            else:
                getattr(self, self.rng.choice(self.KINDS))()

    def loop(self, depth):
        self.n_labels += 1
        label, register = f"l{self.n_labels}", 50 + depth
        self.lines += [f"move {self.number(1, 4)},R{register}", "nop", f"{label}: nop"]
        self.block(depth - 1)
        self.lines += [f"wait {self.number(100, 400)}", f"loop R{register},@{label}", "nop"]

    KINDS = ("settings", "play", "play", "play", "registers", "pause", "acquire", "arithmetic", "arithmetic", "jump")

    def settings(self):
        pick = self.number(0, 6)
        if pick == 0:
            self.lines.append(f"set_awg_gain {self.number(-32768, 32767)},{self.number(-32768, 32767)}")
        elif pick == 1:
            self.lines.append(f"set_awg_offs {self.number(-3000, 3000)},{self.number(-3000, 3000)}")
        elif pick == 2:
            self.lines.append(f"set_freq {self.number(-2_000_000_000, 2_000_000_000)}")
        elif pick == 3:
            self.lines.append(f"set_ph {self.number(0, 1_000_000_000)}")
        elif pick == 4:
            self.lines.append(f"set_ph_delta {self.number(0, 1_000_000_000)}")
        elif pick == 5:
            self.lines.append("reset_ph")
        else:
            self.lines.append(f"set_mrk {self.number(0, 15)}")
        if self.rng.random() < 0.3:
            self.lines.append(f"upd_param {self.wait()}")

    def play(self):
        self.lines.append(f"play {self.number(0, 3)},{self.number(0, 3)},{self.wait()}")

    def registers(self):
        a, b = (self.loaded(self.number(-32768, 32767) & 0xFFFFFFFF, k) for k in (1, 2))
        self.lines.append(f"set_awg_gain {a},{b}")
        self.loaded(self.number(0, 3), 3)
        self.lines.append(f"play R3,R3,{self.wait()}")
        self.loaded(self.number(-(1 << 31), (1 << 31) - 1) & 0xFFFFFFFF, 4)
        self.lines += ["set_freq R4", f"upd_param {self.wait()}"]

    def pause(self):
        if self.rng.random() < 0.5:
            self.lines.append(f"wait {self.wait()}")
        else:
            self.lines.append(f"wait {self.loaded(self.wait(), 5)}")

    def acquire(self):
        if self.kind != "QRM":
            return
        self.lines.append("wait 300")  # what is closer overflows a queue that q1simulator estimates
        if self.rng.random() < 0.5:
            self.lines.append(f"acquire {self.number(0, 2)},{self.number(0, 39)},{self.wait()}")
        else:
            self.loaded(self.number(0, 39), 6)
            self.loaded(self.number(0, 2), 7)
            self.lines.append(f"acquire_weighed {self.number(0, 2)},R6,R7,R7,{self.wait()}")

    def arithmetic(self):
        names = ["add", "sub", "and", "or", "xor", "asl", "asr"]
        if self.version == 2:
            names += ["lsr", "mulu16", "muls16"]
        name = self.rng.choice(names)
        self.loaded(self.number(0, (1 << 32) - 1), 8)
        right = self.number(0, 31) if name in ("asl", "asr", "lsr") else self.number(0, (1 << 31) - 1)
        if name in ("mulu16", "muls16"):
            right = self.number(0, 32_767)
        if self.rng.random() < 0.5:
            right = self.loaded(right, 9)
        self.lines += [f"{name} R8,{right},R{self.number(10, 30)}", "nop"]
        if self.rng.random() < 0.3:
            self.lines += [f"not R8,R{self.number(10, 30)}", "nop"]

    def jump(self):
        self.n_labels += 1
        self.loaded(self.number(0, 9), 11)
        word = self.rng.choice(["jlt", "jge"])
        self.lines += [f"{word} R11,{self.number(0, 9)},@j{self.n_labels}", f"wait {self.wait()}", "move 7,R12"]
        if self.version == 2:
            self.lines += ["nop", f"cmp R11,{self.number(0, 9)}",
                           f"{self.rng.choice(['jz', 'jnz', 'jg', 'jl', 'ja', 'jb', 'jle', 'jae'])} @j{self.n_labels}",
                           "move 8,R12"]  # fmt: skip
        self.lines += [f"j{self.n_labels}: nop"]

    def program(self):
        self.lines = ["wait_sync 100", "upd_param 4", "wait 300"]
        self.block(2)
        return "\n".join([*self.lines, "wait 100", "stop"]) + "\n"


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("kind", ["QCM", "QRM"])
@pytest.mark.parametrize("modulated", [False, True])
def test_random_programs_play_the_same(kind, modulated, version):
    n_whole = 0
    for seed in range(30):
        rng = np.random.default_rng([seed, version, kind == "QRM", modulated])
        program = Writer(rng, kind, version).program()
        core = compare(sequence_of(program, rng), kind, version, modulated)
        n_whole += not core.flag
    assert n_whole > 10


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("n_instructions", range(0, 60, 3))
def test_real_time_queue_runs_dry_at_the_same_instruction(version, n_instructions):
    body = "nop\n" * n_instructions
    loop = f"wait_sync 4\nmove 50,R0\nnop\nl: play 0,1,20\n{body}play 1,2,20\nloop R0,@l\nstop\n"
    compare(sequence_of(loop), "QCM", version)


def test_register_that_is_read_right_behind_its_write_is_refused():
    core, _ = emulate(sequence_of("wait_sync 4\nmove 3,R1\nset_freq R1\nupd_param 4\nstop\n"))
    assert core.flag == "UNKNOWN" and "right behind" in core.log


@pytest.mark.parametrize(("op", "wanted"), [(0, 1), (1, 0), (2, 0), (3, 1), (4, 1), (5, 0)])
def test_conditions_on_counted_triggers(op, wanted):
    lines = ["wait_sync 4", "set_latch_en 1,4", "wait 996", f"set_cond 1,3,{op},40", "play 0,1,100", "wait 60",
             "set_cond 0,0,0,4", "play 1,1,200", "latch_rst 4", "stop"]  # fmt: skip
    core = Core(assemble("\n".join(lines), 1), Settings(synchronised=True))
    core.triggers = np.array([[500, 1], [600, 1], [5000, 2]], np.int64)
    run_together([core])
    assert not core.flag
    plays = core.rows[core.rows["operation"] == OPERATIONS.index("play")]
    assert len(plays) == 1 + wanted
    assert core.end_ns - core.synced_ns == 4 + 996 + (100 + 60 if wanted else 40 + 40) + 200 + 4


def lowered():
    """Yield the sequences that qctl compiles: sweeps of amplitudes, of delays and frequencies, a two-qubit circuit."""
    lab = load_lab(LAB)
    rabi = qctl.Program(["q0.drive", "q0.readout"], ["q0"], ["q0"])
    with rabi.sweep("amp", np.linspace(-0.8, 0.8, 9), "V") as amp:
        rabi.play("q0.drive", qctl.drag(20e-9, amp, sigma_s=5e-9, beta_s=0.36e-9))
        rabi.barrier()
        rabi.measure("q0", "q0")
    waits = qctl.Program(["q0.drive"], ["q0"], ["q0"])
    with waits.sweep("delay", [0.0, 33.0e-9, 70e-6, 290e-6], "s") as t:
        waits.set_frequency("q0.drive", 4.70e9 + 1.234567e6)
        waits.sx("q0")
        waits.delay("q0", t)
        waits.shift_frequency("q0.drive", 2e6)
        waits.sx("q0")
        waits.measure("q0", "q0")
    circuit = qctl.Circuit(2)
    for k in range(6):
        circuit.sx(0)
        circuit.rz(0.3 * k, 0)
        circuit.cz(0, 1)
        circuit.sx(1)
    circuit.measure_all()
    for program in (rabi, waits, circuit):
        for batch in qctl.compile(program, lab, shots=2).lowered.batches:
            for one in batch.programs:
                if one.model != "qblox-cluster":
                    for each in QbloxBody.from_bytes(one.body).sequencers:
                        yield one.model, each, sequence_of_body(each, one.blobs)


def test_compiled_programs_play_the_same():
    n = 0
    for model, each, sequence in lowered():
        kind = {"qblox-qcm": "QCM", "qblox-qrm": "QRM"}[model]
        core, samples = emulate(sequence, 1, each.modulated)
        judge = Played(kind, sequence, each.modulated, each.integration_ns, next(_names))
        assert not core.flag
        length = min(judge.samples.shape[1], samples.shape[1])
        assert length > 200_000
        assert np.abs(judge.samples[:, :length] - samples[:, :length]).max() <= (1 if each.modulated else 0)
        acquired = core.rows[np.isin(core.rows["operation"], ACQUIRES)]
        windows = [(int(row["time"]) - core.synced_ns, each.integration_ns) for row in acquired]
        assert windows == judge.windows
        n += 1
    assert n >= 8
