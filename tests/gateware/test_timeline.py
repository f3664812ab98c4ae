"""The driver plays a program on the core over each transport; its pins do what the timeline says, at its ticks."""

from __future__ import annotations

import os
import subprocess
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from device import OUT

import qctl
from qctl.firmware_io.sequencer import read_trace
from qctl.instruments.qctl_events.body import EventsBody
from qctl.instruments.qctl_sequencer.driver import QctlSequencer, open_driver
from qctl.lab import Lab, load_lab
from qctl.lowering import compile as compile_programs
from qctl.program.device_program import DeviceProgram

IONS = (Path(__file__).parents[1] / "support" / "ions4.toml").read_text()
N_SHOTS = 3
PERIOD_NS = 5_000_000
TICK_NS = 10
Event = tuple[int, int, int, int]
Serve = Callable[[str], str]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    text = IONS.replace('"qctl-events"', '"qctl-sequencer"').replace("clock_hz = 1.0e9", "clock_hz = 1.0e8")
    (tmp_path / "lab.toml").write_text(text)
    return load_lab(tmp_path / "lab.toml")


def program_for(lab: Lab) -> DeviceProgram:
    program = qctl.Program(["raman0.drive"], ["i0"], ["a"])
    with program.sweep("v", [0.1, 0.2], "V") as v:
        program.play("raman0.drive", qctl.constant(1e-6, v))
        program.barrier()
        program.measure("i0", "a")
    return compile_programs(program, lab, shots=N_SHOTS).lowered.batches[0].programs[0]


def timeline(tmp_path: Path) -> tuple[set[Event], set[Event]]:
    """Return tones and gates by the lowering to another device: (tick of the block, kind, channel from 0, word)."""
    (tmp_path / "events.toml").write_text(IONS)
    program = program_for(load_lab(tmp_path / "events.toml"))
    body = EventsBody.from_bytes(program.body)
    words = np.asarray(program.blobs[body.events], np.uint64).reshape(-1, 2).tolist()
    n_points = len(body.bounds) - 1
    tones, gates = set(), set()
    for shot in range(N_SHOTS):
        for point in range(n_points):
            begin = (shot * n_points + point) * PERIOD_NS
            for head, word in words[body.bounds[point] : body.bounds[point + 1]]:
                ns, kind, channel = begin + (head & 0xFFFFFFFF), head >> 48, (head >> 32 & 255) - 1
                assert ns % TICK_NS == 0
                (gates if kind == 3 else tones).add((ns // TICK_NS, kind, channel, word))
    return tones, gates


def synthesised(log: Path) -> set[Event]:
    """Return what synthesisers at the core's pins were told, from the block's start on."""
    staged: dict[int, int] = {}
    found: set[Event] = set()
    for line in log.read_text().splitlines():
        tick, kind, value, tone, amplitude, phase = (int(word) for word in line.split())
        if tick < 0:  # of tones that are silenced for the block that begins
            found.clear()
        if kind == 3:
            staged[tone] = value | phase << 32 | amplitude << 48 if amplitude else 0
        elif kind == 2:
            found |= {(tick, 2, number, word) for number, word in staged.items() if value >> number & 1}
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
    program = program_for(lab)
    assert device.load(program) > 0
    device.start()
    until_finished(device)
    tones, gates = timeline(tmp_path)
    assert len(tones) >= 10 * N_SHOTS
    assert synthesised(tmp_path / "pins.log") == tones
    trace = read_trace(device.controller)
    assert (trace["written"] == trace["scheduled"]).all()
    told = {int(tick) for tick in trace["scheduled"]}
    assert told == {tick for tick, *_ in tones | gates}
    assert [counts.real.ravel().tolist() for counts in device.integrated().values()] == [[0.0] * 2 * N_SHOTS]
    device.safe()
    device.close()
