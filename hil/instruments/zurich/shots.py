"""Cut what sequencers did into shots, and find those that are alike: a thousand averages are rendered once.

Sequencers that wait for one trigger play on by themselves: a shot ends after an integration when nothing is played or
integrated for QUIET_S. Where each shot has a trigger of its own, it begins there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError
from qctl.hil.instruments.alike import kinds_of, sums_of_prints
from qctl.hil.instruments.zurich.rendering import Track, is_turned
from qctl.hil.instruments.zurich.sequence import ENTRY, LOOK, RESET, START, TRIGGER, WAVE

__all__ = ["GRID_S", "QUIET_S", "Shots", "cut", "parted", "with_phases"]

QUIET_S = 5e-6
GRID_S = 40e-9
"""Shots begin at multiples of it: a whole number of samples of all devices."""


class Shots(NamedTuple):
    """The shots of a run.

    Attributes
    ----------
    starts_s, stops_s : (n_shots,) float64
        After the trigger; where each shot has its own, both count from that.
    bounds : tuple of ((n_shots,) int64, (n_shots,) int64)
        For each track: its first row in each shot, and the one after the last.
    origins : tuple of (n_shots,) int64
        For each track: the sample in which each shot begins.
    kinds, models : (n_shots,) int64, (n_kinds,) int64
        Shots of one kind are alike; the first shot of each kind.
    """

    starts_s: NDArray[np.float64]
    stops_s: NDArray[np.float64]
    bounds: tuple[tuple[NDArray[np.int64], NDArray[np.int64]], ...]
    origins: tuple[NDArray[np.int64], ...]
    kinds: NDArray[np.int64]
    models: NDArray[np.int64]


def with_phases(track: Track) -> Track:
    """Return a track that knows how long the oscillators that turn its plays have run; 0 where none does."""
    rows = track.rows
    if not len(rows) or not is_turned(track):
        return track
    marks = np.where(rows["operation"] == RESET, rows["time"], 0)
    last = np.maximum.accumulate(np.where(rows["operation"] == RESET, np.arange(len(rows)), -1))
    begun = np.where(last >= 0, marks[np.maximum(last, 0)], 0)
    plays = np.isin(rows["operation"], (ENTRY, WAVE, LOOK))
    return track._replace(since=np.where(plays, rows["time"] - begun, 0))


def _prints(track: Track, low: NDArray[np.int64], high: NDArray[np.int64], origin: NDArray[np.int64]) -> NDArray:
    """Return a number for what a track does in each shot, equal for equal deeds."""
    rows = track.rows
    n_shots = len(low)
    sizes = high - low
    if not sizes.sum():
        return np.zeros(n_shots, np.uint64)
    index = np.repeat(low - np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes) + np.arange(sizes.sum())
    shot = np.repeat(np.arange(n_shots), sizes)
    columns = (
        rows["time"][index] - origin[shot],
        rows["operation"][index],
        rows["a"][index] + (np.where(rows["operation"][index] == START, rows["read"][index], 0) << 32),
        rows["b"][index],
        track.since[index],
    )
    total = sums_of_prints(columns)
    ends = np.cumsum(sizes)
    return np.asarray(total[ends] - total[ends - sizes])


def cut(tracks: Sequence[Track]) -> Shots:
    """Return the shots into which what all sequencers did after one trigger falls apart."""
    starts, stops, reads = [], [], []
    for track in tracks:
        busy = track.lengths > 0
        rate_hz = track.device.rate_hz
        begin = track.rows["time"][busy] / rate_hz
        starts.append(begin)
        stops.append(begin + track.lengths[busy] / rate_hz)
        reads.append((track.rows["operation"][busy] == START) & (track.rows["b"][busy] != 0))
    start, stop, read = (np.concatenate(parts) for parts in (starts, stops, reads))
    order = np.argsort(start, kind="stable")
    start, stop, read = start[order], np.maximum.accumulate(stop[order]), read[order]
    quiet = np.flatnonzero(start[1:] - stop[:-1] >= QUIET_S) + 1
    edges = np.concatenate([[0], quiet, [len(start)]]).astype(np.int64)
    if not len(start):
        none = np.empty(0, np.int64)
        return Shots(np.empty(0), np.empty(0), tuple((none, none) for _ in tracks), (none,) * len(tracks), none, none)
    measured = np.add.reduceat(read, edges[:-1]) > 0
    first = np.concatenate([[0], np.flatnonzero(measured[:-1]) + 1])
    begins = edges[:-1][first]
    ends = np.concatenate([begins[1:], [len(start)]]).astype(np.int64)
    starts_s = np.floor(start[begins] / GRID_S + 1e-6) * GRID_S
    stops_s = stop[ends - 1]
    bounds, origins, prints = [], [], []
    for track in tracks:
        origin = np.rint(starts_s * track.device.rate_hz).astype(np.int64)
        last = np.rint(stops_s * track.device.rate_hz).astype(np.int64)
        times = track.rows["time"]
        low, high = np.searchsorted(times, origin), np.searchsorted(times, last)
        bounds.append((low, high))
        origins.append(origin)
        prints.append(_prints(track, low, high, origin))
    kinds, models = kinds_of(prints)
    return Shots(starts_s, stops_s, tuple(bounds), tuple(origins), kinds, models)


def parted(tracks: Sequence[Track]) -> Shots:
    """Return the shots that begin with a trigger each.

    Raises
    ------
    RequestError
        If sequencers wait for differently many triggers, or play before the first one.
    """
    bounds, origins, prints, stops = [], [], [], []
    for track in tracks:
        rows = track.rows
        marks = np.flatnonzero(rows["operation"] == TRIGGER)
        if not len(marks) or track.lengths[: marks[0]].any():
            raise RequestError(f"{track.sequencer.place}: it plays before the first trigger")
        low, high = marks, np.append(marks[1:], len(rows))
        origin = rows["time"][marks]
        ends = np.append(rows["time"] + track.lengths, 0)
        stop = np.maximum.reduceat(ends, marks)
        bounds.append((low, high))
        origins.append(origin)
        prints.append(_prints(track, low, high, origin))
        stops.append((stop - origin) / track.device.rate_hz)
    if len({len(origin) for origin in origins}) != 1:
        counts = ", ".join(f"{t.sequencer.place}: {len(o)}" for t, o in zip(tracks, origins, strict=True))
        raise RequestError(f"sequencers wait for differently many triggers ({counts})")
    kinds, models = kinds_of(prints)
    stops_s = np.maximum.reduce(stops)
    return Shots(np.zeros(len(kinds)), stops_s, tuple(bounds), tuple(origins), kinds, models)
