"""Cut what all sequencers did into shots, and find those that are alike: a thousand averages are rendered once.

A shot ends after an acquisition when nothing is played or acquired for QUIET_NS; it begins with the next play or
acquisition of any sequencer. That is what the virtual lab takes for a shot that starts at rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qctl.cext.q1_shots import fingerprint
from qctl.hil.instruments.qblox.core import ACQUIRES, PLAY

__all__ = ["QUIET_NS", "Done", "Shots", "cut"]

QUIET_NS = 5_000


@dataclass(frozen=True, slots=True, eq=False)
class Done:
    """What one sequencer did.

    Attributes
    ----------
    rows : (n,) ROW
        In order of time.
    wave_ns : mapping of int to int
        Length of each waveform.
    weight_ns : mapping of int to int
        Length of each weight.
    integration_ns : int
        Length of an acquisition without weights.
    turns : bool
        Whether its NCO is in use.
    """

    rows: NDArray
    wave_ns: Mapping[int, int]
    weight_ns: Mapping[int, int]
    integration_ns: int
    turns: bool


@dataclass(frozen=True, slots=True, eq=False)
class Shots:
    """The shots of a run.

    Attributes
    ----------
    starts, stops : (n_shots,) int64
        In ns.
    bounds : tuple of ((n_shots,) int64, (n_shots,) int64)
        For each sequencer: its first row in each shot, and the one after the last.
    kinds : (n_shots,) int64
        Shots of the same kind are alike.
    models : (n_kinds,) int64
        A shot of each kind, the first one.
    """

    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    bounds: tuple[tuple[NDArray[np.int64], NDArray[np.int64]], ...]
    kinds: NDArray[np.int64]
    models: NDArray[np.int64]


def _lengths(of: Mapping[int, int], indices: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the length of each index; what is not there has none."""
    table = np.zeros(max(max(of, default=0), int(indices.max(initial=0))) + 1, np.int64)
    for index, length in of.items():
        table[index] = length
    return table[indices]


def _active(done: Done) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return when plays and acquisitions begin and end, and which are acquisitions."""
    rows = done.rows
    plays = rows[rows["operation"] == PLAY]
    plain = rows[(rows["operation"] == ACQUIRES[0]) | (rows["operation"] == ACQUIRES[2])]
    weighed = rows[rows["operation"] == ACQUIRES[1]]
    starts = np.concatenate([plays["time"], plain["time"], weighed["time"]])
    lasts = np.concatenate(
        [
            np.maximum(_lengths(done.wave_ns, plays["a"]), _lengths(done.wave_ns, plays["b"])),
            np.full(len(plain), done.integration_ns, np.int64),
            np.maximum(_lengths(done.weight_ns, weighed["c"]), _lengths(done.weight_ns, weighed["d"])),
        ]
    )
    return starts, starts + lasts, np.arange(len(starts)) >= len(plays)


def cut(sequencers: Sequence[Done]) -> Shots:
    """Return the shots in which what all sequencers did falls apart."""
    parts = [_active(done) for done in sequencers]
    starts, stops, acquires = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.argsort(starts, kind="stable")
    starts, stops, acquires = starts[order], np.maximum.accumulate(stops[order]), acquires[order]
    quiet = np.flatnonzero(starts[1:] - stops[:-1] >= QUIET_NS) + 1
    edges = np.concatenate([[0], quiet, [len(starts)]]).astype(np.int64)
    # What is played before the first acquisition of a shot belongs to it, however long the pause.
    measured = np.add.reduceat(acquires, edges[:-1]) > 0 if len(starts) else np.empty(0, bool)
    first = np.concatenate([[0], np.flatnonzero(measured[:-1]) + 1]) if len(measured) else np.empty(0, np.int64)
    begins = edges[:-1][first]
    ends = np.concatenate([begins[1:], [len(starts)]]).astype(np.int64) if len(begins) else begins
    origins = np.ascontiguousarray(starts[begins], np.int64)
    lasts = np.ascontiguousarray(stops[ends - 1], np.int64)
    prints = np.zeros(len(origins), np.uint64)
    bounds = []
    for done in sequencers:
        times = np.ascontiguousarray(done.rows["time"])
        low, high = np.searchsorted(times, origins), np.searchsorted(times, lasts)
        fingerprint(done.rows, low, high, origins, ACQUIRES[0], ACQUIRES[-1], done.turns, prints)
        bounds.append((low, high))
    _, models, kinds = np.unique(prints, return_index=True, return_inverse=True)
    # Kinds are numbered as they come, so that lab time goes on as the program does.
    rank = np.argsort(np.argsort(models))
    return Shots(origins, lasts, tuple(bounds), rank[kinds], np.sort(models))
