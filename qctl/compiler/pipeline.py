"""From a program to its timeline: bind, translate, time; pure, and the same in every process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from qctl.compiler.alone import compile_line
from qctl.compiler.beams import compile_on_beams
from qctl.compiler.compiled import Compiled, Origin
from qctl.compiler.feedback import Feedback, waited
from qctl.compiler.ions import compile_on_ions
from qctl.compiler.measured import translated_rows
from qctl.compiler.native import Joined, pairs_of, plain, rows_of_lines, rows_of_natives
from qctl.compiler.routed import native_steps
from qctl.compiler.sequences import Sequences, body_of, rows_of_sequences
from qctl.compiler.standing import places_of
from qctl.compiler.steps import Step, StepLine
from qctl.compiler.tables import Tables, tables_of
from qctl.compiler.target import Target
from qctl.compiler.timing import Timing, time_program, time_rows, time_straights
from qctl.compiler.together import Together
from qctl.compiler.translate import Native
from qctl.compiler.unroll import unroll
from qctl.errors import CompileError
from qctl.lab import Lab, Processor, processor_meant
from qctl.lab.held import Same, held
from qctl.lab.snapshot import Snapshot, effective
from qctl.program.body import Body
from qctl.program.cache import Cache
from qctl.program.opcodes import Op
from qctl.program.places import name_place
from qctl.program.program import expect_program
from qctl.program.straights import Straights
from qctl.program.timeline import CaptureSpec, Timeline

if TYPE_CHECKING:
    from qctl.program.program import Program

__all__ = ["compile_program", "compile_programs", "compile_sequences"]


_ONE_BY_ONE = {"atom": compile_on_beams, "ion": compile_on_ions}
"""Platforms whose programs are compiled each by itself."""


def compile_program(
    program: Program,
    lab: Lab,
    snapshot: Snapshot | None = None,
    qpu: str | None = None,
    *,
    seed: int = 0,
    level: int = 1,
    feedback: Callable[[Lab, Processor], Feedback] | None = None,
) -> Compiled:
    """Return a program's timeline on a processor.

    Parameters
    ----------
    program : Program
        Gates, pulses or both; all parameters bound.
    lab : Lab
        The laboratory.
    snapshot : Snapshot, optional
        Calibrated values over the design values of the lab; layouts follow a snapshot's errors and lifetimes.
    qpu : str, optional
        Processor; the lab's only one if None.
    seed : int
        Seed of layout and routing.
    level : int
        How hard to try, 0 to 3, as `qctl.translate` does.
    feedback : function, optional
        Says how a processor's rack follows what it measures; branches on measured bits are refused without.

    Raises
    ------
    CompileError
        If the program can't be played on the processor; the message names what and where.
    """
    (compiled,) = compile_programs([program], lab, snapshot, qpu, seed=seed, level=level, feedback=feedback)
    return compiled


def compile_programs(
    programs: Sequence[Program | Body],
    lab: Lab,
    snapshot: Snapshot | None = None,
    qpu: str | None = None,
    *,
    seed: int = 0,
    level: int = 1,
    feedback: Callable[[Lab, Processor], Feedback] | None = None,
) -> Sequence[Compiled]:
    """Return the timelines of several programs; those that are native lines already are timed together.

    Parameters
    ----------
    programs : sequence of Program or Body
        Each as `compile_program` takes it, or as frozen data.
    lab, snapshot, qpu, seed, level, feedback
        As `compile_program` takes them.

    Raises
    ------
    CompileError
        If a program can't be played on the processor; the message names what and where.
    """
    processor = lab.processor(processor_meant(lab.processors, f"lab {lab.name}") if qpu is None else qpu)
    bodies = [one if isinstance(one, Body) else expect_program(one).body for one in programs]
    if processor.platform in _ONE_BY_ONE:
        values, one_by_one = effective(lab, processor.name, snapshot), _ONE_BY_ONE[processor.platform]
        return tuple(one_by_one(body, lab, values, seed, level) for body in bodies)
    can = Feedback if feedback is None else partial(feedback, lab, processor)
    work = _Work(*_known_of(lab, processor.name, snapshot), can, seed, level)
    return work.run(bodies)


def compile_sequences(
    sequences: Sequences, lab: Lab, snapshot: Snapshot | None = None, qpu: str | None = None
) -> tuple[Straights, Body, list[tuple[CaptureSpec, ...]], Timing]:
    """Return the points of sequences, what names them, what each captures, and how they were timed; none is translated.

    Raises
    ------
    CompileError
        If the sequences can't be played on the processor; the message names what and where.
    """
    processor = lab.processor(processor_meant(lab.processors, f"lab {lab.name}") if qpu is None else qpu)
    if processor.platform in _ONE_BY_ONE:
        raise CompileError(
            f"sequences are of the gates of transmons, and {processor.name} is of {processor.platform}s: give programs"
        )
    tables, _ = _known_of(lab, processor.name, snapshot)
    body = body_of(tables, sequences.n_qubits, sequences.names)
    straights, specs, timing = time_straights(rows_of_sequences(sequences, tables), body, tables)
    return straights, body, specs, timing


_known = Cache(16_000_000)


def _known_of(lab: Lab, processor: str, snapshot: Snapshot | None) -> tuple[Tables, Target]:
    """Return a processor's tables and what it can do; they are kept by the content of the lab and the snapshot."""
    lab, snapshot = held(lab), None if snapshot is None else held(snapshot)

    def make() -> tuple[Tables, Target]:
        return tables_of(lab, effective(lab, processor, snapshot)), Target.from_lab(lab, processor, snapshot)

    return _known.get(
        (Same(lab), processor, Same(snapshot)),
        make,
        lambda _: 4 * len(msgspec.msgpack.encode((lab, snapshot))) + 10_000,
    )


class _Work:
    """What all programs of a call share."""

    def __init__(self, tables: Tables, target: Target, feedback: Callable[[], Feedback], seed: int, level: int) -> None:
        self.tables = tables
        self.target = target
        self.feedback = feedback
        self.options: dict[str, Any] = {"level": level, "seed": seed}
        self.layouts: dict[object, tuple[int, ...] | None] = {}
        self.fixed: dict[tuple[str, ...], list[int] | None] = {}

    def run(self, bodies: Sequence[Body]) -> Sequence[Compiled]:
        """Return all of them, in order."""
        begin = perf_counter()
        if not bodies:
            return ()
        lines = Joined(bodies)
        groups: dict[tuple[int, ...], list[int]] = {}
        made: list[Compiled | None] = [None] * len(bodies)
        pairs = pairs_of(lines)
        last, places = -1, None
        for k in np.flatnonzero(lines.native).tolist():
            # Programs of a set have the same qubits, and mostly the same pairs.
            if last < 0 or pairs[k] is not pairs[last] or not _alike(bodies[k], bodies[last]):
                last, places = k, self._layout(bodies[k], pairs[k])
            if places is not None:
                groups.setdefault(places, []).append(k)
        joined_s = (perf_counter() - begin) / len(bodies)
        for places, members in groups.items():
            together = self._lines([bodies[k] for k in members], lines, members, places, joined_s)
            if len(members) == len(bodies):
                return together
            for k, one in zip(members, together, strict=True):
                made[k] = one
        self._translated(bodies, [k for k, done in enumerate(made) if done is None and plain(bodies[k])], made)
        found = []
        for body, done in zip(bodies, made, strict=True):
            try:
                found.append(self._general(body) if done is None else done)
            except CompileError as error:
                name_place(error, body)
                raise
        return tuple(found)

    def _lines(
        self, bodies: Sequence[Body], lines: Joined, members: list[int], places: tuple[int, ...], joined_s: float
    ) -> Together:
        """Time native lines together."""
        begin = perf_counter()
        rows = rows_of_lines(lines, members, places, self.tables)
        timing = Timing(rows, self.tables, 1).run(bodies)
        timed_s = (perf_counter() - begin) / len(members)
        times_s = (("unroll", joined_s), ("translate", 0.0), ("time", timed_s))
        return Together(timing, bodies, tuple(self.tables.names[q] for q in places), times_s)

    def _translated(self, bodies: Sequence[Body], members: list[int], made: list[Compiled | None]) -> None:
        """Translate circuits row by row and time them together; what is refused is left to name itself one by one."""
        names = self.tables.names
        begin = perf_counter()
        natives: dict[int, Native] = {}
        fixed: dict[int, bool] = {}
        try:
            for k in members:
                body = bodies[k]
                places = self._places(body)
                if places is not None and places != list(range(len(places))):
                    continue
                n_qubits = body.n_qubits if places is None else len(names)
                fixed[k] = places is not None
                natives[k] = self._native(body, n_qubits, fixed[k])
            translated = perf_counter()
            chosen = [k for k in natives if len(natives[k].rows)]
            if not chosen:
                return
            rows = rows_of_natives([natives[k] for k in chosen], self.tables)
            kept: list[Timing] = []
            timelines = time_rows(rows, [bodies[k] for k in chosen], self.tables, kept=kept)
        except CompileError:
            return
        timed_s, translated_s = (perf_counter() - translated) / len(chosen), (translated - begin) / len(chosen)
        counts = [np.add.reduceat(rows.rows["op"] == op, rows.bounds[:-1]).tolist() for op in (Op.CZ, Op.SX)]
        times_s = (("unroll", 0.0), ("translate", translated_s), ("time", timed_s))
        for s, (k, timeline, n_cz, n_sx) in enumerate(zip(chosen, timelines, *counts, strict=True)):
            n = bodies[k].n_qubits
            start, end = (natives[k].layout, natives[k].final_layout) if not fixed[k] else (tuple(range(n)),) * 2
            placed, moved = (tuple(names[q] for q in layout[:n]) for layout in (start, end))
            n_all = len(names) if fixed[k] else n
            origin = Origin(kept[0], s, natives[k], partial(self._native, n_qubits=n_all, fixed=fixed[k]))
            made[k] = Compiled(timeline, placed, moved, n_cz, n_sx, times_s, origin)

    def _native(self, body: Body, n_qubits: int, fixed: bool) -> Native:
        """Return a plain body in native gates."""
        native, _ = translated_rows(
            body.instructions, body.operands, body.constants, n_qubits, self.target, fixed=fixed, **self.options
        )
        return native

    def _layout(self, body: Body, pairs: tuple[tuple[int, int], ...]) -> tuple[int, ...] | None:
        """Return the place of each qubit of a native line, or None where its qubits must be moved on the way."""
        if not len(body) or body.parameters or body.n_qubits > len(self.tables.names):
            return None
        key = (body.qubits, pairs)
        if key not in self.layouts:
            fixed = self._places(body)
            if fixed is not None:
                coupled = all(self.target.couples(fixed[a], fixed[b]) for a, b in pairs)
                self.layouts[key] = tuple(fixed) if coupled else None
            else:
                # The layout is chosen by the pairs alone: that of a line in which each stands once is that of the line.
                short = [Step(Op.CZ, pair) for pair in pairs]
                short = [step for cz in short for step in (cz, Step(Op.BARRIER, cz.qubits))]
                if self.target.rates is not None:
                    each = range(body.n_qubits)
                    short = [*(Step(Op.SX, (q,)) for q in each), *short, *(Step(Op.MEASURE, (q,)) for q in each)]
                routed = native_steps(short, body.n_qubits, self.target, **self.options)
                self.layouts[key] = None if routed.n_swaps else routed.layout[: body.n_qubits]
        return self.layouts[key]

    def _places(self, body: Body) -> list[int] | None:
        if body.ports:
            return places_of(body, self.tables.names)
        if body.qubits not in self.fixed:
            self.fixed[body.qubits] = places_of(body, self.tables.names)
        return self.fixed[body.qubits]

    def _general(self, body: Body) -> Compiled:
        begin_s = perf_counter()
        line = unroll(body, lambda: self.feedback().lacking)

        def time(native: StepLine) -> Timeline:
            if native.branches:
                native = replace(native, steps=tuple(waited(native.steps, self.tables, self.feedback())))
            return time_program(native, body, self.tables)

        return compile_line(
            line, body.n_qubits, self._places(body), self.tables.names, self.target, time, begin_s, **self.options
        )


def _alike(one: Body, other: Body) -> bool:
    """Say whether the layout of two native lines with the same pairs is the same."""
    return one.symbols == other.symbols and one.parameters == other.parameters and bool(len(one)) is bool(len(other))
