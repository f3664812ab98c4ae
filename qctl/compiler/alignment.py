"""Align the programs of one run: all capture at the same time, so that one record length serves them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from math import ceil, pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.program.conditions import Condition
from qctl.program.lowered import Part
from qctl.program.straights import Straights, bounds_of, joined
from qctl.program.tables import Sweep
from qctl.program.timeline import CAPTURE, PLAY, CaptureSpec, Timeline
from qctl.units import common_grid_s, rational_s, to_ticks

__all__ = ["aligned", "captures_of", "parts_of", "parts_of_programs"]


def aligned(
    timelines: Sequence[Timeline], lead_s: Mapping[str, float], n_shots: int
) -> tuple[Straights, tuple[Part, ...]]:
    """Return the points of all programs with their first captures at one time, and each program's part of the run.

    Parameters
    ----------
    timelines : sequence of Timeline
        The programs.
    lead_s : mapping of str to float
        What each instrument adds to its times.
    n_shots : int
        Shots of each point.
    """
    known: dict[tuple[int, Fraction], Fraction] = {}
    firsts = [_first_capture_s(timeline, known) for timeline in timelines]
    latest = max(known.values(), default=None)
    moved: list[Timeline] = []
    at = 0
    parts: list[Part] = []
    for timeline, first in zip(timelines, firsts, strict=True):
        shift = _ZERO if first is None or latest is None or first is latest else _on_grid(latest - first, timeline)
        moved.append(_moved(timeline, shift) if shift else timeline)
        captures = tuple(_placed(spec, shift, at, lead_s) for spec in timeline.specs)
        parts.append(Part(at, timeline.n_points, timeline.axes, timeline.bits, captures, n_shots))
        at += timeline.n_points
    return _joined(moved), tuple(parts)


def _joined(timelines: Sequence[Timeline]) -> Straights:
    """Return the points of all timelines as flat tables."""
    if len(timelines) == 1:
        return timelines[0].straights()
    waveforms = timelines[0].waveforms
    if any(timeline.waveforms is not waveforms for timeline in timelines):
        flat = joined([point for timeline in timelines for point in timeline.straights()])
        return replace(
            flat, targets=_targets(timelines), moves=_moves(timelines), conditions=_conditions(timelines)
        )  # fmt: skip
    counts = np.array([(t.n_points, t.plays.shape[1], t.captures.shape[1]) for t in timelines], np.int64)
    return Straights(
        np.frombuffer(bytearray().join([t.plays.data for t in timelines]), PLAY),
        bounds_of(np.repeat(counts[:, 1], counts[:, 0])),
        np.frombuffer(bytearray().join([t.captures.data for t in timelines]), CAPTURE),
        bounds_of(np.repeat(counts[:, 2], counts[:, 0])),
        np.concatenate([t.lengths_s for t in timelines]),
        timelines[0].ports,
        waveforms,
        list(zip(bounds_of(counts[:, 0]).tolist(), [t.labels for t in timelines], strict=False)),
        targets=_targets(timelines),
        moves=_moves(timelines),
        conditions=_conditions(timelines),
    )


def _targets(timelines: Sequence[Timeline]) -> list[tuple[int, tuple[tuple[int, ...], ...]]]:
    """Return what each play of each program is for, where their ports are beams."""
    firsts = bounds_of([timeline.n_points for timeline in timelines]).tolist()
    beams = any(timeline.targets for timeline in timelines)
    return [(k, t.targets) for k, t in zip(firsts, timelines, strict=False)] if beams else []


def _moves(timelines: Sequence[Timeline]) -> list[tuple[int, NDArray]]:
    """Return the moves of each program, where any atom moves."""
    firsts = bounds_of([timeline.n_points for timeline in timelines]).tolist()
    return [(k, t.moves) for k, t in zip(firsts, timelines, strict=False) if t.moves is not None]


def _conditions(timelines: Sequence[Timeline]) -> list[tuple[int, tuple[Condition | None, ...]]]:
    """Return the condition of each play of each program, if any has one."""
    if not any(timeline.conditions for timeline in timelines):
        return []
    firsts = bounds_of([timeline.n_points for timeline in timelines]).tolist()
    return [(k, t.conditions) for k, t in zip(firsts, timelines, strict=False)]


def parts_of(
    straights: Straights, specs: Sequence[tuple[CaptureSpec, ...]], bits: tuple[str, ...], lead_s: Mapping[str, float],
    n_shots: int,
) -> tuple[Part, ...]:  # fmt: skip
    """Return the parts of sequences that are aligned already: one with an axis ``sequence`` if all capture alike."""
    n = len(straights)
    groups = [(0, n)] if n and specs.count(specs[0]) == n else [(k, 1) for k in range(n)]
    parts = []
    for first, n_points in groups:
        captures = tuple(_placed(spec, _ZERO, first, lead_s, n_points) for spec in specs[first])
        axis = Sweep("sequence", np.arange(first, first + n_points, dtype=np.float64))
        parts.append(Part(first, n_points, (axis,), bits, captures, n_shots))
    return tuple(parts)


def parts_of_programs(
    specs: Sequence[tuple[CaptureSpec, ...]], bits: Sequence[tuple[str, ...]], lead_s: Mapping[str, float], n_shots: int
) -> Sequence[Part]:
    """Return the parts of programs of one point each that are aligned already."""
    late: dict[int, tuple[CaptureSpec, ...]] = {}
    for own in specs:
        if id(own) not in late:
            late[id(own)] = tuple(_placed(spec, _ZERO, 0, lead_s) for spec in own)
    return _Parts([late[id(own)] for own in specs], bits, n_shots)


class _Parts(Sequence[Part]):
    """Parts of programs of one point each, each made when it is asked for: captures differ in their point alone."""

    def __init__(
        self, captures: Sequence[tuple[CaptureSpec, ...]], bits: Sequence[tuple[str, ...]], n_shots: int
    ) -> None:
        self.own, self.bits, self.n_shots = captures, bits, n_shots
        self._made: tuple[Part, ...] | None = None

    def __len__(self) -> int:
        return len(self.own)

    def __getitem__(self, key: Any) -> Any:
        if self._made is None:
            self._made = tuple(
                Part(k, 1, (), names, self._of(k, 1), self.n_shots) for k, names in enumerate(self.bits)
            )  # fmt: skip
        return self._made[key]

    def _of(self, k: int, n_points: int) -> tuple[CaptureSpec, ...]:
        captures = self.own[k]
        if not k and n_points == 1:
            return captures
        return tuple([spec.moved(k, spec.start_s, spec.starts_s, n_points) for spec in captures])

    def captures(self, first: int, end: int) -> tuple[CaptureSpec, ...]:
        """Return the captures of these points; neighbours that capture alike share theirs."""
        found: list[CaptureSpec] = []
        while first < end:
            n = 1
            while first + n < end and self.own[first + n] is self.own[first]:
                n += 1
            found += self._of(first, n)
            first += n
        return tuple(found)


def captures_of(parts: Sequence[Part], first: int, end: int) -> tuple[CaptureSpec, ...]:
    """Return the captures of the parts that have any of these points."""
    if isinstance(parts, _Parts):
        return parts.captures(first, end)
    return tuple(
        capture
        for part in parts
        if part.first_point < end and first < part.first_point + part.n_points
        for capture in part.captures
    )


_ZERO = Fraction(0)


def _first_capture_s(timeline: Timeline, known: dict[tuple[int, Fraction], Fraction]) -> Fraction | None:
    """Return when the first capture starts, exactly and as one object for one time; all points share it."""
    if not timeline.captures.shape[1]:
        return None
    port, _, start = timeline.captures.item(0)
    rate_hz = timeline.ports[port].rate_hz
    key = (start, rate_hz)
    if key not in known:
        known[key] = start / rate_hz
    return known[key]


def _on_grid(shift: Fraction, timeline: Timeline) -> Fraction:
    """Return the next time that is whole ticks of every clock."""
    grid = common_grid_s([port.rate_hz for port in timeline.ports]) or Fraction(1) / timeline.ports[0].rate_hz
    return ceil(shift / grid) * grid


def _moved(timeline: Timeline, shift: Fraction) -> Timeline:
    """Return a timeline that starts later, by whole ticks of every clock.

    Pulses keep their phases to each other; lines with captures keep theirs to time zero, where the digitizer starts.
    """
    ticks = np.array([to_ticks(shift, port.rate_hz).ticks for port in timeline.ports], np.int64)
    plays, captures = timeline.plays.copy(), timeline.captures.copy()
    plays["start"] += ticks[plays["port"]]
    captures["start"] += ticks[captures["port"]]
    recorded = np.zeros(len(timeline.ports), bool)
    recorded[np.unique(captures["port"])] = True
    turns = np.remainder(plays["frequency_hz"] * float(shift), 1.0)
    plays["phase_rad"] += np.where(recorded[plays["port"]], 0.0, 2 * pi * turns)
    return replace(timeline, plays=plays, captures=captures, lengths_s=timeline.lengths_s + float(shift))


def _placed(
    spec: CaptureSpec, shift: Fraction, first_point: int, lead_s: Mapping[str, float], n_points: int | None = None
) -> CaptureSpec:
    lead = lead_s.get(spec.instrument, 0.0)
    if not shift and not lead:
        if not first_point and n_points is None:
            return spec
        return spec.moved(first_point, spec.start_s, spec.starts_s, n_points)
    late = shift + rational_s(lead)
    starts_s = None if spec.starts_s is None else spec.starts_s + float(late)
    return spec.moved(first_point, float(rational_s(spec.start_s) + late), starts_s, n_points)
