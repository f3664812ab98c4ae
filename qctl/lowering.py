"""Lower timelines to one exact DeviceProgram per device, cut into batches that every memory takes.

Every family offers ``instruments/<family>/lower.py: lower(straights, instrument, lab, shots) -> DeviceProgram`` with
``straights: Sequence[Straight]`` (one for each point of the batch), ``instrument: Instrument``, ``lab: Lab`` and
``shots: Shots``. It raises CompileError where one shot can't be played, and otherwise reports in `DeviceProgram.usage`
what it uses. A row over its limit makes this module cut the batch: at a point where it is a player's, in shots where it
is a recorder's or the trigger's.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise
from numbers import Integral
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from qctl.compiler.alignment import aligned, captures_of, parts_of, parts_of_programs
from qctl.compiler.compiled import Compiled
from qctl.compiler.known import Known
from qctl.compiler.modulators import modulated, movers
from qctl.compiler.patch import Again, Node, Patch, Patcher, as_it_is
from qctl.compiler.pipeline import compile_programs, compile_sequences
from qctl.compiler.ready import Given, Line, Made, Ready, given_of, shape_of
from qctl.compiler.sequences import Sequences
from qctl.compiler.timing import Timing
from qctl.compiler.together import Together
from qctl.compiler.wires import Occupied, occupied_by, uses
from qctl.cutting import cut_of
from qctl.errors import CompileError
from qctl.following import check_followers, feedback_of
from qctl.instruments.registry import lowering_of, model_of
from qctl.lab import Instrument, Lab, load_lab
from qctl.lab.atom import AtomProcessor
from qctl.lab.held import held, kept
from qctl.lab.snapshot import Snapshot
from qctl.program.cache import Cache
from qctl.program.device_program import DeviceProgram
from qctl.program.lowered import Batch, Lowered, Part, report_of
from qctl.program.program import Program
from qctl.program.straights import Straights, counted
from qctl.program.timeline import MOST_SHOTS, CaptureSpec, Shots, Straight, Timeline

__all__ = [
    "Batch",
    "CaptureSpec",
    "Lowered",
    "Part",
    "Patch",
    "Ready",
    "Shots",
    "Straight",
    "Timeline",
    "compile",
    "compile_job",
    "feedback_of",
    "lower",
]


"""Kinds of models that fewer points make room in."""
"""Kinds of models that fewer shots make room in."""
_HEARING = frozenset(("recorder", "transceiver"))
"""Kinds of models that captures decide about."""


def lower(
    timelines: Timeline | Sequence[Timeline],
    lab: Lab,
    snapshot: Snapshot | None = None,
    *,
    n_shots: int,
    averaged: bool = False,
) -> Lowered:
    """Return the device programs, batches and resource report of one run.

    Parameters
    ----------
    timelines : Timeline or sequence of Timeline
        One for each program of the run; their points are played one after the other.
    lab : Lab
        The wiring.
    snapshot : Snapshot, optional
        Not needed: the timelines hold all calibrated values.
    n_shots : int
        Shots of each point, times the program's own outermost loops.
    averaged : bool
        Let the recorder average the shots; there are no single-shot results then.

    Raises
    ------
    CompileError
        If a single shot doesn't fit, with the pulse named.
    """
    line = [timelines] if isinstance(timelines, Timeline) else list(timelines)
    run, n_total = _run(line, held(lab), n_shots, averaged)
    return run.lowered(n_total)


def _run(line: Sequence[Timeline], lab: Lab, n_shots: int, averaged: bool) -> tuple[_Run, int]:
    """Return the points of all programs, and the shots of each."""
    _check_shots(n_shots)
    if not line:
        raise CompileError("there is nothing to lower: no program")
    if len({timeline.processor for timeline in line}) > 1:
        raise CompileError("the programs of one run are for several processors")
    if len({timeline.n_repeats for timeline in line}) > 1:
        raise CompileError("the programs of one run repeat themselves differently often")
    n_total = n_shots * line[0].n_repeats
    if n_total > MOST_SHOTS:
        raise CompileError(
            f"{n_shots} shots of a program that goes {line[0].n_repeats} times round its loop are {n_total}, over "
            f"{MOST_SHOTS}: loop less often, or ask for fewer shots"
        )
    occupied = occupied_by(lab, line[0].processor)
    check_followers(line, occupied.instruments, lab)
    straights, parts = aligned(line, occupied.lead_s, n_total)
    return _Run(lab, occupied, straights, parts, averaged), n_total


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """All points of a run, and how they are cut."""

    lab: Lab
    occupied: Occupied
    straights: Straights
    parts: Sequence[Part]
    averaged: bool
    nodes: list[Node] = field(default_factory=list)
    known: Known | None = None

    def lowered(self, n_shots: int) -> Lowered:
        """Return the run's batches."""
        batches = tuple(self.cut(0, len(self.straights), n_shots)) if len(self.straights) else ()
        return Lowered(batches, report_of(batches), self.parts)

    def cut(self, first: int, end: int, n_shots: int) -> Iterator[Batch]:
        """Yield batches that fit: fewer points where players are full, fewer shots where recorders are."""
        period_s = self._period_s(first, end)
        programs = self._programs(first, end, n_shots, period_s)
        cut = cut_of(programs, end - first, n_shots)
        self.nodes.append(Node(first, end - first, n_shots, programs, cut))
        if not cut:
            yield Batch(programs, first, end - first, n_shots, self.averaged, period_s)
            return
        kind, n_parts = cut
        whole = end - first if kind == "points" else n_shots
        for begin, until in pairwise(whole * k // n_parts for k in range(n_parts + 1)):
            if kind == "points":
                yield from self.cut(first + begin, first + until, n_shots)
            else:
                yield from self.cut(first, end, until - begin)

    def _period_s(self, first: int, end: int) -> float:
        longest = float(np.maximum.reduce(self.straights.lengths_s[first:end]))
        return max(float(self.occupied.processor.shot_period_s), longest)

    def _programs(self, first: int, end: int, n_shots: int, period_s: float) -> tuple[DeviceProgram, ...]:
        straights = self.straights.part(first, end)
        captures = captures_of(self.parts, first, end)
        shots = Shots(n_shots, self.averaged, period_s, captures, self.occupied.lead_s, first)
        processor = self.occupied.processor
        atoms = processor if isinstance(processor, AtomProcessor) else None
        for name in sorted({capture.instrument for capture in captures}) if atoms is not None else ():
            if model_of(self.lab.instrument(name).model).kind not in _HEARING:
                raise CompileError(
                    f"{name} plays the light and takes no pictures: nothing can be measured on this rack"
                )
        programs = []
        for instrument, hears, own in self._taking(straights, captures, atoms):
            found = None
            if self.known is not None:
                found = self.known.program(instrument.name, own, hears, first, end, n_shots)
            if found is None:
                own_part = straights if atoms is None else modulated(straights, instrument, self.lab, atoms)
                found = lowering_of(instrument.model).lower(own_part, instrument, self.lab, shots)
            programs.append(found)
        return tuple(programs)

    def _taking(
        self, straights: Straights, captures: Sequence[CaptureSpec], atoms: AtomProcessor | None
    ) -> tuple[tuple[Instrument, bool, tuple[str, ...]], ...]:
        """Return the instruments that take part, whether captures decide what they do, and their ports."""
        lab, ports = self.lab, straights.ports
        played = tuple(ports[k].name for k, row in enumerate(counted(straights).tolist()) if any(row))
        recording = frozenset(capture.instrument for capture in captures)
        moving = atoms is not None and any(len(straights.moves_of(p)) for p in range(len(straights)))

        def make() -> tuple[tuple[Instrument, bool, tuple[str, ...]], ...]:
            playing = {ref.instrument for name in played for ref in lab.port(name).outputs}
            playing |= movers(lab, atoms) if moving and atoms is not None else set()
            found = []
            for instrument in self.occupied.instruments:
                kind = model_of(instrument.model).kind
                plays, records = instrument.name in playing, instrument.name in recording
                wanted = {"player": plays, "recorder": records, "transceiver": plays or records}
                if wanted.get(kind, kind == "trigger") or self._begins(instrument):
                    own = tuple(port.name for port in lab.ports.values() if uses(port, instrument.name))
                    found.append((instrument, kind in _HEARING, own))
            return tuple(found)

        return kept(lab, ("taking", self.occupied.processor.name, played, recording, moving), make)

    def _begins(self, instrument: Instrument) -> bool:
        """Say whether it is the program of an instrument that fires its processor's shots."""
        if instrument.name != self.occupied.processor.trigger:
            return False
        fires = getattr(lowering_of(instrument.model), "fires_by_program", None)
        return fires is not None and bool(fires(instrument.model))


def compile(
    programs: Program | Sequence[Program] | Sequences,
    lab: Lab | str | Path,
    qpu: str | None = None,
    *,
    shots: int = 1000,
    snapshot: Snapshot | None = None,
    seed: int = 0,
    level: int = 1,
    averaged: bool = False,
    cache: Cache | None = None,
) -> Ready:
    """Compile programs for a processor, down to what each instrument would be sent.

    Parameters
    ----------
    programs : Program, sequence of Program, or Sequences
        A sequence is one run, its programs played one after the other. `Sequences` are native gates as bare arrays,
        which are played as they stand.
    lab : Lab or path
        The laboratory, or its lab.toml.
    qpu : str, optional
        Processor; the lab's only one if None.
    shots : int
        Shots of each point.
    snapshot : Snapshot, optional
        Calibrated values over the design values.
    seed, level : int
        Of layout and routing.
    averaged : bool
        Let the digitizer average the shots.
    cache : Cache, optional
        Where finished runs are kept by the content of all these arguments: the same again is the same object.

    Raises
    ------
    CompileError
        If a program can't be played; the message names what, where and the bound.
    """
    rack = held(lab if isinstance(lab, Lab) else load_lab(lab))
    given = given_of(programs)
    work = _Compile(rack, qpu, shots, seed, level, averaged)
    if cache is not None:
        content = msgspec.msgpack.encode((rack, snapshot))
        names = [given.hash] if isinstance(given, Sequences) else [Program.from_body(body).hash for body in given]
        key = (tuple(names), content, qpu, shots, seed, level, averaged)
        return cache.get(
            key,
            lambda: _line((msgspec.msgpack.encode(rack), *key[2:]), given, work).next(given, snapshot),
            lambda ready: ready.n_bytes + 2 * len(content),
        )
    return work.line().next(given, snapshot)


def compile_job(
    programs: Sequence[Program], lab: Lab, snapshot: Snapshot | None, key: Hashable, **options: Any
) -> Ready:  # fmt: skip
    """Compile what a job plays, patched from the latest job of the same shape.

    Parameters
    ----------
    programs : sequence of Program
        Each measures something.
    lab, snapshot
        As `compile` takes them.
    key : hashable
        All but programs and snapshot that decides what is played.
    **options
        `qpu`, `n_shots`, `seed`, `level`, and `averaged`: None averages where no capture makes a bit.

    Raises
    ------
    CompileError
        If a program can't be played, or measures nothing.
    """
    given = given_of(programs)
    return _line(key, given, _Compile(held(lab), **options, measuring=True)).next(given, snapshot)


_lines = Cache(64_000_000)


def _line(key: Hashable, given: Given, work: _Compile) -> Line:
    """Return the line of runs of the same shape, whose latest one is kept."""
    rows = [given.rows] if isinstance(given, Sequences) else [body.instructions for body in given]
    n_bytes = 10_000 + 600 * sum(map(len, rows))
    return _lines.get((key, shape_of(given)), work.line, lambda _: n_bytes)


@dataclass(frozen=True, slots=True)
class _Compile:
    """What the runs of a line have in common; `averaged` None and `measuring` as `compile_job` has them."""

    lab: Lab
    qpu: str | None
    n_shots: int
    seed: int
    level: int
    averaged: bool | None
    measuring: bool = False

    def line(self) -> Line:
        """Return a line without a run."""
        return Line(self.make, self.time, _patcher)

    def make(self, given: Given, snapshot: Snapshot | None, known: Known | None) -> Made:
        """Compile programs with these values, and take the device programs that are known."""
        compiled, run, n_total, timing = self._run(given, snapshot)
        if known is not None:
            run = replace(run, known=known)
            known.compare(run.straights, [capture for part in run.parts for capture in part.captures])
        return Made(compiled, run.straights, run.lowered(n_total), run.nodes, timing)

    def time(self, given: Given, snapshot: Snapshot | None) -> tuple[Sequence[Compiled], Straights]:
        """Return timelines and points."""
        compiled, run, *_ = self._run(given, snapshot)
        return compiled, run.straights

    def _run(
        self, given: Given, snapshot: Snapshot | None
    ) -> tuple[Sequence[Compiled], _Run, int, Timing | None]:  # fmt: skip
        lab, n_shots = self.lab, self.n_shots
        if isinstance(given, Sequences):
            _check_shots(n_shots)
            straights, body, specs, timing = compile_sequences(given, lab, snapshot, self.qpu)
            occupied = occupied_by(lab, timing.tables.values.processor)
            parts: Sequence[Part] = parts_of(straights, specs, body.bits, occupied.lead_s, n_shots)
            run = _Run(lab, occupied, straights, parts, bool(self.averaged))
            return (), run, n_shots, timing
        options: dict[str, Any] = {"seed": self.seed, "level": self.level, "feedback": feedback_of}
        compiled = compile_programs(given, lab, snapshot, self.qpu, **options)
        specs = compiled.specs if isinstance(compiled, Together) else [one.timeline.specs for one in compiled]
        for number, captured in enumerate(specs if self.measuring else ()):
            if not captured:
                which = "the program" if len(compiled) == 1 else f"program {number} of the job"
                raise CompileError(
                    f"{which} measures nothing, so there is no result: add measure_all() or a measurement"
                )
        averaged = self.averaged
        if averaged is None:
            averaged = not any(spec.bit >= 0 for captured in specs for spec in captured)
        if isinstance(compiled, Together) and compiled.meets:
            _check_shots(n_shots)
            occupied = occupied_by(lab, compiled.timing.tables.values.processor)
            parts = parts_of_programs(compiled.specs, [body.bits for body in given], occupied.lead_s, n_shots)
            return compiled, _Run(lab, occupied, compiled.straights, parts, averaged), n_shots, compiled.timing
        run, n_total = _run([one.timeline for one in compiled], lab, n_shots, averaged)
        origins = [one.origin for one in compiled]
        timings = {id(origin.timing): origin.timing for origin in origins if origin is not None}
        together = len(timings) == 1 and [o.sequence for o in origins if o is not None] == list(range(len(origins)))
        return compiled, run, n_total, timings.popitem()[1] if together else None


def _patcher(made: Made) -> Patcher:
    """Return what patches a run."""
    assert made.timing is not None
    return Patcher(made.timing, made.straights, made.nodes, made.lowered, _again, cut_of, report_of)


@cache
def _again(model: str) -> Again | None:
    """Return what lowers a model's program again when phases have changed; that of others does not depend on them."""
    if model_of(model).kind in ("recorder", "trigger"):
        return as_it_is
    return getattr(lowering_of(model), "patched", None)


def _check_shots(n_shots: int) -> None:
    whole = type(n_shots) is int or isinstance(n_shots, Integral)  # the second question takes a hundred times longer
    if not whole or isinstance(n_shots, bool) or not 1 <= n_shots <= MOST_SHOTS:
        raise CompileError(f"n_shots = {n_shots!r} is no whole number in [1, {MOST_SHOTS}]")
