"""The driver against the emulated sequencer, over a pty, through windows, resets and faults."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from emulators import Emulator, emulator

from qctl.errors import DeviceError, LimitError, RefusedError, RequestError
from qctl.firmware_io.handshake import lacks
from qctl.firmware_io.instructions import Op, SequencerProgram
from qctl.firmware_io.kinds import Kind
from qctl.firmware_io.sequencer import compare_clocks, read_trace, upload
from qctl.firmware_io.sequencer_messages import (
    MOST_BYTES,
    NEVER,
    PROGRAM,
    Arming,
    ObjectHead,
    RegisterRange,
    Watchdog,
    WriteObject,
)
from qctl.instruments.qctl_sequencer.body import Photons, SequencerBody
from qctl.instruments.qctl_sequencer.driver import QctlSequencer, open_driver
from qctl.lab import Lab, load_lab
from qctl.program.device_program import DeviceProgram

IONS = (Path(__file__).parents[2] / "support" / "ions4.toml").read_text()
HZ = 10**9


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with emulator("qctl-sequencer", "ctl0", tmp_path_factory.mktemp("box")) as found:
        yield found


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    (tmp_path / "lab.toml").write_text(IONS)
    return load_lab(tmp_path / "lab.toml")


@pytest.fixture
def device(lab: Lab, box: Emulator) -> Iterator[QctlSequencer]:
    found = open_driver(msgspec.structs.replace(lab.instrument("ctl0"), address=box.address), lab)
    yield found
    found.close()


def made(*rows: tuple[int, ...], n_shots: int = 2, n_counts: int = 0, tick_hz: int = HZ) -> DeviceProgram:
    program = SequencerProgram.of(tick_hz, *rows)
    photons = (Photons("p", "s", tuple(range(n_counts))),) if n_counts else ()
    body = SequencerBody(tick_hz, n_shots, False, 1000, "rows", n_counts, photons)
    name = program.rows.tobytes().hex()
    body = msgspec.structs.replace(body, program=name)
    return DeviceProgram("ctl0", "qctl-sequencer", body.to_bytes(), {name: program.rows.view(np.uint64)})


def until_finished(device: QctlSequencer) -> None:
    end_s = time.monotonic() + 20
    while not device.finished():
        assert time.monotonic() < end_s


COUNTING = [
    (Op.ADD, 0, 0, 1),
    (Op.LINES, 0, 1, 1),
    (Op.WAIT, 0, 0, 100),
    (Op.LINES, 0, 1, 0),
    (Op.STORE, 0),
    (Op.HALT,),
]


def test_a_program_is_sent_once_and_its_results_come_back(device: QctlSequencer) -> None:
    program = made(*COUNTING, n_shots=3, n_counts=1)
    assert device.load(program) == 16 + 8 * len(COUNTING)
    assert device.load(program) == 0
    device.start()
    until_finished(device)
    assert device.integrated()["p", "s"].real.tolist() == [[1.0], [2.0], [3.0]]
    trace = read_trace(device.controller)
    assert trace["scheduled"].tolist() == [0, 100, 1000, 1100, 2000, 2100]
    assert trace["value"].tolist() == [1, 0] * 3
    assert device.controller.call(Kind.READ_REGISTERS, RegisterRange(0, 1)).rows == b"\3\0\0\0"


def test_long_tables_are_read_to_their_end_and_no_further(device: QctlSequencer) -> None:
    device.load(made(*COUNTING, n_shots=1000, n_counts=1))
    device.start()
    until_finished(device)
    assert device.integrated()["p", "s"].real.ravel().tolist() == list(range(1, 1001))
    assert len(read_trace(device.controller)) == 2000


LIT = [
    (Op.OPEN, 2),
    (Op.WAIT, 0, 0, 500),
    (Op.CLOSE, 2, 3),
    (Op.STORE, 3),
    (Op.SET, 5, 0, 7),
    (Op.STORE, 5),
    (Op.HALT,),
]


def test_photons_are_counted_in_each_shot_and_the_rest_stays_what_it_is(device: QctlSequencer) -> None:
    device.load(made(*LIT, n_shots=1000, n_counts=2))
    device.start()
    until_finished(device)
    found = device.integrated()["p", "s"].real
    assert found.shape == (1000, 2) and (found[:, 1] == 7).all()
    assert 4.6 < found[:, 0].mean() < 5.4 and found[:, 0].std() > 1.5  # Poisson of five, from a plant of nothing
    assert read_trace(device.controller)["scheduled"][:6].tolist() == [0, 500, 1000, 1500, 2000, 2500]
    assert device.controller.call(Kind.READ_REGISTERS, RegisterRange(3, 3)).rows[8:] == b"\7\0\0\0"


def test_what_is_calculated_from_photons_is_calculated_in_each_shot(device: QctlSequencer) -> None:
    rows = [*LIT[:3], (Op.SUM, 4, 4, 3), (Op.STORE, 4), (Op.STORE, 3), (Op.HALT,)]
    device.load(made(*rows, n_shots=50, n_counts=2))
    device.start()
    until_finished(device)
    found = device.integrated()["p", "s"].real
    assert (found[:, 0] == np.cumsum(found[:, 1])).all() and found[-1, 0] > 100


def test_what_a_count_decides_is_decided_in_each_shot(device: QctlSequencer) -> None:
    decide = [(Op.SET, 5, 0, 0), (Op.JUMP_BELOW, 3, 6, 5), (Op.SET, 5, 0, 1)]
    wait = [(Op.STORE, 3), (Op.STORE, 5), (Op.ADD, 4, 3, 1), (Op.WAIT_REGISTER, 4), (Op.MARK, 4, 0, 9), (Op.HALT,)]
    device.load(made(*LIT[:3], *decide, *wait, n_shots=200, n_counts=2))
    device.start()
    until_finished(device)
    found = device.integrated()["p", "s"].real
    assert (found[:, 1] == (found[:, 0] >= 5)).all() and 0 < found[:, 1].mean() < 1
    trace = read_trace(device.controller)
    begins = np.arange(200) * 1000
    assert (trace["scheduled"].reshape(200, 3) == np.stack([begins, begins + 500, begins + 501 + found[:, 0]], 1)).all()


def test_triggers_beside_counts_are_refused_by_their_instruction(device: QctlSequencer) -> None:
    device.load(made((Op.WAIT_TRIGGER, 0, 0xFFFF, 0), *LIT))
    with pytest.raises(RefusedError, match="instruction 0: a program that counts can't wait for triggers"):
        device.start()


def test_a_block_with_light_is_stopped_and_the_next_one_begins(device: QctlSequencer) -> None:
    program = made(*LIT, n_shots=10_000_000, n_counts=2)
    device.load(every(program, 1_000_000))
    device.start()
    assert not device.finished()
    device.stop()
    with pytest.raises(DeviceError, match="stopped"):
        until_finished(device)
    device.load(made(*LIT, n_shots=3, n_counts=2))
    device.start()
    until_finished(device)
    assert device.integrated()["p", "s"].shape == (3, 2)


def every(program: DeviceProgram, ticks: int) -> DeviceProgram:
    body = msgspec.structs.replace(SequencerBody.from_bytes(program.body), period_ticks=ticks, n_counts=0, photons=())
    return DeviceProgram("ctl0", "qctl-sequencer", body.to_bytes(), program.blobs)


def test_parameters_say_who_it_is_and_how_its_clock_runs(device: QctlSequencer) -> None:
    assert device.identify().startswith("qctl,sequencer,")
    assert (device.get("firmware"), device.get("window"), device.get("state")) == ("1.0.0", 8, 0)
    assert 0 < device.get("round_trip_s") < 1
    assert abs(device.get("clock_drift")) < 0.5
    with pytest.raises(RequestError, match="can't be set"):
        device.set("state", 1)
    first, second = compare_clocks(device.controller), compare_clocks(device.controller)
    apart = second.tick_at(second.host_0_ns) - first.tick_at(second.host_0_ns)
    assert abs(apart) / HZ < 1.0


@pytest.mark.parametrize(
    ("rows", "tick_hz", "n_shots", "n_counts", "words"),
    [
        ([(Op.SET, 16), (Op.HALT,)], HZ, 1, 0, "ctl0: instruction 0: set: register is 16"),
        ([(Op.HALT,)], 10**6, 1, 0, "ticks of 1000000 Hz, the device of 1000000000"),
        ([(Op.STORE, 0), (Op.HALT,)], HZ, 1 << 25, 1, "1 counts in each of 33554432 shots are more than the 16777216"),
    ],
)
def test_what_the_device_cannot_is_never_sent(
    device: QctlSequencer, rows: list[tuple[int, ...]], tick_hz: int, n_shots: int, n_counts: int, words: str
) -> None:
    with pytest.raises(LimitError, match=words):
        device.load(made(*rows, tick_hz=tick_hz, n_shots=n_shots, n_counts=n_counts))


def test_an_upload_goes_on_where_a_broken_session_left_it(device: QctlSequencer) -> None:
    content = SequencerProgram.of(HZ, *[(Op.WAIT, 0, 0, k) for k in range(1000)], (Op.HALT,)).to_bytes()
    device.controller.call(Kind.OPEN_OBJECT, ObjectHead(PROGRAM, len(content), hashlib.sha256(content).digest()))
    device.controller.call(Kind.WRITE_OBJECT, WriteObject(0, content[:MOST_BYTES]))
    device.controller._drop()
    assert upload(device.controller, PROGRAM, content) == len(content) - MOST_BYTES


def test_a_broken_object_is_refused_whole(device: QctlSequencer) -> None:
    content = SequencerProgram.of(HZ, (Op.HALT,)).to_bytes()
    device.controller.call(Kind.OPEN_OBJECT, ObjectHead(PROGRAM, len(content), bytes(32)))
    device.controller.call(Kind.WRITE_OBJECT, WriteObject(0, content))
    with pytest.raises(RefusedError, match="hash"):
        device.controller.call(Kind.CLOSE_OBJECT)
    bad = SequencerProgram.of(HZ, (0x7F,), (Op.HALT,)).to_bytes()
    with pytest.raises(RefusedError, match="instruction 0"):
        upload(device.controller, PROGRAM, bad)


def test_a_block_that_faults_says_why(device: QctlSequencer) -> None:
    device.load(made((Op.SET, 0, 0, -1), (Op.WAIT_REGISTER, 0), (Op.HALT,)))
    device.start()
    with pytest.raises(DeviceError, match=r"a wait was below zero \(instruction 1, tick 0"):
        until_finished(device)


def test_a_block_that_waits_takes_a_trigger_or_is_stopped(device: QctlSequencer) -> None:
    device.load(made((Op.WAIT_TRIGGER, 0, 0xFFFF, 0), (Op.STORE, 0), (Op.HALT,), n_shots=1, n_counts=1))
    device.start()
    assert not device.finished()
    device.controller.call(Kind.TRIGGER)
    until_finished(device)
    assert device.integrated()["p", "s"].tolist() == [[0]]
    device.start()
    device.stop()
    with pytest.raises(DeviceError, match="stopped"):
        device.finished()


def test_silence_brings_it_to_the_safe_state_until_that_is_acknowledged(device: QctlSequencer) -> None:
    device.load(made((Op.WAIT_TRIGGER, 0, 0xFFFF, 0), (Op.HALT,)))
    device.controller.call(Kind.SET_WATCHDOG, Watchdog(50))
    device.start()
    done = None
    end_s = time.monotonic() + 10
    while done is None and time.monotonic() < end_s:
        done = device.controller.next_done(device._block_number, 0.5)
    assert done is not None
    assert done.reason == 2
    assert device.get("state") == 3
    with pytest.raises(RefusedError, match="state"):
        device.controller.call(Kind.ARM, Arming(9, 1, 0, NEVER))
    device.safe()
    assert device.get("state") == 0


def test_a_power_cycle_is_noticed_and_the_program_sent_again(device: QctlSequencer, box: Emulator) -> None:
    program = made(*COUNTING, n_counts=1)
    device.load(program)
    box.ask(faults={"power_cycle": 0.0})
    with pytest.raises(DeviceError, match="forgotten the session"):
        while True:
            device.get("state")
    with pytest.raises(DeviceError, match="load it again"):
        device.start()
    assert device.load(program) == 16 + 8 * len(COUNTING)
    device.start()
    until_finished(device)


def test_lab_toml_with_another_clock_is_refused(lab: Lab, box: Emulator) -> None:
    entry = msgspec.structs.replace(lab.instrument("ctl0"), address=box.address, clock_hz=1e6)
    with pytest.raises(DeviceError, match=r"counts ticks of 1000000000 Hz, lab\.toml says clock_hz = 1e"):
        open_driver(entry, lab)


def test_what_its_firmware_does_without_is_told_in_sentences(device: QctlSequencer) -> None:
    found = device.controller.identification
    assert found is not None
    assert device.lacks() == lacks(found)
    assert all(sentence.startswith("the sequencer's firmware 1.0.0 has no ") for sentence in device.lacks())
