"""Lower again what a Qblox module plays after phases have changed: what they touch is written, the rest is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.cext import q1asm
from qctl.cext.patch import Turns
from qctl.cext.retune import Retune
from qctl.errors import CompileError
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
    tight: bool = False

    @property
    def n_instructions(self) -> int:
        """Return the number of instructions of the whole text."""
        return (self.head + self.tail).count(b"\n") + int(self.ends[-1, 1])

    @property
    def n_characters(self) -> int:
        """Return the length of the whole text."""
        return len(self.head) + len(self.tail) + int(self.ends[-1, 0])


class Tune(NamedTuple):
    """How one sequencer is patched.

    Attributes
    ----------
    part : Part
        What its text was made of.
    retune : Retune
        Its events.
    mask : int
        Bit of its port.
    place : int
        Piece of the body that is the text of its first point; the second one before it tells msgpack how long all is.
    """

    part: Part
    retune: Retune
    mask: int
    place: int


@dataclass(eq=False)
class Trail:
    """What a module's program was made of: all points, what each sequencer does, and what all of them share.

    Attributes
    ----------
    rows, parts, lead_ns, period_ns, max_instructions
        As they were lowered.
    tunes : list of Tune, optional
        Of the sequencers that play, from the first patch on.
    pieces : list of bytes, optional
        Those of the latest body; none where no text is written.
    """

    rows: Rows
    parts: list[Part]
    lead_ns: int
    period_ns: int
    max_instructions: int
    tunes: list[Tune] | None = None
    pieces: list[bytes] | None = None
    places: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    @cached_property
    def mask(self) -> int:
        """Return the bits of the ports that it plays on."""
        return sum(1 << part.index for part in self.parts if part.plays)

    @cached_property
    def none(self) -> tuple[NDArray, NDArray[np.int64]]:
        """Return no captures, and where those of each point begin."""
        return self.rows.captures[:0], np.zeros_like(self.rows.capture_bounds)


def patched(
    program: DeviceProgram, turned: Turns, plays: NDArray, bounds: NDArray[np.int64], first: int
) -> DeviceProgram | None:
    """Return the program with the phases that plays have now, or None if it must be lowered anew.

    Parameters
    ----------
    program : DeviceProgram
        The latest one, of `lower` or of this function.
    turned : Turns
        The plays that have other phases than before.
    plays, bounds
        Plays of all points of the run; nothing but phases ever changes.
    first : int
        The program's first point among those of the run.
    """
    trail = program.trail
    if not isinstance(trail, Trail):
        return None
    if not trail.mask & turned.lines:
        return program
    if trail.tunes is None and not _begin(trail, program, plays, bounds, first):
        return None
    assert trail.tunes is not None
    low, high = turned.points_from(first, first + program.n_points)
    pieces, usage, changed = None if trail.pieces is None else list(trail.pieces), program.usage, False
    for tune in trail.tunes:
        if not tune.mask & turned.lines:
            continue
        uneven: list[int] = []
        if not tune.retune.turned(turned, low, high, pieces, tune.place, uneven):
            continue
        changed = changed or pieces is not None
        if uneven:
            part = tune.part
            before = part.n_instructions
            _write(trail, tune, pieces, uneven)
            now = part.n_instructions
            if (now > trail.max_instructions) != (before > trail.max_instructions):
                return None
            if now != before:
                usage = _usage(trail, usage)
    if not changed and usage is program.usage:
        return program
    trail.pieces = pieces
    content = program.content if pieces is None else pieces
    return DeviceProgram(program.instrument, program.model, content, program.blobs, program.n_points, usage, trail)


def _begin(
    trail: Trail, program: DeviceProgram, plays: NDArray, bounds: NDArray[np.int64], first: int
) -> bool:  # fmt: skip
    """Find where everything is in the program; return whether it can be patched at all."""
    if any(part.tight or part.steers is not None for part in trail.parts):
        return False
    body, rows, tunes, cuts, n_pieces = program.body, trail.rows, [], [0], 1
    at = 0
    for part in trail.parts:
        place = body.index(part.head, at) if body else 0
        at = place + part.n_characters
        if not part.plays:
            continue
        captures = (rows.captures, rows.capture_bounds) if part.captures else trail.none
        retune = Retune(part.events, part.bounds, plays, bounds, *captures, part.index, first)
        tune = Tune(part, retune, 1 << part.index, n_pieces + 2)
        tunes.append(tune)
        if body:
            begin = place + len(part.head)
            cuts += [place - len(text_head(part.n_characters)), place, begin, *(begin + part.ends[:, 0]).tolist()]
            n_pieces += 3 + len(part.ends)
            _check(trail, tune, body, begin)
    trail.pieces = [body[a:b] for a, b in pairwise([*cuts, len(body)])] if body else None
    trail.tunes = tunes
    return True


def _check(trail: Trail, tune: Tune, body: bytes, begin: int) -> None:
    """Note where the phases are in the text of all points, which must be what is in the body."""
    text, places, ends = _text(trail, tune.part, 0, len(tune.part.ends))
    if body[begin : begin + len(text)] != text:
        raise CompileError(f"the body has another text of {tune.part.port}")
    at = 0
    for p, end in enumerate(ends[:, 0].tolist()):
        tune.retune.place(p, text[at:end], places, at)
        at = end


def _text(
    trail: Trail, part: Part, first: int, n_points: int
) -> tuple[bytes, NDArray[np.int64], NDArray[np.int64]]:  # fmt: skip
    """Return the text of some points, where that of each event begins, and where the points end."""
    if len(trail.places) < len(part.events):
        trail.places = np.empty(len(part.events), np.int64)
    places, ends, sizes = trail.places[: len(part.events)], np.zeros((n_points, 2), np.int64), np.zeros(2, np.int64)
    room = 96 * int(part.bounds[first + n_points] - part.bounds[first]) + 256 * n_points
    for _ in range(2):
        text = np.empty(room, np.uint8)
        q1asm.emit(
            part.events, part.bounds, trail.period_ns, LOOP_FROM_NS, not part.counted, text, places, sizes, ends, first
        )
        if sizes[0] <= room:
            break
        room = int(sizes[0])
    return text[: sizes[0]].tobytes(), places, ends


def _write(trail: Trail, tune: Tune, pieces: list[bytes] | None, points: Sequence[int]) -> None:
    """Write the text of points that have more or fewer lines now, or count these where nothing is written."""
    part = tune.part
    size = part.n_characters
    for p in points:
        if pieces is None:
            own, ends = part.bounds[p : p + 2], np.zeros((1, 2), np.int64)
            q1asm.count(
                part.events[own[0] : own[1]], own - own[0], trail.period_ns, LOOP_FROM_NS, not part.counted, ends
            )
        else:
            text, places, ends = _text(trail, part, p, 1)
            pieces[tune.place + p] = text
            tune.retune.place(p, text, places, 0)
        before = part.ends[p - 1] if p else 0
        part.ends[p:] += ends[0] - (part.ends[p] - before)
    if pieces is not None and part.n_characters != size:
        pieces[tune.place - 2] = text_head(part.n_characters)


def _usage(trail: Trail, usage: tuple[Usage, ...]) -> tuple[Usage, ...]:
    """Return the report's rows with the instructions that there are now."""
    fullest = max(trail.parts, key=lambda part: part.n_instructions)
    new = Usage("instructions", fullest.n_instructions, trail.max_instructions, fullest.port)
    return tuple(new if row.resource == "instructions" else row for row in usage)
