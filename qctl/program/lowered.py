"""What a lowered run consists of: batches of device programs, and the programs' own parts of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from qctl.program.device_program import DeviceProgram, Usage
from qctl.program.tables import Sweep
from qctl.program.timeline import CaptureSpec

__all__ = ["Batch", "Lowered", "Part", "report_of"]


class Batch(msgspec.Struct, frozen=True, eq=False):
    """What the rack plays without another upload: a range of points, each for some shots.

    Attributes
    ----------
    programs : tuple of DeviceProgram
        One for each player, recorder and trigger that takes part.
    first_point, n_points : int
        Range of the run's points.
    n_shots : int
        Shots of each of these points in this batch; batches of the same points add up.
    averaged : bool
        Whether the recorder returns one averaged record a point.
    period_s : float
        From trigger to trigger.
    """

    programs: tuple[DeviceProgram, ...]
    first_point: int
    n_points: int
    n_shots: int
    averaged: bool
    period_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One program of the run: its own range of points, axes, bits and captures.

    Attributes
    ----------
    first_point, n_points : int
        Range of the run's points.
    axes : tuple of Sweep
        Its sweeps, outermost first; the points are in C order over them.
    bits : tuple of str
        Names of its bits; `CaptureSpec.bit` is an index into them.
    captures : tuple of CaptureSpec
        Its captures.
    n_shots : int
        Shots of each of its points, over all batches.
    """

    first_point: int
    n_points: int
    axes: tuple[Sweep, ...]
    bits: tuple[str, ...]
    captures: tuple[CaptureSpec, ...]
    n_shots: int


class Lowered(msgspec.Struct, frozen=True, eq=False):
    """A run, ready for the rack.

    Attributes
    ----------
    batches : tuple of Batch
        In the order of playing.
    report : tuple of (instrument, Usage)
        What the fullest batch uses of each device, known before anything is sent.
    parts : sequence of Part
        One for each program; a list of circuits has several.
    """

    batches: tuple[Batch, ...]
    report: tuple[tuple[str, Usage], ...]
    parts: Sequence[Part]

    @property
    def captures(self) -> tuple[CaptureSpec, ...]:
        """Return the captures of all parts; their `first_point` and `n_points` say where they hold."""
        return tuple(capture for part in self.parts for capture in part.captures)

    @property
    def n_points(self) -> int:
        """Return the number of points of all parts."""
        return sum(part.n_points for part in self.parts)


def report_of(batches: Sequence[Batch]) -> tuple[tuple[str, Usage], ...]:
    """Return the fullest row of each resource of each instrument."""
    rows: dict[tuple[str, str], Usage] = {}
    for batch in batches:
        for program in batch.programs:
            for row in program.usage:
                old = rows.get((program.instrument, row.resource))
                if old is None or row.used > old.used:
                    rows[program.instrument, row.resource] = row
    return tuple((name, row) for (name, _), row in rows.items())
