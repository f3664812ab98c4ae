"""Readout events: what one channel plays and acquires at one startQA, gathered from its ports' plays and captures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.errors import CompileError
from qctl.instruments.qblox.rows import Rows
from qctl.instruments.zurich import capabilities as can
from qctl.instruments.zurich.waveforms import Grid
from qctl.program.sampling import envelope_samples

__all__ = ["Events", "events_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """All events of a batch, point by point and in order of time.

    Attributes
    ----------
    starts : list of int
        Samples from the start of the point, multiples of the grid.
    bounds : list of int
        Where each point begins.
    plays : list of tuples
        Of each event: (play, samples after the event's start).
    captures : list of tuples
        Of each event: (kind of capture, samples after the event's start, samples that the event is after the one that
        its port was played in last).
    has_captures : (n_events,) bool
        Whether anything is captured.
    """

    starts: list[int]
    bounds: list[int]
    plays: list[tuple[tuple[Any, int], ...]]
    captures: list[tuple[tuple[int, int, int], ...]]
    has_captures: NDArray[np.bool_]


def events_of(rows: Rows, ports: list[int], grid: Grid, lengths: list[int]) -> Events:
    """Gather the events of some ports.

    What overlaps in time is one event, as are plays and captures that the grid doesn't tell apart.

    Raises
    ------
    CompileError
        If anything comes before time zero of the shot, or after the end of the point.
    """
    n_points = len(rows.bounds) - 1
    points, starts, ends, sources = [], [], [], []
    for table, bounds, is_capture in ((rows.plays, rows.bounds, False), (rows.captures, rows.capture_bounds, True)):
        mine = np.flatnonzero(np.isin(table["port"], ports))
        begin = table["start"][mine] + grid.zero
        if is_capture:
            spans = np.array(lengths, np.int64)[table["capture"][mine]]
        else:
            numbers = table["waveform"][mine]
            known = np.zeros(len(rows.waveforms), np.int64)
            for k in np.unique(numbers).tolist():
                known[k] = len(envelope_samples(rows.waveforms[k], grid.rate_hz))
            spans = known[numbers]
        points.append(np.searchsorted(bounds, mine, side="right") - 1)
        starts.append(begin)
        ends.append(begin + spans)
        sources.append(mine if not is_capture else -1 - mine)
    point, start = np.concatenate(points), np.concatenate(starts)
    end, source = np.concatenate(ends), np.concatenate(sources)
    _check(point, start, end, grid)
    order = np.lexsort((start, point))
    point, start, end, source = point[order], start[order], end[order], source[order]
    down = start - start % grid.grid
    stride = np.int64(grid.period + 2 * can.READOUT_SAMPLES)
    busy = np.maximum.accumulate(point * stride + -(-end // can.READOUT_GRID) * can.READOUT_GRID) if len(point) else end
    first = np.flatnonzero(np.concatenate([[True], point[1:] * stride + down[1:] >= busy[:-1]]) if len(point) else [])
    places = [*first.tolist(), len(point)]
    begins = down[first].tolist()
    plays, captures = [], []
    items = list(zip(source.tolist(), start.tolist(), strict=True))
    last: dict[int, tuple[int, int]] = {}
    for k, (begin_of, p) in enumerate(zip(begins, point[first].tolist(), strict=True)):
        members = items[places[k] : places[k + 1]]
        plays.append(tuple((rows.plays[at], when - begin_of) for at, when in members if at >= 0))
        for play, _ in plays[-1]:
            last[int(play["port"])] = (p, begin_of)
        made = []
        for at, when in members:
            if at < 0:
                port, kind = rows.captures[-1 - at].item()[:2]
                played_in, played_at = last.get(port, (-1, 0))
                made.append((kind, when - begin_of, begin_of - played_at if played_in == p else 0))
        captures.append(tuple(made))
    bounds_of_points = np.searchsorted(point[first], np.arange(n_points + 1)).tolist()
    return Events(begins, bounds_of_points, plays, captures, np.array([bool(one) for one in captures], bool))


def _check(point: NDArray[np.int64], start: NDArray[np.int64], end: NDArray[np.int64], grid: Grid) -> None:
    early = np.flatnonzero(start < grid.head)
    late = np.flatnonzero(end > grid.period - grid.least)
    for found, words in ((early, "before time zero of the shot"), (late, "too late for the period")):
        if len(found):
            k = int(found[0])
            raise CompileError(
                f"readout at sample {int(start[k]) - grid.zero} of point {int(point[k])} comes {words}",
                point=int(point[k]),
            )
