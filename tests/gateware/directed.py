"""Programs made to show one thing each, and the comparison of all that a core does with the interpreter."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence

from asking import Asker, Refused
from device import LibraryDevice
from judged_traces import MAX_TRACE, no_watchdog
from programs import (
    ADD,
    AMPLITUDE,
    AND,
    BELOW,
    CLOSE,
    DIFFERENCE,
    FREQUENCY,
    HALT,
    INPUTS,
    JUMP,
    LINES,
    LOOP,
    MARK,
    NOT_BELOW,
    OPEN,
    SET,
    SHIFT,
    STORE,
    SUM,
    UPDATE,
    WAIT,
    WAIT_REGISTER,
    WAIT_TRIGGER,
    Case,
    Row,
    expected,
    program_bytes,
    random_case,
)
from test_programs import tone_log, wanted_tones

from qctl.firmware_io.kinds import Kind
from qctl.hil.sequencer.interpreter import Played

__all__ = [
    "DIRECTED",
    "a_stopped_block_leaves_nothing",
    "changes",
    "differences_of",
    "greeted",
    "judge",
    "late_events_end_a_block",
    "sampled",
    "wanted_lines",
]

MARKS, SOONEST = 32, 13
"""Places for marks that wait; and ticks from a trigger that did not come to an event, as docs/gateware.md has them."""
LEFT = {"lines that were left high": 9}
"""Levels of the lines that the program before has left: these begin as they are."""


def case(*rows: Row, edges: Sequence[tuple[int, int, int]] = (), **keys: int) -> Case:
    return Case(
        program_bytes([*rows, (HALT, 0, 0, 0)]), **{"n_shots": 1, "period": 0, **keys}, edges=tuple(sorted(edges))
    )


def pulses(number: int, *ticks: int) -> list[tuple[int, int, int]]:
    """Return edges of short pulses at an input."""
    return [(tick + on, number, 1 - on) for tick in ticks for on in (0, 1)]


GAP: Row = (WAIT, 0, 0, 40)


def counted(counter: int, register: int) -> list[Row]:
    return [(OPEN, counter, 0, 0), GAP, (CLOSE, counter, register, 0), GAP, (STORE, register, 0, 0)]


DIRECTED: dict[str, Case] = {
    "a counter left open": case(GAP, (OPEN, 1, 0, 0), GAP, edges=pulses(1, 50, 60)),
    "a close without its open": case(GAP, (CLOSE, 1, 3, 0), GAP, (STORE, 3, 0, 0), edges=pulses(1, 10, 20, 30)),
    "a counter closed twice": case(*counted(0, 2), (CLOSE, 0, 3, 0), GAP, (STORE, 3, 0, 0), edges=pulses(0, 5, 20, 60)),
    "a counter opened anew as it closes": case(
        (OPEN, 0, 0, 0), GAP, (OPEN, 0, 0, 0), (CLOSE, 0, 2, 0), GAP, (STORE, 2, 0, 0), edges=pulses(0, 5, 20, 30)
    ),
    "both counters": case(*counted(1, 2), *counted(0, 3), edges=pulses(1, 3, 6) + pulses(0, 90)),
    "gates that overlap": case(
        (OPEN, 0, 0, 0), (OPEN, 1, 0, 0), GAP, (CLOSE, 1, 2, 0), GAP, (CLOSE, 0, 3, 0), GAP, (CLOSE, 1, 4, 0), GAP,
        *[(STORE, register, 0, 0) for register in (2, 3, 4)], edges=pulses(0, 9, 60, 70) + pulses(1, 19, 50, 90),
    ),
    "pulses at the ends of a gate": case(GAP, *counted(0, 2), edges=pulses(0, 39, 42, 79)),
    "a pulse with the open": case(GAP, *counted(0, 2), edges=pulses(0, 40)),
    "a trigger at its cursor": case(GAP, (WAIT_TRIGGER, 2, 4, 90), (LINES, 0, 1, 1), GAP, GAP, edges=pulses(1, 40)),
    "a trigger at its limit": case(GAP, (WAIT_TRIGGER, 2, 4, 90), (LINES, 0, 2, 2), GAP, GAP, edges=pulses(1, 130)),
    "a trigger after its limit": case(GAP, (WAIT_TRIGGER, 2, 4, 90), (LINES, 0, 4, 4), GAP, GAP, edges=pulses(1, 131)),
    "a trigger of before": case(GAP, (WAIT_TRIGGER, 2, 3, 400), (LINES, 0, 8, 8), GAP),
    "a trigger that is waited for without end": case(
        (WAIT_TRIGGER, 1, 3, 0), (LINES, 0, 1, 1), GAP, edges=pulses(0, 3000)
    ),
    "an event as soon as a trigger did not come": case(
        GAP, (WAIT_TRIGGER, 2, 2, 90), (WAIT, 0, 0, SOONEST), (LINES, 0, 1, 1), GAP
    ),
    "a trigger that does not come": case(GAP, (WAIT_TRIGGER, 3, 0xFFFF, 50), GAP),
    "a trigger behind an event of its tick": case(
        GAP, (LINES, 0, 1, 1), (WAIT_TRIGGER, 1, 0xFFFF, 90), (LINES, 0, 1, 0), GAP, edges=pulses(0, 60)
    ),
    "a wait below zero": case(GAP, (SET, 1, 0, -1), (WAIT_REGISTER, 1, 0, 0)),
    "a loop that begins below zero": case((SET, 1, 0, -3), GAP, (MARK, 1, 0, 7), GAP, (LOOP, 1, 1, 0), GAP),
    "the last register": case((SET, 15, 0, 77), GAP, (STORE, 15, 0, 0)),
    "the last register of the next block": case((STORE, 15, 0, 0), GAP),
    "a shot as long as its period": case((LINES, 0, 1, 1), (WAIT, 0, 0, 400), n_shots=3, period=400),
    "shots that overrun": case((LINES, 0, 3, 1), (WAIT, 0, 0, 500), n_shots=4, period=400),
    "shots as late as they may be": case((LINES, 0, 3, 1), (WAIT, 0, 0, 500), n_shots=3, period=400, max_late=200),
    "a shot later than it may be": case(
        (LINES, 0, 3, 1), GAP, (LINES, 0, 3, 2), (WAIT, 0, 0, 460), n_shots=5, period=400, max_late=199
    ),
    "shots that wait for their time": case((LINES, 0, 3, 2), (WAIT, 0, 0, 100), n_shots=4, period=400),
    "more events than the queue holds": case(
        (WAIT, 0, 0, 2000), *[row for k in range(120) for row in ((LINES, 0, 255, k), (WAIT, 0, 0, 9))], GAP
    ),
    "arithmetic": case(
        (SET, 2, 0, -1000), (SET, 3, 0, 77), GAP,
        *[(op, 4 + k, 2 + k % 2, c) for k, (op, c) in enumerate(
            [(SHIFT, -3), (SHIFT, -1), (SHIFT, 31), (ADD, -78), (AND, 0xFF0), (DIFFERENCE, 3), (SUM, 2), (SHIFT, -31)]
        )],
        *[(STORE, register, 0, 0) for register in range(2, 12)],
    ),
    "branches with signs": case(
        (SET, 2, 0, -5), GAP, (BELOW, 2, 4, 3), (MARK, 2, 0, 1), GAP, (NOT_BELOW, 2, 7, -5), (MARK, 2, 0, 2), GAP,
    ),
    "a frequency for later": case(
        (FREQUENCY, 1, 0, 5), (AMPLITUDE, 1, 16383, 65535), (WAIT, 0, 0, 60), (UPDATE, 0, 2, 0), (FREQUENCY, 1, 0, 6),
        (AMPLITUDE, 1, 1, 1), (WAIT, 0, 0, 60), (UPDATE, 0, 2, 0), GAP,
    ),
    "each tone": case(
        *[row for k in range(4) for row in ((FREQUENCY, k, 0, 1000 + k), (AMPLITUDE, k, 4096 + k, 9 * k + 1))],
        (WAIT, 0, 0, 90), (UPDATE, 0, 15, 0), (WAIT, 0, 0, 60), (AMPLITUDE, 3, 0, 0), GAP, (UPDATE, 0, 9, 0), GAP, GAP,
    ),
    "tones that nothing was staged for": case(GAP, (UPDATE, 0, 15, 0), GAP, GAP),
    "a long trace": case(
        (SET, 1, 0, 300), (LINES, 0, 1, 1), GAP, (LINES, 0, 1, 0), (STORE, 1, 0, 0), GAP, (LOOP, 1, 1, 0)
    ),
    "results without end": case((SET, 1, 0, 1100), (STORE, 1, 0, 0), (WAIT, 0, 0, 30), (LOOP, 1, 1, 0)),
    "inputs that read lines": case(
        (LINES, 0, 15, 10), GAP, (INPUTS, 1, 0, 0), GAP, (STORE, 1, 0, 0), (LINES, 0, 15, 5), (WAIT, 0, 0, 30),
        (INPUTS, 2, 0, 0), GAP, (STORE, 2, 0, 0), edges=[(39, 0, 1), (40, 1, 1), (41, 2, 1), (111, 3, 1)],
    ),
    "a branch on a count": case(
        (OPEN, 0, 0, 0), GAP, (CLOSE, 0, 1, 0), GAP, (BELOW, 1, 6, 2), (LINES, 0, 1, 1), GAP, edges=pulses(0, 9, 19)
    ),
    "lines left high": case((LINES, 0, 15, 9), GAP),
    "lines that were left high": case((WAIT, 0, 0, 60), (LINES, 0, 6, 2), GAP, (LINES, 0, 8, 0), GAP),
    "a jump over a jump": case((JUMP, 0, 2, 0), (LINES, 0, 1, 1), (LINES, 0, 2, 2), GAP),
    "as many marks as are kept": case(*[row for k in range(MARKS - 2) for row in ((MARK, 0, 0, k), (WAIT, 0, 0, 30))]),
}  # fmt: skip


def changes(rows: Sequence[tuple[int, int]], before: int = 0) -> list[tuple[int, int]]:
    """Return (tick, levels) where the levels change, of lines with levels `before` that are set at those ticks."""
    kept = []
    for tick, levels in dict(rows).items():
        if levels != before:
            kept.append((tick, levels))
        before = levels
    return kept


def sampled(device: LibraryDevice) -> list[tuple[int, int]]:
    """Return what the lines' pins were seen to do, clock by clock, from the block's start on."""
    return [(tick, value) for tick, kind, value, *_ in device.log() if kind == 1]


def wanted_lines(played: Played, before: int = 0) -> list[tuple[int, int]]:
    """Return what the lines' pins have to do."""
    return changes([(event.tick, event.value) for event in played.events if event.output == "lines"], before)


def greeted(device: LibraryDevice) -> Asker:
    """Return a client that waits by the device's own time."""
    asker = Asker(device, clock=lambda: device.now / 1e6)
    asker.hello()
    no_watchdog(asker)
    return asker


def differences_of(device: LibraryDevice, asker: Asker, one: Case, block: int, levels: int = 0) -> list[str]:
    """Return where anything that a core does or says in a block is other than what it must be.

    Lines have the levels that are given: low ones are made so, others were left by the block before.
    """
    played = expected(one, levels)
    if not levels:
        asker.ask(Kind.SAFE)
    asker.events.clear()
    asker.upload(one.program)
    asker.arm(block, one.n_shots, one.period, one.max_late)
    device.script(one.edges)
    device.forget_log()
    asker.start(block)
    until = device.now + 2 * played.end_tick + 100_000
    while not asker.events or asker.events[-1].kind != Kind.DONE:
        asker.late += asker.pump(0.05)
        if device.now > until:
            return ["no end"]
    ended = struct.unpack("<IIBBH", asker.events[-1].payload)
    faults = [struct.unpack("<BBHIQII", event.payload) for event in asker.events if event.kind == Kind.FAULTED]
    marks = [struct.unpack("<IiQ", event.payload) for event in asker.events if event.kind == Kind.MARKED]
    trace, fault = asker.trace(), played.fault
    late = [written - scheduled for _, _, scheduled, written in trace]
    told = [(int(event.output[5:]), event.value, event.tick) for event in played.events if "mark" in event.output]
    registers = struct.pack("<2B16i", 0, 16, *played.registers)
    pairs = {
        "end": (ended, (block, played.n_shots, 2 * bool(fault), 0, 0)),
        "fault": (faults, [(fault.code, 0, 0, *fault[1:], 0)] if fault else []),
        "trace": ([row[:3] for row in trace], played.traced()[:MAX_TRACE]),
        "lateness": ([row for row in late if row], []),
        "marks": (marks, told),
        "results": (asker.results(), played.results),
        "registers": (asker.ask(Kind.READ_REGISTERS, bytes([0, 16])), registers),
        "synthesisers' beginnings": (len([row for row in device.log() if row[1] == 4]), played.n_shots),
        "lines": (sampled(device), wanted_lines(played, levels)),
        "tones": (tone_log(device), wanted_tones(played)),
    }
    return [f"{what} {found}, {wanted} wanted" for what, (found, wanted) in pairs.items() if found != wanted]


def late_events_end_a_block(device: LibraryDevice, asker: Asker) -> None:
    """Check that lateness over its bound is a fault of the first late event, and that nothing goes on behind it."""
    n_late = 0
    for ticks in range(1, 20):  # what stands behind an input comes too soon, less and less
        soon: list[Row] = [(WAIT, 0, 0, 30), (INPUTS, 1, 0, 0), (WAIT, 0, 0, ticks), (LINES, 0, 1, 1)]
        more: list[Row] = [(UPDATE, 0, 15, 0), GAP, (ADD, 5, 5, 1), (STORE, 5, 0, 0), (JUMP, 0, 6, 0)]
        asker.ask(Kind.SAFE)
        asker.upload(program_bytes([*soon, *more]))
        for block, bound in ((1, 0xFFFFFFFF), (2, 0)):
            asker.events.clear()
            asker.arm(block, max_late=bound)
            asker.start(block)
            fault = struct.unpack("<BBHIQII", asker.event(Kind.FAULTED))
            end = asker.event(Kind.DONE)
            late = [row for row in asker.trace() if row[3] > row[2]]
            if bound or not late:
                assert (end[8], fault[0]) == (2, 5), ticks  # results are full
                continue
            n_late += 1
            instruction, _, tick, written = late[0]
            assert (end[8], fault) == (2, (1, 0, 0, instruction, tick, written - tick, 0)), ticks
            before = asker.results()
            device.run(20_000)
            assert asker.results() == before
    assert n_late > 5


def a_stopped_block_leaves_nothing(device: LibraryDevice, asker: Asker) -> None:
    """Check that what was still to come of a block that is stopped does not come in the next one."""
    busy = DIRECTED["more events than the queue holds"]
    for clock in range(9):  # events come every 9 ticks
        block = 3 * clock + 1
        asker.ask(Kind.SAFE)
        asker.events.clear()
        asker.upload(busy.program)
        asker.arm(block)
        device.forget_log()
        asker.start(block)
        device.run(2_400 + clock)
        asker.ask(Kind.STOP_NOW)
        assert struct.unpack("<IIBBH", asker.event(Kind.DONE)) == (block, 1, 1, 0, 0)
        done = [row[:3] for row in asker.trace()]
        assert 0 < len(done) < 120 and done == expected(busy).traced()[: len(done)]
        assert sampled(device) == changes([(tick, value) for _, value, tick in done])
        for more, name in ((1, "lines left high"), (2, "a close without its open")):
            assert differences_of(device, asker, DIRECTED[name], block + more) == []


def judge(fresh: Callable[[], LibraryDevice], checks: Sequence[Callable[[LibraryDevice, Asker], None]], n: int) -> str:
    """Return the first thing that a core does other than it must: in programs of this page, n random ones, checks."""
    rng = random.Random(7)
    cases = list(DIRECTED.items()) + [(f"random program {k}", random_case(rng)) for k in range(n)]
    name = "greeting"
    try:
        asker = greeted(device := fresh())
        for block, (name, one) in enumerate(cases, start=1):
            found = differences_of(device, asker, one, block, LEFT.get(name, 0))
            if found:
                return f"{name}: {found[0]}"
        for check in checks:
            name = check.__name__
            check(device := fresh(), greeted(device))
    except (AssertionError, Refused, TimeoutError, IndexError, ValueError) as error:
        return f"{name}: {type(error).__name__} {error}".partition("\n")[0]
    return ""
