"""Shots in stages: what transmons do after they were measured goes on from the levels that they were found in.

A party is a number of shots that have played the same so far. When a stage ends, each shot's transmons have been found
in levels by its measurement: shots with the same past and the same levels share a state, from which the next one goes
on. Source: J. Gambetta et al., Phys. Rev. A 76, 012325 (2007), for the jumps during a measurement.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.hil.physics.evolution import Evolution
from qctl.hil.physics.lines import Lines, Run, find_runs
from qctl.hil.physics.parameters import Processor
from qctl.hil.physics.readout import Answer, Window, answer_readout
from qctl.hil.physics.shots import Ways, draw_levels
from qctl.hil.physics.state import State

__all__ = ["Party", "Plan", "Stages", "clipped", "cuts_of", "plan_of"]

_EVOLVED = 4096
_SILENT_S = 8e-9
"""A readout that is silent for longer is over."""


@dataclass(frozen=True, slots=True, eq=False)
class Party:
    """Shots with the same past.

    Attributes
    ----------
    states : tuple of State
        Those that any shot is in.
    which : (n_shots,) int64
        State of each shot.
    end_s : float
        When they are in these states.
    """

    states: tuple[State, ...]
    which: NDArray[np.int64]
    end_s: float


class Plan(NamedTuple):
    """The stages of a shot: what each plays, the feedline's answer to its readout, and when it ends."""

    lines: tuple[Lines, ...]
    answers: tuple[Answer, ...]
    ends_s: tuple[float, ...]


class Stages:
    """Takes parties of shots from one measurement to the next, and keeps what it computed.

    Parameters
    ----------
    evolution : Evolution
        Of the processor.
    """

    def __init__(self, evolution: Evolution) -> None:
        self._evolution = evolution
        self._evolved: OrderedDict[tuple[Any, ...], State] = OrderedDict()
        self._projected: OrderedDict[tuple[Any, ...], State] = OrderedDict()

    def at_rest(self, n_shots: int) -> Party:
        """Return shots that have not begun."""
        return Party((self._evolution.at_rest,), np.zeros(n_shots, np.int64), 0.0)

    def draw(self, key: Hashable, plan: Plan, n_shots: int, random: np.random.Generator) -> Ways:
        """Return the paths that transmons take in so many shots, stage by stage; `key` tells plans apart."""
        party, ways = self.at_rest(n_shots), []
        for k, (lines, answer, end_s) in enumerate(zip(*plan, strict=True)):
            party, paths = self.go(party, (key, k), lines, answer, end_s, random, k + 1 == len(plan.lines))
            ways.append((answer, paths))
        return ways

    def go(
        self,
        before: Party,
        key: Hashable,
        lines: Lines,
        answer: Answer,
        end_s: float,
        random: np.random.Generator,
        last: bool = False,
    ) -> tuple[Party, NDArray[np.int32]]:
        """Play a stage in the shots of a party.

        Parameters
        ----------
        before : Party
            The shots.
        key : hashable
            What tells `lines` apart.
        lines : Lines
            What arrives in the stage, nothing of it before the party's time.
        answer : Answer
            The feedline's, to the readout of this stage.
        end_s : float
            When the stage ends, after the start of the shot.
        random : numpy Generator
            Source of chance.
        last : bool
            Whether nothing comes after it: the party is then as it was.

        Returns
        -------
        (Party, (n_shots, n_transmons) int32)
            These shots after the stage, and the path that each transmon took in its measurement.
        """
        n_shots, n = len(before.which), len(answer.start_s)
        measured = tuple(range(n)) if last else answer.measured()
        stop_s = np.full(n, end_s)
        stop_s[list(measured)] = np.maximum(answer.start_s[list(measured)], before.end_s)
        levels = np.zeros((n_shots, n), np.int64)
        evolved: list[State] = []
        for k, state in enumerate(before.states):
            shots = np.flatnonzero(before.which == k)
            after = self._evolve((state, key, before.end_s, end_s, measured), state, before.end_s, lines, stop_s)
            evolved.append(after)
            levels[shots] = draw_levels(after.populations(), len(shots), random)
        paths = np.stack([answer.draw_paths(q, levels[:, q], random) for q in range(n)], axis=1)
        if last:
            return before, paths
        kinds, places = np.unique(
            np.concatenate(
                [before.which[:, None], levels[:, measured], answer.last_levels(paths)[:, measured]], axis=1
            ),
            axis=0,
            return_inverse=True,
        )
        states = tuple(self._found(evolved[row[0]], measured, tuple(row[1:])) for row in kinds.tolist())
        used = {id(state): state for state in states}
        numbers = {name: number for number, name in enumerate(used)}
        ranks = np.array([numbers[id(state)] for state in states], np.int64)
        return Party(tuple(used.values()), ranks[places.reshape(-1)], end_s), paths

    def _evolve(
        self, key: tuple[Any, ...], state: State, start_s: float, lines: Lines, stop_s: NDArray[np.float64]
    ) -> State:
        found = self._evolved.get(key)
        if found is None:
            found = self._evolution.run(lines, stop_s, True, (state, start_s))
            self._evolved[key] = found
            if len(self._evolved) > _EVOLVED:
                self._evolved.popitem(last=False)
        return found

    def _found(self, state: State, measured: tuple[int, ...], levels: tuple[int, ...]) -> State:
        """Return the state once transmons were found in the first levels, and left in those behind."""
        n = len(measured)
        # Where all were measured, the past is in the levels that they were left in.
        past = state if n < len(state.places) else None
        key = (past, measured, levels if past is not None else levels[n:])
        found = self._projected.get(key)
        if found is None:
            before, after = (dict(zip(measured, half, strict=True)) for half in (levels[:n], levels[n:]))
            found = self._projected[key] = state.projected(before, after)
            if len(self._projected) > _EVOLVED:
                self._projected.popitem(last=False)
        return found


def plan_of(processor: Processor, lines: Lines, window: Window) -> Plan | None:
    """Return the stages of a shot; None where nothing is played between two readouts, and one stage does."""
    cuts = cuts_of(lines)
    if not cuts:
        return None
    end = max(lines.stop, *cuts) + 1
    parts = tuple(clipped(lines, start, stop) for start, stop in pairwise((0, *cuts, end)))
    ends_s = (*(cut / lines.rate_hz for cut in cuts), max(end / lines.rate_hz, window.start_s))
    untils = (*ends_s[:-1], None)
    answers = tuple(answer_readout(processor, part, window, until) for part, until in zip(parts, untils, strict=True))
    return Plan(parts, answers, ends_s)


def cuts_of(lines: Lines) -> tuple[int, ...]:
    """Return the samples at which readouts end that are followed by drives or flux pulses, and another readout."""
    gap = max(1, round(_SILENT_S * lines.rate_hz))
    reads: list[tuple[int, int]] = []
    for run in lines.readout:
        spans = [(0, run.volts.size)] if run.unbroken else find_runs(run.volts != 0, gap)
        reads += [(run.start + start, run.start + stop) for start, stop in spans]
    if len(reads) < 2:
        return ()
    joined: list[tuple[int, int]] = []
    for start, stop in reads:
        if joined and start - joined[-1][1] <= gap:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    played = [run for runs in (*lines.drive, *lines.flux) for run in runs]
    return tuple(
        first[1] for first, second in pairwise(joined) if any(_plays(run, first[0], second[0]) for run in played)
    )


def _plays(run: Run, start: int, stop: int) -> bool:
    """Say whether a run does anything between two samples; a constant voltage doesn't."""
    if start <= run.start < stop:
        return True
    part = run.volts[max(start - run.start, 0) : max(stop - run.start, 0)]
    return bool(part.size and (part != part[0]).any())


def clipped(lines: Lines, start: int, stop: int | None = None) -> Lines:
    """Return lines without what they play before a sample, or from another one on."""

    def inside(runs: tuple[Run, ...]) -> tuple[Run, ...]:
        kept = []
        for run in runs:
            first, last = max(run.start, start), run.stop if stop is None else min(run.stop, stop)
            if first < last:
                whole = (first, last) == (run.start, run.stop)
                kept.append(run if whole else Run(first, run.volts[first - run.start : last - run.start]))
        return tuple(kept)

    if not start and stop is None:
        return lines
    drive, flux = (tuple(inside(runs) for runs in group) for group in (lines.drive, lines.flux))
    return replace(lines, drive=drive, flux=flux, readout=inside(lines.readout))
