"""Straights: many points of a run as flat tables, one after the other; what families lower and kernels read."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.cext import shots
from qctl.program.conditions import Condition
from qctl.program.tables import Waveform
from qctl.program.timeline import CAPTURE, MOVE, PLAY, PortClock, Straight

__all__ = ["Straights", "bounds_of", "copied", "counted", "joined"]


@dataclass(frozen=True, slots=True, eq=False)
class Straights(Sequence[Straight]):
    """All that happens in one shot of each of many points.

    Attributes
    ----------
    plays : (n_plays,) PLAY
        Of all points, one after the other.
    bounds : (n_points + 1,) int64
        Plays of point p are ``plays[bounds[p]:bounds[p + 1]]``.
    captures : (n_captures,) CAPTURE
        Of all points; `capture` counts those of a point's own program.
    capture_bounds : (n_points + 1,) int64
        Where those of each point begin.
    lengths_s : (n_points,) float64
        End of each point's last play or capture.
    ports : tuple of PortClock
        What `port` indexes.
    waveforms : tuple of Waveform
        What `waveform` indexes: unit envelopes.
    labels : sequence of (int, sequence of str)
        Where names begin to hold, and the name of each play of those points.
    first : int
        What `labels` call the first point.
    targets : sequence of (int, sequence of tuple of int)
        Atoms or ions of each play, as `labels` name them; none where ports are no beams.
    counts : (n_ports, n_waveforms) int64, optional
        How many plays of each there are, where they have been counted; see `counted`.
    moves : sequence of (int, (n_points, n_moves) MOVE)
        Where tables of moves begin to hold, and one row for each point from there on.
    conditions : sequence of (int, sequence of Condition or None)
        Of each play, as `labels` name them; none where all plays always happen.
    """

    plays: NDArray
    bounds: NDArray[np.int64]
    captures: NDArray
    capture_bounds: NDArray[np.int64]
    lengths_s: NDArray[np.float64]
    ports: tuple[PortClock, ...]
    waveforms: tuple[Waveform, ...]
    labels: Sequence[tuple[int, Sequence[str]]]
    first: int = 0
    targets: Sequence[tuple[int, Sequence[tuple[int, ...]]]] = ()
    counts: NDArray[np.int64] | None = None
    moves: Sequence[tuple[int, NDArray]] = ()
    conditions: Sequence[tuple[int, Sequence[Condition | None]]] = ()

    def __len__(self) -> int:
        return len(self.lengths_s)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            first, end, step = key.indices(len(self))
            return self.part(first, max(first, end)) if step == 1 else tuple(self[k] for k in range(first, end, step))
        p = range(len(self))[key]
        plays = self.plays[self.bounds[p] : self.bounds[p + 1]]
        captures = self.captures[self.capture_bounds[p] : self.capture_bounds[p + 1]]
        return Straight(plays, captures, float(self.lengths_s[p]), self.ports, self.waveforms, self._names(p))

    def part(self, first: int, end: int) -> Straights:
        """Return the points from `first` to before `end`, without a copy."""
        if (first, end) == (0, len(self)):
            return self
        bounds, capture_bounds = self.bounds[first : end + 1], self.capture_bounds[first : end + 1]
        return replace(
            self,
            plays=self.plays[bounds[0] : bounds[-1]],
            bounds=bounds - bounds[0],
            captures=self.captures[capture_bounds[0] : capture_bounds[-1]],
            capture_bounds=capture_bounds - capture_bounds[0],
            lengths_s=self.lengths_s[first:end],
            first=self.first + first,
            counts=None,
        )

    def label(self, point: int, play: int) -> str:
        """Return the name of a point's play."""
        return self._names(point)[play]

    def targets_of(self, point: int) -> Sequence[tuple[int, ...]]:
        """Return the atoms or ions of each play of a point."""
        if not self.targets:
            return ()
        return self.targets[bisect_right(self.targets, self.first + point, key=lambda row: row[0]) - 1][1]

    def moves_of(self, point: int) -> NDArray:
        """Return the moves of a point: (n,) MOVE."""
        number = self.first + point
        place = bisect_right(self.moves, number, key=lambda row: row[0]) - 1
        if place < 0:
            return np.zeros(0, MOVE)
        first, table = self.moves[place]
        return table[number - first] if number - first < len(table) else np.zeros(0, MOVE)

    def conditions_of(self, point: int) -> Sequence[Condition | None]:
        """Return the condition of each play of a point; nothing where all always happen."""
        if not self.conditions:
            return ()
        return self.conditions[bisect_right(self.conditions, self.first + point, key=lambda row: row[0]) - 1][1]

    def _names(self, point: int) -> Sequence[str]:
        number = self.first + point
        if number < len(self.labels):
            first, names = self.labels[number]
            if first == number:
                return names  # each point up to this one has a row of its own
        return self.labels[bisect_right(self.labels, number, key=lambda row: row[0]) - 1][1]


def counted(straights: Straights) -> NDArray[np.int64]:
    """Return how many plays of each waveform there are on each port: (n_ports, n_waveforms)."""
    if straights.counts is None:
        counts = np.zeros((len(straights.ports), max(len(straights.waveforms), 1)), np.int64)
        shots.count(straights.plays, counts)
        object.__setattr__(straights, "counts", counts)  # it follows from the rest
    assert straights.counts is not None
    return straights.counts


def bounds_of(counts: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where each of so many rows begins, and where the last one ends."""
    if not isinstance(counts, np.ndarray):
        return np.array([0, *accumulate(counts)], np.int64)
    bounds = np.zeros(len(counts) + 1, np.int64)
    np.add.accumulate(counts, out=bounds[1:])
    return bounds


def copied(rows: NDArray) -> NDArray:
    """Return a copy of structured rows; as bytes, which takes numpy a tenth of the time."""
    return np.frombuffer(bytearray(rows.data), rows.dtype)


def joined(points: Sequence[Straight]) -> Straights:
    """Return points of the same ports as flat tables; their waveforms become one table.

    The tables are read as bytes: numpy takes 100 times longer to put structured rows together.
    """
    if isinstance(points, Straights):
        return points
    plays = np.frombuffer(bytearray().join([s.plays.data for s in points]), PLAY)
    captures = np.frombuffer(bytearray().join([s.captures.data for s in points]), CAPTURE)
    bounds = bounds_of([len(s.plays) for s in points])
    number: dict[Waveform, int] = {}
    begin = 0
    for k in range(1, len(points) + 1):
        table = points[begin].waveforms
        if k == len(points) or points[k].waveforms is not table:
            places = np.array([number.setdefault(w, len(number)) for w in table], np.uint32)
            if not np.array_equal(places, np.arange(len(places))):
                part = plays[bounds[begin] : bounds[k]]
                part["waveform"] = places[part["waveform"]]
            begin = k
    same = len(number) == len(points[0].waveforms) if points else False
    return Straights(
        plays, bounds, captures, bounds_of([len(s.captures) for s in points]),
        np.array([s.length_s for s in points]), points[0].ports if points else (),
        points[0].waveforms if same else tuple(number), [(k, s.labels) for k, s in enumerate(points)],
    )  # fmt: skip
