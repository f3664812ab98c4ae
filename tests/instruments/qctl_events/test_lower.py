"""Event tables say what a program asked for: times, frequencies, phases and amplitudes at the outputs."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qctl
from qctl.errors import CompileError, TimingError
from qctl.instruments.qctl_events.body import EventsBody
from qctl.lab import Lab, load_lab, parse_lab
from qctl.lowering import Ready
from qctl.lowering import compile as compile_programs

SUPPORT = Path(__file__).parents[2] / "support"
FULL = 2**14 - 1


@pytest.fixture(scope="module")
def lab() -> Lab:
    return load_lab(SUPPORT / "ions4.toml")


def events_of(ready: Ready) -> tuple[EventsBody, list[list[tuple[int, int, int, int, int]]]]:
    """Return the body, and for each sequence (tick, operation, channel, tone, value)."""
    (program,) = ready.lowered.batches[0].programs
    body = EventsBody.from_bytes(program.body)
    words = np.asarray(program.blobs[body.events]).reshape(-1, 2).tolist()
    rows = [(h & 0xFFFFFFFF, h >> 48 & 255, h >> 32 & 255, h >> 40 & 255, v) for h, v in words]
    return body, [rows[a:b] for a, b in zip(body.bounds[:-1], body.bounds[1:], strict=True)]


def signal(rows: list[tuple[int, int, int, int, int]], output: int, ticks: np.ndarray) -> np.ndarray:
    """Return what an output makes at some ticks, by docs/firmware-protocol.md section 6, at a peak of 1."""
    total = np.zeros(len(ticks))
    for tone in (0, 1):
        mine = [(tick, v) for tick, op, channel, t, v in rows if (op, channel, t) == (2, output, tone)]
        for k, (tick, value) in enumerate(mine):
            end = mine[k + 1][0] if k + 1 < len(mine) else 1 << 40
            here = (ticks >= tick) & (ticks < end)
            ftw, pow_, asf = value & 0xFFFFFFFF, value >> 32 & 0xFFFF, value >> 48
            turns = (ftw * ticks[here].astype(object) % 2**32) / 2**32 + pow_ / 2**16
            total[here] += asf / FULL * np.cos(2 * np.pi * turns.astype(float))
    return total


def wanted(ready: Ready, port: str, ticks: np.ndarray) -> np.ndarray:
    """Return what the timeline asks for at some ticks: amplitude cos(2 pi f t - phase), peak 0.5 V."""
    timeline, total = ready.timeline, np.zeros(len(ticks))
    for row in timeline.plays[0]:
        if timeline.ports[row["port"]].name == port:
            length = round(float(timeline.waveforms[row["waveform"]].duration_s) * 1e9)  # type: ignore[arg-type]
            here = (ticks >= row["start"]) & (ticks < row["start"] + length)
            phase = 2 * np.pi * row["frequency_hz"] * ticks[here] * 1e-9 - row["phase_rad"]
            total[here] += row["amplitude"] / 0.5 * np.cos(phase)
    return total


def test_outputs_make_what_the_timeline_asks_for(lab: Lab) -> None:
    circuit = qctl.Circuit(3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.rphi(0.7, 0.2, 2)
    circuit.cx(1, 2)
    circuit.measure_all()
    ready = compile_programs(circuit, lab)
    _, (rows,) = events_of(ready)
    ticks = np.unique(np.random.default_rng(1).integers(1_500_000, int(ready.timeline.lengths_s[0] * 1e9), 20_000))
    for k in range(3):
        found, asked = signal(rows, k + 1, ticks), wanted(ready, f"raman{k}.drive", ticks)
        assert np.abs(asked).max() > 0.3
        # Half a step of phase, of amplitude for each tone, and the frequency's step over 100 us.
        assert np.abs(found - asked).max() < 0.8 * (np.pi / 2**16 + 1 / 2**14) + 2 * np.pi * 0.06 * 1e-4 * 0.8


def test_counts_are_named_in_the_order_of_their_gates(lab: Lab) -> None:
    program = qctl.Program([], ["i0", "i2"], ["a", "b"])
    with program.sweep("t", [1e-6, 2e-6, 3e-6], "s") as t:
        program.delay("i0", t)
        program.measure("i0", "a")
        program.measure("i2", "b")
    body, sequences = events_of(compile_programs(program, lab, shots=10))
    assert (body.n_shots, body.n_counts, len(sequences)) == (10, 6, 3)
    assert [(one.port, one.columns) for one in body.photons] == [("i0.readout", (0, 2, 4)), ("i2.readout", (1, 3, 5))]
    for k, rows in enumerate(sequences):
        gates = [(tick, channel, value) for tick, op, channel, _, value in rows if op == 3]
        opens = 1_521_000 + 1000 * k
        assert gates == [(opens, 1, 1), (opens, 3, 1), (opens + 300_000, 1, 0), (opens + 300_000, 3, 0)]


def test_an_envelope_becomes_stairs(lab: Lab) -> None:
    program = qctl.Program(["raman0.drive"], ["i0"])
    program.play("raman0.drive", qctl.gaussian(4e-6, 0.4))
    ready = compile_programs(program, lab)
    _, (rows,) = events_of(ready)
    steps = [(tick, v >> 48) for tick, op, channel, _, v in rows if (op, channel) == (2, 1)]
    assert len(steps) == 21 and {b - a for (a, _), (b, _) in pairwise(steps)} == {200}
    sizes = np.array([size for _, size in steps[:-1]]) / FULL
    times = (np.arange(20) + 0.5) * 200e-9 - 2e-6
    floor = np.exp(-2.0)
    np.testing.assert_allclose(sizes, 0.8 * (np.exp(-0.5 * (times / 1e-6) ** 2) - floor) / (1 - floor), atol=2e-3)


def play(*waves: Any, lab: Lab) -> Ready:
    program = qctl.Program(["raman0.drive"], ["i0"])
    for wave in waves:
        program.play("raman0.drive", wave)
    return compile_programs(program, lab)


def test_limits_pass_and_what_is_beyond_them_is_refused(lab: Lab) -> None:
    play(qctl.constant(8e-9, 0.5), lab=lab)
    with pytest.raises(CompileError, match=r"amplitude on tone = 1.0002 .*of full scale is over 1"):
        play(qctl.constant(1e-6, 0.5001), lab=lab)
    with pytest.raises(CompileError, match=r"length on tone = 7 ns is below 8 ns"):
        play(qctl.constant(7e-9, 0.5), lab=lab)
    with pytest.raises(CompileError, match="its envelope is complex or below 0"):
        play(qctl.drag(1e-6, 0.2, 2.5e-7, 1e-8), lab=lab)
    text = (SUPPORT / "ions4.toml").read_text()
    with pytest.raises(CompileError, match="an event controller's ticks are those of 1e9 Hz"):
        play(qctl.constant(1e-6, 0.2), lab=parse_lab(text.replace("clock_hz = 1.0e9", "clock_hz = 1.0e8")))
    strong = text.replace("amplitude_vpp = 1.0, lo", "amplitude_vpp = 0.5, lo")
    with pytest.raises(CompileError, match=r"the tones of output 1 of ctl0 together are .* of full scale"):
        circuit = qctl.Circuit(2)
        circuit.cx(0, 1)
        compile_programs(circuit, parse_lab(strong))


def test_events_of_one_channel_that_are_too_close_are_refused(lab: Lab) -> None:
    program = qctl.Program(["cool.ttl"], ["i0"])
    program.ttl("cool.ttl", 1)
    program.delay("cool.ttl", 1e-6)
    program.ttl("cool.ttl", 0)
    program.delay("cool.ttl", 5e-9)
    program.ttl("cool.ttl", 1)
    program.delay("cool.ttl", 1e-6)
    with pytest.raises(TimingError, match=r"TTL line 1 of ctl0 is set at 1521000 ns and again 5 ns later"):
        compile_programs(program, lab)


def test_the_report_says_what_memory_is_used_and_a_large_sweep_is_cut(lab: Lab) -> None:
    program = qctl.Program([], ["i0"], ["a"])
    with program.sweep("t", np.linspace(1e-6, 2e-6, 400), "s") as t:
        program.delay("i0", t)
        program.measure("i0", "a")
    ready = compile_programs(program, lab, shots=100_000)
    assert len(ready.lowered.batches) == 3 and sum(b.n_points for b in ready.lowered.batches) == 400
    rows = {row.resource: row for _, row in ready.lowered.report}
    assert rows["counts"].used <= rows["counts"].allowed == 2**24
