"""Readout events: what one channel plays and acquires at one startQA, gathered from its ports' plays and captures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qctl.errors import CompileError
from qctl.instruments.qblox.rows import Rows
from qctl.instruments.zurich import sequencers as can
from qctl.instruments.zurich.waveforms import Grid
from qctl.program.sampling import envelope_samples

__all__ = ["CaughtWindow", "Events", "PlayedTone", "events_of"]


PlayedTone = tuple[int, int, float, float, float]
"""Waveform, samples after the event's start, volts, frequency in hertz, and phase in radians."""
CaughtWindow = tuple[int, int, int]
"""Kind of capture, samples after the event's start, and samples that the event is after its port's last played one.

Where another channel plays the port, they are counted from time zero of the shot.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """All events of a batch, point by point and in order of time.

    Attributes
    ----------
    starts : list of int
        Samples from the start of the point, multiples of the grid.
    bounds : list of int
        Where each point begins.
    kinds : list of int
        Of each event: events that differ in nothing but their start are of one kind.
    plays : list of tuples of PlayedTone
        Of each kind.
    captures : list of tuples of CaughtWindow
        Of each kind.
    """

    starts: list[int]
    bounds: list[int]
    kinds: list[int]
    plays: list[tuple[PlayedTone, ...]]
    captures: list[tuple[CaughtWindow, ...]]

    @property
    def n_captured(self) -> int:
        """Return the number of events in which anything is captured."""
        return sum(bool(self.captures[kind]) for kind in self.kinds)


def events_of(rows: Rows, playing: list[int], capturing: list[int], grid: Grid, lengths: list[int]) -> Events:
    """Gather the events of the ports that a channel plays, and of those that it captures.

    What overlaps in time is one event, as are plays and captures that the grid doesn't tell apart.

    Raises
    ------
    CompileError
        If anything comes before time zero of the shot, or after the end of the point.
    """
    n_points = len(rows.bounds) - 1
    points, starts, ends, sources = [], [], [], []
    for table, bounds, ports, is_capture in (
        (rows.plays, rows.bounds, playing, False),
        (rows.captures, rows.capture_bounds, capturing, True),
    ):
        mine = np.flatnonzero(np.isin(table["port"], ports))
        begin = table["start"][mine] + grid.zero
        if is_capture:
            spans = np.array(lengths, np.int64)[table["capture"][mine]]
        else:
            numbers = table["waveform"][mine]
            sizes = np.zeros(len(rows.waveforms), np.int64)
            for k in np.unique(numbers).tolist():
                sizes[k] = len(envelope_samples(rows.waveforms[k], grid.rate_hz))
            spans = sizes[numbers]
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
    begins, own_points = down[first].tolist(), point[first].tolist()
    places, source_list, start_list = [*first.tolist(), len(point)], source.tolist(), start.tolist()
    tones = dict(zip(sources[0].tolist(), rows.plays[sources[0]].tolist(), strict=True))
    windows = dict(zip(sources[1].tolist(), rows.captures[-1 - sources[1]].tolist(), strict=True))
    last: dict[int, tuple[int, int]] = {}
    known: dict[tuple[tuple[PlayedTone, ...], tuple[CaughtWindow, ...]], int] = {}
    kinds = []
    for k, (begin_of, p) in enumerate(zip(begins, own_points, strict=True)):
        plays: list[PlayedTone] = []
        captures: list[CaughtWindow] = []
        members = range(places[k], places[k + 1])
        for m in members:
            if source_list[m] >= 0:
                port, waveform, _, *numbers = tones[source_list[m]]
                plays.append((waveform, start_list[m] - begin_of, *numbers))
                last[port] = (p, begin_of)
        for m in members:
            if source_list[m] < 0:
                port, capture, _ = windows[source_list[m]]
                played_in, played_at = last.get(port, (-1, 0)) if port in playing else (p, grid.zero)
                captures.append((capture, start_list[m] - begin_of, begin_of - played_at if played_in == p else 0))
        kinds.append(known.setdefault((tuple(plays), tuple(captures)), len(known)))
    bounds_of_points = np.searchsorted(point[first], np.arange(n_points + 1)).tolist()
    return Events(begins, bounds_of_points, kinds, [one for one, _ in known], [other for _, other in known])


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
