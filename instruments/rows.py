"""The plays and captures of many points as two flat tables, with one table of waveforms: what modules are made from."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import lru_cache
from math import ceil

import msgspec
import numpy as np
from numpy.typing import NDArray

from qctl.cext import shots as kernel
from qctl.program.conditions import Condition
from qctl.program.straights import Straights, counted, joined
from qctl.program.tables import Waveform
from qctl.program.timeline import CaptureSpec, Shots, Straight
from qctl.units import rational_s

__all__ = ["Rows", "alike", "conditions_of", "deciding", "rows_of"]


class Rows(msgspec.Struct, frozen=True, eq=False):
    """All points of a batch.

    Attributes
    ----------
    plays : (n_plays,) PLAY
        Of all points, one after the other; `waveform` indexes `waveforms`.
    bounds : (n_points + 1,) int64
        Where each point begins.
    captures : (n_captures,) CAPTURE
        Of all points; `capture` indexes `specs`.
    capture_bounds : (n_points + 1,) int64
        Where each point begins.
    waveforms : tuple of Waveform
        Unit envelopes.
    specs : tuple of CaptureSpec
        One for each kind of capture; alike ones of several programs are one.
    ports : mapping of str to int
        Index of each port in the rows.
    length_ns : int
        The longest point, rounded up.
    counts : (n_ports, n_waveforms) int
        How many plays of each there are.
    waves, kinds : tuple of tuple of int
        Of each port, the waveforms that it plays, and the captures that it has.
    n_plays, n_captures : tuple of int
        How many there are on each port.
    played, captured : tuple of int
        Ports with any play, and with any capture.
    """

    plays: NDArray
    bounds: NDArray[np.int64]
    captures: NDArray
    capture_bounds: NDArray[np.int64]
    waveforms: tuple[Waveform, ...]
    specs: tuple[CaptureSpec, ...]
    ports: dict[str, int]
    length_ns: int
    counts: NDArray[np.int64]
    waves: tuple[tuple[int, ...], ...]
    kinds: tuple[tuple[int, ...], ...]
    n_plays: tuple[int, ...]
    n_captures: tuple[int, ...]
    played: tuple[int, ...]
    captured: tuple[int, ...]


_last: list[tuple[Sequence[Straight], Shots, Rows]] = []
"""What was made last: the modules of a rack ask for the same, one after the other."""


def rows_of(straights: Sequence[Straight], shots: Shots) -> Rows:
    """Return all points of a batch as flat tables."""
    for old_straights, old_shots, rows in _last:
        if old_straights is straights and old_shots.captures is shots.captures:
            return rows
    rows = _rows(straights, shots)
    _last[:] = [(straights, shots, rows)]
    return rows


def conditions_of(straights: Sequence[Straight]) -> list[Sequence[Condition | None]]:
    """Return the condition of each play of each point; an empty list where all always happen."""
    if isinstance(straights, Straights) and straights.conditions:
        return [straights.conditions_of(p) for p in range(len(straights))]
    return []


def deciding(rows: Rows, conditions: Sequence[Sequence[Condition | None]], what: str) -> frozenset[int]:
    """Return a field (``port`` or ``capture``) of all captures that any play depends on."""
    if not conditions:
        return frozenset()
    found: set[int] = set()
    for first, mine in zip(rows.capture_bounds.tolist(), conditions, strict=False):
        for column in {c for when in mine if when is not None for c in when.captures}:
            found.add(int(rows.captures[what][first + column]))
    return frozenset(found)


def _rows(straights: Sequence[Straight], shots: Shots) -> Rows:
    flat = joined(straights)
    captures = flat.captures.copy()
    specs = _numbered(captures, flat.capture_bounds, shots)
    length_s = float(np.maximum.reduce(flat.lengths_s, initial=0.0))
    ports = {port.name: k for k, port in enumerate(flat.ports)}
    counts, caught = counted(flat), np.empty((len(ports), max(len(specs), 1)), np.int64)
    kernel.caught(captures, caught)
    (waves, played), (kinds, captured) = _found(counts), _found(caught)
    return Rows(
        flat.plays, flat.bounds, captures, flat.capture_bounds, flat.waveforms, specs, ports, _whole_ns(length_s),
        counts, waves, kinds, tuple(map(sum, counts.tolist())), tuple(map(sum, caught.tolist())), played, captured,
    )  # fmt: skip


def _found(counts: NDArray[np.int64]) -> tuple[tuple[tuple[int, ...], ...], tuple[int, ...]]:
    """Return the columns of each row that are not 0, and the rows that have any."""
    return _columns(counts.astype(bool).tobytes(), *counts.shape)


@lru_cache(maxsize=1024)
def _columns(found: bytes, n_rows: int, n: int) -> tuple[tuple[tuple[int, ...], ...], tuple[int, ...]]:
    """Return the same of zeros and ones; sequences of the same gates play the same waveforms on the same ports."""
    columns = tuple(tuple(k for k in range(n) if found[row * n + k]) for row in range(n_rows))
    return columns, tuple(k for k, row in enumerate(columns) if row)


@lru_cache(maxsize=1024)
def _whole_ns(length_s: float) -> int:
    """Return whole nanoseconds, rounded up."""
    return ceil(rational_s(length_s) * 10**9)


def _numbered(captures: NDArray, bounds: NDArray[np.int64], shots: Shots) -> tuple[CaptureSpec, ...]:
    """Give captures of the same kind the same number, over all programs; return the kinds."""
    kinds: dict[tuple[object, ...], int] = {}
    specs: list[CaptureSpec] = []
    n_points = len(bounds) - 1
    parts: dict[int, list[CaptureSpec]] = {}
    for spec in shots.captures:
        parts.setdefault(spec.first_point - shots.first_point, []).append(spec)
    for first, members in parts.items():
        table = []
        for spec in members:
            weights = None if spec.weights is None else spec.weights.tobytes()
            key = (spec.port, spec.slot, spec.length_s, spec.if_hz, spec.mode, weights)
            if key not in kinds:
                kinds[key] = len(specs)
                specs.append(spec)
            table.append(kinds[key])
        if table != list(range(len(table))):
            begin, end = max(first, 0), min(first + members[0].n_points, n_points)
            part = captures[bounds[begin] : bounds[end]]
            part["capture"] = np.array(table, np.uint32)[part["capture"]]
    return tuple(specs)


def alike(rows: Rows, ports: Sequence[int]) -> Hashable | None:
    """Return all that decides what is played and captured on some ports, as a key; None where points differ.

    Captures with weights or a swept frequency are not looked at: there is no key for them.
    """
    n = len(rows.bounds) - 1
    if any(one.weights is not None or one.ifs_hz is not None for one in rows.specs):
        return None
    each = int(rows.capture_bounds[1]) if n else 0
    if not n or not (rows.capture_bounds == each * np.arange(n + 1)).all():
        return None
    caught = rows.captures[:each].tobytes()
    if rows.captures.tobytes() != n * caught:
        return None
    chosen = np.zeros(len(rows.ports), np.int8)
    for port in ports:
        chosen[port] = 1
    specs = tuple([(one.port, one.slot, one.length_s, one.if_hz, one.mode) for one in rows.specs])
    played = kernel.alike(rows.plays, rows.bounds, chosen)
    return None if played is None else (n, tuple(ports), played, caught, specs, rows.waveforms)
