"""A core in Verilog does what the interpreter and the C firmware do, tick for tick; its pins are sampled outside."""

from __future__ import annotations

import random
import struct

import pytest
from asking import Asker
from device import LibraryDevice
from directed import (
    DIRECTED,
    LEFT,
    a_stopped_block_leaves_nothing,
    differences_of,
    greeted,
    late_events_end_a_block,
    sampled,
    wanted_lines,
)
from judged_traces import Trace, differences, run_case
from programs import (
    CLOSE,
    FREQUENCY,
    HALT,
    INPUTS,
    LINES,
    LOOP,
    MARK,
    OPEN,
    SET,
    STORE,
    UPDATE,
    WAIT,
    WAIT_TRIGGER,
    Case,
    Row,
    expected,
    program_bytes,
    random_case,
)
from test_programs import tone_log, wanted_tones

from qctl.firmware_io.kinds import Kind

N_PROGRAMS = 1000


def played_by(device: LibraryDevice, asker: Asker, case: Case, block: int) -> Trace:
    device.script(case.edges)
    return run_case(asker, case, block, device.forget_log)


def registers(asker: Asker) -> bytes:
    return asker.ask(Kind.READ_REGISTERS, bytes([0, 16]))


def test_random_programs_do_what_the_interpreter_and_the_firmware_do(device: LibraryDevice) -> None:
    core, plain = greeted(device), greeted(other := LibraryDevice())
    rng = random.Random(1)  # the programs of the firmware's own test
    ops, n_events = set(), 0
    for block in range(1, N_PROGRAMS + 1):
        case = random_case(rng)
        trace = played_by(device, core, case, block)
        played = expected(case)
        assert differences(core, case, trace, latest=0) == []
        assert sampled(device) == wanted_lines(played)
        assert tone_log(device) == wanted_tones(played)
        assert trace == played_by(other, plain, case, block)
        assert core.results() == plain.results()
        assert registers(core) == registers(plain) == struct.pack("<2B16i", 0, 16, *played.registers)
        ops |= {op for op, *_ in struct.iter_unpack("<BBHI", case.program[16:])}
        n_events += len(trace)
    assert ops == {*range(11), *range(0x10, 0x16), *range(0x20, 0x26), 0x30, 0x31}
    assert n_events > 10_000


def test_programs_made_for_one_thing_each_do_it(device: LibraryDevice) -> None:
    asker = greeted(device)
    for block, (name, case) in enumerate(DIRECTED.items(), start=1):
        assert differences_of(device, asker, case, block, LEFT.get(name, 0)) == [], name


def test_a_late_event_ends_a_block_and_nothing_goes_on_behind_it(device: LibraryDevice) -> None:
    late_events_end_a_block(device, greeted(device))


def test_a_block_stopped_at_any_clock_leaves_nothing_to_the_next(device: LibraryDevice) -> None:
    a_stopped_block_leaves_nothing(device, greeted(device))


@pytest.mark.parametrize("mutant", ["late", "skip"])
def test_a_core_that_lies_is_caught_at_its_pins(built: None, mutant: str) -> None:
    device = LibraryDevice(f"libgateware-{mutant}.so")
    asker = greeted(device)
    rows = [row for level in (1, 3, 7, 6) for row in ((LINES, 0, 7, level), (WAIT, 0, 0, 100))]
    case = Case(program_bytes([*rows, (HALT, 0, 0, 0)]), 1, 0)
    trace = played_by(device, asker, case, 1)
    assert differences(asker, case, trace, latest=0) == []
    found = sampled(device)
    assert found == [(0, 1), (100, 3), *([(201, 7)] if mutant == "late" else []), (300, 6)]
    assert found != wanted_lines(expected(case))


def test_all_of_one_tick_happens_in_one_clock(device: LibraryDevice) -> None:
    asker = greeted(device)
    rows: list[Row] = [
        (FREQUENCY, 0, 0, 77),
        (FREQUENCY, 2, 0, 78),
        (WAIT, 0, 0, 60),
        (UPDATE, 0, 5, 0),
        (LINES, 0, 3, 1),
        (MARK, 0, 0, 9),
        (OPEN, 0, 0, 0),
        (OPEN, 1, 0, 0),
        (LINES, 0, 4, 4),
        (INPUTS, 1, 0, 0),
        (WAIT, 0, 0, 60),
        (LINES, 0, 7, 0),
        (CLOSE, 0, 2, 0),
        (STORE, 2, 0, 0),
        (STORE, 1, 0, 0),
        (HALT, 0, 0, 0),
    ]
    case = Case(program_bytes(rows), 1, 0, ((59, 0, 1), (59, 1, 1), (60, 0, 0), (61, 0, 1), (119, 0, 0), (120, 0, 1)))
    trace = played_by(device, asker, case, 1)
    assert differences(asker, case, trace, latest=0) == []
    assert sampled(device) == [(60, 5), (120, 0)]
    assert asker.results() == [1, 2 | 5 << 4]
    assert [row[:2] for row in device.log() if row[1] == 2] == [(60, 2)]


def test_pulses_at_the_ticks_of_open_and_close_are_counted_by_the_rule(device: LibraryDevice) -> None:
    asker = greeted(device)
    rows: list[Row] = [(WAIT, 0, 0, 50), (OPEN, 0, 0, 0), (WAIT, 0, 0, 40), (CLOSE, 0, 1, 0), (STORE, 1, 0, 0)]
    program = program_bytes([*rows, (HALT, 0, 0, 0)])
    for first in range(46, 54):
        for last in range(86, 94):
            pulses = (first, 70, last)
            edges = tuple((tick + on, 0, 1 - on) for tick in pulses for on in (0, 1))
            case = Case(program, 1, 0, edges)
            trace = played_by(device, asker, case, 1)
            assert differences(asker, case, trace, latest=0) == []
            assert asker.results() == [1 + (first >= 50) + (last < 90)]


def test_triggers_at_the_ends_of_their_time_count_by_the_rule(device: LibraryDevice) -> None:
    asker = greeted(device)
    rows: list[Row] = [(WAIT, 0, 0, 50), (WAIT_TRIGGER, 2, 3, 30), (STORE, 1, 0, 0), (WAIT, 0, 0, 40), (LINES, 0, 1, 1)]
    program = program_bytes([*rows, (HALT, 0, 0, 0)])
    for rise in (*range(47, 54), *range(77, 84)):
        case = Case(program, 1, 0, ((rise, 1, 1), (rise + 1, 1, 0)))
        trace = played_by(device, asker, case, 1)
        assert differences(asker, case, trace, latest=0) == []
        assert sampled(device) == [(rise + 60 if 50 <= rise <= 80 else 120, 1)]


def test_it_keeps_up_with_its_capabilities_without_end(device: LibraryDevice) -> None:
    asker = greeted(device)
    gap = struct.unpack("<I", asker.ask(Kind.SEQUENCER_CAPABILITIES)[24:28])[0]
    loop: list[Row] = [
        (LINES, 0, 1, 1),
        (WAIT, 0, 0, gap),
        (UPDATE, 0, 15, 0),
        (WAIT, 0, 0, gap),
        (INPUTS, 1, 0, 0),
        (WAIT, 0, 0, gap),
        (LINES, 0, 1, 0),
        (WAIT, 0, 0, gap),
        (LOOP, 0, 1, 0),
    ]
    program = program_bytes([(SET, 0, 0, 400), *loop, (HALT, 0, 0, 0)])
    asker.upload(program)
    asker.arm(1, 1, 0, max_late=0)
    asker.start(1)
    assert struct.unpack("<IIBBH", asker.event(Kind.DONE, 60)) == (1, 1, 0, 0, 0)


def test_lateness_is_measured_and_bounded(device: LibraryDevice) -> None:
    asker = greeted(device)
    rows: list[Row] = [(WAIT, 0, 0, 30), (INPUTS, 1, 0, 0), (WAIT, 0, 0, 1), (LINES, 0, 1, 1), (HALT, 0, 0, 0)]
    case = Case(program_bytes(rows), 1, 0)
    trace = played_by(device, asker, case, 1)
    [(_, _, _, read), (_, _, scheduled, written)] = trace
    assert read == 30
    assert scheduled == 31
    assert sampled(device) == [(written, 1)]
    late = written - scheduled
    assert 0 < late <= 20
    asker.ask(Kind.SAFE)
    asker.arm(2, 1, 0, max_late=late)
    asker.start(2)
    assert asker.event(Kind.DONE)[8] == 0
    asker.arm(3, 1, 0, max_late=late - 1)
    asker.start(3)
    assert struct.unpack("<BBHIQII", asker.event(Kind.FAULTED)) == (1, 0, 0, 3, 31, late, 0)
    assert asker.event(Kind.DONE)[8] == 2


def test_safe_lowers_lines_and_silences_tones_in_the_middle_of_a_block(device: LibraryDevice) -> None:
    asker = greeted(device)
    rows: list[Row] = [(FREQUENCY, 1, 0, 5), (UPDATE, 0, 2, 0), (LINES, 0, 255, 255), (WAIT, 0, 0, 100_000)]
    asker.upload(program_bytes([*rows, (LINES, 0, 255, 254), (HALT, 0, 0, 0)]))
    asker.arm(1)
    asker.start(1)
    device.run(5_000)
    device.forget_log()
    asker.ask(Kind.SAFE)
    device.run(200_000)
    assert struct.unpack("<IIBBH", asker.event(Kind.DONE)) == (1, 1, 1, 0, 0)
    log = device.log()
    assert [row[2] for row in log if row[1] == 1] == [0]
    assert [row[2:] for row in log if row[1] == 3] == [(0, tone, 0, 0) for tone in range(4)]
    assert [row[2] for row in log if row[1] == 2] == [15]


def test_its_clock_is_the_one_that_is_counted_outside(device: LibraryDevice) -> None:
    asker = greeted(device)
    device.run(123_456)
    before = device.now
    received, sent = struct.unpack("<QQ", asker.ask(Kind.CLOCK, bytes(8))[8:])
    assert before <= received < sent <= device.now
