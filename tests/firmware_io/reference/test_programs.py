"""The reference firmware on the host does what the interpreter says, and its outputs did what its trace says."""

from __future__ import annotations

import random
import struct

import pytest
from asking import Asker, Refused
from device import LibraryDevice
from judged_traces import MAX_TRACE, differences, log_differences, no_watchdog, run_case
from programs import Case, expected, program_bytes, random_case

from qctl.firmware_io.kinds import Kind
from qctl.hil.sequencer.interpreter import Played

N_PROGRAMS = 1000
LINES = 1


def line_log(device: LibraryDevice) -> list[tuple[int, int]]:
    return [(tick, value) for tick, kind, value, *_ in device.log() if kind == LINES]


def tone_log(device: LibraryDevice) -> list[tuple[int, int, int, int]]:
    """Return (tick, tone, frequency, phase and amplitude) of each tone that an update gave what was staged."""
    staged: dict[int, tuple[int, int]] = {}
    rows = []
    for tick, kind, value, tone, amplitude, phase in device.log():
        if kind == 3:
            staged[tone] = value, phase | amplitude << 16
        elif kind == 2:
            rows += [(tick, number, *staged[number]) for number in range(4) if value >> number & 1]
    return rows


def wanted_tones(played: Played) -> list[tuple[int, int, int, int]]:
    tones = [event for event in played.events if event.output.startswith("tone")]
    pairs = zip(tones[::2], tones[1::2], strict=True)
    return [(first.tick, int(first.output.split()[1]), first.value, second.value) for first, second in pairs]


@pytest.fixture
def asker(device: LibraryDevice) -> Asker:
    asker = Asker(device)
    asker.hello()
    no_watchdog(asker)
    return asker


def test_random_programs_do_what_the_interpreter_says(device: LibraryDevice, asker: Asker) -> None:
    rng = random.Random(1)
    ops, came, timed_out = set(), 0, 0
    for block in range(1, N_PROGRAMS + 1):
        case = random_case(rng)
        device.script(case.edges)
        trace = run_case(asker, case, block, device.forget_log)
        played = expected(case)
        assert differences(asker, case, trace, latest=0) == []
        assert log_differences(played, line_log(device), latest=0) == []
        assert tone_log(device) == wanted_tones(played)
        ops |= {op for op, *_ in struct.iter_unpack("<BBHI", case.program[16:])}
        for number, (op, _, target, _) in enumerate(struct.iter_unpack("<BBHI", case.program[16:])):
            happened = {event.instruction for event in played.events}
            came += op == 0x0A and number + 1 in happened
            timed_out += op == 0x0A and number + 1 not in happened and target + 1 in happened
    assert ops == {*range(11), *range(0x10, 0x16), *range(0x20, 0x26), 0x30, 0x31}
    assert came > 20
    assert timed_out > 20


@pytest.mark.parametrize(("library", "words"), [("late", "level at"), ("skip", "levels")])
def test_a_firmware_that_lies_is_caught_by_the_log(built: None, library: str, words: str) -> None:
    device = LibraryDevice(f"libfirmware-{library}.so")
    asker = Asker(device)
    asker.hello()
    rows = [row for level in (1, 3, 7, 6) for row in ((1, 0, 7, level), (8, 0, 0, 100))]
    case = Case(program_bytes([*rows, (0, 0, 0, 0)]), 1, 0)
    trace = run_case(asker, case, 1, device.forget_log)
    assert differences(asker, case, trace, latest=1) == []
    found = log_differences(expected(case), line_log(device), latest=1)
    assert found
    assert words in found[0]


def test_a_trace_and_results_that_are_full_keep_what_came_first(asker: Asker) -> None:
    rows = [
        (0x10, 0, 0, 400),
        (1, 0, 1, 1),
        (8, 0, 0, 30),
        (1, 0, 1, 0),
        (0x30, 0, 0, 0),
        (8, 0, 0, 30),
        (0x21, 0, 1, 0),
    ]
    case = Case(program_bytes([*rows, (0, 0, 0, 0)]), 1, 0)
    trace = run_case(asker, case, 1)
    assert len(trace) == MAX_TRACE
    assert differences(asker, case, trace, latest=0) == []
    longer = Case(case.program, 3, 0)
    asker.upload(longer.program)
    asker.arm(2, 3)
    asker.start(2)
    fault = struct.unpack("<BBHIQII", asker.event(Kind.FAULTED))
    played = expected(longer)
    assert played.fault is not None
    assert (fault[0], fault[3], fault[4]) == (5, played.fault.instruction, played.fault.tick)
    assert struct.unpack("<IIBBH", asker.event(Kind.DONE)) == (2, 3, 2, 0, 0)
    assert asker.results() == played.results


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([(0x10, 1, 0, -1), (8, 0, 0, 50), (9, 1, 0, 0), (0, 0, 0, 0)], 4),
        ([(8, 0, 0, 50), (0x0A, 1, 0xFFFF, 100), (0, 0, 0, 0)], 3),
    ],
)
def test_a_fault_ends_the_block_at_its_tick(asker: Asker, rows: list[tuple[int, int, int, int]], code: int) -> None:
    case = Case(program_bytes(rows), 2, 0)
    asker.upload(case.program)
    asker.arm(1, 2)
    asker.start(1)
    fault = struct.unpack("<BBHIQII", asker.event(Kind.FAULTED))
    played = expected(case)
    assert played.fault is not None
    assert (fault[0], fault[3], fault[4]) == (code, played.fault.instruction, played.fault.tick)
    assert played.fault.code == code
    assert struct.unpack("<IIBBH", asker.event(Kind.DONE)) == (1, 1, 2, 0, 0)


def test_a_shot_that_overruns_its_period_is_late_and_bounded(asker: Asker) -> None:
    case = Case(program_bytes([(1, 0, 1, 1), (8, 0, 0, 500), (0, 0, 0, 0)]), 4, 400)
    trace = run_case(asker, case, 1)
    assert differences(asker, case, trace, latest=0) == []
    asker.arm(2, 4, 400, max_late=150)
    asker.start(2)
    fault = struct.unpack("<BBHIQII", asker.event(Kind.FAULTED))
    assert (fault[0], fault[3], fault[4], fault[5]) == (1, 0, 1000, 200)
    assert struct.unpack("<IIBBH", asker.event(Kind.DONE)) == (2, 2, 2, 0, 0)


def test_a_program_without_an_end_can_be_stopped(device: LibraryDevice, asker: Asker) -> None:
    asker.upload(program_bytes([(0x11, 1, 1, 1), (0x20, 0, 0, 0)]))
    asker.arm(3)
    asker.start(3)
    device.run(1000)
    assert asker.ask(Kind.STATUS)[0] == 1
    assert asker.ask(Kind.STOP_NOW) == struct.pack("<I", 1)
    assert struct.unpack("<IIBBH", asker.event(Kind.DONE)) == (3, 1, 1, 0, 0)
    assert asker.ask(Kind.STATUS)[0] == 0


def test_a_software_trigger_goes_on_at_its_latency(device: LibraryDevice, asker: Asker) -> None:
    case = Case(program_bytes([(0x0A, 0, 0xFFFF, 0), (1, 0, 1, 1), (8, 0, 0, 50), (0, 0, 0, 0)]), 1, 0)
    asker.upload(case.program)
    asker.arm(1)
    asker.start(1)
    device.run(5000)
    asker.ask(Kind.TRIGGER)
    asker.event(Kind.DONE)
    trace = asker.trace()
    [(_, _, scheduled, written)] = trace
    assert written == scheduled
    assert [row[:3] for row in trace] == expected(case, triggers=[scheduled - 20]).traced()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((0x10, 16, 0, 0), "register"),
        ((1, 0, 0x100, 0), "line"),
        ((1, 0, 1, 2), "mask"),
        ((4, 0, 0x10, 0), "tone"),
        ((6, 2, 0, 0), "counter"),
        ((0x20, 0, 3, 0), "target"),
        ((0x15, 0, 0, 32), "shift"),
        ((0x0A, 9, 0, 1), "trigger"),
        ((0x0A, 0, 7, 1), "target"),
        ((3, 0, 16384, 0), "amplitude"),
        ((8, 1, 0, 0), "0"),
        ((0x77, 0, 0, 0), "unknown"),
    ],
)
def test_a_wrong_instruction_is_refused_by_its_number(asker: Asker, row: tuple[int, int, int, int], words: str) -> None:
    good = program_bytes([(1, 0, 1, 1), (0, 0, 0, 0)])
    asker.upload(good)
    with pytest.raises(Refused, match=r"at 1$") as refused:
        asker.upload(program_bytes([(8, 0, 0, 1), row, (0, 0, 0, 0)]))
    assert refused.value.code == 3
    assert words in refused.value.text
    with pytest.raises(Refused, match="past its end"):
        asker.upload(program_bytes([(8, 0, 0, 1)]))
    asker.arm(1)  # the program before is still whole
    asker.start(1)
    asker.event(Kind.DONE)
    assert [row[:3] for row in asker.trace()] == [(0, 1, 0)]
