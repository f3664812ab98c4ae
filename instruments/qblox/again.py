"""Lower again what a Qblox module plays after phases have changed: what they touch is written, the rest is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.cext import events as kernel
from qctl.cext import q1asm
from qctl.instruments.qblox.body import text_head
from qctl.instruments.qblox.memory import Memory
from qctl.instruments.rows import Rows
from qctl.program.device_program import DeviceProgram, Usage

__all__ = ["LOOP_FROM_NS", "Part", "Trail", "patched"]

LOOP_FROM_NS = 100
"""Distance from which on equal pulses are played in a loop: the classical core is done with it in good time."""


@dataclass(eq=False)
class Part:
    """What one sequencer's text was made of; a patch changes it in place.

    Attributes
    ----------
    port : str
        Port of lab.toml.
    index : int
        Its port in the rows.
    plays, captures : bool
        Whether it has outputs, and inputs.
    memory : Memory
        Its tables.
    events : (n,) EVENT
        All points, one after the other.
    bounds : (n_points + 1,) int64
        Where each point's begin.
    counted : bool
        Whether a register counts the bins.
    head, tail : bytes
        Text before and behind the points.
    ends : (n_points, 2) int64
        Characters and instructions up to the end of each point.
    steers : (n, 2) int32 or None
        What each event depends on, of a sequencer that follows triggers.
    place : int
        Where the text is in the body; -1 until the first patch.
    tight : bool
        Whether other phases might make its core late.
    """

    port: str
    index: int
    plays: bool
    captures: bool
    memory: Memory
    events: NDArray
    bounds: NDArray[np.int64]
    counted: bool
    head: bytes
    tail: bytes
    ends: NDArray[np.int64]
    steers: NDArray[np.int32] | None = None
    place: int = -1
    tight: bool = False

    @property
    def n_instructions(self) -> int:
        """Return the number of instructions of the whole text."""
        return (self.head + self.tail).count(b"\n") + int(self.ends[-1, 1])

    @property
    def n_characters(self) -> int:
        """Return the length of the whole text."""
        return len(self.head) + len(self.tail) + int(self.ends[-1, 0])


@dataclass(eq=False)
class Trail:
    """What a module's program was made of: all points, what each sequencer does, and what all of them share."""

    rows: Rows
    parts: list[Part]
    lead_ns: int
    period_ns: int
    max_instructions: int
    spare: NDArray = field(default_factory=lambda: np.empty(0, np.int8))

    def room(self, n: int, dtype: np.dtype) -> NDArray:
        """Return room for so many events, the same as last time if it is enough."""
        if len(self.spare) < n or self.spare.dtype != dtype:
            self.spare = np.empty(max(n, 256), dtype)
        return self.spare

    @cached_property
    def none(self) -> tuple[NDArray, NDArray[np.int64]]:
        """Return no captures, and where those of each point begin."""
        return self.rows.captures[:0], np.zeros_like(self.rows.capture_bounds)


class _Piece(NamedTuple):
    """The text of one point, and its instructions."""

    point: int
    text: bytes
    n_instructions: int


def patched(
    program: DeviceProgram, plays: NDArray, bounds: NDArray[np.int64], first: int, touched: Sequence[int],
    ports: frozenset[int],
) -> DeviceProgram | None:  # fmt: skip
    """Return the program with the phases that these plays have now, or None if it must be lowered anew.

    Parameters
    ----------
    program : DeviceProgram
        The latest one, of `lower` or of this function.
    plays, bounds
        Plays of all points of the run; nothing but phases has changed since.
    first : int
        The program's first point among those of the run.
    touched : sequence of int
        Points of the run where phases changed, all of them in the program.
    ports : frozenset of int
        Ports of the run that any of these plays are on.
    """
    trail = program.trail
    if not isinstance(trail, Trail) or any(part.tight or part.steers is not None for part in trail.parts):
        return None
    body, usage = program.body, program.usage
    for number, part in enumerate(trail.parts):
        if not part.plays or part.index not in ports:
            continue
        pieces = _pieces(trail, part, plays, bounds, first, touched, bool(body))
        if pieces is None:
            return None
        if not pieces:
            continue
        before = part.n_instructions
        if body:
            body = _spliced(body, trail.parts, number, pieces)
        else:
            _count(part, pieces)
        now = part.n_instructions
        if (now > trail.max_instructions) != (before > trail.max_instructions):
            return None
        if now != before:
            usage = _usage(trail, usage)
    if body is program.body and usage is program.usage:
        return program
    return DeviceProgram(program.instrument, program.model, body, program.blobs, program.n_points, usage, trail)


def _pieces(
    trail: Trail,
    part: Part,
    plays: NDArray,
    bounds: NDArray[np.int64],
    first: int,
    touched: Sequence[int],
    written: bool,
) -> list[_Piece] | None:
    """Return the new text of points, without those that stay as they are; None if their events can't be patched.

    Where it is not `written`, the instructions are counted alone. Points are taken one by one, or from the first to the
    last one together where most between them are touched.
    """
    found: list[_Piece] = []
    at = 0
    while at < len(touched):
        last = at
        while last + 1 < len(touched) and touched[last + 1] - touched[last] <= _NEAR:
            last += 1
        low, high = touched[at], touched[last] + 1
        new = _range(trail, part, plays, bounds, first, range(low, high), written)
        if new is None:
            return None
        found += new
        at = last + 1
    return found


_NEAR = 3
"""Distance of touched points up to which what is between them is looked at too."""


def _range(
    trail: Trail, part: Part, plays: NDArray, bounds: NDArray[np.int64], first: int, points: range, written: bool
) -> list[_Piece] | None:
    """Return the new text of a range of the run's points."""
    n, low = len(points), points.start - first
    own = part.bounds[low : low + n + 1]
    begin, end = int(own[0]), int(own[-1])
    own = own - begin
    events, found = trail.room(end - begin, part.events.dtype), np.empty(n + 1, np.int64)
    fault, rows = np.zeros(3, np.int64), trail.rows
    captures = (rows.captures, rows.capture_bounds) if part.captures else trail.none
    kernel.gather(
        plays, bounds, *captures, part.index, part.memory.table, part.memory.steps_per_v, part.memory.acquisitions,
        trail.lead_ns, trail.period_ns, events, found, np.empty(2, np.int64), fault, points.start, n,
        first,
    )  # fmt: skip
    if fault[0] or found.tobytes() != own.tobytes():
        return None
    events, size = events[: end - begin], part.events.dtype.itemsize
    old, new = part.events[begin:end].tobytes(), events.tobytes()
    if old == new:
        return []
    part.events.view(np.uint8)[begin * size : end * size] = events.view(np.uint8)  # numpy copies rows one by one
    ends, raw = np.zeros((n, 2), np.int64), b""
    how = (trail.period_ns, LOOP_FROM_NS, not part.counted)
    if written:
        places, sizes = np.empty(len(part.events), np.int64), np.zeros(2, np.int64)
        text = np.empty(96 * (end - begin) + 256 * n, np.uint8)
        for _ in range(2):
            q1asm.emit(part.events, part.bounds, *how, text, places, sizes, ends, low)
            if sizes[0] <= len(text):
                break
            text = np.empty(int(sizes[0]), np.uint8)
        raw = text[: sizes[0]].tobytes()
    else:
        q1asm.count(events, own, *how, ends)
    steps = (own * size).tolist()
    pieces: list[_Piece] = []
    at = lines = 0
    for p, (until, n_lines) in enumerate(ends.tolist()):
        if old[steps[p] : steps[p + 1]] != new[steps[p] : steps[p + 1]]:
            pieces.append(_Piece(low + p, raw[at:until], n_lines - lines))
        at, lines = until, n_lines
    return pieces


def _count(part: Part, pieces: Sequence[_Piece]) -> None:
    """Note how long the new pieces are."""
    ends = part.ends
    for p, text, n_instructions in pieces:
        (n, lines), (before, lines_before) = ends[p].tolist(), ends[p - 1].tolist() if p else (0, 0)
        more, more_lines = len(text) - (n - before), n_instructions - (lines - lines_before)
        if more or more_lines:
            ends[p:] += np.array([more, more_lines])


def _spliced(body: bytes, parts: Sequence[Part], number: int, pieces: Sequence[_Piece]) -> bytes:
    """Return the body with new text of some points of one sequencer."""
    part = parts[number]
    if part.place < 0:
        _place(body, parts)
    size, begin = part.n_characters, part.place + len(part.head)
    view, ends = memoryview(body), part.ends
    stays: list[bytes | memoryview] = []
    at = begin
    for p, text, _ in pieces:
        first = begin + (int(ends[p - 1, 0]) if p else 0)
        stays += [view[at:first], text]
        at = begin + int(ends[p, 0])
    _count(part, pieces)
    new, old = part.n_characters, size
    if new == old:
        return b"".join((view[:begin], *stays, view[at:]))
    before, after = text_head(old), text_head(new)
    made = b"".join((view[: part.place - len(before)], after, view[part.place : begin], *stays, view[at:]))
    more = len(made) - len(body)
    part.place += len(after) - len(before)
    for later in parts[number + 1 :]:
        later.place += more
    return made


def _place(body: bytes, parts: Sequence[Part]) -> None:
    """Find the text of each sequencer in the body."""
    at = 0
    for part in parts:
        part.place = body.index(part.head, at)
        at = part.place + part.n_characters


def _usage(trail: Trail, usage: tuple[Usage, ...]) -> tuple[Usage, ...]:
    """Return the report's rows with the instructions that there are now."""
    fullest = max(trail.parts, key=lambda part: part.n_instructions)
    new = Usage("instructions", fullest.n_instructions, trail.max_instructions, fullest.port)
    return tuple(new if row.resource == "instructions" else row for row in usage)
