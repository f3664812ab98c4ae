"""The driver plays a program on the core over each transport; its pins do what the timeline says, at its ticks."""

from __future__ import annotations

import os
import subprocess
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from device import OUT

import qctl
from qctl.firmware_io.sequencer import read_trace
from qctl.hil.sequencer.interpreter import play
from qctl.instruments.ions.events import FIRST_LINE
from qctl.instruments.qctl_sequencer.body import program_of
from qctl.instruments.qctl_sequencer.driver import QctlSequencer, open_driver
from qctl.lab import Lab, load_lab
from qctl.lowering import Ready
from qctl.lowering import compile as compile_programs
from qctl.program.device_program import DeviceProgram

IONS = (Path(__file__).parents[1] / "support" / "ions4.toml").read_text()
N_SHOTS = 3
PERIOD_NS = 5_000_000
TICK_NS = 10
FIRST_SECOND = 8  # synthesisers from this on make second tones of outputs
Setting = tuple[int, int, int, int]
"""Tick, synthesiser from 0 on, frequency word, phase and amplitude."""
Serve = Callable[[str], str]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    text = IONS.replace("clock_hz = 1.0e9", "clock_hz = 1.0e8")
    (tmp_path / "lab.toml").write_text(text)
    return load_lab(tmp_path / "lab.toml")


def compiled(lab: Lab) -> Ready:
    program = qctl.Program(["raman0.drive", "raman1.drive"], ["i0"], ["a"])
    with program.sweep("v", [0.1, 0.2], "V") as v:
        program.play("raman0.drive", qctl.constant(1e-6, v))
        program.play("raman1.drive", qctl.constant(1.5e-6, 0.25))
        program.barrier()
        program.measure("i0", "a")
    return compile_programs(program, lab, shots=N_SHOTS)


def synthesised(log: Path) -> tuple[list[Setting], list[int]]:
    """Return what synthesisers at the core's pins were told in the block, and when they were begun anew."""
    staged: dict[int, tuple[int, int]] = {}
    found: list[Setting] = []
    begun: list[int] = []
    for line in log.read_text().splitlines():
        tick, kind, value, tone, amplitude, phase = (int(word) for word in line.split())
        if tick < 0:  # of tones that are silenced for the block that begins
            found.clear()
            begun.clear()
        if kind == 3:
            staged[tone] = value, phase | amplitude << 16
        elif kind == 2:
            found += [(tick, number, *words) for number, words in sorted(staged.items()) if value >> number & 1]
        elif kind == 4:
            begun.append(tick)
    return found, begun


def interpreted(program: DeviceProgram, period: int) -> list[Setting]:
    """Return the same by the interpreter."""
    events = play(program_of(program).to_bytes(), n_shots=N_SHOTS, period_ticks=period).events
    tones = [event for event in events if event.output.startswith("tone")]
    pairs = zip(tones[::2], tones[1::2], strict=True)
    return [(first.tick, int(first.output.split()[1]), first.value, second.value) for first, second in pairs]


def sounding(settings: list[Setting]) -> set[tuple[int, int, int]]:
    """Return when each synthesiser makes something: its number, and the ticks from and to."""
    since: dict[int, int] = {}
    found = set()
    for tick, tone, _, words in settings:
        if not words >> 16 and tone in since:
            found.add((tone, since.pop(tone), tick))
        elif words >> 16:
            since.setdefault(tone, tick)
    assert not since
    return found


def asked_for(ready: Ready, lab: Lab) -> set[tuple[int, int, int]]:
    """Return when the timeline has something played, by the first synthesiser of its output."""
    timeline, found = ready.timeline, set()
    for shot in range(N_SHOTS):
        for point, plays in enumerate(timeline.plays):
            begin_ns = (shot * len(timeline.plays) + point) * PERIOD_NS
            for row in plays:
                output = lab.ports[timeline.ports[row["port"]].name].output
                if output is None or output.output >= FIRST_LINE:
                    continue
                start_ns = begin_ns + int(row["start"])
                end_ns = start_ns + round(float(timeline.waveforms[row["waveform"]].duration_s) * 1e9)
                found.add((output.output - 1, start_ns // TICK_NS, end_ns // TICK_NS))
    return found


@pytest.fixture
def serve(built: None, tmp_path: Path) -> Iterator[Serve]:
    """Return a function that starts the device at a transport and returns its address in lab.toml."""
    started: list[subprocess.Popen[str]] = []
    ends: list[int] = []

    def start(transport: str) -> str:
        words = [str(OUT / "gateware-wide"), "--log", str(tmp_path / "pins.log")]
        if transport == "serial":
            board, line = os.openpty()
            tty.setraw(line)
            ends.extend((board, line))
            started.append(subprocess.Popen([*words, "--stdio"], stdin=board, stdout=board, stderr=subprocess.PIPE))
            return f"ASRL{os.ttyname(line)}::INSTR"
        words += [f"--{transport}", "0"]
        started.append(subprocess.Popen(words, stderr=subprocess.PIPE, text=True))
        assert started[-1].stderr is not None
        host, port = started[-1].stderr.readline().split()[1].split(":")
        return f"{'UDP' if transport == 'udp' else 'TCPIP'}::{host}::{port}::SOCKET"

    yield start
    for process in started:
        process.kill()
        process.wait()
    for end in ends:
        os.close(end)


def until_finished(device: QctlSequencer) -> None:
    end_s = time.monotonic() + 60
    while not device.finished():
        assert time.monotonic() < end_s


@pytest.mark.parametrize("transport", ["serial", "tcp", "udp"])
def test_the_unchanged_driver_plays_a_timeline(lab: Lab, serve: Serve, tmp_path: Path, transport: str) -> None:
    device = open_driver(msgspec.structs.replace(lab.instrument("ctl0"), address=serve(transport)), lab)
    assert device.identify().startswith("qctl,sequencer,")
    ready = compiled(lab)
    program = ready.lowered.batches[0].programs[0]
    assert device.load(program) > 0
    device.start()
    until_finished(device)
    period = 2 * PERIOD_NS // TICK_NS
    pins, begun = synthesised(tmp_path / "pins.log")
    assert pins == interpreted(program, period)
    assert begun == [shot * period for shot in range(N_SHOTS)]
    assert sounding([row for row in pins if row[1] < FIRST_SECOND]) == asked_for(ready, lab)
    trace = read_trace(device.controller)
    assert len(trace) > 2 * len(pins)
    assert (trace["written"] == trace["scheduled"]).all()
    assert [counts.real.ravel().tolist() for counts in device.integrated().values()] == [[0.0] * 2 * N_SHOTS]
    device.safe()
    device.close()
