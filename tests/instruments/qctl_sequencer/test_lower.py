"""Lowering to sequencers: an independent interpreter plays what the timeline asks for; limits and refusals."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import qctl
from qctl.errors import CompileError, TimingError
from qctl.hil.sequencer.interpreter import Surroundings, play
from qctl.hil.sequencer.refusals import Limits, refused
from qctl.instruments.qctl_sequencer.body import SequencerBody, program_of, text_of
from qctl.instruments.qctl_sequencer.lower import lower_records
from qctl.lab import Lab, load_lab, parse_lab
from qctl.lowering import Ready
from qctl.lowering import compile as compile_programs
from qctl.program.assembly import from_text
from qctl.program.device_program import DeviceProgram

FULL = 2**14 - 1
IONS = (Path(__file__).parents[2] / "support" / "ions4.toml").read_text()


def lab_with(tmp_path: Path, clock_hz: str = "1.0e8") -> Lab:
    text = IONS.replace("clock_hz = 1.0e9", f"clock_hz = {clock_hz}")
    (tmp_path / "lab.toml").write_text(text)
    return load_lab(tmp_path / "lab.toml")


def program_for(lab: Lab, volts: list[float] | None = None, length_s: float = 1e-6) -> DeviceProgram:
    program = qctl.Program(["raman0.drive"], ["i0", "i1"], ["a", "b"])
    with program.sweep("v", volts or [0.1, 0.2], "V") as v:
        program.play("raman0.drive", qctl.constant(length_s, v))
        program.barrier()
        program.measure("i0", "a")
        program.measure("i1", "b")
    return compile_programs(program, lab, shots=3).lowered.batches[0].programs[0]


class Setting(NamedTuple):
    """What a synthesiser makes from a tick on."""

    tick: int
    frequency: int
    phase: int
    amplitude: int


def settings(data: bytes) -> dict[int, list[Setting]]:
    """Return what each synthesiser makes when, as an independent interpreter plays the program."""
    found: dict[int, list[Setting]] = {}
    frequency = 0
    for tick, output, value, _ in play(data).events:
        what, *rest = output.split()
        if what == "tone" and rest[1] == "frequency":
            frequency = value
        elif what == "tone":
            found.setdefault(int(rest[0]) + 1, []).append(Setting(tick, frequency, value & 0xFFFF, value >> 16))
    return found


def signal(made: dict[int, list[Setting]], tones: tuple[int, ...], ns: np.ndarray, tick_ns: int) -> np.ndarray:
    """Return what a connector makes, by docs/firmware-instructions.md section 3, at a peak of 1."""
    total = np.zeros(len(ns))
    for tone in tones:
        mine = made.get(tone, [])
        for k, one in enumerate(mine):
            end = mine[k + 1].tick * tick_ns if k + 1 < len(mine) else 1 << 60
            here = (ns >= one.tick * tick_ns) & (ns < end)
            turns = (one.frequency * ns[here].astype(object) % 2**32) / 2**32 + one.phase / 2**16
            total[here] += one.amplitude / FULL * np.cos(2 * np.pi * turns.astype(float))
    return total


def wanted(ready: Ready, port: str, point: int, ns: np.ndarray) -> np.ndarray:
    """Return what the timeline asks for: amplitude cos(2 pi f t - phase), peak 0.5 V."""
    timeline, total = ready.timeline, np.zeros(len(ns))
    for row in timeline.plays[point]:
        if timeline.ports[row["port"]].name == port:
            length = round(float(timeline.waveforms[row["waveform"]].duration_s) * 1e9)  # type: ignore[arg-type]
            here = (ns >= row["start"]) & (ns < row["start"] + length)
            phase = 2 * np.pi * row["frequency_hz"] * ns[here] * 1e-9 - row["phase_rad"]
            total[here] += row["amplitude"] / 0.5 * np.cos(phase)
    return total


def circuit_of_two_gates() -> qctl.Circuit:
    circuit = qctl.Circuit(3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.rphi(0.7, 0.2, 2)
    circuit.cx(1, 2)
    circuit.measure_all()
    return circuit


def test_outputs_make_what_the_timeline_asks_for(tmp_path: Path) -> None:
    lab = lab_with(tmp_path, "1.0e9")
    ready = compile_programs(circuit_of_two_gates(), lab)
    data = program_of(ready.lowered.batches[0].programs[0]).to_bytes()
    assert refused(data, Limits(tick_hz=10**9)) == ""
    made = settings(data)
    ns = np.unique(np.random.default_rng(1).integers(1_500_000, int(ready.timeline.lengths_s[0] * 1e9), 20_000))
    for k in range(3):
        found, asked = signal(made, (k + 1, k + 9), ns, 1), wanted(ready, f"raman{k}.drive", 0, ns)
        assert np.abs(asked).max() > 0.3
        # Half a step of phase, of amplitude for each tone, and the frequency's step over 100 us.
        assert np.abs(found - asked).max() < 0.8 * (np.pi / 2**16 + 1 / 2**14) + 2 * np.pi * 0.06 * 1e-4 * 0.8


@pytest.mark.parametrize("tick_ns", [1, 10])
def test_phases_refer_to_the_start_of_each_point(tmp_path: Path, tick_ns: int) -> None:
    lab = lab_with(tmp_path, f"{1e9 / tick_ns}")
    program = qctl.Program(["raman0.drive"], ["i0"], ["a"])
    with program.sweep("v", [0.1, 0.2, 0.3], "V") as v:
        program.play("raman0.drive", qctl.constant(1e-6, v))
        program.shift_phase("raman0.drive", 1.0)
        program.play("raman0.drive", qctl.constant(2e-6, v))
        program.barrier()
        program.measure("i0", "a")
    ready = compile_programs(program, lab, shots=3)
    made = settings(program_of(ready.lowered.batches[0].programs[0]).to_bytes())
    for point in range(3):
        ns = np.random.default_rng(point).integers(1_500_000, 1_530_000, 5000)
        found = signal(made, (1, 9), ns + point * 5_000_000, tick_ns)
        asked = wanted(ready, "raman0.drive", point, ns)
        assert np.abs(asked).max() > 0.15
        assert np.abs(found - asked).max() < 2e-4


def test_photons_are_stored_in_the_order_that_the_body_says(tmp_path: Path) -> None:
    program = program_for(lab_with(tmp_path))
    body = SequencerBody.from_bytes(program.body)
    assert (body.n_shots, body.n_counts, body.period_ticks, body.tick_hz) == (3, 4, 1_000_000, 10**8)
    dark = play(program_of(program).to_bytes(), n_shots=3, period_ticks=body.period_ticks)
    assert dark.results == [0] * 12
    opened = [event.tick for event in dark.events if event.output == "open 0"]
    bright = play(program_of(program).to_bytes(), Surroundings(pulses=[(opened[1] + 1, 0)]))
    assert bright.results.count(1) == 1


def test_gates_that_close_together_close_before_anything_is_stored_and_before_they_open_anew(tmp_path: Path) -> None:
    program = qctl.Program(["i0.readout", "i1.readout"])
    for slot in ("a", "b"):
        for ion in ("i0", "i1"):
            program.capture(f"{ion}.readout", into=f"{slot}{ion}", duration_s=1e-6)
    ready = compile_programs(program, lab_with(tmp_path), shots=3)
    data = program_of(ready.lowered.batches[0].programs[0]).to_bytes()
    lines = [line.split() for line in program_of(ready.lowered.batches[0].programs[0]).to_text().splitlines()]
    names = [line[0] for line in lines if line[0] in ("open", "close", "store")]
    assert names == ["open"] * 2 + ["close", "open"] * 2 + ["store"] * 2 + ["close"] * 2 + ["store"] * 2
    opened = [event.tick for event in play(data).events if event.output == "open 1"]
    found = play(data, Surroundings(pulses=[(opened[0], 1), (opened[0] + 1, 1), (opened[1], 1), (opened[1] + 100, 1)]))
    assert found.results == [0, 2, 0, 1]


def test_text_says_shots_and_instructions(tmp_path: Path) -> None:
    text = text_of(program_for(lab_with(tmp_path)))
    assert text.startswith("# 3 shots, one each 1000000 ticks\ntick_hz 100000000\n")
    assert "\nhalt" in text


@pytest.mark.parametrize(("clock_hz", "kind", "words"), [
    ("3.0e8", CompileError, "whole number of nanoseconds"),
    ("1.0e6", TimingError, "no whole tick of its 1e\\+06 Hz: choose multiples of 1000 ns"),
])  # fmt: skip
def test_ticks_that_do_not_fit_are_refused(tmp_path: Path, clock_hz: str, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        program_for(lab_with(tmp_path, clock_hz), length_s=2.5e-6)


def test_records_of_the_device_level_become_instructions() -> None:
    body = from_text(
        "qis 1.0\ntick 1/1000000\nport p clock=1000000/1\n"
        "register 4112, 0, 3\ntrigger 1, 4294967295, 50\nwait(7 ticks)\njump 0\n"
    )
    program = lower_records(body, 2_000_000)
    lines = [line.split("#")[0].split() for line in program.to_text().splitlines()]
    assert lines == [
        ["tick_hz", "2000000"],
        ["set", "16", "3"],
        ["wait_trigger", "1", "65535", "50"],
        ["wait", "14"],
        ["jump", "0"],
        ["halt"],
    ]
    with pytest.raises(TimingError, match=r"record 2 waits 3\.5 ticks"):
        lower_records(body, 500_000)
    with pytest.raises(CompileError, match="record 0 is no device-level record"):
        lower_records(from_text("qis 1.0\nqubits q\nh q\n"), 10**6)


def play_on_raman0(*waves: Any, lab: Lab) -> Ready:
    program = qctl.Program(["raman0.drive"], ["i0"])
    for wave in waves:
        program.play("raman0.drive", wave)
    return compile_programs(program, lab)


def test_an_envelope_becomes_stairs(tmp_path: Path) -> None:
    ready = play_on_raman0(qctl.gaussian(4e-6, 0.4), lab=lab_with(tmp_path))
    steps = settings(program_of(ready.lowered.batches[0].programs[0]).to_bytes())[1]
    assert len(steps) == 21 and {b.tick - a.tick for a, b in pairwise(steps)} == {20}
    sizes = np.array([one.amplitude for one in steps[:-1]]) / FULL
    times = (np.arange(20) + 0.5) * 200e-9 - 2e-6
    floor = np.exp(-2.0)
    np.testing.assert_allclose(sizes, 0.8 * (np.exp(-0.5 * (times / 1e-6) ** 2) - floor) / (1 - floor), atol=2e-3)


def test_amplitudes_and_tones_at_their_limits_pass_and_beyond_are_refused(tmp_path: Path) -> None:
    lab = lab_with(tmp_path, "1.0e9")
    play_on_raman0(qctl.constant(1e-6, 0.5), lab=lab)
    with pytest.raises(CompileError, match=r"amplitude on tone = 1.0002 .*of full scale is over 1"):
        play_on_raman0(qctl.constant(1e-6, 0.5001), lab=lab)
    with pytest.raises(CompileError, match="its envelope is complex or below 0"):
        play_on_raman0(qctl.drag(1e-6, 0.2, 2.5e-7, 1e-8), lab=lab)
    circuit = qctl.Circuit(2)
    circuit.cx(0, 1)
    strong = IONS.replace("amplitude_vpp = 1.0, lo", "amplitude_vpp = 0.5, lo")
    with pytest.raises(CompileError, match=r"the tones of output 1 of ctl0 together are .* of full scale"):
        compile_programs(circuit, parse_lab(strong))
    with pytest.raises(CompileError, match=r"would be tone 2 at once on output 1 .* more tones in lab.toml: output.1"):
        compile_programs(circuit, parse_lab(IONS.replace("tones = [1, 9]", "tones = [1]")))
    with pytest.raises(CompileError, match=r"outputs 1 and 5 both have synthesiser 5"):
        compile_programs(circuit, parse_lab(IONS.replace("tones = [1, 9]", "tones = [1, 5]")))
    with pytest.raises(CompileError, match=r"synthesiser.*17.*is over 16"):
        compile_programs(circuit, parse_lab(IONS.replace("tones = [1, 9]", "tones = [1, 17]")))
    for tones in (list(range(17, 0, -1)), [1, 9, 17]):  # more than there are is refused whether they play or not
        alone = re.sub(r"tones = \[(?!1,)[^]]*\]", "tones = []", IONS).replace("tones = [1, 9]", f"tones = {tones}")
        with pytest.raises(CompileError, match=r"ctl0: a synthesiser of output.1.tones in .* = 17 is over 16"):
            play_on_raman0(qctl.constant(1e-6, 0.1), lab=parse_lab(alone))


def test_all_synthesisers_may_be_of_one_output_and_no_more_are_asked_for(tmp_path: Path) -> None:
    alone = re.sub(r"tones = \[(?!1,)[^]]*\]", "tones = []", IONS).replace("tones = [1, 9]", "tones = [1, 9, 10, 11]")
    play_on_raman0(qctl.constant(1e-6, 0.1), lab=parse_lab(alone))


def test_the_report_says_what_memory_is_used_and_a_large_sweep_is_cut(tmp_path: Path) -> None:
    program = qctl.Program([], ["i0"], ["a"])
    with program.sweep("t", np.linspace(1e-6, 5e-6, 1001), "s") as t:
        program.delay("i0", t)
        program.measure("i0", "a")
    lab = lab_with(tmp_path, "1.0e9")
    ready = compile_programs(program, lab, shots=30_000)
    assert len(ready.lowered.batches) == 2 and sum(b.n_points for b in ready.lowered.batches) == 1001
    rows = {row.resource: row for _, row in ready.lowered.report}
    assert rows["results"].used <= rows["results"].allowed == 2**24
    assert rows["ticks of a shot"].used <= rows["ticks of a shot"].allowed == 2**32 - 1
