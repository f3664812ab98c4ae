"""The driver's machine code beside qick's assembler, and the emulated board under qick's own programs and client."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import redirect_stdout
from fractions import Fraction
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qick_judge import Played, assemble

import qctl
from qctl.hil.instruments.qick.processor import execute
from qctl.hil.instruments.qick.soccfg import board_config
from qctl.instruments.qick.body import QickBody
from qctl.instruments.qick.machine_code import machine_code
from qctl.instruments.qick.upload import wave_memory
from qctl.lab import load_lab

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from emulators import Emulator
from qick_server import board_server

with redirect_stdout(StringIO()):
    import Pyro4
    from qick import QickConfig, RAveragerProgram
    from qick.asm_v2 import AveragerProgramV2, QickSweep1D
    from qick.tprocv2_assembler import Assembler

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
PACE = Fraction(43_008, 20_000)
WAVE, WORD, TRIGGER = 0, 1, 2


@pytest.fixture(scope="module")
def lab() -> Any:
    return load_lab(EXAMPLES / "qick2.toml")


def programs() -> Iterator[Any]:
    """Yield programs with every kind of line that is lowered."""
    rng = np.random.default_rng(5)
    for n in (1, 30):
        c = qctl.Circuit(2)
        for _ in range(n):
            c.rz(float(rng.uniform(0, 6)), 0)
            c.sx(0)
            c.sx(1)
        c.cz(0, 1)
        c.measure_all()
        yield c
    p = qctl.Program(["q1.flux", "q0.readout"])
    for _ in range(300):
        p.play("q1.flux", qctl.gaussian(62.5e-9, amp=0.1))
        p.delay("q1.flux", 2.5e-6 - 62.5e-9)
    p.delay("q0.readout", 30e-3)
    p.capture("q0.readout", into="m", duration_s=1e-6)
    yield p


def test_machine_code_is_that_of_qick_s_assembler(lab: Any) -> None:
    n = 0
    for given in programs():
        for program in qctl.compile(given, lab, shots=3).programs:
            text = QickBody.from_bytes(program.body).program
            words = np.array(assemble(text), np.int64)
            assert np.array_equal(machine_code(text).view(np.uint32).astype(np.int64), words)
            n += len(words)
    assert n > 80


def test_wave_memory_is_that_of_qick_s_compiler() -> None:
    from qick.asm_v2 import Waveform

    rng = np.random.default_rng(1)
    rows = rng.integers(0, [2**32, 2**32, 4096, 32_766, 65_536, 32], (50, 6))
    rows[::2, 3] *= -1
    ours = wave_memory(rows)
    for row, mine in zip(rows.tolist(), ours, strict=True):
        assert np.array_equal(Waveform(*row).compile(), mine)


def test_emulated_processor_does_what_the_judge_reads_from_the_text(lab: Any) -> None:
    for given in programs():
        for program in qctl.compile(given, lab, shots=3).programs:
            body = QickBody.from_bytes(program.body)
            waves = program.blobs[body.waves]
            words = np.array(assemble(body.program), np.int64).astype(np.uint32).view(np.int32)
            sizes = {"wmem_size": 1024}
            done = execute(words, waves, np.zeros(64, np.int64), PACE, sizes)
            judge = Played(body.program, float(PACE))
            assert done.n_shots == judge.n_shots == 3 and done.n_late == 0
            found = [(t, p, *done.waves[w]) for t, kind, p, w in done.rows.tolist() if kind == WAVE]
            wanted = [(t, p, *waves[entry]) for t, p, entry in judge.waves]
            assert sorted(found) == sorted(wanted)
            edges = [(t, p, w) for t, kind, p, w in done.rows.tolist() if kind == WORD]
            assert edges == sorted((t, p, w) for t, p, w in judge.words)


TEXT = """
REG_WR r1 imm #7
REG_WR r2 op -op(r1 - #9)
REG_WR r3 op -op(ABS r2)
DMEM_WR [&5] op -op(r3 + r1)
REG_WR r4 dmem [&5]
REG_WR r5 op -op(r4 SL #3)
REG_WR r6 op -op(r5 CAT r4)
REG_WR r_wave wmem [&2]
REG_WR w3 op -op(r4)
REG_WR s14 imm #2000
WPORT_WR p3 r_wave
WMEM_WR [&2]
WPORT_WR p3 wmem [&2] @3000
CALL fun
TRIG p4 set @5000
TRIG p4 clr @5010
DPORT_WR p0 reg r4 @6000
REG_WR s12 op -op(r6)
END_HERE:
JUMP END_HERE
fun:
REG_WR r7 imm #-3
RET
"""


def test_instructions_of_qick_s_that_are_not_lowered_are_executed_too() -> None:
    with redirect_stdout(StringIO()):
        words = np.array(Assembler.str_asm2bin(TEXT)[1], np.int64).astype(np.uint32).view(np.int32)
    waves = np.arange(30).reshape(5, 6)
    done = execute(words, waves, np.zeros(64, np.int64), PACE, {"wmem_size": 16})
    assert done.n_shots == (72 << 16 | 9)
    made = (12, 13, 14, 9, 16, 17)
    rows = [(t, kind, p, tuple(done.waves[v]) if kind == WAVE else v) for t, kind, p, v in done.rows.tolist()]
    assert rows == [
        (2000, WAVE, 3, made), (3000, WAVE, 3, made), (5000, TRIGGER, 4, 1), (5010, TRIGGER, 4, 0), (6000, WORD, 0, 9)
    ]  # fmt: skip


@pytest.fixture(scope="module", params=["qick-tproc-v2", "qick-tproc-v1"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with board_server(tmp_path_factory.mktemp("qick"), request.param) as found:
        yield found


@pytest.fixture
def soc(server: Emulator) -> Iterator[Any]:
    """Return what qick's `make_proxy` gives, at the emulated board's name server."""
    Pyro4.config.SERIALIZER = "pickle"
    Pyro4.config.PICKLE_PROTOCOL_VERSION = 4
    host, _, port = server.address.removeprefix("qick://").partition("/")[0].partition(":")
    with Pyro4.locateNS(host=host, port=int(port)) as names, Pyro4.Proxy(names.lookup("myqick")) as found:
        yield found


class Sweep(AveragerProgramV2):
    """Pulses of swept gain, and a readout, as qick's own tutorials write them."""

    def _initialize(self, cfg: dict[str, Any]) -> None:
        self.declare_gen(ch=0, nqz=2)
        self.declare_gen(ch=2, nqz=2)
        self.declare_readout(ch=0, length=0.5, freq=5900, gen_ch=2)
        self.add_loop("gains", 5)
        self.add_gauss(ch=0, name="bell", sigma=0.005, length=0.02)
        gain = QickSweep1D("gains", 0.0, 0.5)
        self.add_pulse(ch=0, name="drive", style="arb", envelope="bell", freq=4720, phase=90, gain=gain)
        self.add_pulse(ch=2, name="read", ro_ch=0, style="const", length=0.6, freq=5900, phase=0, gain=0.1)

    def _body(self, cfg: dict[str, Any]) -> None:
        self.pulse(ch=0, name="drive", t=0.1)
        self.pulse(ch=2, name="read", t=0.2)
        self.trigger(ros=[0], t=0.3)


class SweepV1(RAveragerProgram):
    """The same by tProcessor v1's own words."""

    def initialize(self) -> None:
        self.declare_gen(ch=0, nqz=2)
        self.declare_gen(ch=2, nqz=2)
        self.declare_readout(ch=0, length=self.us2cycles(0.5, ro_ch=0), freq=5900, gen_ch=2)
        self.r_gain = self.sreg(0, "gain")
        self.add_gauss(ch=0, name="bell", sigma=self.us2cycles(0.005, gen_ch=0), length=self.us2cycles(0.02, gen_ch=0))
        common = {"ch": 0, "style": "arb", "waveform": "bell"}
        self.set_pulse_registers(freq=self.freq2reg(4720, gen_ch=0), phase=self.deg2reg(90, gen_ch=0), gain=0, **common)
        freq, length = self.freq2reg(5900, gen_ch=2, ro_ch=0), self.us2cycles(0.6, gen_ch=2)
        self.set_pulse_registers(ch=2, style="const", freq=freq, phase=0, gain=3277, length=length)
        self.synci(200)

    def body(self) -> None:
        self.pulse(ch=0, t=self.us2cycles(0.1))
        self.pulse(ch=2, t=self.us2cycles(0.2))
        self.trigger(adcs=[0], adc_trig_offset=self.us2cycles(0.3), t=0)
        self.wait_all()
        self.sync_all(self.us2cycles(10))

    def update(self) -> None:
        self.mathi(self.ch_page(0), self.r_gain, self.r_gain, "+", 4000)


def sweep(soc: Any, reps: int) -> Any:
    """Return qick's own program for the board that a client sees."""
    with redirect_stdout(StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = QickConfig(soc.get_cfg())
        if config["tprocs"][0]["type"] == "qick_processor":
            return Sweep(config, reps=reps, final_delay=10.0, cfg={})
        return SweepV1(config, {"start": 0, "step": 4000, "expts": 5, "reps": reps})


def test_qick_s_own_client_runs_its_own_program_on_the_emulated_board(soc: Any, server: Emulator) -> None:
    program = sweep(soc, 20)
    with redirect_stdout(StringIO()):
        given = program.acquire(soc, progress=False)
    if isinstance(program, SweepV1):
        averaged = np.stack([np.asarray(part)[0, 0] for part in given[1:]], axis=-1)[None]
    else:
        (averaged,) = given
        assert program.get_raw()[0].shape == (20, 5, 1, 2)
    assert averaged.shape == (1, 5, 2) and np.isfinite(averaged).all()
    # The plant of nothing gives 0.1 V of the 0.5 V that fill an input.
    counts = np.hypot(*np.moveaxis(averaged, -1, 0))
    np.testing.assert_allclose(counts, 0.1 * np.sqrt(2) / 0.5 * 32_767, rtol=0.02)
    assert "late_events" not in server.counters()


def test_qick_s_own_client_reads_decimated_buffers(soc: Any) -> None:
    program = sweep(soc, 1)
    with redirect_stdout(StringIO()):
        (traces,) = program.acquire_decimated(soc, progress=False)
    assert traces.shape == (5, program.ro_chs[0]["length"], 2)


@pytest.mark.parametrize("model", ["qick-tproc-v2", "qick-tproc-v1"])
def test_configuration_is_one_that_qick_s_own_compiler_takes(model: str) -> None:
    class Board:
        def get_cfg(self) -> dict[str, Any]:
            return board_config(model)

    sweep(Board(), 2).compile()
