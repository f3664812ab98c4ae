"""Plays by measured bits on a tProcessor v1: it reads sums, keeps bits in a register, and jumps over what is left out.

A read waits on a channel that plays nothing, where there is one: waits stand in the queue of their channel.

Source: qick (``qick_lib/qick/asm_v1.py``: read, condj; demos/06_qubit_demos: the lower half of an input is I;
``firmware/ip/axis_tproc64x32_x8_v1/src/ctrl.sv``: cycles). How long sums take to the input is written nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from qctl.instruments.qick.feedback import Event, Pattern, Read, Steering, late_event
from qctl.instruments.qick.v1_lines import event_lines, write_lines
from qctl.instruments.qick.v1_plan import TIME, Plan
from qctl.program.conditions import Condition

__all__ = ["steered_lines"]

_BITS, _SUM, _OTHER = 8, 9, 10
"""Registers of page 0: bits that are kept, what is looked at, and what it is compared with."""
_CHANNELS, _QUEUE = 8, 15
_ON_ITS_WAY = 6
"""Cycles from the end of an instruction to the first time that its event can have."""


def steered_lines(plan: Plan, steering: Steering, plays: Sequence[int], period: int) -> list[str]:
    """Return the instructions of all points; `plays` are those of the plan's events, or -1.

    Raises
    ------
    TimingError
        If the processor would be late with an event.
    """
    channels = plan.registers.channel.tolist()
    idle = next((k for k in range(_CHANNELS - 1, 0, -1) if k not in channels), 0)
    made = _Lines(plan, steering.name, steering.timing_hz, idle)
    ticks = plan.registers.values[0, :, TIME].tolist()
    for p, (begin, end) in enumerate(pairwise((0, *plan.ends))):
        made.begin(p)
        events = [Event(ticks[k], 0, channels[k], k, plays[k]) for k in range(begin, end)]
        for step in steering.steps(p, events):
            if isinstance(step, Read):
                made.read(step)
            else:
                made.play(*step, steering.bits(p))
        made.line(f"waiti 0, {period - plan.head};", 0)
        made.line(f"synci {period};", 0)
    return made.lines


class _Lines:
    """The instructions so far, and when the processor gets there, in ticks of the point."""

    def __init__(self, plan: Plan, name: str, timing_hz: float, idle: int) -> None:
        self.plan, self.name, self.timing_hz, self.idle = plan, name, timing_hz, idle
        self.lines: list[str] = []
        self.pending: list[str] = []
        self.n_labels = self.point = 0
        self.now = 0
        self.queued: dict[int, list[int]] = {}

    def begin(self, point: int) -> None:
        self.point, self.now, self.queued = point, -self.plan.head, {}
        self.line(f"regwi 0, ${_BITS}, 0;", 2)

    def line(self, text: str, cycles: int) -> None:
        """Add an instruction, at the label that stands before it; of two labels one stands before a no-operation."""
        for label in self.pending[:-1]:
            self.lines.append(f"{label}: mathi 0, $0, $0 + 0;")
            self.now += 5
        self.lines.append(f"{self.pending[-1]}: {text}" if self.pending else text)
        self.pending = []
        self.now += cycles

    def write(self, register: int, value: int) -> None:
        for text, cycles in write_lines(0, register, value):
            self.line(text, cycles)

    def label(self, letter: str) -> str:
        self.n_labels += 1
        return f"{letter}{self.n_labels}"

    def read(self, one: Read) -> None:
        """Wait for sums, and keep whether I is at the threshold or above it."""
        self.line(f"waiti {self.idle}, {one.tick};", 3)
        before = self.queued.get(self.idle, [])[-1:]
        self.now = max(self.now, one.tick, *before) + 6
        self.line(f"read {one.port}, 0, lower ${_SUM};", 2)
        self.write(_OTHER, one.threshold)
        below = self.label("B")
        self.line(f"condj 0, ${_SUM} < ${_OTHER}, @{below};", 5)
        self.line(f"bitwi 0, ${_BITS}, ${_BITS} | {1 << one.bit};", 5)
        self.pending.append(below)

    def play(self, group: Sequence[Event], when: Condition | None, bits: Mapping[int, int]) -> None:
        """Hand events on, or jump over them."""
        over = "" if when is None else self.label("O")
        if when is not None:
            self._tests(Pattern.of(when, bits), over)
        for one in group:
            queue = self.queued.setdefault(one.port, [])
            if len(queue) >= _QUEUE:
                self.now = max(self.now, queue[-_QUEUE] + 4)
            for text in event_lines(self.plan, one.value):
                self.line(text, 0)
            self.now += int(self.plan.cycles[one.value])
            if self.now + _ON_ITS_WAY > one.tick:
                raise late_event(self.name, one.tick, self.now + _ON_ITS_WAY, self.timing_hz, self.point)
            queue.append(one.tick)
        if over:
            self.pending.append(over)

    def _tests(self, pattern: Pattern, over: str) -> None:
        self.line(f"bitwi 0, ${_SUM}, ${_BITS} & {pattern.mask};", 5)
        if pattern.plays and pattern.values in ([pattern.mask], [0]) and pattern.mask.bit_count() == 1:
            self.line(f"condj 0, ${_SUM} {'==' if pattern.values[0] else '!='} $0, @{over};", 5)
            return
        there = self.label("P") if pattern.plays else over
        for value in pattern.values:
            self.write(_OTHER, value)
            self.line(f"condj 0, ${_SUM} == ${_OTHER}, @{there};", 5)
        if pattern.plays:
            self.line(f"condj 0, $0 == $0, @{over};", 5)
            self.pending.append(there)
