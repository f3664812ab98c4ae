"""What photon counts do in a sequencer's program: what they decide, and what is stored of them.

Source: docs/firmware-instructions.md, schema 1.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError
from qctl.hil.plant.event_blocks import EVENT
from qctl.hil.sequencer.interpreter import Event, Played, Surroundings, play

__all__ = ["Use", "shot_of", "steered", "stored", "use_of"]

_OPEN, _CLOSE, _WAIT_REGISTER, _WAIT_TRIGGER = 6, 7, 9, 10
_ADD, _SUM, _DIFFERENCE, _AND, _SHIFT = range(0x11, 0x16)
_BRANCHES = range(0x21, 0x26)
_LEVEL, _TONE, _GATE = 1, 2, 3
_KEPT = 4096
"""Events of a block that are kept for its trace."""


class Use(NamedTuple):
    """How a program uses counters.

    Attributes
    ----------
    counts : bool
        Whether it counts at all.
    decides : bool
        Whether any instruction does what a count says.
    waits : int
        Number of the first instruction that waits for a trigger; -1 if there is none.
    computes : bool
        Whether something is calculated from counts.
    """

    counts: bool
    decides: bool
    waits: int
    computes: bool


def use_of(program: bytes) -> Use:
    """Return how a program uses counters; registers are followed without regard to the order of instructions."""
    rows = list(struct.iter_unpack("<BBHI", program[16:]))
    known = {b for op, _, b, _ in rows if op == _CLOSE}
    direct = set(known)
    while True:
        more = {a for op, a, b, c in rows if _ADD <= op <= _SHIFT and _reads(op, b, c) & known}
        if more <= known:
            break
        known |= more
    decides = any((op == _WAIT_REGISTER or op in _BRANCHES) and a in known for op, a, _, _ in rows)
    waiting = [k for k, (op, *_) in enumerate(rows) if op == _WAIT_TRIGGER]
    computes = any(_ADD <= op <= _SHIFT and _reads(op, b, c) & direct for op, _, b, c in rows)
    return Use(any(op == _OPEN for op, *_ in rows), decides, waiting[0] if waiting else -1, computes)


def _reads(op: int, b: int, c: int) -> set[int]:
    return {b, c} if op in (_SUM, _DIFFERENCE) else {b}


@dataclass(frozen=True, slots=True)
class _Counted(Surroundings):
    """Surroundings in which gates count what is given, one after the other."""

    counts: Iterator[int] = field(default_factory=lambda: iter(()))

    def count(self, counter: int, begin: int, end: int) -> int:
        """Return the next count."""
        return next(self.counts, 0)


def _given(counts: NDArray[np.int64]) -> _Counted:
    return _Counted(counts=iter(counts.ravel().tolist()))


def shot_of(program: bytes, period_ticks: int) -> tuple[NDArray[np.void], int] | None:
    """Return the events of any shot of a block whose events no count decides, (n,) EVENTs, and a shot's ticks.

    None if the second shot is another one than the first, or a shot faults: then shots have to be played one by one.
    """
    first, both = (play(program, n_shots=n, period_ticks=period_ticks) for n in (1, 2))
    n, begun = len(first.events), period_ticks or first.end_tick
    again = [event._replace(tick=event.tick - begun) for event in both.events[n:]]
    if first.fault or again != first.events or first.registers != both.registers:
        return None
    return _Channels().rows(first.events, 0), begun


class _Channels:
    """What a program's outputs are at."""

    def __init__(self) -> None:
        self.lines = 0
        self.tones: dict[int, tuple[int, int]] = {}
        """By number: the words of frequency, and of phase and amplitude, as events have them."""

    def rows(self, events: Sequence[Event], origin: int) -> NDArray[np.void]:
        """Return events as the plant has them: a level of each line that changes, a tone with all its words."""
        made: list[tuple[int, int, int, int, int, int]] = []
        for event in events:
            tick = event.tick - origin
            what, *rest = event.output.split()
            if what == "lines":
                changed, self.lines = event.value ^ self.lines, event.value
                made += [
                    (tick, bit + 1, _LEVEL, 0, 0, event.value >> bit & 1) for bit in range(16) if changed >> bit & 1
                ]
            elif what == "tone":
                number, (frequency, amplitude) = int(rest[0]), self.tones.get(int(rest[0]), (0, 0))
                if rest[1] == "frequency":
                    self.tones[number] = event.value, amplitude
                else:
                    self.tones[number] = frequency, event.value
                    made.append(_tone(tick, number, frequency, event.value))
            elif what in ("open", "close"):
                made.append((tick, int(rest[0]) + 1, _GATE, 0, 0, int(what == "open")))
        return np.array(made, EVENT)

    def at_start(self) -> NDArray[np.void]:
        """Return what a shot begins with: all that was left high, or on."""
        made = [(0, bit + 1, _LEVEL, 0, 0, 1) for bit in range(16) if self.lines >> bit & 1]
        made += [_tone(0, number, *words) for number, words in sorted(self.tones.items()) if words[1] >> 16]
        return np.array(made, EVENT)


def _tone(tick: int, number: int, frequency: int, amplitude: int) -> tuple[int, int, int, int, int, int]:
    return tick, number + 1, _TONE, frequency, amplitude & 0xFFFF, amplitude >> 16


@dataclass(slots=True)
class _Shot:
    """The shot under way: where it began, the block's events, how many were played, and whether the next one was."""

    channels: _Channels = field(default_factory=_Channels)
    origin: int = 0
    events: list[Event] = field(default_factory=list)
    n_sent: int = 0
    closed: bool = False
    begins: bool = True

    def fresh(self) -> list[Event]:
        """Return what has come since; far down the block, only marks are kept of it."""
        first = self.n_sent + self.closed
        found, self.closed = self.events[first:], False
        kept = max(_KEPT, self.n_sent)
        self.events[kept:] = [event for event in self.events[kept:] if event.output.startswith("mark ")]
        self.n_sent = len(self.events)
        return found


@dataclass(frozen=True, slots=True)
class _Steered(Surroundings):
    """Surroundings in which a gate counts what comes of the shot's events until it closes."""

    part: Callable[[NDArray[np.void], bool], Sequence[int]] = lambda rows, begins: ()
    shot: _Shot = field(default_factory=_Shot)

    def begin(self, tick: int, events: list[Event]) -> None:
        """Note where a shot begins, and what its channels are at."""
        shot = self.shot
        shot.events = events
        shot.channels.rows(shot.fresh(), shot.origin)
        shot.origin, shot.begins = tick, True

    def count(self, counter: int, begin: int, end: int) -> int:
        """Have what came since the last count played, and return the count of the gate that closes."""
        shot = self.shot
        if begin < shot.origin:
            raise RequestError(f"counter {counter} is open from shot to shot: the ions can't follow that")
        carried = shot.channels.at_start() if shot.begins else np.array([], EVENT)
        closing = Event(end, f"close {counter}", 0, 0)
        rows = shot.channels.rows([*shot.fresh(), closing], shot.origin)
        counts = self.part(np.concatenate([carried, rows]), shot.begins)
        shot.closed, shot.begins = True, False
        return counts[-1]


def steered(
    program: bytes, part: Callable[[NDArray[np.void], bool], Sequence[int]], *, n_shots: int, period_ticks: int,
    max_late_ticks: int, max_results: int,
) -> Played:  # fmt: skip
    """Return what a block does whose counts decide: each shot is executed, and played part by part.

    Parameters
    ----------
    part : callable
        Plays (n,) EVENTs of a shot, and whether they are its first; returns the counts of the gates that close in them.
    """
    return play(
        program, _Steered(part=part), n_shots=n_shots, period_ticks=period_ticks, max_late_ticks=max_late_ticks,
        max_results=max_results,
    )  # fmt: skip


def stored(program: bytes, counts: NDArray[np.int64], period_ticks: int, max_results: int, computes: bool) -> Played:
    """Return what a block of shots with these counts has done: its trace's beginning, its registers and results.

    Parameters
    ----------
    counts : (n_shots, n_gates) of int
    computes : bool
        Whether something is calculated from counts: then each shot is executed, otherwise two stand for all.
    """
    n_shots = len(counts)
    if computes or n_shots < 4:
        return play(program, _given(counts), n_shots=n_shots, period_ticks=period_ticks, max_results=max_results)
    numbers = np.arange(counts.shape[1])
    probes = [play(program, _given(numbers + more), max_results=max_results).results for more in (0, len(numbers) + 1)]
    result = np.array(probes[0], np.int64)
    taken = result != np.array(probes[1], np.int64)
    table = np.tile(result, (n_shots, 1))
    table[:, taken] = counts[:, result[taken]]
    shown = play(program, _given(counts), n_shots=min(n_shots, 100), period_ticks=period_ticks, max_results=1 << 24)
    last = play(program, _given(counts[-1]), n_shots=1)
    shown.results, shown.registers, shown.n_shots = table.ravel()[:max_results].tolist(), last.registers, n_shots
    shown.end_tick = period_ticks * (n_shots - 1) + last.end_tick if period_ticks else last.end_tick * n_shots
    return shown
