"""Readout events: what one channel plays and acquires at one startQA, gathered from its ports' plays and captures."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from qctl.errors import CompileError
from qctl.instruments.rows import Rows
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


_ITEM = np.dtype(
    [
        ("captures", "<i8"),
        ("number", "<i8"),
        ("offset", "<i8"),
        ("since", "<i8"),
        ("amplitude", "<f8"),
        ("hz", "<f8"),
        ("phase", "<f8"),
    ]
)
"""A play or capture as far as it makes an event's kind."""


def events_of(rows: Rows, playing: list[int], capturing: list[int], grid: Grid, lengths: list[int]) -> Events:
    """Gather the events of the ports that a channel plays, and of those that it captures.

    What overlaps in time is one event, as are plays and captures that the grid doesn't tell apart.

    Raises
    ------
    CompileError
        If anything comes before time zero of the shot, or after the end of the point.
    """
    n_points = len(rows.bounds) - 1
    mine = np.flatnonzero(np.isin(rows.plays["port"], playing))
    caught = np.flatnonzero(np.isin(rows.captures["port"], capturing))
    plays, captures = rows.plays[mine], rows.captures[caught]
    sizes = np.zeros(len(rows.waveforms), np.int64)
    for k in np.unique(plays["waveform"]).tolist():
        sizes[k] = len(envelope_samples(rows.waveforms[k], grid.rate_hz))
    spans = np.concatenate([sizes[plays["waveform"]], np.array(lengths, np.int64)[captures["capture"]]])
    start = np.concatenate([plays["start"], captures["start"]]) + grid.zero
    end = start + spans
    point = np.concatenate(
        [
            np.searchsorted(rows.bounds, mine, side="right") - 1,
            np.searchsorted(rows.capture_bounds, caught, side="right") - 1,
        ]
    )
    _check(point, start, end, grid)
    items = np.zeros(len(start), _ITEM)
    items["captures"][len(mine) :] = 1
    items["number"] = np.concatenate([plays["waveform"], captures["capture"]])
    for name, column in (("amplitude", "amplitude"), ("hz", "frequency_hz"), ("phase", "phase_rad")):
        items[name][: len(mine)] = plays[column]
    port = np.concatenate([plays["port"], captures["port"]])
    order = np.lexsort((start, point))
    point, start, end, items, port = point[order], start[order], end[order], items[order], port[order]
    down = start - start % grid.grid
    stride = np.int64(grid.period + 2 * can.READOUT_SAMPLES)
    begins_anew = np.ones(len(point), bool)
    if len(point):
        busy = np.maximum.accumulate(point * stride + -(-end // can.READOUT_GRID) * can.READOUT_GRID)
        begins_anew[1:] = point[1:] * stride + down[1:] >= busy[:-1]
    first = np.flatnonzero(begins_anew)
    event = np.cumsum(begins_anew) - 1
    begins, points = down[first], point[first]
    items["offset"] = start - begins[event]
    _since(items, port, event, begins, points, playing, grid.zero)
    return _gathered(items, begins, [*first.tolist(), len(point)], np.searchsorted(points, np.arange(n_points + 1)))


def _since(
    items: NDArray, port: NDArray, event: NDArray[np.int64], begins: NDArray[np.int64], points: NDArray[np.int64],
    playing: list[int], zero: int,
) -> None:  # fmt: skip
    """Fill in how long before each capture's event the one began that its port was played in last."""
    for one in np.unique(port[items["captures"] == 1]).tolist():
        own = np.flatnonzero((port == one) & (items["captures"] == 1))
        if one not in playing:
            items["since"][own] = begins[event[own]] - zero
            continue
        played = event[(port == one) & (items["captures"] == 0)]
        if len(played):
            last = played[np.maximum(np.searchsorted(played, event[own], side="right") - 1, 0)]
            same = (last <= event[own]) & (points[last] == points[event[own]])
            items["since"][own] = np.where(same, begins[event[own]] - begins[last], 0)


def _gathered(items: NDArray, begins: NDArray[np.int64], places: list[int], bounds: NDArray[np.int64]) -> Events:
    """Return the events, those that differ in nothing but their start as one kind."""
    known: dict[bytes, int] = {}
    plays: list[tuple[PlayedTone, ...]] = []
    captures: list[tuple[CaughtWindow, ...]] = []
    kinds = []
    content, width = items.tobytes(), items.itemsize
    for begin, end in pairwise(places):
        kind = known.setdefault(content[begin * width : end * width], len(known))
        if kind == len(plays):
            members = items[begin:end].tolist()
            plays.append(
                tuple((number, offset, *values) for is_capture, number, offset, _, *values in members if not is_capture)
            )
            captures.append(
                tuple((number, offset, since) for is_capture, number, offset, since, *_ in members if is_capture)
            )
        kinds.append(kind)
    return Events(begins.tolist(), bounds.tolist(), kinds, plays, captures)


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
