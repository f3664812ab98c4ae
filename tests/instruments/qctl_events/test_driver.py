"""The driver of the event controller against the emulated one on a pty: uploads, shots, counts, refusals."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import qctl
from qctl.errors import DeviceError, LimitError, RefusedError, RequestError
from qctl.firmware_io.event_messages import EVENT, Run, WriteEvents, WriteSequences, Written
from qctl.firmware_io.messages import Fire, Kind
from qctl.instruments.qctl_events.body import EventsBody
from qctl.instruments.qctl_events.driver import QctlEvents, _changes, open_driver
from qctl.lab import Lab, load_lab
from qctl.lowering import compile as compile_programs
from qctl.program.device_program import DeviceProgram

SUPPORT = Path(__file__).parents[2] / "support"
sys.path.insert(0, str(SUPPORT))


@pytest.fixture(scope="module")
def lab() -> Lab:
    return load_lab(SUPPORT / "ions4.toml")


@pytest.fixture
def device(lab: Lab, tmp_path: Path) -> Iterator[QctlEvents]:
    from emulators import emulator

    with emulator("qctl-events", "ctl0", tmp_path) as box:
        found = open_driver(msgspec.structs.replace(lab.instrument("ctl0"), address=box.address), lab)
        try:
            yield found
        finally:
            found.close()


def program_of(lab: Lab, volts: list[float], shots: int = 20, averaged: bool = False) -> DeviceProgram:
    program = qctl.Program(["raman0.drive"], ["i0", "i1"], ["a", "b"])
    with program.sweep("v", volts, "V") as v:
        program.play("raman0.drive", qctl.constant(1e-6, v))
        program.barrier()
        program.measure("i0", "a")
        program.measure("i1", "b")
    ready = compile_programs(program, lab, shots=shots, averaged=averaged)
    return ready.lowered.batches[0].programs[0]


def until_finished(device: QctlEvents) -> None:
    end_s = time.monotonic() + 20
    while not device.finished():
        assert time.monotonic() < end_s


def test_load_play_and_count(device: QctlEvents, lab: Lab) -> None:
    assert device.identify().startswith("qctl,events") and device.locked()
    assert device.load(program_of(lab, [0.1, 0.2])) > 0
    device.start()
    until_finished(device)
    found = device.integrated()
    assert {key: values.shape for key, values in found.items()} == {
        ("i0.readout", "a"): (20, 2), ("i1.readout", "b"): (20, 2),
    }  # fmt: skip
    assert 2 < np.mean([values.real.mean() for values in found.values()]) < 8
    assert device.get("n_fired") == 20 and device.get("state") == 0


def test_counts_are_averaged_where_that_is_asked_for(device: QctlEvents, lab: Lab) -> None:
    device.load(program_of(lab, [0.1], averaged=True))
    device.start()
    until_finished(device)
    assert device.integrated()["i0.readout", "a"].shape == (1, 1)


def test_only_what_changed_is_sent(device: QctlEvents, lab: Lab) -> None:
    first = device.load(program_of(lab, [0.1, 0.2, 0.3]))
    assert device.load(program_of(lab, [0.1, 0.2, 0.3], shots=7)) == 0
    changed = device.load(program_of(lab, [0.1, 0.25, 0.3]))
    assert changed == EVENT.itemsize < first / 10


def test_changes_are_joined_and_cut() -> None:
    held = np.zeros(300, EVENT)
    rows = held.copy()
    rows["value"][[3, 5, 100, 299]] = 1
    assert _changes(rows, held, 63) == [(3, 6), (100, 101), (299, 300)]
    assert _changes(rows, held[:0], 63) == [(0, 63), (63, 126), (126, 189), (189, 252), (252, 300)]
    assert _changes(held, held, 63) == []


def test_more_than_the_device_has_is_never_sent(device: QctlEvents, lab: Lab) -> None:
    program = program_of(lab, [0.1])
    body = EventsBody.from_bytes(program.body)
    for change, words in (({"n_counts": 2**25}, "counts"), ({"n_shots": 0}, "n_shots")):
        wrong = msgspec.structs.replace(body, **change)
        with pytest.raises(LimitError, match=words):
            device.load(DeviceProgram("ctl0", "qctl-events", wrong.to_bytes(), program.blobs))
    words = np.asarray(program.blobs[body.events]).copy()
    words[0] = words[0] & ~np.uint64(255 << 32) | np.uint64(40 << 32)
    with pytest.raises(LimitError, match="output 40 is not there, the device has 32"):
        device.load(DeviceProgram("ctl0", "qctl-events", program.body, {body.events: words}))
    with pytest.raises(RequestError, match="no program is loaded"):
        device.start()


def test_a_program_is_stopped(device: QctlEvents, lab: Lab) -> None:
    device.load(program_of(lab, [0.1], shots=100_000))
    device.start()
    assert not device.finished()
    device.stop()
    with pytest.raises(DeviceError, match="the block ended after"):
        until_finished(device)
    device.safe()
    with pytest.raises(RequestError, match="no program is loaded"):
        device.start()


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([(0, 40, 0, 2, 0, 1)], "for nothing that is here"),
        ([(0, 1, 2, 2, 0, 1)], "for nothing that is here"),
        ([(0, 1, 0, 7, 0, 1)], "for nothing that is here"),
        ([(0, 1, 0, 2, 1, 1)], "for nothing that is here"),
        ([(0, 1, 0, 1, 0, 2)], "for nothing that is here"),
        ([(9, 1, 0, 2, 0, 1), (0, 2, 0, 2, 0, 1)], "not in order"),
        ([(0, 1, 0, 2, 0, 1), (7, 1, 0, 2, 0, 0)], "less than 8 ticks apart"),
        ([(5000, 1, 0, 2, 0, 1)], "after the period"),
        ([(0, 1, 0, 2, 0, 0x2000 << 48), (0, 1, 1, 2, 0, 0x2000 << 48)], "over full scale"),
    ],
)
def test_the_device_refuses_events_that_break_its_rules(
    device: QctlEvents, rows: list[tuple[Any, ...]], words: str
) -> None:
    call = device.controller.call
    table = np.array(rows, EVENT)
    assert call(Kind.WRITE_EVENTS, WriteEvents(0, len(rows), table.tobytes())) == Written(0, len(rows))
    call(Kind.WRITE_SEQUENCES, WriteSequences(0, 1, np.array([(0, len(rows))], "<u4, <u4").tobytes()))
    call(Kind.SET_RUN, Run(1, 1, 5000))
    with pytest.raises(RefusedError, match=words):
        call(Kind.FIRE, Fire(1))


def test_the_device_refuses_ranges_that_it_does_not_have(device: QctlEvents) -> None:
    call = device.controller.call
    with pytest.raises(RefusedError, match="rows 0 to 262144"):
        call(Kind.WRITE_EVENTS, WriteEvents(2**18, 1, bytes(16)))
    with pytest.raises(RefusedError, match="counts 0 to 0"):
        call(Kind.READ_COUNTS, Written(0, 1))
    with pytest.raises(RefusedError, match="sequences, shots or period"):
        call(Kind.SET_RUN, Run(0, 1, 1))
