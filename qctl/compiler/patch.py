"""Patch a run: other angles of its gates reach only the plays, points and device programs that they touch."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.cext import patch as kernel
from qctl.compiler.timing import Timing
from qctl.errors import CompileError
from qctl.program.device_program import DeviceProgram, Usage
from qctl.program.lowered import Batch, Lowered
from qctl.program.straights import Straights, copied

__all__ = ["Again", "Node", "Patch", "Patcher"]

Again = Callable[[DeviceProgram, NDArray, NDArray[np.int64], int, Sequence[int], frozenset[int]], DeviceProgram | None]
"""Lowers a device program again after phases have changed; see `patched` of a family's `lower`."""


@dataclass(frozen=True, slots=True)
class Patch:
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
        self.row_bounds, self.bounds = rows.bounds, straights.bounds
        self.drives = tables.qubits[rows.places, 2].tolist()
        self.turns = kernel.Turns(
            self.rows, rows.bounds, rows.places, tables.qubits, tables.couplers, tables.pairs, tables.pair_values,
            len(tables.line_table), timing.order, timing.counts, self.plays,
        )  # fmt: skip
        self.nodes = list(nodes)
        self.lowered = lowered
        self.again, self.decide, self.report = again, decide, report

    def turned(self, changes: Changes) -> tuple[Lowered, Patch] | None:
        """Return the run with other angles, or None if it must be compiled anew.

        Raises
        ------
        CompileError
            If a device can't play it.
        """
        n = len(changes.gates)
        sequences, counts = np.empty(n, np.int64), np.empty(n, np.int64)
        n_found = self.turns.turn(changes.gates, changes.radians, sequences, counts)
        # An rz turns what its qubit's drive plays later, and nothing else.
        ports = frozenset([self.drives[q] for q in set(self.rows["a"][changes.gates].tolist())])
        # A point is a line; those without a change of phase play what they played.
        found = sorted(
            s for s, k in zip(sequences[:n_found].tolist(), counts[:n_found].tolist(), strict=True) if k
        )  # fmt: skip
        n_programs, batches, reported = 0, [], True
        left = iter(self.lowered.batches)
        for k, node in enumerate(self.nodes):
            batch = None if node.cut else next(left)
            low, high = bisect_left(found, node.first), bisect_left(found, node.first + node.n_points)
            if low < high:
                programs = self._programs(node, found[low:high], ports)
                if programs is None:
                    return None
                n_new = sum(new is not old for new, old in zip(programs, node.programs, strict=True))
                if n_new:
                    same = all(new.usage is old.usage for new, old in zip(programs, node.programs, strict=True))
                    if not same and self.decide(programs, node.n_points, node.n_shots) != node.cut:
                        return None
                    self.nodes[k] = node._replace(programs=programs)
                    if batch is not None:
                        n_programs += n_new
                        reported = reported and same
                        batch = Batch(
                            programs, batch.first_point, batch.n_points, batch.n_shots, batch.averaged, batch.period_s
                        )
            if batch is not None:
                batches.append(batch)
        if n_programs:
            rows = self.lowered.report if reported else self.report(batches)
            self.lowered = Lowered(tuple(batches), rows, self.lowered.parts)
        return self.lowered, Patch("", len(found), int(counts[:n_found].sum()), n_programs)

    def _programs(self, node: Node, touched: Sequence[int], ports: frozenset[int]) -> tuple[DeviceProgram, ...] | None:
        programs = []
        for program in node.programs:
            again = self.again(program.model)
            new = None if again is None else again(program, self.plays, self.bounds, node.first, touched, ports)
            if new is None:
                return None
            programs.append(new)
        return tuple(programs)
