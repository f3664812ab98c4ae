"""Render what the outputs of a generator play: the words of many points in one call, kept for the next time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.cext import recycled
from qctl.cext import words as kernel
from qctl.cext.row_names import lay, rows_of
from qctl.errors import CompileError
from qctl.instruments.dealing import Points
from qctl.instruments.feeds import Feed
from qctl.program.tables import Waveform
from qctl.program.timeline import Straight

__all__ = [
    "Coding",
    "Cut",
    "Key",
    "Made",
    "Piece",
    "Points",
    "Renderer",
    "Words",
    "firsts",
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
        self.settings: dict[str, int] = {}
        self.made: dict[Key, Made] = {}
        self.n_bytes = 0
        self.age = object()

    def number(self, waveform: Waveform) -> int:
        """Return a number that stands for a waveform in this process."""
        return self.numbers.setdefault(waveform, len(self.numbers))

    def setting(self, values: str) -> int:
        """Return a number that stands for the settings of a feed in this process."""
        return self.settings.setdefault(values, len(self.settings))

    def put(self, keys: Iterable[Key], made: Sequence[Made], n_bytes: int) -> None:
        """Keep what was rendered, which has so many bytes as `_n_bytes` counts them."""
        self.made.update(zip(keys, made, strict=True))
        self.n_bytes += n_bytes

    def trim(self) -> None:
        """Forget the oldest words when there are too many."""
        old: list[Key] = []
        for key, made in self.made.items():
            if self.n_bytes <= MAX_KEPT_BYTES and len(self.made) - len(old) <= _MAX_KEPT:
                break
            self.n_bytes -= _n_bytes(key, made)
            old.append(key)
        for key in old:
            del self.made[key]
        if len(self.numbers) > _MAX_NUMBERS or len(self.settings) > _MAX_NUMBERS:
            self.__init__()  # type: ignore[misc]


def _n_bytes(key: Key, made: Made) -> int:
    cut = key[1]
    return len(key[0]) + 2 * len(made[0]) * (cut[0][1] if len(cut) == 1 else sum(piece.n_samples for piece in cut))


_kept = _Kept()


def firsts(keys: Sequence[Key]) -> dict[Key, int]:
    """Return the place of each key where it comes first, in that order."""
    found = dict(zip(keys, range(len(keys)), strict=True))
    if len(found) < len(keys):
        found = {}
        for k, key in enumerate(keys):
            found.setdefault(key, k)
    return found


def forget() -> None:
    """Drop all that is kept, as benchmarks and tests want it."""
    with lowering:
        _kept.__init__()  # type: ignore[misc]


lowering = Lock()
"""Held by whoever uses a Renderer: what is kept is shared by all threads."""


_work: list[NDArray[np.float64]] = [np.zeros((2, 0))]


def _volts(n: int) -> NDArray[np.float64]:
    """Return zeros for work, which the kernel leaves as zeros; whoever asks holds `lowering`."""
    if _work[0].shape[1] < n:
        _work[0] = np.zeros((2, n))
    return _work[0]


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
        self._rate_hz = float(rate_hz)
        self._half_v_of = [np.array([half_v[n] for n in feed.outputs]) for feed in feeds]
        self._settings: dict[int, str] = {}

    def points_of(self, straights: Sequence[Straight], silence: int) -> Points:
        """Return the points with their plays dealt out to the feeds, and their silences of so many samples or more."""
        return Points(straights, self.feeds, self.rate_hz, self.lead_ticks, silence)

    def keys(self, points: Points, feed: int, cuts: Sequence[Cut]) -> list[Key]:
        """Return what decides the words of one feed at each point."""
        setting = self.setting_of(feed)
        plays, bounds = points.of(feed)
        numbers = points.shapes.numbers(_kept)
        if not points.shapes.in_order:
            plays = plays.copy()
            plays["waveform"] = numbers[plays["waveform"]]
        raw, ends, size = plays.tobytes(), bounds.tolist(), plays.dtype.itemsize
        return [(raw[size * a : size * b], cut, setting) for a, b, cut in zip(ends, ends[1:], cuts, strict=False)]

    def setting_of(self, feed: int) -> int:
        """Return the number that stands for a feed's settings; when all is forgotten, there is a new one."""
        values = self._settings.get(feed)
        if values is None:
            line = self.feeds[feed]
            half_v = tuple(self.half_v[n] for n in line.outputs)
            values = repr((half_v, line.mixer.gain, line.mixer.phase_rad, self.rate_hz, self.coding))
            self._settings[feed] = values
        return _kept.setting(values)

    def render(
        self, points: Points, feed: int, keys: Sequence[Key], distinct: dict[Key, int] | None = None
    ) -> list[Made]:
        """Return what one feed plays at each point; `distinct` is what `firsts` returns of the keys.

        Raises
        ------
        CompileError
            If a pulse goes over an output's range; it is named with value and bound.
        """
        known = _kept.made
        new = firsts(keys) if distinct is None else distinct
        if known:
            new = {key: k for key, k in new.items() if key not in known}
        if new:
            made = self._render(points, feed, new)
            if len(made) == len(keys):
                return made
        return [known[key] for key in keys]

    def trim(self) -> None:
        """Forget what is oldest when too much is kept."""
        _kept.trim()

    def _render(self, points: Points, feed: int, new: dict[Key, int]) -> list[Made]:
        line, shapes, n_outputs = self.feeds[feed], points.shapes, len(self.feeds[feed].outputs)
        cuts = [cut for _, cut, _ in new]
        pieces, spans, bounds, n_words, n_samples, longest = lay(cuts, list(new.values()), n_outputs)
        n_pieces = len(pieces)
        words = recycled.empty(n_words, np.uint16)
        digests = np.empty((n_pieces, n_outputs, kernel.DIGEST_BYTES), np.uint8)
        over, over_v = np.empty((n_pieces, n_outputs), np.int64), np.empty((n_pieces, n_outputs))
        reached = np.empty((n_pieces, n_outputs, 2), np.int32)
        fine = kernel.render(
            *points.of(feed), pieces, shapes.env_i, shapes.env_q, shapes.offsets,
            self._rate_hz, self._half_v_of[feed], line.mixer.gain,
            line.mixer.phase_rad, *self.coding, _volts(longest), words, digests, over, over_v, reached,
        )  # fmt: skip
        if not fine:
            k, output = (int(x) for x in np.argwhere(over >= 0)[0])
            sample = int(pieces[k, 1] + over[k, output])
            self._refuse(points, feed, int(pieces[k, 0]), output, sample, float(over_v[k, output]))
        words.setflags(write=False)
        whole: list[Made] = rows_of(words, spans, digests, reached, bounds)
        _kept.put(new, whole, sum([len(key[0]) for key in new]) + 2 * n_outputs * n_samples)
        return whole

    def _refuse(
        self, points: Points, feed: int, point: int, output: int, sample: int, volts: float
    ) -> None:  # fmt: skip
        """Name the pulse that asks for too much: of those at that sample the one with the largest amplitude."""
        starts, ends, places = points.named(point, feed)
        volts_of = points.volts(point, places)
        there = np.flatnonzero((starts <= sample) & (sample < ends))
        label = points.label(point, places[int(there[int(np.argmax(np.abs(volts_of[there])))])])
        number = self.feeds[feed].outputs[output]
        raise CompileError(
            f"{label}: {volts:.4g} V at {sample / self._rate_hz * 1e9:.4g} ns is outside "
            f"±{self.half_v[number]:.4g} V of output {number}: lower it, or make amplitude_vpp larger",
            pulse=label,
            volts=volts,
            bound_v=self.half_v[number],
            output=number,
        )
