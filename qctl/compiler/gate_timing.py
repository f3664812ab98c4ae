"""Time lines of gates alone: two calls of one kernel for all of them, with what the processor's tables decide kept."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.cext import gate_times as kernel
from qctl.cext import recycled
from qctl.compiler.lasting import Clocks, clocks_of, fitted, nearest_of
from qctl.compiler.rows import Rows
from qctl.compiler.tables import Tables, wide
from qctl.program.tables import Waveform
from qctl.program.timeline import CAPTURE, PLAY, PortClock
from qctl.units import common_grid_s, rational_s

__all__ = ["Played", "gates_played", "known_lengths", "lead_of", "ports_of", "step_of"]


class Played(NamedTuple):
    """What is played and captured by all lines.

    Attributes
    ----------
    plays, play_rows, captures, captures_hz, capture_rows, ends_s
        As `frames.walk` fills them.
    order, counts
        As `schedule.schedule` fills them.
    ports : tuple of PortClock
        With their errors.
    waveforms : tuple of Waveform
        Those that are played; `plays` number them.
    used : (n_ports, n_waveforms) int64 or None
        How many plays of each there are; None where they have not been counted.
    alike : bool
        Whether all lines are known to capture the same at the same time.
    """

    plays: NDArray
    play_rows: NDArray[np.int32]
    captures: NDArray
    captures_hz: NDArray[np.float64]
    capture_rows: NDArray[np.int32]
    ends_s: NDArray[np.float64]
    order: NDArray[np.int32]
    counts: NDArray[np.int64]
    ports: tuple[PortClock, ...]
    waveforms: tuple[Waveform, ...]
    used: NDArray[np.int64] | None = None
    alike: bool = False


def gates_played(rows: Rows, tables: Tables, units: int, lengths: NDArray[np.int64]) -> Played | None:
    """Return what lines of gates alone play; None where the kernels for all lines must take them, or say what is wrong.

    Parameters
    ----------
    rows : Rows
        All sequences, with one point each.
    tables : Tables
        The processor.
    units : int
        Units of time in a second.
    lengths : (n, 2) int64
        All lengths in them, those of the tables first.
    """
    known = _known(tables, units)
    if known is None or rows.waves or rows.captures or len(rows.frames) or 0 in rows.late.tobytes():
        return None
    table, bounds = rows.rows, rows.bounds
    n, n_plays, n_captures = len(bounds) - 1, *kernel.sizes(table)
    order = recycled.empty(len(table), np.int32)
    counts, spans = np.empty((n, 4), np.int64), np.empty((n, 4), np.int64)
    plays, play_rows = recycled.empty(n_plays, PLAY), recycled.empty(n_plays, np.int32)
    captures, captures_hz = np.empty(n_captures, CAPTURE), np.empty(n_captures)
    capture_rows, ends_s = np.empty(n_captures, np.int32), np.empty(n)
    used, residuals = np.empty(known.shape, np.int64), np.empty(known.shape[0], np.int64)
    lasts = recycled.empty(n_plays if len(known.lengths) else 0, np.int64)
    found = known.times.time(
        table, bounds, rows.words, rows.places, lengths, order, counts, spans, used, plays, play_rows, captures,
        captures_hz, capture_rows,
    )  # fmt: skip
    if found is None:
        return None
    latest, lines, waves = found
    target = _target(tables, units, lines, latest) if lines else known.early
    numbers, waveforms, nearest, columns = _numbered(tables, units, waves)
    alike = known.times.place(
        table, bounds, counts, spans, target, known.early, numbers, known.lengths, plays, lasts, captures, captures_hz,
        capture_rows, ends_s, residuals,
    )  # fmt: skip
    if alike is None:
        return None
    if len(waves) < used.shape[1]:
        used = used.take(columns, axis=1)
    if nearest is not None:
        waveforms, with_fitted = fitted(plays, lasts, waveforms, known.clocks, nearest)
        used = used if with_fitted is None else with_fitted
    return Played(
        plays, play_rows, captures, captures_hz, capture_rows, ends_s, order, counts,
        _ports(tables, units, tuple(residuals.tolist())), waveforms, used, alike,
    )  # fmt: skip


class _Known(NamedTuple):
    """What is the same for all calls.

    Attributes
    ----------
    times : GateTimes
    shape : (int, int)
        Lines, and waveforms.
    early : int
        Units from time zero to the begin of lines without captures.
    denominators : tuple of int
        What the errors on each line are counted in: parts of a tick.
    lengths : (n_waveforms or 0,) int64
        Of waveforms, in units, if any is no whole number of ticks where it is played.
    ragged : tuple of bool
        Which are not.
    clocks : Clocks
        Of the lines.
    nearest : (n_clocks, n_waveforms) int64
        See `lasting.nearest_of`.
    """

    times: kernel.GateTimes
    shape: tuple[int, int]
    early: int
    denominators: tuple[int, ...]
    lengths: NDArray[np.int64]
    ragged: tuple[bool, ...]
    clocks: Clocks
    nearest: NDArray[np.int64]


@lru_cache(maxsize=64)
def _known(tables: Tables, units: int) -> _Known | None:
    """Return what times gates on a processor, or None where it is not for this one."""
    lines, lengths_s = tables.lines.lines, tables.lengths_s
    ratios = [line.rate_hz / units for line in lines]
    offsets = [
        round((lengths_s[row[6]] + (lines[row[3]].delay_s if row[3] >= 0 else 0)) * units)
        for row in tables.qubits.tolist()
    ]
    early = round(lead_of(tables) * units)
    n_waves = len(tables.waveforms)
    try:
        times = kernel.GateTimes(
            tables.qubit_lines, tables.qubits, tables.couplers, tables.pairs, tables.line_table,
            known_lengths(tables, units), tables.volts, tables.pair_values, tables.carriers, tables.states_hz,
            np.array([(x.numerator, x.denominator) for x in ratios], np.int64).reshape(-1, 2),
            np.array(offsets, np.int64), units, n_waves,
        )  # fmt: skip
    except (ValueError, OverflowError):
        return None
    if early >> 59:
        return None
    lasting = [rational_s(float(wave.params[0])) for wave in tables.waveforms]  # type: ignore[arg-type]
    sounds = [(row[2], row[7]) for row in tables.qubits.tolist()] + [(row[3], row[8]) for row in tables.qubits.tolist()]
    sounds += [(row[1], row[2]) for row in tables.pairs.tolist()]
    ragged, played = [False] * len(lasting), np.zeros((len(lines), len(lasting)), np.bool_)
    for line, wave in sounds:
        if line >= 0:
            ragged[wave] |= (lasting[wave] * lines[line].rate_hz).denominator > 1
            played[line, wave] = True
    lengths = np.array([round(length * units) for length in lasting] if any(ragged) else [], np.int64)
    denominators = tuple(ratio.denominator for ratio in ratios)
    clocks = clocks_of(tuple(line.rate_hz for line in lines))
    nearest = nearest_of(tables.waveforms, clocks, played)
    return _Known(times, (len(lines), max(n_waves, 1)), early, denominators, lengths, tuple(ragged), clocks, nearest)


def _target(tables: Tables, units: int, lines: tuple[int, ...], latest: int) -> int:
    """Return the time of all first captures: on the common grid of their clocks, the first that is not too early."""
    step, lead, whole = _grid(tables, units, lines)
    if whole:
        return -(-(latest + whole[1]) // whole[0]) * whole[0]
    return round(ceil((Fraction(latest, units) + lead) / step) * step * units)


@lru_cache(maxsize=256)
def _grid(tables: Tables, units: int, lines: tuple[int, ...]) -> tuple[Fraction, Fraction, tuple[int, int] | tuple[()]]:
    """Return the grid of some lines' clocks, how early the earliest line is, and both in units where they are whole."""
    clocks = [tables.lines.lines[k] for k in lines]
    step = step_of(tuple(rate for x in clocks for rate in (x.rate_hz, x.record_hz) if rate is not None))
    lead = lead_of(tables)
    whole = (step * units, lead * units)
    return step, lead, tuple(x.numerator for x in whole) if all(x.denominator == 1 for x in whole) else ()  # type: ignore[return-value]


@lru_cache(maxsize=256)
def _numbered(
    tables: Tables, units: int, waves: tuple[int, ...]
) -> tuple[NDArray[np.uint32], tuple[Waveform, ...], NDArray[np.int64] | None, NDArray[np.intp]]:
    """Return each waveform's number among those played, these, their nearest ticks if any is ragged, and `waves`."""
    known = _known(tables, units)
    assert known is not None
    numbers = np.zeros(max(len(tables.waveforms), 1), np.uint32)
    numbers[list(waves)] = np.arange(len(waves), dtype=np.uint32)
    same = len(waves) == len(tables.waveforms)
    nearest = np.ascontiguousarray(known.nearest[:, waves]) if any(known.ragged[k] for k in waves) else None
    waveforms = tables.waveforms if same else tuple(tables.waveforms[k] for k in waves)
    return numbers, waveforms, nearest, np.array(waves, np.intp)


@lru_cache(maxsize=256)
def _ports(tables: Tables, units: int, residuals: tuple[int, ...]) -> tuple[PortClock, ...]:
    """Return ports with their errors, which are given in parts of a tick."""
    known = _known(tables, units)
    assert known is not None
    errors = zip(residuals, known.denominators, strict=True)
    return ports_of(tables, tuple(Fraction(n, of) if n else 0 for n, of in errors))


@lru_cache(maxsize=256)
def ports_of(tables: Tables, errors: tuple[Fraction | int, ...]) -> tuple[PortClock, ...]:
    """Return ports with the largest errors of their starts, which are given in ticks."""
    return tuple(
        PortClock(line.port.name, line.rate_hz, float(error / line.rate_hz) if error else 0.0)
        for line, error in zip(tables.lines.lines, errors, strict=True)
    )


@lru_cache(maxsize=64)
def known_lengths(tables: Tables, units: int) -> NDArray[np.int64]:
    """Return a processor's own lengths in units."""
    return wide(tables.lengths_s, units)


@lru_cache(maxsize=64)
def lead_of(tables: Tables) -> Fraction:
    """Return how much earlier than its pulse the earliest line is."""
    return max(-min((line.delay_s for line in tables.lines.lines), default=Fraction(0)), Fraction(0))


@lru_cache(maxsize=64)
def step_of(rates_hz: tuple[Fraction, ...]) -> Fraction:
    """Return the common grid of clocks, or the tick of the first if there is none."""
    return common_grid_s(list(rates_hz)) or Fraction(1) / rates_hz[0]
