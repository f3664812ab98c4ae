"""Lower again what a Qblox module plays after phases have changed: what they touch is written, the rest is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.cext import events as kernel
from qctl.cext import q1asm
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


class _Piece(NamedTuple):
    """The text of one point, and its instructions."""

    point: int
    text: bytes
    n_instructions: int


def patched(
    program: DeviceProgram, plays: NDArray, bounds: NDArray[np.int64], first: int, touched: Sequence[int]
) -> DeviceProgram | None:
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
    """
    trail = program.trail
    if not isinstance(trail, Trail) or any(part.tight for part in trail.parts):
        return None
    body, usage = program.body, program.usage
    for number, part in enumerate(trail.parts):
        if not part.plays:
            continue
        pieces = _pieces(trail, part, plays, bounds, first, touched)
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
    trail: Trail, part: Part, plays: NDArray, bounds: NDArray[np.int64], first: int, touched: Sequence[int]
) -> list[_Piece] | None:
    """Return the new text of points, without those that stay as they are; None if their events can't be patched.

    Points are taken one by one, or from the first to the last one together where most between them are touched.
    """
    found: list[_Piece] = []
    at = 0
    while at < len(touched):
        last = at
        while last + 1 < len(touched) and touched[last + 1] - touched[last] <= _NEAR:
            last += 1
        low, high = touched[at], touched[last] + 1
        new = _range(trail, part, plays[bounds[low] : bounds[high]], bounds[low : high + 1] - bounds[low], low - first)
        if new is None:
            return None
        found += new
        at = last + 1
    return found


_NEAR = 3
"""Distance of touched points up to which what is between them is looked at too."""


def _range(
    trail: Trail, part: Part, plays: NDArray, bounds: NDArray[np.int64], first: int
) -> list[_Piece] | None:  # fmt: skip
    """Return the new text of the points of a range."""
    n = len(bounds) - 1
    own = part.bounds[first : first + n + 1]
    begin, end = int(own[0]), int(own[-1])
    rows = trail.rows
    cuts = rows.capture_bounds[first : first + n + 1]
    captures = rows.captures[cuts[0] : cuts[-1]] if part.captures else rows.captures[:0]
    capture_bounds = cuts - cuts[0] if part.captures else np.zeros(n + 1, np.int64)
    events, fault = np.empty(len(plays) + len(captures), part.events.dtype), np.zeros(3, np.int64)
    found = np.empty(n + 1, np.int64)
    kernel.gather(
        plays, bounds, captures, capture_bounds, part.index, part.memory.table, part.memory.steps_per_v,
        part.memory.acquisitions, trail.lead_ns, trail.period_ns, events, found, fault,
    )  # fmt: skip
    if fault[0] or not np.array_equal(found, own - begin):
        return None
    old, new = part.events[begin:end].tobytes(), events[: end - begin].tobytes()
    if old == new:
        return []
    part.events[begin:end] = events[: end - begin]
    places, sizes, ends = np.empty(len(part.events), np.int64), np.zeros(2, np.int64), np.zeros((n, 2), np.int64)
    text = np.empty(96 * (end - begin) + 256 * n, np.uint8)
    for _ in range(2):
        q1asm.emit(
            part.events, part.bounds, trail.period_ns, LOOP_FROM_NS, not part.counted, text, places, sizes, ends, first
        )
        if sizes[0] <= len(text):
            break
        text = np.empty(int(sizes[0]), np.uint8)
    raw, size = text[: sizes[0]].tobytes(), part.events.dtype.itemsize
    steps = ((own - begin) * size).tolist()
    pieces: list[_Piece] = []
    at = lines = 0
    for p, (until, n_lines) in enumerate(ends.tolist()):
        if old[steps[p] : steps[p + 1]] != new[steps[p] : steps[p + 1]]:
            pieces.append(_Piece(first + p, raw[at:until], n_lines - lines))
        at, lines = until, n_lines
    return pieces


def _count(part: Part, pieces: Sequence[_Piece]) -> None:
    """Note how long the new pieces are."""
    ends = part.ends
    for p, text, n_instructions in pieces:
        old = ends[p] - ends[p - 1] if p else ends[0]
        more = np.array([len(text), n_instructions]) - old
        if more.any():
            ends[p:] += more


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
    before, after = _length(old), _length(new)
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


def _length(n: int) -> bytes:
    """Return what msgpack puts before a string of so many characters."""
    if n < 32:
        return bytes([0xA0 | n])
    size = 1 if n < 1 << 8 else 2 if n < 1 << 16 else 4
    return bytes([0xD9 + size.bit_length() - 1]) + n.to_bytes(size, "big")


def _usage(trail: Trail, usage: tuple[Usage, ...]) -> tuple[Usage, ...]:
    """Return the report's rows with the instructions that there are now."""
    fullest = max(trail.parts, key=lambda part: part.n_instructions)
    new = Usage("instructions", fullest.n_instructions, trail.max_instructions, fullest.port)
    return tuple(new if row.resource == "instructions" else row for row in usage)
