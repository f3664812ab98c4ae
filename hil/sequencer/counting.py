"""What photon counts do in a sequencer's program: what they decide, and what is stored of them.

Source: docs/firmware-instructions.md, schema 1.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError
from qctl.hil.plant.event_blocks import EVENT
from qctl.hil.sequencer.interpreter import Event, Played, Surroundings, play

__all__ = ["Use", "shot_of", "stored", "use_of"]

_OPEN, _CLOSE, _WAIT_REGISTER, _WAIT_TRIGGER = 6, 7, 9, 10
_ADD, _SUM, _DIFFERENCE, _AND, _SHIFT = range(0x11, 0x16)
_BRANCHES = range(0x21, 0x26)
_LEVEL, _TONE, _GATE = 1, 2, 3


class Use(NamedTuple):
    """How a program uses counters.

    Attributes
    ----------
    counts : bool
        Whether it counts at all.
    decider : int
        Number of the first instruction that does what a count says, or waits for a trigger; -1 if there is none.
    computes : bool
        Whether something is calculated from counts.
    """

    counts: bool
    decider: int
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
    deciding = [
        k
        for k, (op, a, _, _) in enumerate(rows)
        if op == _WAIT_TRIGGER or ((op == _WAIT_REGISTER or op in _BRANCHES) and a in known)
    ]
    computes = any(_ADD <= op <= _SHIFT and _reads(op, b, c) & direct for op, _, b, c in rows)
    return Use(any(op == _OPEN for op, *_ in rows), deciding[0] if deciding else -1, computes)


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


def shot_of(program: bytes, period_ticks: int) -> tuple[NDArray[np.void], int]:
    """Return the events of any shot of a block whose events no count decides, (n,) EVENTs, and a shot's ticks.

    Raises
    ------
    RequestError
        If the second shot is another one than the first, or a shot faults.
    """
    first, both = (play(program, n_shots=n, period_ticks=period_ticks) for n in (1, 2))
    n, begun = len(first.events), period_ticks or first.end_tick
    again = [event._replace(tick=event.tick - begun) for event in both.events[n:]]
    if first.fault or again != first.events or first.registers != both.registers:
        raise RequestError("shots of one block differ, or fault: the ions can't follow them")
    return _rows(first.events), begun


def _rows(events: list[Event]) -> NDArray[np.void]:
    """Return events as the plant has them: a level of each line that changes, a tone with all its words."""
    made: list[tuple[int, int, int, int, int, int]] = []
    lines = frequency = 0
    for tick, output, value, _ in events:
        what, *rest = output.split()
        if what == "lines":
            made += [(tick, bit + 1, _LEVEL, 0, 0, value >> bit & 1) for bit in range(16) if (value ^ lines) >> bit & 1]
            lines = value
        elif what == "tone" and rest[1] == "frequency":
            frequency = value
        elif what == "tone":
            made.append((tick, int(rest[0]) + 1, _TONE, frequency, value & 0xFFFF, value >> 16))
        elif what in ("open", "close"):
            made.append((tick, int(rest[0]) + 1, _GATE, 0, 0, int(what == "open")))
    return np.array(made, EVENT)


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
