"""Patch a run: other angles of its gates reach only the plays, points and device programs that they touch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from qctl.cext import patch as kernel
from qctl.compiler.timing import Timing
from qctl.errors import CompileError
from qctl.program.device_program import DeviceProgram, Usage
from qctl.program.lowered import Batch, Lowered
from qctl.program.straights import Straights, copied

__all__ = ["Again", "Node", "Patch", "Patcher", "as_it_is"]

Again = Callable[[DeviceProgram, kernel.Turns, NDArray, NDArray[np.int64], int], DeviceProgram | None]
"""Lowers a device program again after phases have changed; see `patched` of a family's `lower`."""


def as_it_is(program: DeviceProgram, *_: object) -> DeviceProgram:
    """Return the program of a device that no phase reaches."""
    return program


class Patch(msgspec.Struct, frozen=True):
    """How a run was made from the one before it.

    Attributes
    ----------
    whole : str
        Why all was compiled; empty if it was patched.
    n_points, n_plays : int
        Points and plays that changed.
    n_programs : int
        Device programs that were made new; the others are the same objects as before.
    """

    whole: str = ""
    n_points: int = 0
    n_plays: int = 0
    n_programs: int = 0


class Node(NamedTuple):
    """A range of points that was lowered: it fitted and is a batch, or was cut.

    Attributes
    ----------
    first, n_points, n_shots
        As `Batch` has them.
    programs : tuple of DeviceProgram
        What each device would play.
    cut : tuple
        How it was cut; empty for a batch.
    """

    first: int
    n_points: int
    n_shots: int
    programs: tuple[DeviceProgram, ...]
    cut: tuple[str, int] | tuple[()]


class Changes(NamedTuple):
    """New angles: rows of the timed lines, and radians."""

    gates: NDArray[np.int64]
    radians: NDArray[np.float64]


class Patcher:
    """The latest of a line of runs that differ in angles alone, in a form that takes new ones.

    What it holds is changed in place, so it is used by one thread at a time, and not again after an error.

    Parameters
    ----------
    timing : Timing
        All lines of the run.
    straights : Straights
        Their points, one for each line.
    nodes : sequence of Node
        What was lowered, in the order in which it was cut.
    lowered : Lowered
        The run.
    again : function
        What lowers a device program of a model again: None where nothing does.
    decide : function
        How a range is cut whose programs are these.
    report : function
        Rows of the report of batches.

    Raises
    ------
    CompileError
        If the lines were moved after they were timed.
    ValueError
        If they have anything but gates with numbers.
    """

    def __init__(
        self, timing: Timing, straights: Straights, nodes: Sequence[Node], lowered: Lowered,
        again: Callable[[str], Again | None],
        decide: Callable[[Sequence[DeviceProgram], int, int], tuple[str, int] | tuple[()]],
        report: Callable[[Sequence[Batch]], tuple[tuple[str, Usage], ...]],
    ) -> None:  # fmt: skip
        rows, tables, made = timing.rows, timing.tables, timing.made
        if timing.n_points != 1 or len(straights) != timing.n_sequences:
            raise CompileError(f"{len(straights)} points are of {timing.n_sequences} lines of {timing.n_points} points")
        self.plays = copied(made.plays)
        if straights.plays is not made.plays and straights.plays.tobytes() != self.plays.tobytes():
            raise CompileError("the points were moved after they were timed")
        self.rows = copied(rows.rows)
        self.bounds = straights.bounds
        self.turns = kernel.Turns(
            self.rows, rows.bounds, rows.places, tables.qubits, tables.couplers, tables.pairs, tables.pair_values,
            len(tables.line_table), timing.order, timing.counts, self.plays,
        )  # fmt: skip
        self.nodes = list(nodes)
        self.lowered = lowered
        self.decide, self.report = decide, report
        # What is lowered again, of each range: what is said of other programs does not depend on phases.
        agains = [[(place, again(one.model)) for place, one in enumerate(node.programs)] for node in nodes]
        self.agains = [[(place, found) for place, found in row if found is not as_it_is] for row in agains]

    def turned(self, changes: Changes) -> tuple[Lowered, Patch] | None:
        """Return the run with other angles, or None if it must be compiled anew.

        Raises
        ------
        CompileError
            If a device can't play it.
        """
        turns = self.turns
        turns.turn(changes.gates, changes.radians)
        n_programs, reported = 0, True
        batches: list[Batch] | None = None
        number = -1
        for k, node in enumerate(self.nodes):
            number += not node.cut
            low, high = turns.points_from(node.first, node.first + node.n_points)
            if low == high:
                continue
            programs = self._programs(k, node)
            if programs is None:
                return None
            if programs is node.programs:
                continue
            same, n_new = True, 0
            for new, old in zip(programs, node.programs, strict=True):
                n_new += new is not old
                same = same and new.usage is old.usage
            if not same and self.decide(programs, node.n_points, node.n_shots) != node.cut:
                return None
            self.nodes[k] = Node(node.first, node.n_points, node.n_shots, programs, node.cut)
            if not node.cut:
                n_programs += n_new
                reported = reported and same
                batches = list(self.lowered.batches) if batches is None else batches
                old_batch = batches[number]
                batches[number] = Batch(
                    programs, node.first, node.n_points, node.n_shots, old_batch.averaged, old_batch.period_s
                )
        if batches is not None:
            rows = self.lowered.report if reported else self.report(batches)
            self.lowered = Lowered(tuple(batches), rows, self.lowered.parts)
        return self.lowered, Patch("", turns.n_points, turns.n_changed, n_programs)

    def _programs(self, k: int, node: Node) -> tuple[DeviceProgram, ...] | None:
        """Return a range's programs with the phases that there are now: the same tuple if all are as they were."""
        programs: list[DeviceProgram] | None = None
        for place, again in self.agains[k]:
            old = node.programs[place]
            new = None if again is None else again(old, self.turns, self.plays, self.bounds, node.first)
            if new is None:
                return None
            if new is not old:
                programs = list(node.programs) if programs is None else programs
                programs[place] = new
        return node.programs if programs is None else tuple(programs)
