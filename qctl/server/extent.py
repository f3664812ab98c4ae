"""Refuse a program that is too large for the pool before it is compiled: count its points, and try a few of them."""

from __future__ import annotations

from dataclasses import replace
from math import comb, factorial, prod
from time import process_time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from qctl.compiler.extent import Peeled, counted
from qctl.compiler.pipeline import compile_program
from qctl.compiler.unroll import peeled_of
from qctl.errors import CompileError
from qctl.lab import Lab
from qctl.lab.snapshot import Snapshot
from qctl.lowering import feedback_of, lower
from qctl.program.opcodes import Op
from qctl.program.tables import Block, BlockKind, Sweep
from qctl.program.timeline import CAPTURE, PLAY
from qctl.server.pool import LONGEST_S, MOST_BYTES

if TYPE_CHECKING:
    from qctl.program.body import Body
    from qctl.program.program import Program

__all__ = ["refuse_if_too_large"]

_POINT_BYTES = 1000
"""What a point needs beside plays and words at least: its views, steps and orders."""
_FEW_POINTS = 20_000
_FEW_STEPS = 20_000
_LONG_AXIS = 8
_MARGIN = 1.3
"""How far over the pool's memory the estimate must be, so that no program is refused that would fit."""


class _Tried(NamedTuple):
    """Some points that were prepared: how many, their waveforms and these's bytes, and the time that it took."""

    n_points: int
    n_waveforms: int
    n_bytes: int
    time_s: float


def refuse_if_too_large(
    program: Program, lab: Lab, snapshot: Snapshot | None, qpu: str | None = None, level: int = 1
) -> None:
    """Raise if preparing a program would need far more memory than the pool gives.

    Points and plays are counted from the program's blocks. Of a large sweep a few points are prepared, on grids of 1, 2
    … values of each axis: how the number of waveforms grows tells how many of them are new at every point, and not only
    at every value of one axis.

    Raises
    ------
    CompileError
        With points, bytes and time, the bound, and what to do.
    """
    body = program.body
    peeled = peeled_of(body)
    counts = counted(body, peeled)
    calibrated = any(block.kind is BlockKind.CAL for block in body.blocks)
    measured = 0 if calibrated else counts[Op.MEASURE]
    plays, captures = counts[Op.PLAY] + measured, counts[Op.CAPTURE] + measured
    table_bytes = plays * PLAY.itemsize + captures * CAPTURE.itemsize
    n_points = peeled.n_points
    _refuse_over(n_points, plays, n_points * table_bytes, 0.0, "")
    axes = [axis for axis in peeled.axes if len(axis.values) >= _LONG_AXIS]
    n_tried = sum(m ** len(axes) for m in range(1, len(axes) + 2))
    if n_points <= _FEW_POINTS or sum(counts.values()) > _FEW_STEPS or not axes or 10 * n_tried > n_points:
        return
    tried = [_tried(body, peeled, m, lab, snapshot, qpu, level) for m in range(1, len(axes) + 2)]
    new = _leading([one.n_waveforms for one in tried])
    words = max(new, 0.0) * tried[-1].n_bytes / max(tried[-1].n_waveforms, 1)
    n_bytes = n_points * (2 * table_bytes + _POINT_BYTES) + prod(len(axis.values) for axis in axes) * words
    point_s = max(tried[-1].time_s - tried[0].time_s, 0.0) / (tried[-1].n_points - tried[0].n_points)
    _refuse_over(n_points, plays, n_bytes, n_points * point_s, f" with {words / 2:.0f} samples of new waveforms")


def _refuse_over(n_points: int, plays: int, n_bytes: float, time_s: float, words: str) -> None:
    if n_bytes <= _MARGIN * MOST_BYTES:
        return
    takes = f" and {time_s:.2g} s" if time_s else ""
    raise CompileError(
        f"the job is too large to prepare: {n_points} points of {plays} plays{words} need about "
        f"{n_bytes / 2**30:.3g} GiB{takes}; there are {MOST_BYTES / 2**30:g} GiB and {LONGEST_S:g} s. Sweep fewer "
        f"values, or send the outermost sweep as several jobs",
        points=n_points,
        plays=plays,
        bytes=int(n_bytes),
        bound_bytes=MOST_BYTES,
        time_s=time_s,
        bound_s=LONGEST_S,
    )


def _leading(values: list[int]) -> float:
    """Return the leading coefficient of the polynomial of degree n through n + 1 values at 1, 2 …: their difference."""
    n = len(values) - 1
    difference = sum(comb(n, k) * (value if (n - k) % 2 == 0 else -value) for k, value in enumerate(values))
    return difference / factorial(n)


def _tried(
    body: Body, peeled: Peeled, most: int, lab: Lab, snapshot: Snapshot | None, qpu: str | None, level: int
) -> _Tried:
    """Prepare the points of a grid with so many values of each long axis, and one of the others."""
    from qctl.program.program import Program

    thinner = {id(axis): _thinned(axis, most) for axis in peeled.axes}
    counts = {axis.name: len(thinner[id(axis)].values) for axis in peeled.axes}
    sweeps = tuple(thinner.get(id(sweep), sweep) for sweep in body.sweeps)
    blocks = tuple(_shortened(block, counts) for block in body.blocks)
    small = Program.from_body(replace(body, sweeps=sweeps, blocks=blocks))
    begin = process_time()
    timeline = compile_program(small, lab, snapshot, qpu, level=level, feedback=feedback_of).timeline
    lowered = lower(timeline, lab, snapshot, n_shots=1)
    sizes = [words.nbytes for batch in lowered.batches for one in batch.programs for words in one.blobs.values()]
    return _Tried(timeline.n_points, len(sizes), sum(sizes), process_time() - begin)


def _thinned(axis: Sweep, most: int) -> Sweep:
    """Return a sweep with at most so many of its values, evenly spread."""
    n = len(axis.values)
    at = np.linspace(0, n - 1, most).round().astype(int) if n >= _LONG_AXIS else [n // 2]
    return replace(axis, values=axis.values[at])


def _shortened(block: Block, counts: dict[str, int]) -> Block:
    """Return a named loop with the count of its axis."""
    if block.kind is not BlockKind.LOOP or block.name not in counts:
        return block
    return replace(block, count=min(block.count, counts[block.name]))
