"""Time: give every item its start, exactly, and every play and capture its tick; the work is done by two kernels.

Pulses keep to the ASAP rule of OpenPulse: an item starts when all its lines are free. Circuits of gates alone are timed
from the end, because a qubit that waits in its ground state loses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import ceil, lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.cext import frames, schedule
from qctl.compiler.captures import specs_of
from qctl.compiler.labels import Actions, Labels, Lined, Names
from qctl.compiler.lines import Lines
from qctl.compiler.refusals import refuse_frames, refuse_schedule
from qctl.compiler.rows import Rows, rows_of
from qctl.compiler.steps import StepLine
from qctl.compiler.sweep_values import grid_of
from qctl.compiler.tables import FINEST, Tables, whole, wide
from qctl.compiler.times import Times
from qctl.errors import TimingError
from qctl.program.body import Body
from qctl.program.conditions import Condition
from qctl.program.straights import Straights, bounds_of
from qctl.program.tables import Sweep, Waveform
from qctl.program.timeline import CAPTURE, PLAY, CaptureSpec, PortClock, Timeline
from qctl.units import common_grid_s

__all__ = ["Timing", "time_program", "time_rows", "time_straights"]


def time_program(line: StepLine, body: Body, tables: Tables) -> Timeline:
    """Return the timeline of a straight line on physical qubits.

    The first capture starts at the same tick of every point, on the common grid of the clocks: a swept delay moves what
    comes before it.

    Parameters
    ----------
    line : StepLine
        rz, sx, cz, measurements and pulses on the processor's qubits.
    body : Body
        The program that the steps came from, for its tables.
    tables : Tables
        The processor with its calibrated values.

    Raises
    ------
    CompileError
        If something can't be timed; the message names it.
    """
    grid, n_points = grid_of(line.axes)
    rows = rows_of(line.steps, body, tables, grid, n_points)
    (timeline,) = time_rows(rows, (body,), tables, n_points, line.axes, line.n_repeats)
    return timeline


def time_rows(
    rows: Rows, bodies: Sequence[Body], tables: Tables, n_points: int = 1, axes: tuple[Sweep, ...] = (),
    n_repeats: int = 1, kept: list[Timing] | None = None,
) -> tuple[Timeline, ...]:  # fmt: skip
    """Return the timeline of each sequence of rows; the first captures of all of them are at one time.

    Parameters
    ----------
    rows : Rows
        All sequences.
    bodies : sequence of Body
        The program of each sequence.
    tables : Tables
        The processor.
    n_points, axes, n_repeats
        Points of each sequence, the sweeps that make them, and the count of the loops around them.
    kept : list of Timing, optional
        Takes what all of them were made from.

    Raises
    ------
    CompileError
        If something can't be timed; the message names it.
    """
    timing = Timing(rows, tables, n_points).run(bodies)
    if kept is not None:
        kept.append(timing)
    return timing._timelines(bodies, axes, n_repeats)


def time_straights(
    rows: Rows, body: Body, tables: Tables
) -> tuple[Straights, list[tuple[CaptureSpec, ...]], Timing]:  # fmt: skip
    """Return the points of sequences of one program, what each of them captures, and what both were made from.

    Parameters
    ----------
    rows : Rows
        All sequences; the first captures of all of them are at one time.
    body : Body
        For the names of qubits and bits.
    tables : Tables
        The processor.

    Raises
    ------
    CompileError
        If something can't be timed; the message names it.
    """
    timing = Timing(rows, tables, 1).run([body] * (len(rows.bounds) - 1))
    return *timing._straights(body), timing


@dataclass(frozen=True, slots=True, eq=False)
class _Played:
    """What the second kernel fills."""

    plays: NDArray
    play_rows: NDArray[np.int32]
    captures: NDArray
    captures_hz: NDArray[np.float64]
    capture_rows: NDArray[np.int32]
    ends_s: NDArray[np.float64]
    residuals: NDArray[np.int64]


class Timing:
    """The state of one call, which is kept for patches: rows, tables, order, counts and plays of all sequences."""

    def __init__(self, rows: Rows, tables: Tables, n_points: int) -> None:
        self.rows = rows
        self.tables = tables
        self.n_points = n_points
        self.n_sequences = len(rows.bounds) - 1
        denominators = [x.denominator for x in rows.lengths]
        self.units = min(lcm(tables.units, *denominators), FINEST)
        n_known = len(tables.lengths_s)
        fixed: list[Fraction] = list(tables.lengths_s)
        swept: list[NDArray[np.int64]] = []
        self.index = list(range(n_known))
        for length in rows.lengths:
            self.index.append(-len(swept) - 1 if isinstance(length, Times) else len(fixed))
            if isinstance(length, Times):
                swept.append(wide(length, self.units))
            else:
                fixed.append(length)
        # Lengths of one number for all points stand before those of one a point.
        self.numbers = np.array([k if k >= 0 else len(fixed) - 1 - k for k in self.index], np.int32)
        self.lengths = wide(fixed, self.units) if rows.lengths else _known_lengths(tables, self.units)
        self.swept = np.ascontiguousarray(np.stack(swept)) if swept else np.empty((0, n_points, 2), np.int64)
        self.fixed = fixed

    def run(self, bodies: Sequence[Body]) -> Timing:
        """Time all sequences, and return what was made."""
        rows, tables, n_points = self.rows, self.tables, self.n_points
        table = rows.rows
        if rows.lengths and (delays := table["op"] == 0x00A).any():
            table = table.copy()
            table["b"][delays] = self.numbers[table["b"][delays]]
        common: tuple[Any, ...] = (
            table, rows.bounds, rows.words, rows.places, tables.qubit_lines, tables.qubits, tables.couplers,
            tables.pairs, tables.line_table, rows.frames, self.numbers[[x for _, x in rows.waves]],
            self.numbers[[x for _, x in rows.captures]], self.lengths, self.swept, n_points,
        )  # fmt: skip
        n_rows = len(table)
        order, joined = np.zeros(n_rows, np.int32), np.empty(n_rows, np.int32)
        counts = np.empty((self.n_sequences, 4), np.int64)
        starts = np.zeros((n_rows * n_points, 2), np.int64)
        free = np.empty((2 * len(tables.line_table) + 1, 2), np.int64)
        fault = np.zeros(3, np.int64)
        marks = np.empty(len(tables.names) + 1, np.int8)
        schedule.schedule(*common[:3], rows.late, *common[3:], order, joined, counts, starts, free, marks, fault)  # type: ignore[call-arg]
        if fault[0]:
            names = Names(rows, tables, bodies[int(fault[1])])
            refuse_schedule(schedule.FAULTS[int(fault[0])], int(rows.bounds[fault[1]] + fault[2]), names)
        self._check_range(starts)
        shifts = self._shifts(order, counts, starts)
        n_plays, n_captures = int(counts[:, 1].sum()) * n_points, int(counts[:, 2].sum()) * n_points
        made = _Played(
            np.empty(n_plays, PLAY), np.empty(n_plays, np.int32), np.empty(n_captures, CAPTURE), np.empty(n_captures),
            np.empty(n_captures, np.int32), np.empty(self.n_sequences * n_points),
            np.zeros((len(tables.line_table), 2), np.int64),
        )  # fmt: skip
        state = np.empty((len(rows.states_hz), 2))
        frames.walk(  # type: ignore[call-arg]
            *common, tables.volts, tables.pair_values, tables.carriers, _clocks(tables.lines, self.units)[0],
            rows.frame_states, rows.states_hz, rows.wave_table, rows.values, order, counts, starts, shifts,
            _unit(self.units), state, made.plays, made.play_rows, made.captures, made.captures_hz,
            made.capture_rows, made.ends_s, made.residuals, fault,
        )  # fmt: skip
        if fault[0]:
            s = int(fault[1]) // n_points
            row = int(rows.bounds[s] + fault[2])
            refuse_frames(frames.FAULTS[int(fault[0])], row, Names(rows, tables, bodies[s]), state)
        for array in (made.plays, made.captures, made.ends_s):
            array.setflags(write=False)
        self.made, self.order, self.counts, self.starts, self.shifts = made, order, counts, starts, shifts
        return self

    def _check_range(self, starts: NDArray[np.int64]) -> None:
        """Refuse times whose ticks would not fit: the products of the kernel have 127 bits, and ticks 63."""
        if not len(starts):
            return
        highest = int(np.abs(starts[:, 1]).max()) + 1
        if highest == 1:
            highest, scale = int(starts[:, 0].view(np.uint64).max()) + 1, 1
        else:
            scale = 1 << 64
        _, longest, rate_hz = _clocks(self.tables.lines, self.units)
        if highest * scale > longest:
            seconds = highest * scale / self.units
            raise TimingError(f"time_s = {seconds:g} is over 2**63 ticks of {float(rate_hz):g} Hz")

    def _shifts(
        self, order: NDArray[np.int32], counts: NDArray[np.int64], starts: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return what moves every point so that its first capture is at one time, on the clocks' common grid."""
        tables, rows, n_points = self.tables, self.rows, self.n_points
        lead = _lead(tables)
        n, early = self.n_sequences * n_points, round(lead * self.units)
        having = np.flatnonzero(counts[:, 3] >= 0)
        if not len(having):
            return _pairs(np.full(n, early, object))
        first = rows.bounds[having]
        items = counts[having, 3]
        lines, offsets, index = self._offsets(rows.rows[first + order[first + items]])
        at = first + items
        if n_points > 1:
            sizes = np.diff(rows.bounds)[having]
            at = (first[:, None] * n_points + np.arange(n_points) * sizes[:, None] + items[:, None]).ravel()
            index = np.repeat(index, n_points)
        # NumPy's whole numbers wrap at 63 bits, Python's don't.
        low, high = starts[at, 0], starts[at, 1]
        short = not high.any() and low.min() >= 0 and max(map(abs, (*offsets, early, int(low.max())))) < 2**59
        found = low if short else np.array(whole(starts[at]), object)
        wanted = found + np.array(offsets, found.dtype)[index]
        latest = Fraction(int(wanted.max()), self.units) + lead
        clocks = {tables.lines.lines[k] for k in lines}
        step = _step(tuple(rate for x in clocks for rate in (x.rate_hz, x.record_hz) if rate is not None))
        target = round(ceil(latest / step) * step * self.units)
        shifts = np.full(n, early, np.int64 if short and target < 2**61 else object)
        shifts[np.repeat(having * n_points, n_points) + np.tile(np.arange(n_points), len(having))] = target - (
            wanted if shifts.dtype == wanted.dtype else wanted.astype(object)
        )
        return _pairs(shifts)

    def _offsets(self, heads: NDArray) -> tuple[list[int], list[int], NDArray[np.int64]]:
        """Return the lines of first captures, the times from their items' starts to them there, in units, and which of
        these each first capture has."""
        tables, rows = self.tables, self.rows
        known: dict[tuple[int, int], int] = {}
        lines, offsets = [], []
        index = [
            known.setdefault(key, len(known)) for key in zip(heads["op"].tolist(), heads["a"].tolist(), strict=True)
        ]
        for op, a in known:
            if op == 0x008:
                q = int(rows.places[a])
                line, delay = int(tables.qubits[q, 3]), tables.lengths_s[tables.qubits[q, 6]]
            else:
                line, delay = int(rows.frames[a]), Fraction(0)
            lines.append(line)
            offsets.append(round((delay + tables.lines.lines[line].delay_s) * self.units))
        return lines, offsets, np.array(index)

    def _shared(self) -> tuple[tuple[PortClock, ...], tuple[Waveform, ...]]:
        """Return what all sequences have together: ports with their errors, and the waveforms that are played."""
        self.made.plays.setflags(write=True)
        waveforms = _used(self.made.plays, self.rows.waveforms)
        self.made.plays.setflags(write=False)
        ports = tuple(
            PortClock(
                x.port.name,
                x.rate_hz,
                float(Fraction(error, self.units * x.rate_hz.denominator) / x.rate_hz) if error else 0.0,
            )
            for x, error in zip(self.tables.lines.lines, whole(self.made.residuals), strict=True)
        )
        return ports, waveforms

    def _straights(self, body: Body) -> tuple[Straights, list[tuple[CaptureSpec, ...]]]:
        made, n = self.made, self.n_sequences
        ports, waveforms = self._shared()
        specs = specs_of(
            self.rows, [body] * n, self.tables, 1, made.captures, made.captures_hz, made.capture_rows, self.counts
        )
        bounds = bounds_of(self.counts[:, 1])
        labels = Lined(Names(self.rows, self.tables, body), made.play_rows, bounds, self.rows.bounds)
        flat = Straights(
            made.plays, bounds, made.captures, bounds_of(self.counts[:, 2]), made.ends_s, ports, waveforms, labels
        )
        return flat, specs

    def _timelines(
        self, bodies: Sequence[Body], axes: tuple[Sweep, ...], n_repeats: int
    ) -> tuple[Timeline, ...]:  # fmt: skip
        rows, tables, n_points, made = self.rows, self.tables, self.n_points, self.made
        order, counts, starts, shifts = self.order, self.counts, self.starts, self.shifts
        ports, waveforms = self._shared()
        specs = specs_of(rows, bodies, tables, n_points, made.captures, made.captures_hz, made.capture_rows, counts)
        timelines = []
        play = capture = 0
        firsts, sizes = rows.bounds.tolist(), counts.tolist()
        for s, body in enumerate(bodies):
            n_items, n_plays, n_captures, _ = sizes[s]
            first = firsts[s]
            names = Names(rows, tables, body)
            shape = n_points * n_plays
            begin = first * n_points
            items, begins = order[first : first + n_items], starts[begin : begin + n_items]
            play_rows = made.play_rows[play : play + n_plays]
            conditions = _conditions(rows, play_rows, made.capture_rows[capture : capture + n_captures])
            timeline = Timeline(
                Actions(names, items, first, begins, shifts[s * n_points], self.units), ports, waveforms,
                made.plays[play : play + shape].reshape(n_points, n_plays),
                made.captures[capture : capture + n_points * n_captures].reshape(n_points, n_captures),
                made.ends_s[s * n_points : (s + 1) * n_points], axes, specs[s], body.bits, n_repeats,
                Labels(names, play_rows, first), tables.values.processor, conditions=conditions,
            )  # fmt: skip
            timelines.append(timeline)
            play += shape
            capture += n_points * n_captures
        return tuple(timelines)


def _conditions(
    rows: Rows, play_rows: NDArray[np.int32], capture_rows: NDArray[np.int32]
) -> tuple[Condition | None, ...]:  # fmt: skip
    """Return the condition of each play of a sequence that is alone in its rows, over numbers of its captures."""
    if not rows.conditions:
        return ()
    columns = {row: k for k, row in enumerate(capture_rows.tolist())}
    numbers = {event: columns[row] for event, row in rows.events.items()}
    known = {row: when.renumbered(numbers) for row, when in rows.conditions.items()}
    return tuple(known.get(row) for row in play_rows.tolist())


@lru_cache(maxsize=64)
def _clocks(lines: Lines, units: int) -> tuple[NDArray[np.int64], int, Fraction]:
    """Return num and den of every line (t units are t num / den ticks), the longest time in units, and whose it is."""
    pairs = [(Fraction(line.rate_hz.numerator), Fraction(line.rate_hz.denominator * units)) for line in lines.lines]
    bounds = [(min(2**62 * units // x.rate_hz, 2**124 // x.rate_hz.numerator), x.rate_hz) for x in lines.lines]
    longest, rate_hz = min(bounds, default=(2**124, Fraction(1)))
    table = np.ascontiguousarray(wide([x for pair in pairs for x in pair], 1).reshape(-1, 4))
    table.setflags(write=False)
    return table, int(longest), rate_hz


@lru_cache(maxsize=64)
def _known_lengths(tables: Tables, units: int) -> NDArray[np.int64]:
    """Return a processor's own lengths in units."""
    return wide(tables.lengths_s, units)


@lru_cache(maxsize=64)
def _unit(units: int) -> NDArray[np.int64]:
    """Return the units of time in a second."""
    one: NDArray[np.int64] = wide([Fraction(1)], units)[0]
    return one


@lru_cache(maxsize=64)
def _lead(tables: Tables) -> Fraction:
    """Return how much earlier than its pulse the earliest line is."""
    return max(-min((line.delay_s for line in tables.lines.lines), default=Fraction(0)), Fraction(0))


@lru_cache(maxsize=64)
def _step(rates_hz: tuple[Fraction, ...]) -> Fraction:
    """Return the common grid of clocks, or the tick of the first if there is none."""
    return common_grid_s(list(rates_hz)) or Fraction(1) / rates_hz[0]


def _used(plays: NDArray, waveforms: tuple[Waveform, ...]) -> tuple[Waveform, ...]:
    """Number the plays' waveforms anew, so that only those that are played are left, in their order; return these."""
    used = np.bincount(plays["waveform"], minlength=len(waveforms)) > 0
    if used.all():
        return waveforms
    plays["waveform"] = (np.cumsum(used) - 1).astype(np.uint32)[plays["waveform"]]
    return tuple(wave for wave, played in zip(waveforms, used.tolist(), strict=True) if played)


def _pairs(numbers: NDArray) -> NDArray[np.int64]:
    """Return whole numbers of 128 bits as pairs, low half first."""
    if numbers.dtype == np.int64 or all(-(2**63) <= n < 2**63 for n in numbers.tolist()):
        low = numbers.astype(np.int64)
        return np.ascontiguousarray(np.stack([low, low >> 63], axis=1))
    return wide([Fraction(n) for n in numbers.tolist()], 1)
