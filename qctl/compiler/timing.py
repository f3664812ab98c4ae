"""Time: give every item its start, exactly, and every play and capture its tick; the work is done by two kernels.

Pulses keep to the ASAP rule of OpenPulse: an item starts when all its lines are free. Circuits of gates alone are timed
from the end, because a qubit that waits in its ground state loses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache, partial
from math import ceil, lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.cext import frames, recycled, schedule, shots
from qctl.compiler.branched import conditions_of, kept_of
from qctl.compiler.captures import specs_of
from qctl.compiler.gate_timing import Played, gates_played, known_lengths, lead_of, ports_of, step_of
from qctl.compiler.labels import Actions, Labels, Lined, Names
from qctl.compiler.lasting import clocks_of, fitted, nearest_of
from qctl.compiler.lines import Lines
from qctl.compiler.refusals import refuse_frames, refuse_schedule
from qctl.compiler.rows import Rows, rows_of
from qctl.compiler.steps import StepLine
from qctl.compiler.sweep_values import grid_of
from qctl.compiler.tables import FINEST, Tables, whole, wide
from qctl.compiler.times import Times
from qctl.errors import TimingError
from qctl.program.body import Body
from qctl.program.straights import Straights, bounds_of
from qctl.program.tables import Sweep, Waveform
from qctl.program.timeline import CAPTURE, PLAY, CaptureSpec, Timeline

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
    if line.kept:
        rows = replace(rows, kept=line.kept)
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
    return timing.timelines(bodies, axes, n_repeats)


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
    bodies = [body] * (len(rows.bounds) - 1)
    timing = Timing(rows, tables, 1).run(bodies)
    return *timing.straights(bodies, body), timing


class Timing:
    """The state of one call, which is kept for patches: rows, tables, order, counts and plays of all sequences."""

    def __init__(self, rows: Rows, tables: Tables, n_points: int) -> None:
        self.rows = rows
        self.tables = tables
        self.n_points = n_points
        self.n_sequences = len(rows.bounds) - 1
        self.units = tables.units
        if rows.lengths:
            self.units = min(lcm(tables.units, *(x.denominator for x in rows.lengths)), FINEST)
        self._times: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None

    def run(self, bodies: Sequence[Body]) -> Timing:
        """Time all sequences, and return what was made."""
        rows, tables = self.rows, self.tables
        fixed = [x for x in rows.lengths if not isinstance(x, Times)]
        made = None
        if self.n_points == 1 and len(fixed) == len(rows.lengths):
            lengths = known_lengths(tables, self.units)
            lengths = np.concatenate([lengths, wide(fixed, self.units)]) if fixed else lengths
            made = gates_played(rows, tables, self.units, lengths)
        self.made = self._played(bodies) if made is None else made
        self.order, self.counts = self.made.order, self.made.counts
        for array in (self.made.plays, self.made.captures, self.made.ends_s):
            array.setflags(write=False)
        return self

    @property
    def times(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the starts of all items, and what is added to those of each point, in units."""
        if self._times is None:
            order, counts, starts = self._scheduled(self._common(), ())
            self._times = starts, self._shifts(order, counts, starts)
        return self._times

    def _common(self) -> tuple[Any, ...]:
        """Return what both kernels for all kinds of lines take."""
        rows, tables, n_points = self.rows, self.tables, self.n_points
        fixed: list[Fraction] = list(tables.lengths_s)
        swept: list[NDArray[np.int64]] = []
        index = list(range(len(fixed)))
        for length in rows.lengths:
            index.append(-len(swept) - 1 if isinstance(length, Times) else len(fixed))
            if isinstance(length, Times):
                swept.append(wide(length, self.units))
            else:
                fixed.append(length)
        # Lengths of one number for all points stand before those of one a point.
        numbers = np.array([k if k >= 0 else len(fixed) - 1 - k for k in index], np.int32)
        table = rows.rows
        if rows.lengths and (delays := table["op"] == 0x00A).any():
            table = table.copy()
            table["b"][delays] = numbers[table["b"][delays]]
        return (
            table, rows.bounds, rows.words, rows.places, tables.qubit_lines, tables.qubits, tables.couplers,
            tables.pairs, tables.line_table, rows.frames, numbers[[x for _, x in rows.waves]],
            numbers[[x for _, x in rows.captures]],
            wide(fixed, self.units) if rows.lengths else known_lengths(tables, self.units),
            np.ascontiguousarray(np.stack(swept)) if swept else np.empty((0, n_points, 2), np.int64), n_points,
        )  # fmt: skip

    def _scheduled(
        self, common: tuple[Any, ...], bodies: Sequence[Body]
    ) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
        """Return the order of all items, how many each sequence has, and their starts."""
        rows, tables = self.rows, self.tables
        n_rows = len(rows.rows)
        order, joined = np.zeros(n_rows, np.int32), np.empty(n_rows, np.int32)
        counts, starts = np.empty((self.n_sequences, 4), np.int64), np.zeros((n_rows * self.n_points, 2), np.int64)
        free, marks = np.empty((2 * len(tables.line_table) + 1, 2), np.int64), np.empty(len(tables.names) + 1, np.int8)
        fault = np.zeros(3, np.int64)
        schedule.schedule(*common[:3], rows.late, *common[3:], order, joined, counts, starts, free, marks, fault)  # type: ignore[call-arg]
        if fault[0]:
            names = Names(rows, tables, bodies[int(fault[1])])
            refuse_schedule(schedule.FAULTS[int(fault[0])], int(rows.bounds[fault[1]] + fault[2]), names)
        self._check_range(starts)
        return order, counts, starts

    def _played(self, bodies: Sequence[Body]) -> Played:
        """Return what lines of any kind play."""
        rows, tables, n_points = self.rows, self.tables, self.n_points
        common = self._common()
        order, counts, starts = self._scheduled(common, bodies)
        shifts = self._shifts(order, counts, starts)
        n_plays, n_captures = int(counts[:, 1].sum()) * n_points, int(counts[:, 2].sum()) * n_points
        plays, captures, captures_hz = np.empty(n_plays, PLAY), np.empty(n_captures, CAPTURE), np.empty(n_captures)
        play_rows, capture_rows = np.empty(n_plays, np.int32), np.empty(n_captures, np.int32)
        ends_s, residuals = np.empty(self.n_sequences * n_points), np.zeros((len(tables.line_table), 2), np.int64)
        state, fault = np.empty((len(rows.states_hz), 2)), np.zeros(3, np.int64)
        lasts = recycled.empty(n_plays, np.int64)
        ragged = frames.walk(  # type: ignore[call-arg]
            *common, tables.volts, tables.pair_values, tables.carriers, _clocks(tables.lines, self.units)[0],
            rows.frame_states, rows.states_hz, rows.wave_table, rows.values, order, counts, starts, shifts,
            _unit(self.units), state, plays, lasts, play_rows, captures, captures_hz, capture_rows, ends_s, residuals,
            fault,
        )  # fmt: skip
        if fault[0]:
            s = int(fault[1]) // n_points
            row = int(rows.bounds[s] + fault[2])
            refuse_frames(frames.FAULTS[int(fault[0])], row, Names(rows, tables, bodies[s]), state)
        self._times = starts, shifts
        waveforms = rows.waveforms
        if ragged:
            clocks = clocks_of(tuple(line.rate_hz for line in tables.lines.lines))
            counts_of = np.empty((len(clocks.of), max(len(waveforms), 1)), np.int64)
            shots.count(plays, counts_of)
            waveforms, _ = fitted(plays, lasts, waveforms, clocks, nearest_of(waveforms, clocks, counts_of))
        waveforms = _used(plays, waveforms)
        ports = ports_of(
            tables,
            tuple(
                Fraction(n, self.units * line.rate_hz.denominator)
                for n, line in zip(whole(residuals), tables.lines.lines, strict=True)
            ),
        )
        return Played(plays, play_rows, captures, captures_hz, capture_rows, ends_s, order, counts, ports, waveforms)

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
        lead = lead_of(tables)
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
        step = step_of(tuple(rate for x in clocks for rate in (x.rate_hz, x.record_hz) if rate is not None))
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

    def _specs(self, bodies: Sequence[Body]) -> list[tuple[CaptureSpec, ...]]:
        made = self.made
        return specs_of(
            self.rows, bodies, self.tables, self.n_points, made.captures, made.captures_hz, made.capture_rows,
            self.counts, made.alike,
        )  # fmt: skip

    def straights(
        self, bodies: Sequence[Body], body: Body | None = None
    ) -> tuple[Straights, list[tuple[CaptureSpec, ...]]]:
        """Return the points of sequences of gates, one of each, and what each captures; `body` names the qubits."""
        made = self.made
        specs = self._specs(bodies)
        bounds = bounds_of(self.counts[:, 1])
        labels = Lined(Names(self.rows, self.tables, body or bodies[0]), made.play_rows, bounds, self.rows.bounds)
        flat = Straights(
            made.plays, bounds, made.captures, bounds_of(self.counts[:, 2]), made.ends_s, made.ports, made.waveforms,
            labels, counts=made.used,
        )  # fmt: skip
        return flat, specs

    def timelines(self, bodies: Sequence[Body], axes: tuple[Sweep, ...], n_repeats: int) -> tuple[Timeline, ...]:
        """Return the timeline of each sequence."""
        rows, tables, n_points, made = self.rows, self.tables, self.n_points, self.made
        specs = self._specs(bodies)
        timelines = []
        play = capture = 0
        firsts, sizes = rows.bounds.tolist(), self.counts.tolist()
        for s, body in enumerate(bodies):
            n_items, n_plays, n_captures, _ = sizes[s]
            first = firsts[s]
            names = Names(rows, tables, body)
            shape = n_points * n_plays
            play_rows = made.play_rows[play : play + n_plays]
            capture_rows = made.capture_rows[capture : capture + n_captures]
            conditions = conditions_of(rows, play_rows, capture_rows)
            if rows.kept:
                specs[s] = kept_of(rows, specs[s], capture_rows)
            timeline = Timeline(
                Actions(names, self.order[first : first + n_items], first, partial(self._starts, s), self.units),
                made.ports, made.waveforms,
                made.plays[play : play + shape].reshape(n_points, n_plays),
                made.captures[capture : capture + n_points * n_captures].reshape(n_points, n_captures),
                made.ends_s[s * n_points : (s + 1) * n_points], axes, specs[s], body.bits, n_repeats,
                Labels(names, play_rows, first), tables.values.processor, conditions=conditions,
            )  # fmt: skip
            timelines.append(timeline)
            play += shape
            capture += n_points * n_captures
        return tuple(timelines)

    def _starts(self, s: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the starts of a sequence's items at point 0, and what is added to them."""
        starts, shifts = self.times
        first = int(self.rows.bounds[s]) * self.n_points
        return starts[first : first + int(self.counts[s, 0])], shifts[s * self.n_points]


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
def _unit(units: int) -> NDArray[np.int64]:
    """Return the units of time in a second."""
    one: NDArray[np.int64] = wide([Fraction(1)], units)[0]
    return one


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
