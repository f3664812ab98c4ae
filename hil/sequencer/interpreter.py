"""What a sequencer's program does, tick by tick: bytes, inputs and triggers in, events and results out.

A plain interpreter without a clock, for firmware and cores to be held against. Source: docs/firmware-instructions.md,
schema 1. It takes a program as it is; what a device refuses is in `refusals.py`.
"""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from qctl.errors import InternalError

__all__ = [
    "BELOW_ZERO",
    "COUNT",
    "LATE",
    "NO_TRIGGER",
    "RESULTS_FULL",
    "Event",
    "Fault",
    "Played",
    "Surroundings",
    "play",
]

LATE, _, NO_TRIGGER, BELOW_ZERO, RESULTS_FULL, _, COUNT = range(1, 8)
_HALT, _LINES, _FREQUENCY, _AMPLITUDE, _UPDATE, _INPUTS, _OPEN, _CLOSE, _WAIT, _WAIT_REGISTER, _WAIT_TRIGGER = range(11)
_SET, _ADD, _SUM, _DIFFERENCE, _AND, _SHIFT = range(0x10, 0x16)
_JUMP, _LOOP, _EQUAL, _UNEQUAL, _BELOW, _NOT_BELOW = range(0x20, 0x26)
_STORE, _MARK = 0x30, 0x31
_FOR_EVER = 0xFFFFFFFF
_NO_JUMP = 0xFFFF


class Event(NamedTuple):
    """Something at an output, an input or a counter, or a mark: what the trace of a device tells.

    `output` is ``lines``, ``tone N frequency``, ``tone N amplitude``, ``inputs``, ``open N``, ``close N`` or
    ``mark TAG``; `tick` counts from the block's start.
    """

    tick: int
    output: str
    value: int
    instruction: int


class Fault(NamedTuple):
    """Why a block ended before its time."""

    code: int
    instruction: int
    tick: int
    value: int


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What happens around the sequencer, in ticks from the block's start.

    Attributes
    ----------
    inputs : sequence of (tick, levels)
        The input lines from that tick on, in order; all low before the first.
    pulses : sequence of (tick, counter)
        Photons, in order.
    triggers : sequence of int
        When the message `trigger` comes, in order.
    """

    inputs: Sequence[tuple[int, int]] = ()
    pulses: Sequence[tuple[int, int]] = ()
    triggers: Sequence[int] = ()

    def begin(self, tick: int, events: list[Event]) -> None:
        """Hear that a shot begins at a tick; its events will come after those that are there."""

    def levels(self, tick: int) -> int:
        """Return the levels of all input lines at a tick."""
        at = bisect_right(self.inputs, tick, key=lambda change: change[0])
        return self.inputs[at - 1][1] if at else 0

    def count(self, counter: int, begin: int, end: int) -> int:
        """Return the pulses at ticks from `begin` on and before `end`."""
        return sum(1 for tick, number in self.pulses if number == counter and begin <= tick < end)

    def trigger(self, source: int, first: int) -> int | None:
        """Return the tick of the first trigger at or after a tick; None if there is none."""
        if source == 0:
            at = bisect_left(self.triggers, first)
            return self.triggers[at] if at < len(self.triggers) else None
        bit = 1 << source - 1
        for tick, levels in self.inputs:
            if tick >= first and levels & bit and not self.levels(tick - 1) & bit:
                return tick
        return None


@dataclass(slots=True)
class Played:
    """What a block did.

    Attributes
    ----------
    events : list of Event
        In the order in which they happen.
    results : list of int
    registers : list of int
        At the end.
    n_shots : int
        Shots begun.
    end_tick : int
        Where the last one ended.
    fault : Fault or None
    waits : bool
        Whether it waits for a trigger that never comes, or was stopped after `max_steps`.
    """

    events: list[Event] = field(default_factory=list)
    results: list[int] = field(default_factory=list)
    registers: list[int] = field(default_factory=list)
    n_shots: int = 0
    end_tick: int = 0
    fault: Fault | None = None
    waits: bool = False

    def traced(self) -> list[tuple[int, int, int]]:
        """Return (instruction, value, scheduled) of each event, as the device's trace has them."""
        return [(event.instruction, event.value & 0xFFFFFFFF, event.tick) for event in self.events]


def play(
    program: bytes,
    around: Surroundings | None = None,
    *,
    n_shots: int = 1,
    period_ticks: int = 0,
    max_late_ticks: int = _FOR_EVER,
    trigger_latency_ticks: int = 2,
    n_registers: int = 16,
    max_results: int = 4096,
    max_steps: int = 10_000_000,
    levels: int = 0,
) -> Played:
    """Return what a program does.

    Parameters
    ----------
    program : bytes
        A whole program that a device takes.
    around : Surroundings
        Inputs, pulses and triggers; nothing by default.
    n_shots, period_ticks, max_late_ticks
        As the arming has them.
    trigger_latency_ticks, n_registers, max_results
        As the capabilities have them.
    max_steps : int
        Instructions after which it is stopped: there are programs that never end.
    levels : int
        Of the output lines before.
    """
    return _Machine(program, around or Surroundings(), trigger_latency_ticks, n_registers, max_results, levels).block(
        n_shots, period_ticks, max_late_ticks, max_steps
    )


class _Ended(Exception):
    """The block has ended before its time."""


class _Machine:
    """The state of one block."""

    def __init__(
        self, program: bytes, around: Surroundings, latency: int, n_registers: int, max_results: int, levels: int
    ) -> None:
        self.rows = list(struct.iter_unpack("<BBHI", program[16:]))
        self.around, self.latency, self.max_results = around, latency, max_results
        self.cursor = 0
        self.lines = levels
        self.registers = [0] * n_registers
        self.staged: dict[int, list[int]] = {}
        self.opened: dict[int, int] = {}
        self.played = Played(registers=self.registers)

    def block(self, n_shots: int, period: int, max_late: int, max_steps: int) -> Played:
        """Play all shots."""
        played = self.played
        try:
            for shot in range(n_shots):
                if period:
                    late = self.cursor - shot * period
                    self.cursor = max(self.cursor, shot * period)
                    if late > max_late != _FOR_EVER:
                        self.fail(LATE, 0, late)
                played.n_shots += 1
                self.around.begin(self.cursor, played.events)
                max_steps -= self.shot(max_steps)
        except _Ended:
            pass
        played.end_tick = self.cursor
        return played

    def shot(self, max_steps: int) -> int:
        """Execute until halt; return how many instructions that were."""
        at = 0
        for step in range(max_steps):
            op = self.rows[at][0]
            if op == _HALT:
                return step + 1
            at = self.step(at, *self.rows[at])
        self.played.waits = True
        raise _Ended

    def step(self, at: int, op: int, a: int, b: int, c: int) -> int:
        """Execute one instruction; return the next one's number."""
        number = c - (c >> 31 << 32)
        reg = self.registers
        if op < _SET:
            return self.timed(at, op, a, b, c)
        if op == _SET:
            self.put(a, number)
        elif op == _ADD:
            self.put(a, reg[b] + number)
        elif op == _SUM:
            self.put(a, reg[b] + reg[c])
        elif op == _DIFFERENCE:
            self.put(a, reg[b] - reg[c])
        elif op == _AND:
            self.put(a, reg[b] & c)
        elif op == _SHIFT:
            self.put(a, reg[b] << number if number >= 0 else reg[b] >> -number)
        elif op == _JUMP:
            return b
        elif op == _LOOP:
            self.put(a, reg[a] - 1)
            return b if reg[a] > 0 else at + 1
        elif op in (_EQUAL, _UNEQUAL):
            return b if (reg[a] == number) is (op == _EQUAL) else at + 1
        elif op in (_BELOW, _NOT_BELOW):
            return b if (reg[a] < number) is (op == _BELOW) else at + 1
        elif op == _STORE:
            if len(self.played.results) >= self.max_results:
                self.fail(RESULTS_FULL, at, 0)
            self.played.results.append(reg[a])
        elif op == _MARK:
            self.event(f"mark {c}", reg[a], at)
        else:
            raise InternalError(f"instruction {at}: operation {op:#04x} is unknown")
        return at + 1

    def timed(self, at: int, op: int, a: int, b: int, c: int) -> int:
        """Execute what touches outputs, inputs or the cursor."""
        if op == _LINES:
            self.lines = self.lines & ~b | c & b
            self.event("lines", self.lines, at)
        elif op == _FREQUENCY:
            self.staged.setdefault(a, [0, 0])[0] = c
        elif op == _AMPLITUDE:
            self.staged.setdefault(a, [0, 0])[1] = c + (b << 16)
        elif op == _UPDATE:
            for tone in range(16):
                if b >> tone & 1:
                    frequency, amplitude = self.staged.get(tone, (0, 0))
                    self.event(f"tone {tone} frequency", frequency, at)
                    self.event(f"tone {tone} amplitude", amplitude, at)
        elif op == _INPUTS:
            self.put(a, self.around.levels(self.cursor))
            self.event("inputs", self.registers[a], at)
        elif op == _OPEN:
            self.opened[a] = self.cursor
            self.event(f"open {a}", 0, at)
        elif op == _CLOSE:
            begun = self.opened.pop(a, None)
            count = 0 if begun is None else self.around.count(a, begun, self.cursor)
            if count > 2**31 - 1:
                self.fail(COUNT, at, 0)
            self.put(b, count)
            self.event(f"close {a}", count, at)
        elif op == _WAIT:
            self.cursor += c
        elif op == _WAIT_REGISTER:
            if self.registers[a] < 0:
                self.fail(BELOW_ZERO, at, 0)
            self.cursor += self.registers[a]
        else:
            return self.wait_trigger(at, a, b, c)
        return at + 1

    def wait_trigger(self, at: int, source: int, target: int, most: int) -> int:
        """Wait for a trigger; return the next instruction's number."""
        came = self.around.trigger(source, self.cursor)
        if came is not None and (not most or came <= self.cursor + most):
            self.cursor = came + self.latency
            return at + 1
        if not most:
            self.played.waits = True
            raise _Ended
        self.cursor += most
        if target == _NO_JUMP:
            self.fail(NO_TRIGGER, at, 0)
        return target

    def put(self, register: int, value: int) -> None:
        """Set a register, wrapped to 32 bits with a sign."""
        self.registers[register] = (value + 2**31) % 2**32 - 2**31

    def event(self, output: str, value: int, at: int) -> None:
        """Note something at the cursor."""
        self.played.events.append(Event(self.cursor, output, value, at))

    def fail(self, code: int, at: int, value: int) -> None:
        """End the block with a fault."""
        self.played.fault = Fault(code, at, self.cursor, value)
        raise _Ended
