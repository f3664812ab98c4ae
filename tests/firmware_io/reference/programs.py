"""Random programs of every instruction, that end and leave the sequencer the time it needs, and what they must do."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from qctl.hil.sequencer.interpreter import Played, Surroundings, play

__all__ = ["LATENCY", "Case", "expected", "program_bytes", "random_case"]

Row = tuple[int, int, int, int]
LATENCY = 20
GAP = 30
N_LINES, N_TONES, N_COUNTERS = 8, 4, 2
HALT, LINES, FREQUENCY, AMPLITUDE, UPDATE, INPUTS, OPEN, CLOSE, WAIT, WAIT_REGISTER, WAIT_TRIGGER = range(11)
SET, ADD, SUM, DIFFERENCE, AND, SHIFT = range(0x10, 0x16)
JUMP, LOOP, EQUAL, UNEQUAL, BELOW, NOT_BELOW = range(0x20, 0x26)
STORE, MARK = 0x30, 0x31


def program_bytes(rows: Sequence[Row], tick_hz: int = 1_000_000) -> bytes:
    """Return a program's bytes; c may be negative."""
    head = b"QSEQ" + struct.pack("<HHII", 1, len(rows), tick_hz, 0)
    return head + b"".join(struct.pack("<BBHI", op, a, b, c & 0xFFFFFFFF) for op, a, b, c in rows)


@dataclass(frozen=True)
class Case:
    """A program with its arming and its surroundings."""

    program: bytes
    n_shots: int
    period: int
    edges: tuple[tuple[int, int, int], ...] = ()
    """(tick, input, level) of inputs 0 to 3."""
    max_late: int = 0xFFFFFFFF


def _gap(rng: random.Random) -> Row:
    return (WAIT, 0, 0, rng.randrange(GAP, 4 * GAP))


def _arithmetic(rng: random.Random) -> list[Row]:
    op = rng.choice([SET, ADD, SUM, DIFFERENCE, AND, SHIFT])
    a, b = rng.randrange(2, 12), rng.randrange(12)
    c = {SUM: rng.randrange(12), DIFFERENCE: rng.randrange(12), SHIFT: rng.randrange(-31, 32)}
    return [(op, a, 0 if op == SET else b, c.get(op, rng.randrange(-(2**31), 2**31)))]


def _timed(rng: random.Random, at: int) -> list[Row]:
    """Return one timed step with the time it needs after it; `at` is the number of its first instruction."""
    kind = rng.randrange(8)
    mask = rng.randrange(1, 1 << N_LINES)
    tone, counter, register = rng.randrange(N_TONES), rng.randrange(N_COUNTERS), rng.randrange(2, 12)
    if kind <= 1:
        return [(LINES, 0, mask, rng.getrandbits(N_LINES) & mask), _gap(rng)]
    if kind == 2:
        words = (rng.randrange(16384), rng.randrange(65536))
        staged: list[Row] = [(FREQUENCY, tone, 0, rng.getrandbits(32)), (AMPLITUDE, tone, *words)]
        rng.shuffle(staged)
        return [*staged, _gap(rng), (UPDATE, 0, rng.randrange(1, 1 << N_TONES), 0), _gap(rng)]
    if kind == 3:
        return [(INPUTS, register, 0, 0), _gap(rng), (STORE, register, 0, 0)]
    if kind == 4:
        return [(OPEN, counter, 0, 0), _gap(rng), (CLOSE, counter, register, 0), _gap(rng)]
    if kind == 5:
        return [(MARK, register, 0, rng.getrandbits(32)), _gap(rng)]
    if kind == 6:
        return [(SET, 13, 0, rng.randrange(GAP, 3 * GAP)), (WAIT_REGISTER, 13, 0, 0)]
    source, target = rng.randrange(1, 5), at + 3
    return [
        (WAIT_TRIGGER, source, target, rng.randrange(GAP, 6 * GAP)),
        (LINES, 0, mask, 0),
        _gap(rng),
        _gap(rng),
        (LINES, 0, mask, mask),
        _gap(rng),
    ]


def _branch(rng: random.Random, at: int) -> list[Row]:
    """Return a jump over a step, or to it."""
    op = rng.choice([EQUAL, UNEQUAL, BELOW, NOT_BELOW])
    inside = _timed(rng, at + 1)
    rows: list[Row] = [(op, rng.randrange(12), at + 1 + len(inside), rng.randrange(-5, 6)), *inside]
    if rng.random() < 0.3:
        rows += [(JUMP, 0, at + len(rows) + 1, 0)]
    return rows


def random_case(rng: random.Random, *, edges: bool = True) -> Case:
    """Return a program that ends; with no edges only triggers that don't come are waited for."""
    rows: list[Row] = [(SET, 0, 0, rng.randrange(1, 4)), (WAIT, 0, 0, 2 * GAP)]
    loop = len(rows)
    for _ in range(rng.randrange(1, 9)):
        at = len(rows)
        pick = rng.random()
        if pick < 0.25:
            rows += _arithmetic(rng)
        elif pick < 0.4:
            rows += _branch(rng, at)
        else:
            rows += _timed(rng, at)
    rows += [(STORE, rng.randrange(12), 0, 0), _gap(rng), (LOOP, 0, loop, 0)]
    # Leave the line as it will be found: what ends here is as short as what begins the next shot needs.
    rows += [_gap(rng), (HALT, 0, 0, 0)]
    if rng.random() < 0.2:
        rows[-1:] = [(JUMP, 0, len(rows), 0), (HALT, 0, 0, 0)]
    changes: list[tuple[int, int, int]] = []
    if edges:
        ticks = sorted(rng.sample(range(1, 8_000), rng.randrange(30)))
        levels = [0] * 4
        for tick in ticks:
            number = rng.randrange(4)
            levels[number] ^= 1
            changes.append((tick, number, levels[number]))
    n_shots = rng.randrange(1, 4)
    period = rng.choice([0, 0, 20_000, 50_000])
    return Case(program_bytes(rows), n_shots, period, tuple(changes))


def expected(case: Case, levels: int = 0, triggers: Sequence[int] = ()) -> Played:
    """Return what the interpreter says, with inputs 4 to 7 that read lines 0 to 3 back.

    `levels` are those of the lines before. What the lines do depends on what the inputs read, so it is played until
    both agree.
    """
    lines: list[tuple[int, int]] = [(-1, levels)]
    while True:
        changes = sorted(
            [(tick, "pins", number, level) for tick, number, level in case.edges]
            + [(tick, "lines", 0, level) for tick, level in lines],
            key=lambda change: change[0],
        )
        pins, back, inputs, pulses = 0, 0, [], []
        for tick, kind, number, level in changes:
            if kind == "pins":
                if level and not pins >> number & 1 and number < N_COUNTERS:
                    pulses.append((tick, number))
                pins = pins & ~(1 << number) | level << number
            else:
                back = level & 15
            inputs.append((tick, pins | back << 4))
        played = play(
            case.program,
            Surroundings(inputs, pulses, triggers),
            n_shots=case.n_shots,
            period_ticks=case.period,
            max_late_ticks=case.max_late,
            trigger_latency_ticks=LATENCY,
            max_results=1024,
            levels=levels,
        )
        now = [(-1, levels)] + [(event.tick, event.value) for event in played.events if event.output == "lines"]
        if now == lines:
            return played
        lines = now
