"""Render what the outputs of a generator play: the words of many points in one call, kept for the next time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.cext import shots
from qctl.cext import words as kernel
from qctl.errors import CompileError
from qctl.instruments.feeds import Feed
from qctl.program.sampling import envelope_samples
from qctl.program.straights import joined
from qctl.program.tables import Waveform
from qctl.program.timeline import PLAY, Straight

if TYPE_CHECKING:
    from qctl.instruments.renewing import Some

__all__ = [
    "Coding",
    "Cut",
    "Key",
    "Made",
    "Piece",
    "Points",
    "Renderer",
    "Words",
    "forget",
    "lowering",
]

MAX_KEPT_BYTES = 256_000_000
"""Words that a process keeps, so that what did not change is not rendered again."""
_MAX_KEPT = 200_000
_MAX_NUMBERS = 100_000


class Piece(NamedTuple):
    """A stretch of a shot that one waveform plays; it is silent where it is played more than once."""

    first: int
    n_samples: int
    n_loops: int = 1


Cut = tuple[Piece, ...]
"""How a point's shot is cut: pieces without gaps, from sample 0 on."""

Key = tuple[bytes, Cut, int]
"""All that decides what one feed plays at one point."""


class Coding(NamedTuple):
    """How a box writes volts as words of 16 bits: ``(rint(volts / half_v * top) + zero) << shift``.

    Attributes
    ----------
    top : int
        Code of +`half_v`, above that of 0 V.
    zero : int
        Code of 0 V; 0 is two's complement.
    shift : int
        Bits below the code's lowest one.
    """

    top: int
    zero: int
    shift: int = 0


Words = tuple[str, NDArray[np.uint16], int, int]
"""The words of one output in one piece: their content's hash, themselves, the lowest and the highest code."""

Made = tuple[tuple[Words, ...], ...]
"""What one feed plays at one point: for each piece, the words of each of its outputs."""


class _Kept:
    """What was rendered, by all that decides it; the oldest goes first, so that whole buffers become free."""

    def __init__(self) -> None:
        self.numbers: dict[Waveform, int] = {}
        self.settings: dict[tuple[object, ...], int] = {}
        self.made: OrderedDict[Key, Made] = OrderedDict()
        self.n_bytes = 0
        self.age = object()

    def number(self, waveform: Waveform) -> int:
        """Return a number that stands for a waveform in this process."""
        return self.numbers.setdefault(waveform, len(self.numbers))

    def setting(self, *values: object) -> int:
        """Return a number that stands for the settings of a feed in this process."""
        return self.settings.setdefault(values, len(self.settings))

    def put(self, keys: Iterable[Key], made: Sequence[Made], n_bytes: int) -> None:
        """Keep what was rendered, which has so many bytes as `_n_bytes` counts them."""
        self.made.update(zip(keys, made, strict=True))
        self.n_bytes += n_bytes

    def trim(self) -> None:
        """Forget the oldest words when there are too many."""
        while self.made and (self.n_bytes > MAX_KEPT_BYTES or len(self.made) > _MAX_KEPT):
            self.n_bytes -= _n_bytes(*self.made.popitem(last=False))
        if len(self.numbers) > _MAX_NUMBERS or len(self.settings) > _MAX_NUMBERS:
            self.__init__()  # type: ignore[misc]
            _last.clear()


def _n_bytes(key: Key, made: Made) -> int:
    cut = key[1]
    return len(key[0]) + 2 * len(made[0]) * (cut[0][1] if len(cut) == 1 else sum(piece.n_samples for piece in cut))


_kept = _Kept()


def forget() -> None:
    """Drop all that is kept, as benchmarks and tests want it."""
    with lowering:
        _kept.__init__()  # type: ignore[misc]
        _last.clear()


lowering = Lock()
"""Held by whoever uses a Renderer: what is kept is shared by all threads."""


class _Shapes:
    """The envelopes of one timeline at one rate."""

    def __init__(self, waveforms: tuple[Waveform, ...], rate_hz: Fraction) -> None:
        self.waveforms = waveforms
        self.rate_hz = rate_hz
        samples = [envelope_samples(waveform, rate_hz) for waveform in waveforms]
        self.lengths = np.array([len(s) for s in samples], np.int64)
        self.offsets = np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int64)
        joined = np.concatenate(samples) if samples else np.empty(0, complex)
        self.env_i = np.ascontiguousarray(joined.real)
        # The lines carry the complex conjugate of what turns the qubit (see PLAY).
        self.env_q = np.ascontiguousarray(-joined.imag)
        self._age: object = None
        self._numbers = np.empty(0, np.uint32)

    @property
    def numbers(self) -> NDArray[np.uint32]:
        """Return the numbers that stand for the waveforms; when all is forgotten, there are new ones."""
        if self._age is not _kept.age:
            self._age, self._numbers = _kept.age, np.array([_kept.number(w) for w in self.waveforms], np.uint32)
        return self._numbers


_last: list[_Shapes] = []
"""Those that were used last: the generators of a lab ask for the same ones, one after the other."""


def _shapes(waveforms: tuple[Waveform, ...], rate_hz: Fraction) -> _Shapes:
    for shapes in _last:
        if shapes.waveforms is waveforms and shapes.rate_hz == rate_hz:
            return shapes
    shapes = _Shapes(waveforms, rate_hz)
    _last[:] = [shapes, *_last[:1]]
    return shapes


_work: list[NDArray[np.float64]] = [np.zeros((2, 0))]


def _volts(n: int) -> NDArray[np.float64]:
    """Return zeros for work, which the kernel leaves as zeros; whoever asks holds `lowering`."""
    if _work[0].shape[1] < n:
        _work[0] = np.zeros((2, n))
    return _work[0]


class Points:
    """Points one after the other, as one generator sees them.

    Attributes
    ----------
    plays : (n_plays,) PLAY
        Plays of this generator at its ticks, feed by feed and point by point.
    bounds : (n_feeds, n_points + 1) int64
        Plays of feed f at point p are ``plays[bounds[f, p]:bounds[f, p + 1]]``.
    spans : (n_points, 3) int64
        First start, last end or 0, and number of plays of each point's shot.
    gaps, gap_bounds
        Long silences of each point: end of what was before, and next start.
    """

    def __init__(self, straights: Sequence[Straight], work: Renderer, silence: int) -> None:
        flat = joined(straights)
        self.straights = flat
        names = [port.name for port in flat.ports]
        self.owner = np.full(max(len(names), 1), -1, np.int32)
        for k, feed in enumerate(work.feeds):
            self.owner[[names.index(name) for name in feed.ports if name in names]] = k
        self.lead_ticks = work.lead_ticks
        self.shapes = _shapes(flat.waveforms, work.rate_hz)
        n, n_points = len(flat.plays), len(flat)
        self.plays = np.empty(n, PLAY)
        self.bounds = np.empty((len(work.feeds), n_points + 1), np.int64)
        self.spans, self.gap_bounds = np.empty((n_points, 3), np.int64), np.empty(n_points + 1, np.int64)
        self.gaps = np.empty((n, 2), np.int64)
        most = np.empty((int(np.diff(flat.bounds).max(initial=0)), 2), np.int64)
        shots.deal(
            flat.plays, flat.bounds, self.owner, self.shapes.lengths, work.lead_ticks, silence, self.plays, self.bounds,
            self.spans, self.gaps, self.gap_bounds, most,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.spans)

    def uses(self, feed: int) -> bool:
        """Say whether a feed has any play."""
        return bool(self.bounds[feed, -1] > self.bounds[feed, 0])

    def of(self, feed: int) -> tuple[NDArray, NDArray[np.int64]]:
        """Return the plays of one feed, and where each point's begin."""
        bounds = self.bounds[feed]
        return self.plays[bounds[0] : bounds[-1]], bounds - bounds[0]

    def named(self, point: int, feed: int | None = None) -> tuple[NDArray, NDArray[np.int64], list[int]]:
        """Return the starts and ends of a point's plays, of one feed or of all, and the number of each in the point."""
        flat = self.straights
        plays = flat.plays[flat.bounds[point] : flat.bounds[point + 1]]
        owner = self.owner[plays["port"]]
        mine = np.flatnonzero(owner >= 0 if feed is None else owner == feed)
        starts = plays["start"][mine] + self.lead_ticks
        return starts, starts + self.shapes.lengths[plays["waveform"][mine]], mine.tolist()

    def label(self, point: int, play: int) -> str:
        """Return the name of a point's play."""
        return self.straights.label(point, play)

    def volts(self, point: int, places: list[int]) -> NDArray[np.float64]:
        """Return the amplitudes of a point's plays."""
        return np.asarray(self.straights[point].plays["amplitude"][places])


class Renderer:
    """Renders the points of one generator.

    Parameters
    ----------
    feeds : sequence of Feed
        What it plays.
    rate_hz : Fraction
        Its clock.
    half_v : mapping of int to float
        Half of each output's peak-to-peak range.
    coding : Coding
        Of its words.
    lead_ticks : int
        Added to all starts.
    """

    def __init__(
        self, feeds: Sequence[Feed], rate_hz: Fraction, half_v: dict[int, float], coding: Coding, lead_ticks: int = 0
    ) -> None:
        self.feeds = feeds
        self.rate_hz = rate_hz
        self.half_v = half_v
        self.coding = coding
        self.lead_ticks = lead_ticks
        self._age: object = None
        self._settings: dict[int, int] = {}

    def points_of(self, straights: Sequence[Straight], silence: int) -> Points:
        """Return the points with their plays dealt out to the feeds, and their silences of so many samples or more."""
        return Points(straights, self, silence)

    def keys(self, points: Points, feed: int, cuts: Sequence[Cut]) -> list[Key]:
        """Return what decides the words of one feed at each point."""
        setting = self.setting_of(feed)
        plays, bounds = points.of(feed)
        numbers = points.shapes.numbers
        if not np.array_equal(numbers, np.arange(len(numbers))):
            plays = plays.copy()
            plays["waveform"] = numbers[plays["waveform"]]
        raw, ends = plays.tobytes(), (bounds * plays.dtype.itemsize).tolist()
        return [(raw[a:b], cut, setting) for a, b, cut in zip(ends, ends[1:], cuts, strict=False)]

    def setting_of(self, feed: int) -> int:
        """Return the number that stands for a feed's settings; when all is forgotten, there is a new one."""
        if self._age is not _kept.age:
            self._age, self._settings = _kept.age, {}
        found = self._settings.get(feed)
        if found is None:
            line = self.feeds[feed]
            half_v = tuple(self.half_v[n] for n in line.outputs)
            found = _kept.setting(half_v, line.mixer.gain, line.mixer.phase_rad, self.rate_hz, self.coding)
            self._settings[feed] = found
        return found

    def render(self, points: Points | Some, feed: int, keys: Sequence[Key]) -> list[Made]:
        """Return what one feed plays at each point.

        Raises
        ------
        CompileError
            If a pulse goes over an output's range; it is named with value and bound.
        """
        known = _kept.made
        new: dict[Key, int] = {}
        for k, key in enumerate(keys):
            if key not in known:
                new.setdefault(key, k)
        if new:
            self._render(points, feed, new)
        return [known[key] for key in keys]

    def trim(self) -> None:
        """Forget what is oldest when too much is kept."""
        _kept.trim()

    def _render(self, points: Points | Some, feed: int, new: dict[Key, int]) -> None:
        line, shapes = self.feeds[feed], points.shapes
        n_outputs = len(line.outputs)
        rows = [(k, first, n) for (_, cut, _), k in new.items() for first, n, _ in cut]
        pieces = np.empty((len(rows), 4), np.int64)
        pieces[:, :3] = rows
        lengths = pieces[:, 2]
        padded = -(-lengths // kernel.GROUP) * kernel.GROUP
        ends = np.cumsum(n_outputs * padded)
        pieces[:, 3] = ends - n_outputs * padded
        begins = (pieces[:, 3, None] + padded[:, None] * np.arange(n_outputs)).ravel().tolist()
        words, longest = np.empty(int(ends[-1]), np.uint16), int(lengths.max())
        digests = np.empty((len(rows), n_outputs, kernel.DIGEST_BYTES), np.uint8)
        over, over_v = np.empty((len(rows), n_outputs), np.int64), np.empty((len(rows), n_outputs))
        reached = np.empty((len(rows), n_outputs, 2), np.int32)
        kernel.render(
            *points.of(feed), pieces, shapes.env_i, shapes.env_q, shapes.offsets,
            float(self.rate_hz), np.array([self.half_v[n] for n in line.outputs]), line.mixer.gain,
            line.mixer.phase_rad, *self.coding, _volts(longest), words, digests, over, over_v, reached,
        )  # fmt: skip
        if over.max() >= 0:
            k, output = (int(x) for x in np.argwhere(over >= 0)[0])
            sample = int(pieces[k, 1] + over[k, output])
            self._refuse(points, feed, int(pieces[k, 0]), output, sample, float(over_v[k, output]))
        words.setflags(write=False)
        text, size, reach = digests.tobytes().hex(), 2 * kernel.DIGEST_BYTES, reached.ravel().tolist()
        digests_of = [text[at : at + size] for at in range(0, len(text), size)]
        spans = zip(begins, np.repeat(lengths, n_outputs).tolist(), strict=True)
        flat = list(zip(digests_of, [words[at : at + n] for at, n in spans], reach[::2], reach[1::2], strict=True))
        made = list(zip(*(flat[j::n_outputs] for j in range(n_outputs)), strict=True))
        whole: list[Made]
        if len(made) == len(new):
            whole = list(zip(made, strict=True))
        else:
            bounds = np.cumsum([0, *(len(cut) for _, cut, _ in new)]).tolist()
            whole = [tuple(made[a:b]) for a, b in pairwise(bounds)]
        _kept.put(new, whole, sum(len(raw) for raw, *_ in new) + 2 * n_outputs * int(lengths.sum()))

    def _refuse(
        self, points: Points | Some, feed: int, point: int, output: int, sample: int, volts: float
    ) -> None:  # fmt: skip
        """Name the pulse that asks for too much: of those at that sample the one with the largest amplitude."""
        starts, ends, places = points.named(point, feed)
        volts_of = points.volts(point, places)
        there = np.flatnonzero((starts <= sample) & (sample < ends))
        label = points.label(point, places[int(there[int(np.argmax(np.abs(volts_of[there])))])])
        number = self.feeds[feed].outputs[output]
        raise CompileError(
            f"{label}: {volts:.4g} V at {sample / float(self.rate_hz) * 1e9:.4g} ns is outside "
            f"±{self.half_v[number]:.4g} V of output {number}: lower it, or make amplitude_vpp larger",
            pulse=label,
            volts=volts,
            bound_v=self.half_v[number],
            output=number,
        )
