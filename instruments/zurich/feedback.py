"""Plays by measured bits: which results each piece of a channel looks at, and its rows of the table.

A readout channel of an SHFQC sends a word after each integration, two bits for each integrator, and its box's signal
generators add a part of it to an index of their command table; a PQSC sends boxes such words, too (`hub`). A piece that
plays by results has a row for each of them.

Source: SHFQC user manual, release 24.07, Flexible feedback processing (words, shift, bits and offset); LabOne Q 26.7,
whose programs say when a table entry waits for a word, in cycles of 4 ns since the trigger and 3 before it plays;
zhinst-timing-models 26.7 (a word is there 100 ns after the end of an integration, by the way inside).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from qctl.cext.seqc import LONGEST_ZERO
from qctl.errors import CompileError
from qctl.instruments.rows import Rows, conditions_of, deciding
from qctl.instruments.zurich.events import Events
from qctl.instruments.zurich.hub import KNOWN, Answer, Heard, Plan
from qctl.instruments.zurich.program import silence
from qctl.instruments.zurich.waveforms import Cut, Grid, cut_of
from qctl.lab import Instrument
from qctl.program.conditions import MOST_BITS, Condition
from qctl.program.timeline import Straight

__all__ = [
    "CYCLE",
    "FEEDBACK_NS",
    "MOST_CYCLES",
    "Conditions",
    "Steered",
    "answers_of",
    "points_of",
]

FEEDBACK_NS = 360
"""From the end of a capture to what it may decide: what LabOne Q 26.7 leaves, and a step of the grid."""
_INSIDE, _BY_HUB = "QA_DATA_PROCESSED", "ZSYNC_DATA_PROCESSED_A"
CYCLE = 8
"""Samples of a sequencer's cycle."""
MOST_CYCLES = 1 << 31
"""Cycles of a run whose programs count them; a register has 32 bits."""
_KNOWN, _AHEAD = 200, 3
"""Samples from the end of an integration to its word; cycles that an entry is read before it plays."""
_MOST_WORD = 11
"""Bits of a word that one entry is chosen by: a part of the table's rows."""
_LONG_IMMEDIATE = 524_287
"""Numbers from it on take the compiler one or two instructions more."""


class Look(NamedTuple):
    """What a piece looks at: which word, shift, number of bits, and the first of its rows of the table."""

    source: str
    shift: int
    n_bits: int
    offset: int

    def text(self) -> str:
        """Return what sets it."""
        return f"configureFeedbackProcessing({self.source},{self.shift},{self.n_bits},{self.offset});\n"


def answers_of(
    rows: Rows,
    events: Events,
    capturing: Sequence[int],
    kinds: Mapping[tuple[int, int, int], int],
    zero: int,
    ends: int,
) -> list[dict[int, Answer]]:
    """Return by point and column the results of a readout channel's captures.

    Parameters
    ----------
    kinds : mapping of CaughtWindow to int
        The integrator of each.
    zero : int
        Samples from the start of a point to time zero.
    ends : int
        Samples from an event to the end of its integration.
    """
    found: list[dict[int, Answer]] = []
    for p, (begin, end) in enumerate(pairwise(events.bounds)):
        starts = np.array(events.starts[begin:end], np.int64)
        first = int(rows.capture_bounds[p])
        answers = {}
        for column, row in enumerate(rows.captures[first : int(rows.capture_bounds[p + 1])]):
            if int(row["port"]) not in capturing:
                continue
            at = int(row["start"]) + zero
            k = begin + int(np.searchsorted(starts, at, side="right")) - 1
            offset = at - events.starts[k]
            integrator = next(
                kinds[one] for one in events.captures[events.kinds[k]] if one[:2] == (int(row["capture"]), offset)
            )
            answers[column] = Answer(k, integrator, events.starts[k] + ends)
        found.append(answers)
    return found


class Conditions:
    """The conditions of a batch, and what decides them.

    Parameters
    ----------
    straights : sequence of Straight
        All points.
    rows : Rows
        The same as flat tables.
    """

    def __init__(self, straights: Sequence[Straight], rows: Rows) -> None:
        self.rows = rows
        self.of_point = conditions_of(straights)
        self.answers: list[dict[int, Answer]] = [{} for _ in self.of_point]
        self.ends: list[list[int]] = [[] for _ in self.of_point]
        self.heard: dict[int, Heard] = {}
        self.plan: Plan | None = None

    def deciding(self) -> frozenset[int]:
        """Return the kinds of captures that any play depends on."""
        return deciding(self.rows, self.of_point, "capture")

    def take(self, number: int, answers: list[dict[int, Answer]], events: Events, ends: int, zero: int) -> None:
        """Note what a readout channel of the box finds."""
        self.heard[number] = Heard(answers, len(events.starts), zero)
        for p, mine in enumerate(answers[: len(self.answers)]):
            self.answers[p].update(mine)
            begin, end = events.bounds[p : p + 2]
            self.ends[p] += [events.starts[k] + ends for k in range(begin, end) if events.captures[events.kinds[k]]]

    def on(self, channels: NDArray[np.int32]) -> list[dict[int, Condition]]:
        """Return by point the conditions of a core's plays; an empty list where none has any."""
        found = []
        for p, conditions in enumerate(self.of_point):
            first = int(self.rows.bounds[p])
            found.append(
                {
                    k: when
                    for k, when in enumerate(conditions)
                    if when is not None and channels[self.rows.plays["port"][first + k]] >= 0
                }
            )
        return found if any(found) else []


@dataclass(frozen=True, slots=True, eq=False)
class Steered:
    """A core whose pieces play by results.

    Attributes
    ----------
    cut : Cut
        Pieces and entries, those of all results among them.
    looks : dict of int to Look
        Of pieces that play by results.
    """

    cut: Cut
    looks: dict[int, Look]

    @classmethod
    def of(
        cls, cut: Cut, given: Conditions, channels: NDArray[np.int32], used: tuple[int, ...], full_scale_v: float,
        grid: Grid, n_oscillators: int, box: Instrument,
    ) -> Steered | None:  # fmt: skip
        """Return what a core plays by results; None if nothing. `box` is the instrument that it is a part of.

        Raises
        ------
        CompileError
            If the box's bus does not have what a piece depends on.
        """
        whens = given.on(channels)
        if not whens:
            return None
        work = _Pieces(cut, given, channels, grid, box, whens)
        work.colour()
        n_ways = 1 << work.n_colours
        plays, bounds = work.ways(n_ways)
        n = int(np.count_nonzero(channels[plays["port"]] >= 0))
        rows = replace(given.rows, plays=plays, bounds=bounds)
        every = cut_of(rows, channels, used, n, full_scale_v, grid, n_oscillators)
        entry = every.pieces["entry"].reshape(n_ways, -1)
        looks, more = work.looks(entry, len(every.entries))
        entries = np.concatenate([every.entries, every.entries[more]]) if more else every.entries
        pieces = every.pieces[: entry.shape[1]]
        bounds = every.bounds[: len(given.rows.bounds)]
        return cls(replace(every, pieces=pieces, bounds=bounds, entries=entries, n_merged=cut.n_merged), looks)


class _Pieces:
    """The pieces of a core, and what each depends on: columns of captures by piece, colours by point and column."""

    def __init__(
        self, cut: Cut, given: Conditions, channels: NDArray[np.int32], grid: Grid, box: Instrument,
        whens: Sequence[Mapping[int, Condition]],
    ) -> None:  # fmt: skip
        self.cut, self.given, self.grid, self.whens = cut, given, grid, whens
        self.name, self.model = box.name, box.model
        self.mine = channels[given.rows.plays["port"]] >= 0
        self.columns: dict[int, tuple[int, ...]] = {}
        self.colours: list[dict[int, int]] = []
        lengths = np.diff(cut.sample_bounds)
        rows = given.rows
        for p, mine in enumerate(whens):
            pieces = cut.pieces[cut.bounds[p] : cut.bounds[p + 1]]
            for k, when in mine.items():
                play = rows.plays[int(rows.bounds[p]) + k]
                start = int(play["start"]) + grid.zero
                stop = start + int(lengths[play["waveform"]])
                meets = (pieces["start"] < stop) & (pieces["start"] + pieces["length"] > start)
                for i in (np.flatnonzero(meets) + int(cut.bounds[p])).tolist():
                    self.columns[i] = tuple(sorted({*self.columns.get(i, ()), *when.captures}))

    def colour(self) -> None:
        """Give captures that meet in a piece different colours: bits of the number of a way."""
        self.n_colours = 0
        for p in range(len(self.whens)):
            beside: dict[int, set[int]] = {}
            for i in range(int(self.cut.bounds[p]), int(self.cut.bounds[p + 1])):
                for column in self.columns.get(i, ()):
                    beside.setdefault(column, set()).update(self.columns[i])
            colours: dict[int, int] = {}
            for column in sorted(beside):
                taken = {colours[other] for other in beside[column] if other in colours}
                colours[column] = next(c for c in range(len(taken) + 1) if c not in taken)
                self.n_colours = max(self.n_colours, colours[column] + 1)
            self.colours.append(colours)
        if self.n_colours > MOST_BITS:
            raise CompileError(
                f"pulses of {self.name} that share a waveform depend on {self.n_colours} measured bits, over "
                f"{MOST_BITS}"
            )

    def ways(self, n_ways: int) -> tuple[NDArray, NDArray[np.int64]]:
        """Return all plays once for each way that results may turn out; what is left out has no height."""
        rows, of_way = self.given.rows, []
        counts = np.zeros(len(rows.bounds) - 1, np.int64)
        for way in range(n_ways):
            plays = rows.plays.copy()
            for p, mine in enumerate(self.whens):
                for k, when in mine.items():
                    if not when.holds({c: way >> self.colours[p][c] & 1 for c in when.captures}):
                        plays["amplitude"][int(rows.bounds[p]) + k] = 0.0
            of_way.append(plays[self.mine])
        for p, (begin, end) in enumerate(pairwise(rows.bounds.tolist())):
            counts[p] = np.count_nonzero(self.mine[begin:end])
        bounds = np.zeros(n_ways * len(counts) + 1, np.int64)
        np.cumsum(np.tile(counts, n_ways), out=bounds[1:])
        return np.concatenate(of_way), bounds

    def looks(self, entry: NDArray[np.int32], n_entries: int) -> tuple[dict[int, Look], list[int]]:
        """Return what pieces look at, and the rows of the table that come behind its `n_entries`."""
        known: dict[tuple[int, ...], int] = {}
        found: dict[int, Look] = {}
        more: list[int] = []
        source = _INSIDE if self.given.plan is None else _BY_HUB
        for p in range(len(self.whens)):
            for i in range(int(self.cut.bounds[p]), int(self.cut.bounds[p + 1])):
                columns = self.columns.get(i, ())
                if not columns or len(set(entry[:, i].tolist())) == 1:
                    continue
                bits = self._bits(p, i, columns)
                low, high = min(bits.values()), max(bits.values())
                block = []
                for word in range(1 << high - low + 1):
                    way = sum((word >> bit - low & 1) << self.colours[p][c] for c, bit in bits.items())
                    block.append(int(entry[way, i]))
                offset = known.get(tuple(block))
                if offset is None:
                    offset = known[tuple(block)] = n_entries + len(more)
                    more += block
                found[i] = Look(source, low, high - low + 1, offset)
        return found, more

    def _bits(self, p: int, i: int, columns: Sequence[int]) -> dict[int, int]:
        """Return the bit of each result that a piece looks at; refuse what the box does not know then."""
        rows, begin = self.given.rows, int(self.cut.pieces["start"][i])
        read, first, plan = begin - _AHEAD * CYCLE, int(rows.capture_bounds[p]), self.given.plan
        slots = [rows.specs[int(rows.captures["capture"][first + c])].slot for c in columns]
        what = f"a pulse of {self.name} at sample {begin - self.grid.zero} of point {p} depends on"
        bits: dict[int, int] = {}
        for column, slot in zip(columns, slots, strict=True):
            found = self._inside(p, column) if plan is None else plan.word(self.name, p, column)
            if found is None:
                raise CompileError(
                    f"{what} {slot!r}, which another box measures: results go from box to box by a PQSC, which both "
                    f"have to have their trigger from",
                    instrument=self.name,
                )
            bits[column], end = found
            known = _KNOWN if plan is None else KNOWN[self.model]
            if read < end + known:
                raise CompileError(
                    f"{what} {slot!r}, whose integration ends at {end - self.grid.zero}: that is known "
                    f"{known + _AHEAD * CYCLE} samples later; delay the pulse"
                )
            if plan is None and any(end < other < read for other in self.given.ends[p]):
                raise CompileError(
                    f"{what} {slot!r}, and something has been measured since: the box's bus has the last results only; "
                    f"use each result before the next measurement, or have a PQSC keep it"
                )
        if max(bits.values()) - min(bits.values()) + 1 > _MOST_WORD:
            raise CompileError(
                f"{what} {' and '.join(map(repr, slots))}, results of integrators that are too far from each other for "
                f"one part of the table: measure these qubits first in lab.toml's order"
            )
        return bits

    def _inside(self, p: int, column: int) -> tuple[int, int] | None:
        """Return the bit of a result in the word of the box's own readout, and when its integration ends."""
        answer = self.given.answers[p].get(column)
        return None if answer is None else (2 * answer.integrator, answer.end)


def points_of(steered: Steered, bounds: NDArray[np.int64], grid: Grid, least: int, reset: int) -> tuple[str, int]:
    """Return the text of points that play by results, and its instructions."""
    pieces, counter = steered.cut.pieces, "" if grid.each else "t + "
    parts: list[str] = []
    n, look = 0, None

    def gap(length: int) -> None:
        nonlocal n
        if length:
            lines, cost = silence(length, LONGEST_ZERO, least, 1)
            parts.extend(lines)
            n += cost

    for begin, end in pairwise(bounds.tolist()):
        at = grid.head if reset else 0
        if reset:
            gap(grid.head)
            parts.append("resetOscPhase();\n")
            n += reset
        for i in range(begin, end):
            piece = pieces[i]
            gap(int(piece["start"]) - at)
            found = steered.looks.get(i)
            if found is None:
                parts.append(f"executeTableEntry({int(piece['entry'])});\n")
                n += 1
            else:
                if found != look:
                    look = found
                    parts.append(found.text())
                    n += 1
                cycle = int(piece["start"]) // CYCLE - _AHEAD
                parts.append(f"executeTableEntry({found.source}, {counter}{cycle});\n")
                n += 3 + (cycle >= _LONG_IMMEDIATE)
            at = int(piece["start"]) + int(piece["length"])
        gap(grid.period - at)
        if counter:
            cycles = grid.period // CYCLE
            parts.append(f"t += {cycles};\n")
            n += 1 + 2 * (cycles >= _LONG_IMMEDIATE)
    return "".join(parts), n
