"""Experiments that are written for ARTIQ, played by stand-ins for its devices: what the outputs do, and in time.

The stand-ins are written from the manual: a cursor in machine units that `at_mu` sets and `delay_mu` moves; output
events take effect at the cursor; a synthesiser is set over its card's bus, and takes over at the end of the transfer.
"""

from __future__ import annotations

import sys
import types
from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from artiq_crate import Pulse, bell, body_of, check_pulses, crate, line

import qctl
from qctl.errors import CompileError, TimingError
from qctl.lowering import compile as compile_programs

SPI_MU = 2664
TRACKING = 2


class Timeline:
    """The cursor, and all events: (time, device, what)."""

    def __init__(self) -> None:
        self.now = 0
        self.wall = 0
        self.events: list[tuple[int, str, Any]] = []

    def at_mu(self, time: int) -> None:
        assert isinstance(time, int)
        self.now = time

    def delay_mu(self, length: int) -> None:
        self.now += length

    def event(self, device: str, what: Any) -> None:
        assert self.now >= self.wall, f"underflow at {device}: {self.now} before {self.wall}"
        self.events.append((self.now, device, what))


class Switch:
    def __init__(self, timeline: Timeline, name: str) -> None:
        self.timeline, self.name = timeline, name

    def on(self) -> None:
        self.timeline.event(self.name, True)

    def off(self) -> None:
        self.timeline.event(self.name, False)


class Synthesiser:
    def __init__(self, timeline: Timeline, name: str) -> None:
        self.timeline, self.name = timeline, name
        self.sw = Switch(timeline, f"{name}.sw")
        self.cpld = types.SimpleNamespace(init=lambda: None)

    def init(self) -> None:
        self.timeline.delay_mu(1000)

    def set_mu(self, ftw: int, pow_: int = 0, asf: int = 0x3FFF, phase_mode: int = 0, ref_time_mu: int = -1) -> None:
        assert 0 <= ftw < 2**31 and 0 <= pow_ < 2**16 and 0 <= asf < 2**14 and phase_mode == TRACKING
        begin = self.timeline.now
        assert begin % 8 == ref_time_mu % 8
        self.timeline.event(f"{self.name}.bus", (begin, begin + SPI_MU))
        self.timeline.delay_mu(SPI_MU)
        self.timeline.event(f"{self.name}.set", (ftw, pow_, asf, ref_time_mu))


class Counter:
    def __init__(self, timeline: Timeline, name: str) -> None:
        self.timeline, self.name = timeline, name
        self.open: list[int] = []

    def gate_rising_mu(self, length: int) -> int:
        self.timeline.event(self.name, length)
        self.timeline.delay_mu(length)
        self.open.append(self.timeline.now)
        return self.timeline.now

    def fetch_count(self) -> int:
        self.timeline.wall = max(self.timeline.wall, self.open.pop(0))
        return 7


class Core:
    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline

    def reset(self) -> None:
        self.timeline.now = self.timeline.wall = 10**9

    def break_realtime(self) -> None:
        self.timeline.now = self.timeline.wall + 125_000

    def get_rtio_counter_mu(self) -> int:
        return self.timeline.wall


def played(text: str) -> tuple[Timeline, Any]:
    """Run an experiment, and return its events and itself."""
    timeline = Timeline()

    class EnvExperiment:
        def setattr_device(self, name: str) -> None:
            kinds = {"core": Core, "dds": Synthesiser, "counter": Counter, "ttl": Switch}
            kind = kinds[name.rstrip("0123456789")]
            setattr(self, name, kind(timeline) if kind is Core else kind(timeline, name))  # type: ignore[call-arg]

        def set_dataset(self, name: str, value: Any, broadcast: bool = False) -> None:
            self.data = value

        def append_to_dataset(self, name: str, value: Any) -> None:
            self.data.append(value)

    modules = {name: types.ModuleType(name) for name in ("artiq", "artiq.experiment", "artiq.coredevice")}
    modules["artiq.coredevice.ad9910"] = types.ModuleType("artiq.coredevice.ad9910")
    modules["artiq.coredevice.ad9910"].PHASE_MODE_TRACKING = TRACKING  # type: ignore[attr-defined]
    words = {
        "EnvExperiment": EnvExperiment, "kernel": lambda f: f, "rpc": lambda flags: lambda f: f,
        "now_mu": lambda: timeline.now, "at_mu": timeline.at_mu, "delay_mu": timeline.delay_mu,
    }  # fmt: skip
    modules["artiq.experiment"].__dict__.update(words)
    kept = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        space: dict[str, Any] = {}
        exec(compile(text, "experiment.py", "exec"), space)
        experiment = space["Sequences"]()
        experiment.build()
        experiment.prepare()
        experiment.run()
    finally:
        for name, module in kept.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
    return timeline, experiment


def pulses(timeline: Timeline) -> list[tuple[int, int, int, tuple[int, int, int, int]]]:
    """Return (chip, on, off, words) of each pulse; no bus is used twice at a time, nothing is set while it is on."""
    found, words, since = [], {}, {}
    busy: dict[int, int] = defaultdict(int)
    for time, device, what in sorted(timeline.events, key=lambda event: event[0]):
        name, _, part = device.partition(".")
        if part == "bus":
            card = int(name[3:]) // 4
            assert what[0] >= busy[card], f"{name} is set while its card's bus is in use"
            busy[card] = what[1]
        elif part == "set":
            assert name not in since, f"{name} is set while it is on"
            words[name] = what
        elif part == "sw" and what:
            since[name] = time
        elif part == "sw" and name in since:
            found.append((int(name[3:]), since.pop(name), time, words[name]))
    assert not since
    return found


def test_every_pulse_is_on_when_and_with_the_phase_that_was_asked_for() -> None:
    ready = compile_programs(bell(), crate(), shots=2)
    timeline, experiment = played(body_of(ready).text)
    found = [Pulse(chip, on, off, *words) for chip, on, off, words in pulses(timeline)]
    assert experiment.data == [[0, 0, 7, 7], [1, 0, 7, 7]]
    zeros = {pulse.zero for pulse in found}
    assert len(zeros) == 2
    for zero in zeros:
        check_pulses([pulse for pulse in found if pulse.zero == zero], ready, crate())


def test_a_sweep_is_one_kernel_with_tables() -> None:
    program = qctl.Program(["raman0.drive"], ["i0"], ["i0"])
    lengths = np.linspace(1e-6, 20e-6, 20)
    with program.sweep("t", lengths, "s") as t:
        program.play("raman0.drive", qctl.constant(t, 0.2))
        program.barrier()
        program.measure("i0", "i0")
    body = body_of(compile_programs(program, crate(), shots=1))
    assert body.text.count("def sequence") == 1 and len(body.text) < 8000
    timeline, experiment = played(body.text)
    found = [off - on for chip, on, off, _ in pulses(timeline) if chip == 0]
    assert found == [round(x * 1e9) for x in lengths]
    assert [row[:2] for row in experiment.data] == [[0, k] for k in range(20)]


def test_the_command_line_writes_the_experiment() -> None:
    from qctl.cli.compile import _artiq_texts

    lab = crate()
    ready = compile_programs(bell(), lab, shots=2)
    assert _artiq_texts(ready, lab) == {"ctl0.py": body_of(ready).text}
    assert "times within 0 s, frequencies within" in body_of(ready).text.splitlines()[0]


def test_ttl_lines_are_switched() -> None:
    timeline, _ = played(body_of(compile_programs(line(), crate(), shots=1)).text)
    times = [(time, what) for time, device, what in timeline.events if device == "ttl1"]
    assert [what for _, what in times] == [True, False] and times[1][0] - times[0][0] == 3000


def test_what_a_crate_cannot_do_is_refused_with_the_remedy() -> None:
    with pytest.raises(TimingError, match=r"dds\d of ctl0 can be set from .* set settle_s of its beam"):
        compile_programs(bell(), crate(0.0), shots=1)
    fast = qctl.Program(["cool.ttl"], ["i0"], ["i0"])
    for _ in range(400):
        fast.ttl("cool.ttl", 1)
        fast.delay("cool.ttl", 1e-7)
        fast.ttl("cool.ttl", 0)
        fast.delay("cool.ttl", 1e-7)
    fast.barrier()
    fast.measure("i0", "i0")
    compile_programs(fast, crate(), shots=1)  # 800 edges: the slack and the time of cooling pay for them
    for _ in range(3000):
        fast.ttl("cool.ttl", 1)
        fast.delay("cool.ttl", 1e-7)
        fast.ttl("cool.ttl", 0)
        fast.delay("cool.ttl", 1e-7)
    with pytest.raises(TimingError, match="too late, at 1040 ns an event with 200000 ns of slack"):
        compile_programs(fast, crate(), shots=1)
    high = qctl.Program(["raman0.drive"], ["i0"], ["i0"])
    high.shift_frequency("raman0.drive", 2.1e8)
    high.play("raman0.drive", qctl.constant(1e-6, 0.2))
    high.measure("i0", "i0")
    with pytest.raises(CompileError, match=r"frequency on tone = 410000000 Hz is over 400000000 Hz"):
        compile_programs(high, crate(), shots=1)
