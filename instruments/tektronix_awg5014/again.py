"""Lower again what an AWG5014C plays after phases have changed: what they touch is rendered, the rest is kept."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qctl.cext import patch, words
from qctl.instruments.dealing import Points
from qctl.instruments.rendering import Cut, Made, Renderer, Words, lowering
from qctl.instruments.renewing import renewed
from qctl.program.device_program import DeviceProgram, Usage

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


@dataclass(eq=False)
class _Index:
    """Where each digest is in the body, and what each output holds.

    Attributes
    ----------
    columns : dict of int to int
        Place of each feed's first output in a step.
    outputs : list of int
        Number of each output, in the order of a step.
    steps : list of int
        Number of steps before each point.
    places : list of int
        Where the digests are, step by step and output by output.
    counts : list of Counter
        For each output, how often each digest is played.
    sizes : list of int
        Samples that each output holds.
    """

    columns: dict[int, int]
    outputs: list[int]
    steps: list[int]
    places: list[int]
    counts: list[Counter[str]]
    sizes: list[int]


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

    Raises
    ------
    CompileError
        If a pulse goes over an output's range.
    """
    trail = program.trail
    if not isinstance(trail, Trail):
        return None
    owner = trail.points.owner
    if all(owner[port] < 0 for port in ports):
        return program
    with lowering:
        mine = _dealt(trail, plays, bounds, first, touched)
        return _patched(program, trail, mine) if mine else program


def _dealt(
    trail: Trail, plays: NDArray, bounds: NDArray[np.int64], first: int, touched: Sequence[int]
) -> dict[int, list[int]]:
    """Take the phases over; return the points of each feed where any changed."""
    points = trail.points
    changed = np.empty(len(points.bounds), np.int64)
    mine: dict[int, list[int]] = {}
    for p in touched:
        patch.redeal(
            plays, int(bounds[p]), int(bounds[p + 1]), points.owner, points.plays, points.bounds, p - first, changed
        )
        for f, n in enumerate(changed.tolist()):
            if n:
                mine.setdefault(f, []).append(p - first)
    return mine


def _patched(program: DeviceProgram, trail: Trail, mine: dict[int, list[int]]) -> DeviceProgram | None:
    points, work = trail.points, trail.work
    if program.n_points != len(points):
        return None  # all points were alike, and one stood for them
    if trail.index is None:
        trail.index = _index(trail, program)
    index = trail.index
    if index is None:
        return None
    body, blobs = bytearray(program.body), dict(program.blobs)
    for f, members in mine.items():
        for p, new in zip(members, renewed(work, points, f, members, trail.cuts), strict=True):
            _exchange(index, index.columns[f], index.steps[p], trail.made[f][p], new, body, blobs)
            trail.made[f][p] = new
            for k, n in enumerate(work.feeds[f].outputs):
                trail.check(n, [piece[k] for piece in new])
    work.trim()
    if len(points) > 1 and _alike(trail, index, body):
        return None
    return DeviceProgram(
        program.instrument,
        program.model,
        bytes(body),
        blobs,
        program.n_points,
        _usage(program, trail, len(blobs)),
        trail,
    )


def _index(trail: Trail, program: DeviceProgram) -> _Index | None:
    """Return where everything is, or None where a changed pulse could change what is asked of the memory."""
    feeds = trail.work.feeds
    outputs = [(f, at, n) for f in trail.made for at, n in enumerate(feeds[f].outputs)]
    n_samples = sum(piece.n_samples for cut in trail.cuts for piece in cut if piece.n_loops == 1)
    n_elements = sum(len(cut) for cut in trail.cuts)
    _, _, elements, _ = program.usage
    if n_samples > 2 * program.usage[0].allowed or n_elements > elements.allowed:
        return None
    found = [(match.start(1), match[1].decode()) for match in _DIGEST.finditer(program.body)]
    wanted: list[str] = []
    steps = []
    for p, cut in enumerate(trail.cuts):
        steps.append(len(wanted) // len(outputs))
        for piece in range(len(cut)):
            wanted += [trail.made[f][p][piece][at][0] for f, at, _ in outputs]
    if [digest for _, digest in found] != wanted:
        return None
    counts = [Counter(wanted[k :: len(outputs)]) for k in range(len(outputs))]
    sizes = [sum(len(program.blobs[digest]) for digest in table) for table in counts]
    columns = {f: k for k, (f, at, _) in enumerate(outputs) if not at}
    numbers, places = [n for *_, n in outputs], [at for at, _ in found]
    return _Index(columns, numbers, steps, places, counts, sizes)


def _exchange(
    index: _Index, column: int, step: int, old: Made, new: Made, body: bytearray, blobs: dict[str, NDArray[np.generic]]
) -> None:
    """Put one point's new words in the place of its old ones: in the body, among the blobs and in the counts."""
    width = len(index.outputs)
    for piece, (before, after) in enumerate(zip(old, new, strict=True)):
        for at, (gone, came) in enumerate(zip(before, after, strict=True)):
            if gone[0] == came[0]:
                continue
            k = column + at
            place = index.places[(step + piece) * width + k]
            body[place : place + len(came[0])] = came[0].encode()
            counts = index.counts[k]
            counts[gone[0]] -= 1
            if not counts[gone[0]]:
                del counts[gone[0]]
                index.sizes[k] -= len(gone[1])
                if not any(gone[0] in table for table in index.counts):
                    del blobs[gone[0]]
            if came[0] not in counts:
                index.sizes[k] += len(came[1])
                blobs[came[0]] = came[1]
            counts[came[0]] += 1


def _alike(trail: Trail, index: _Index, body: bytearray) -> bool:
    """Say whether all points are played alike now: one would stand for all of them."""
    width, places = len(index.outputs), index.places
    size = _CHARACTERS
    first = trail.cuts[0]
    loops = [piece.n_loops for piece in first]
    names = [body[at : at + size] for at in places[: width * len(first)]]
    for step, cut in zip(index.steps, trail.cuts, strict=True):
        if cut is not first and [piece.n_loops for piece in cut] != loops:
            return False
        own = places[width * step : width * (step + len(cut))]
        if any(body[at : at + size] != name for at, name in zip(own, names, strict=True)):
            return False
    return True


def _usage(program: DeviceProgram, trail: Trail, n_blobs: int) -> tuple[Usage, ...]:
    """Return the report's rows, the same object where none of them changed."""
    index = trail.index
    assert index is not None
    k = max(range(len(index.sizes)), key=index.sizes.__getitem__)
    samples, longest, elements, waveforms = program.usage
    place = f"output {index.outputs[k]}, up to {trail.place}"
    if (index.sizes[k], place, n_blobs) == (samples.used, samples.place, waveforms.used):
        return program.usage
    return replace(samples, used=index.sizes[k], place=place), longest, elements, replace(waveforms, used=n_blobs)
