"""Lower timelines to one exact DeviceProgram per device, cut into batches that every memory takes.

Every family offers ``instruments/<family>/lower.py: lower(straights, instrument, lab, shots) -> DeviceProgram`` with
``straights: Sequence[Straight]`` (one for each point of the batch), ``instrument: Instrument``, ``lab: Lab`` and
``shots: Shots``. It raises CompileError where one shot can't be played, and otherwise reports in `DeviceProgram.usage`
what it uses. A row over its limit makes this module cut the batch: at a point where it is a player's, in shots where it
is a recorder's or the trigger's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral
from pathlib import Path

import msgspec
import numpy as np

from qctl.compiler.alignment import aligned, parts_of
from qctl.compiler.pipeline import Compiled, compile_programs, compile_sequences
from qctl.compiler.sequences import Sequences
from qctl.errors import CompileError
from qctl.instruments.registry import lowering_of, model_of
from qctl.lab import Instrument, Lab, Processor, load_lab
from qctl.lab.snapshot import Snapshot
from qctl.program.cache import Cache
from qctl.program.device_program import DeviceProgram, Usage
from qctl.program.lowered import Batch, Lowered, Part
from qctl.program.program import Program
from qctl.program.straights import Straights
from qctl.program.timeline import MOST_SHOTS, CaptureSpec, Shots, Straight, Timeline

__all__ = ["Batch", "CaptureSpec", "Lowered", "Part", "Ready", "Shots", "Straight", "Timeline", "compile", "lower"]


_PLAYERS = frozenset(("player", "transceiver"))
"""Kinds of models that fewer points make room in."""
_RECORDERS = frozenset(("recorder", "transceiver", "trigger"))
"""Kinds of models that fewer shots make room in."""


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
    run, n_total = _run([timelines] if isinstance(timelines, Timeline) else list(timelines), lab, n_shots, averaged)
    return _lowered(run, n_total)


def _run(line: Sequence[Timeline], lab: Lab, n_shots: int, averaged: bool) -> tuple[_Run, int]:
    """Return the points of all programs, and the shots of each."""
    _check_shots(n_shots)
    if not line:
        raise CompileError("there is nothing to lower: no program")
    if len({timeline.processor for timeline in line}) > 1:
        raise CompileError("the programs of one run are for several processors")
    processor = lab.processor(line[0].processor)
    if len({timeline.n_repeats for timeline in line}) > 1:
        raise CompileError("the programs of one run repeat themselves differently often")
    n_total = n_shots * line[0].n_repeats
    instruments = lab.instruments_of(processor.name)
    lead_s = _leads(instruments)
    straights, parts = aligned(line, lead_s, n_total)
    return _Run(lab, processor, instruments, straights, parts, averaged, lead_s), n_total


def _lowered(run: _Run, n_shots: int) -> Lowered:
    batches = tuple(run.cut(0, len(run.straights), n_shots)) if len(run.straights) else ()
    return Lowered(batches, _report(batches), run.parts)


def _leads(instruments: Sequence[Instrument]) -> dict[str, float]:
    """Return what each triggered instrument must add so that all share the time zero of the last one."""
    delays = {
        instrument.name: instrument.trigger.delay_s for instrument in instruments if instrument.trigger is not None
    }
    latest = max(delays.values(), default=0.0)
    return {name: latest - delay for name, delay in delays.items()}


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """All points of a run, and how they are cut."""

    lab: Lab
    processor: Processor
    instruments: tuple[Instrument, ...]
    straights: Straights
    parts: tuple[Part, ...]
    averaged: bool
    lead_s: dict[str, float]

    def cut(self, first: int, end: int, n_shots: int) -> Iterator[Batch]:
        """Yield batches that fit: fewer points where players are full, fewer shots where recorders are."""
        programs = self._programs(first, end, n_shots)
        over = [(program, row) for program in programs for row in program.usage if not row.fits]
        if not over:
            period_s = self._period_s(first, end)
            yield Batch(programs, first, end - first, n_shots, self.averaged, period_s)
            return
        players = [pair for pair in over if model_of(pair[0].model).kind in _PLAYERS]
        ratio = max(-(-row.used // max(row.allowed, 1)) for _, row in players or over)
        if players and end - first > 1:
            n_points = end - first
            n_parts = min(max(ratio, 2), n_points)
            cuts = [first + n_points * k // n_parts for k in range(n_parts + 1)]
            for begin, until in pairwise(cuts):
                yield from self.cut(begin, until, n_shots)
            return
        if all(model_of(program.model).kind in _RECORDERS for program, _ in over) and n_shots > 1:
            n_parts = min(max(ratio, 2), n_shots)
            for begin, until in pairwise(n_shots * k // n_parts for k in range(n_parts + 1)):
                yield from self.cut(first, end, until - begin)
            return
        program, row = (players or over)[0]
        raise CompileError(
            f"one shot needs {row.used} {row.resource} of {program.instrument} ({program.model}), which has "
            f"{row.allowed}" + (f"; most of it is {row.place}" if row.place else ""),
            instrument=program.instrument,
            used=row.used,
            allowed=row.allowed,
        )

    def _period_s(self, first: int, end: int) -> float:
        longest = float(self.straights.lengths_s[first:end].max())
        return max(float(self.processor.shot_period_s), longest)

    def _programs(self, first: int, end: int, n_shots: int) -> tuple[DeviceProgram, ...]:
        straights = self.straights.part(first, end)
        captures = tuple(
            capture
            for part in self.parts
            if part.first_point < end and first < part.first_point + part.n_points
            for capture in part.captures
        )
        shots = Shots(n_shots, self.averaged, self._period_s(first, end), captures, self.lead_s, first)
        playing = _players(self.lab, straights)
        recording = {capture.instrument for capture in captures}
        programs = []
        for instrument in self.instruments:
            kind = model_of(instrument.model).kind
            plays, records = instrument.name in playing, instrument.name in recording
            wanted = {"player": plays, "recorder": records, "transceiver": plays or records}
            if wanted.get(kind, kind == "trigger"):
                programs.append(lowering_of(instrument.model).lower(straights, instrument, self.lab, shots))
        return tuple(programs)


def _players(lab: Lab, straights: Straights) -> set[str]:
    """Return the instruments that any play is on."""
    played = np.flatnonzero(np.bincount(straights.plays["port"])).tolist()
    return {ref.instrument for k in played for ref in lab.port(straights.ports[k].name).outputs}


def _report(batches: Sequence[Batch]) -> tuple[tuple[str, Usage], ...]:
    """Return the fullest row of each resource of each instrument."""
    rows: dict[tuple[str, str], Usage] = {}
    for batch in batches:
        for program in batch.programs:
            for row in program.usage:
                old = rows.get((program.instrument, row.resource))
                if old is None or row.used > old.used:
                    rows[program.instrument, row.resource] = row
    return tuple((name, row) for (name, _), row in rows.items())


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """Programs that are ready to be played.

    Attributes
    ----------
    compiled : tuple of Compiled
        Timeline and layout of each program; empty for sequences.
    lowered : Lowered
        Device programs, batches and resource report.
    straights : Straights
        All pulses and captures of each point.
    """

    compiled: tuple[Compiled, ...]
    lowered: Lowered
    straights: Straights

    @property
    def timeline(self) -> Timeline:
        """Return the timeline of the first program."""
        return self.compiled[0].timeline

    @property
    def n_bytes(self) -> int:
        """Return about how many bytes all of it holds."""
        arrays = (self.straights.plays, self.straights.captures, *(x for p in self.programs for x in p.blobs.values()))
        return 4000 + sum(2000 + len(p.body) for p in self.programs) + sum(200 + x.nbytes for x in arrays)

    @property
    def programs(self) -> tuple[DeviceProgram, ...]:
        """Return the device programs of all batches."""
        return tuple(program for batch in self.lowered.batches for program in batch.programs)


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
    rack = lab if isinstance(lab, Lab) else load_lab(lab)
    if cache is not None:
        given = [programs] if isinstance(programs, Program | Sequences) else list(programs)
        content = msgspec.msgpack.encode((rack, snapshot))
        key = (tuple(one.hash for one in given), content, qpu, shots, seed, level, averaged)
        return cache.get(
            key,
            lambda: compile(
                programs, rack, qpu, shots=shots, snapshot=snapshot, seed=seed, level=level, averaged=averaged
            ),
            lambda ready: ready.n_bytes + 2 * len(content),
        )
    if isinstance(programs, Sequences):
        return _from_sequences(programs, rack, qpu, shots, snapshot, averaged)
    line = [programs] if isinstance(programs, Program) else list(programs)
    compiled = compile_programs(line, rack, snapshot, qpu, seed=seed, level=level)
    run, n_total = _run([one.timeline for one in compiled], rack, shots, averaged)
    return Ready(compiled, _lowered(run, n_total), run.straights)


def _from_sequences(
    sequences: Sequences, lab: Lab, qpu: str | None, n_shots: int, snapshot: Snapshot | None, averaged: bool
) -> Ready:
    _check_shots(n_shots)
    straights, body, specs, name = compile_sequences(sequences, lab, snapshot, qpu)
    instruments = lab.instruments_of(name)
    lead_s = _leads(instruments)
    parts = parts_of(straights, specs, body.bits, lead_s, n_shots)
    run = _Run(lab, lab.processor(name), instruments, straights, parts, averaged, lead_s)
    return Ready((), _lowered(run, n_shots), straights)


def _check_shots(n_shots: int) -> None:
    if not isinstance(n_shots, Integral) or isinstance(n_shots, bool) or not 1 <= n_shots <= MOST_SHOTS:
        raise CompileError(f"n_shots = {n_shots!r} is no whole number in [1, {MOST_SHOTS}]")
