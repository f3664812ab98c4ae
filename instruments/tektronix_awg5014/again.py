"""Lower again what an AWG5014C plays after phases have changed: what they touch is rendered, the rest is kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from qctl.cext import shots, words
from qctl.cext.patch import Turns
from qctl.cext.rewords import Rewords
from qctl.cext.row_names import RowNames
from qctl.errors import CompileError
from qctl.instruments.dealing import Points
from qctl.instruments.holding import Holding
from qctl.instruments.rendering import Cut, Made, Renderer, Words
from qctl.program.device_program import DeviceProgram, Usage
from qctl.program.straights import bounds_of

__all__ = ["Trail", "patched"]

_CHARACTERS = 2 * words.DIGEST_BYTES
_DIGEST = re.compile(re.escape(b"\xd9%c" % _CHARACTERS) + b"([0-9a-f]{%d})" % _CHARACTERS)


@dataclass(eq=False)
class Trail:
    """What one generator's program was made of; a patch changes it in place, so it is that of the latest one.

    Attributes
    ----------
    work, points, cuts
        As they were rendered.
    made : dict of int to list of Made
        What each feed that plays has at each point.
    place : str
        Pulse that ends the longest waveform.
    check : function
        Refuses words of an output that reach over the limits of lab.toml.
    index : Index, optional
        Where things are, from the first patch on.
    """

    work: Renderer
    points: Points
    cuts: Sequence[Cut]
    made: dict[int, list[Made]]
    place: str
    check: Callable[[int, Collection[Words]], None]
    index: _Index | None = None

    @cached_property
    def mask(self) -> int:
        """Return the bits of the ports that it plays."""
        return sum(1 << port for port, feed in enumerate(self.points.owner.tolist()) if feed >= 0)


@dataclass(eq=False)
class _Index:
    """Where things are, and what has changed.

    Attributes
    ----------
    rewords : Rewords
        Words of all points.
    texts : list of bytes
        Pieces of the latest body: one, and one for each point.
    points : list of tuple of (str, array)
        Name and words of all that each point plays.
    outputs : list of int
        Number of each output, in the order of a step.
    limited : frozenset of int
        Places among these of outputs that could leave the limits of lab.toml.
    fullest : int
        Output that the latest report names; -1 before the first one.
    """

    rewords: Rewords
    texts: list[bytes]
    points: list[tuple[tuple[str, NDArray[np.uint16]], ...]]
    outputs: list[int]
    limited: frozenset[int]
    fullest: int = -1


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

    Raises
    ------
    CompileError
        If an output leaves the limits of lab.toml.
    """
    trail = program.trail
    if not isinstance(trail, Trail):
        return None
    if not trail.mask & turned.lines:
        return program
    index = trail.index
    if index is None:
        if program.n_points != len(trail.points):
            return None  # all points were alike, and one stood for them
        index = trail.index = _index(trail, program, plays, bounds, first)
        if index is None:
            return None
    texts, points, rows = index.texts.copy(), index.points.copy(), list[int]()
    low, high = turned.points_from(first, first + program.n_points)
    if not index.rewords.turned(turned, low, high, texts, points, rows):
        return None
    if not rows:
        return program
    index.texts, index.points = texts, points
    if index.limited:
        _check(trail, index, rows)
    if len(trail.cuts) > 1 and _alike(trail, index):
        return None
    usage, blobs = _usage(program, trail), Holding(points)
    return DeviceProgram(program.instrument, program.model, texts, blobs, program.n_points, usage, trail)


def _index(
    trail: Trail, program: DeviceProgram, plays: NDArray, bounds: NDArray[np.int64], first: int
) -> _Index | None:  # fmt: skip
    """Return where everything is, or None where a changed pulse could change what is asked of the memory."""
    work, points, cuts, made = trail.work, trail.points, trail.cuts, trail.made
    outputs = [(f, at, n) for f in made for at, n in enumerate(work.feeds[f].outputs)]
    pieces = np.array([piece[:2] for cut in cuts for piece in cut], np.int64).reshape(-1, 2)
    n_samples = sum(piece.n_samples for cut in cuts for piece in cut if piece.n_loops == 1)
    _, _, elements, _ = program.usage
    if n_samples > 2 * program.usage[0].allowed or len(pieces) > elements.allowed:
        return None
    found = [(match.start(1), match[1].decode()) for match in _DIGEST.finditer(program.body)]
    held = [
        made[f][p][piece][at] for p, cut in enumerate(cuts) for piece in range(len(cut)) for f, at, _ in outputs
    ]  # fmt: skip
    names = [digest for _, digest in found]
    if names != [digest for digest, *_ in held]:
        return None
    steps = bounds_of([len(cut) for cut in cuts])
    starts, digits = (len(outputs) * steps[:-1]).tolist(), [at for at, _ in found]
    within = np.array(digits) - np.repeat(np.array([digits[k] for k in starts]), len(outputs) * np.diff(steps))
    end, shapes = first + len(points), points.shapes
    places = np.empty(int(bounds[end] - bounds[first]), np.int32)
    shots.places(plays, first, end, points.owner, bounds, points.bounds, places)
    lines = [work.feeds[f] for f in made]
    half_v = [[work.half_v[n] for n in (line.outputs * 2)[:2]] for line in lines]
    rewords = Rewords(
        points.plays, points.bounds, places, first, int(bounds[first]),
        np.array([(f, len(line.outputs)) for f, line in zip(made, lines, strict=True)], np.int32),
        np.array([(*pair, x.mixer.gain, x.mixer.phase_rad) for pair, x in zip(half_v, lines, strict=True)], float),
        pieces, steps, shapes.env_i, shapes.env_q, shapes.offsets, float(work.rate_hz),
        *work.coding,
        RowNames(steps, np.ascontiguousarray(pieces[:, 1]), within, names, [one[1] for one in held]),
    )  # fmt: skip
    ends = [0, *(digits[k] for k in starts), len(program.body)]
    texts = [program.body[a:b] for a, b in pairwise(ends)]
    points_of = [tuple([one[:2] for one in held[a:b]]) for a, b in pairwise([*starts, len(held)])]
    coding = work.coding
    most: Words = ("", held[0][1], coding.zero - coding.top, coding.zero + coding.top)
    limited = frozenset(k for k, (*_, n) in enumerate(outputs) if not _within(trail, n, most))
    return _Index(rewords, texts, points_of, [n for *_, n in outputs], limited)


def _within(trail: Trail, output: int, most: Words) -> bool:
    """Say whether an output stays within its limits whatever it plays."""
    try:
        trail.check(output, [most])
    except CompileError:
        return False
    return True


def _check(trail: Trail, index: _Index, rows: Sequence[int]) -> None:
    """Refuse words that reach over the limits of lab.toml."""
    width, zero, shift = len(index.outputs), trail.work.coding.zero, trail.work.coding.shift
    for row in rows:
        if row % width in index.limited:
            held = index.rewords.row_names.held[row]
            codes = held.view(np.int16 if zero == 0 else np.uint16) >> shift
            low, high = min(int(codes.min()), zero), max(int(codes.max()), zero)
            trail.check(index.outputs[row % width], [(index.rewords.row_names.names[row], held, low, high)])


def _alike(trail: Trail, index: _Index) -> bool:
    """Say whether all points are played alike now: one would stand for all of them."""
    first, names, counts = trail.cuts[0], index.rewords.row_names.names, index.rewords.row_names.counts
    if any(len(table) > len(first) for table in counts):
        return False
    loops, n = [piece.n_loops for piece in first], len(first) * len(counts)
    at = 0
    for cut in trail.cuts:
        if cut is not first and [piece.n_loops for piece in cut] != loops:
            return False
        if names[at : at + n] != names[:n]:
            return False
        at += n
    return True


def _usage(program: DeviceProgram, trail: Trail) -> tuple[Usage, ...]:
    """Return the report's rows, the same object where none of them changed."""
    index = trail.index
    assert index is not None
    sizes, n_blobs = index.rewords.row_names.sizes, len(index.rewords.row_names.total)
    k = sizes.index(max(sizes))
    samples, longest, elements, waveforms = program.usage
    if sizes[k] == samples.used and n_blobs == waveforms.used and index.outputs[k] == index.fullest:
        return program.usage
    index.fullest = index.outputs[k]
    place = f"output {index.fullest}, up to {trail.place}"
    return replace(samples, used=sizes[k], place=place), longest, elements, replace(waveforms, used=n_blobs)
