"""Lowering to sequencers: an independent interpreter plays what the event controller would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qctl
from qctl.errors import CompileError, TimingError
from qctl.hil.sequencer.interpreter import Surroundings, play
from qctl.hil.sequencer.refusals import Limits, refused
from qctl.instruments.qctl_events.body import EventsBody
from qctl.instruments.qctl_sequencer.body import SequencerBody, program_of, text_of
from qctl.instruments.qctl_sequencer.lower import lower_records
from qctl.lab import Lab, load_lab
from qctl.lowering import compile as compile_programs
from qctl.program.assembly import from_text
from qctl.program.device_program import DeviceProgram

IONS = (Path(__file__).parents[2] / "support" / "ions4.toml").read_text()


def lab_with(tmp_path: Path, clock_hz: str = "1.0e8") -> Lab:
    text = IONS.replace('"qctl-events"', '"qctl-sequencer"').replace("clock_hz = 1.0e9", f"clock_hz = {clock_hz}")
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


def events_of(lab: Lab) -> list[tuple[Any, ...]]:
    """Return what the event controller is told: point, ns, kind, channel, value."""
    program = program_for(lab)
    body = EventsBody.from_bytes(program.body)
    words = np.asarray(program.blobs[body.events], np.uint64).reshape(-1, 2).tolist()
    found = []
    for point in range(len(body.bounds) - 1):
        for head, value in words[body.bounds[point] : body.bounds[point + 1]]:
            found.append((point, head & 0xFFFFFFFF, head >> 48, head >> 32 & 255, value))
    return sorted(found)


def played_events(lab: Lab, period_ns: int) -> list[tuple[Any, ...]]:
    data = program_of(program_for(lab)).to_bytes()
    assert refused(data, Limits()) == ""
    found = []
    lines = frequency = 0
    for tick, output, value, _ in play(data).events:
        point, ns = divmod(tick * 10, period_ns)
        what, *rest = output.split()
        if what == "lines":
            found += [(point, ns, 1, bit + 1, value >> bit & 1) for bit in range(16) if (value ^ lines) >> bit & 1]
            lines = value
        elif what == "tone" and rest[1] == "frequency":
            frequency = value
        elif what == "tone":
            phase, amplitude = value & 0xFFFF, value >> 16
            word = frequency | phase << 32 | amplitude << 48 if amplitude else 0
            found.append((point, ns, 2, int(rest[0]) + 1, word))
        elif what in ("open", "close"):
            found.append((point, ns, 3, int(rest[0]) + 1, int(what == "open")))
    return sorted(found)


def test_an_independent_interpreter_plays_what_the_event_controller_would(tmp_path: Path) -> None:
    (tmp_path / "events.toml").write_text(IONS)
    wanted = events_of(load_lab(tmp_path / "events.toml"))
    assert len(wanted) > 20
    assert played_events(lab_with(tmp_path), 5_000_000) == wanted


def test_photons_are_stored_in_the_order_that_the_body_says(tmp_path: Path) -> None:
    program = program_for(lab_with(tmp_path))
    body = SequencerBody.from_bytes(program.body)
    assert (body.n_shots, body.n_counts, body.period_ticks, body.tick_hz) == (3, 4, 1_000_000, 10**8)
    dark = play(program_of(program).to_bytes(), n_shots=3, period_ticks=body.period_ticks)
    assert dark.results == [0] * 12
    opened = [event.tick for event in dark.events if event.output == "open 0"]
    bright = play(program_of(program).to_bytes(), Surroundings(pulses=[(opened[1] + 1, 0)]))
    assert bright.results.count(1) == 1


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
