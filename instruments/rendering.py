"""Render what the outputs of a generator play: the words of many points in one call, kept for the next time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.cext import words as kernel
from qctl.errors import CompileError
from qctl.lab import Lab, Mixer
from qctl.program.sampling import envelope_samples
from qctl.program.tables import Waveform
from qctl.program.timeline import PLAY, Straight

__all__ = ["Cut", "Feed", "Key", "Made", "Piece", "Points", "Renderer", "Words", "feeds_of", "lowering"]

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


Words = tuple[str, NDArray[np.uint16], int, int]
"""The words of one output in one piece: their content's hash, themselves, the lowest and the highest of them."""

Made = tuple[tuple[Words, ...], ...]
"""What one feed plays at one point: for each piece, the words of each of its outputs."""


@dataclass(frozen=True, slots=True)
class Feed:
    """One output, or the pair of outputs of an IQ mixer, and the ports that they feed.

    Attributes
    ----------
    outputs : tuple of int
        I and Q, or one output.
    ports : tuple of str
        Names in lab.toml.
    mixer : Mixer
        Correction of the pair.
    """

    outputs: tuple[int, ...]
    ports: tuple[str, ...]
    mixer: Mixer


def feeds_of(lab: Lab, instrument: str) -> tuple[Feed, ...]:
    """Return the feeds of a generator; ports of one feedline share one."""
    found: dict[tuple[int, ...], Feed] = {}
    for port in lab.ports.values():
        refs = port.outputs
        if not refs or refs[0].instrument != instrument:
            continue
        if any(ref.instrument != instrument for ref in refs):
            raise CompileError(f"port {port.name}: I and Q are outputs of two instruments")
        key = tuple(ref.output for ref in refs)
        old = found.get(key)
        found[key] = Feed(key, (*(old.ports if old else ()), port.name), port.mixer)
    return tuple(found.values())


class _Kept:
    """What was rendered, by all that decides it; the oldest goes first, so that whole buffers become free."""

    def __init__(self) -> None:
        self.numbers: dict[Waveform, int] = {}
        self.settings: dict[tuple[object, ...], int] = {}
        self.made: OrderedDict[Key, Made] = OrderedDict()
        self.n_bytes = 0

    def number(self, waveform: Waveform) -> int:
        """Return a number that stands for a waveform in this process."""
        return self.numbers.setdefault(waveform, len(self.numbers))

    def setting(self, *values: object) -> int:
        """Return a number that stands for the settings of a feed in this process."""
        return self.settings.setdefault(values, len(self.settings))

    def put(self, key: Key, made: Made) -> None:
        """Keep what was rendered."""
        self.made[key] = made
        self.n_bytes += _n_bytes(key, made)

    def trim(self) -> None:
        """Forget the oldest words when there are too many."""
        while self.made and (self.n_bytes > MAX_KEPT_BYTES or len(self.made) > _MAX_KEPT):
            self.n_bytes -= _n_bytes(*self.made.popitem(last=False))
        if len(self.numbers) > _MAX_NUMBERS or len(self.settings) > _MAX_NUMBERS:
            self.__init__()  # type: ignore[misc]
            _last.clear()


def _n_bytes(key: Key, made: Made) -> int:
    return 2 * len(made[0]) * sum(piece.n_samples for piece in key[1])


_kept = _Kept()
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
        self.numbers = np.array([_kept.number(w) for w in waveforms], np.uint32)


_last: list[_Shapes] = []
"""Those that were used last: the generators of a lab ask for the same ones, one after the other."""


def _shapes(waveforms: tuple[Waveform, ...], rate_hz: Fraction) -> _Shapes:
    for shapes in _last:
        if shapes.waveforms is waveforms and shapes.rate_hz == rate_hz:
            return shapes
    shapes = _Shapes(waveforms, rate_hz)
    _last[:] = [shapes, *_last[:1]]
    return shapes


class Points:
    """Points of one timeline, one after the other, as one generator sees them.

    Attributes
    ----------
    plays : (n_points, n_plays) PLAY
        All plays, also those of other generators, at this one's ticks.
    columns : list of (n,) intp
        Plays of each feed.
    labels : sequence of str
        Name of each play.
    """

    def __init__(self, straights: Sequence[Straight], work: Renderer) -> None:
        first = straights[0]
        # Joined as bytes: numpy takes 100 times longer to put structured rows together.
        rows = bytearray().join([straight.plays.data for straight in straights])
        self.plays = np.ndarray((len(straights), len(first.plays)), PLAY, rows)
        self.labels = first.labels
        names = [port.name for port in first.ports]
        owner = np.full(len(names) + 1, -1)
        for k, feed in enumerate(work.feeds):
            owner[[names.index(name) for name in feed.ports if name in names]] = k
        of_play = owner[self.plays[0]["port"]]
        self.columns = [np.flatnonzero(of_play == k) for k in range(len(work.feeds))]
        self.shapes = _shapes(first.waveforms, work.rate_hz)
        self.plays["port"] = 0
        self.plays["start"] += work.lead_ticks

    def __len__(self) -> int:
        return len(self.plays)

    def uses(self, feed: int) -> bool:
        """Say whether a feed has any play."""
        return len(self.columns[feed]) > 0

    def spans(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.intp]]:
        """Return first and end sample of every play of this generator, as (n_points, n) each, and its columns."""
        columns = np.concatenate(self.columns) if self.columns else np.empty(0, np.intp)
        starts = self.plays["start"][:, columns]
        return starts, starts + self.shapes.lengths[self.plays["waveform"][:, columns]], columns


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
    lead_ticks : int
        Added to all starts.
    """

    def __init__(self, feeds: Sequence[Feed], rate_hz: Fraction, half_v: dict[int, float], lead_ticks: int = 0) -> None:
        self.feeds = feeds
        self.rate_hz = rate_hz
        self.half_v = half_v
        self.lead_ticks = lead_ticks

    def points_of(self, straights: Sequence[Straight]) -> list[Points]:
        """Return the points, those of one timeline together."""
        found = []
        begin = 0
        for k in range(1, len(straights) + 1):
            old = straights[begin]
            if k == len(straights) or straights[k].labels is not old.labels or straights[k].ports is not old.ports:
                found.append(Points(straights[begin:k], self))
                begin = k
        return found

    def keys(self, points: Points, feed: int, cuts: Sequence[Cut]) -> list[Key]:
        """Return what decides the words of one feed at each point."""
        line = self.feeds[feed]
        half_v = tuple(self.half_v[n] for n in line.outputs)
        setting = _kept.setting(half_v, line.mixer.gain, line.mixer.phase_rad, self.rate_hz)
        rows = points.plays.take(points.columns[feed], axis=1)
        rows["waveform"] = points.shapes.numbers[rows["waveform"]]
        raw, n_bytes = rows.tobytes(), rows.dtype.itemsize * rows.shape[1]
        return [(raw[k * n_bytes : (k + 1) * n_bytes], cut, setting) for k, cut in enumerate(cuts)]

    def render(self, points: Points, feed: int, keys: Sequence[Key]) -> list[Made]:
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

    def _render(self, points: Points, feed: int, new: dict[Key, int]) -> None:
        line, shapes = self.feeds[feed], points.shapes
        n_outputs = len(line.outputs)
        rows = [(k, *piece[:2]) for (_, cut, _), k in new.items() for piece in cut]
        pieces = np.empty((len(rows), 4), np.int64)
        pieces[:, :3] = rows
        padded = -(-pieces[:, 2] // kernel.GROUP) * kernel.GROUP
        ends = np.cumsum(padded * n_outputs)
        pieces[:, 3] = ends - padded * n_outputs
        words = np.empty(int(ends[-1]), np.uint16)
        digests = np.empty((len(rows), n_outputs, kernel.DIGEST_BYTES), np.uint8)
        over, over_v = np.empty((len(rows), n_outputs), np.int64), np.empty((len(rows), n_outputs))
        reached = np.empty((len(rows), n_outputs, 2), np.uint16)
        kernel.render(
            points.plays.take(points.columns[feed], axis=1), pieces, shapes.env_i, shapes.env_q, shapes.offsets,
            float(self.rate_hz), np.array([self.half_v[n] for n in line.outputs]), line.mixer.gain,
            line.mixer.phase_rad, np.zeros((2, int(pieces[:, 2].max()))), words, digests, over, over_v, reached,
        )  # fmt: skip
        if (over >= 0).any():
            k, output = (int(x) for x in np.argwhere(over >= 0)[0])
            sample = int(pieces[k, 1] + over[k, output])
            self._refuse(points, feed, int(pieces[k, 0]), output, sample, float(over_v[k, output]))
        words.setflags(write=False)
        text, size = digests.tobytes().hex(), 2 * kernel.DIGEST_BYTES
        names = [text[k : k + size] for k in range(0, len(text), size)]
        begins = pieces[:, 3:] + padded[:, None] * np.arange(n_outputs)
        lasts = begins + pieces[:, 2:3]
        views = [words[a:b] for a, b in zip(begins.ravel().tolist(), lasts.ravel().tolist(), strict=True)]
        low, high = (reached[:, :, k].ravel().tolist() for k in (0, 1))
        flat = zip(names, views, low, high, strict=True)
        made = list(zip(*[flat] * n_outputs, strict=True))
        row = 0
        for key in new:
            _kept.put(key, tuple(made[row : row + len(key[1])]))
            row += len(key[1])

    def _refuse(self, points: Points, feed: int, point: int, output: int, sample: int, volts: float) -> None:
        """Name the pulse that asks for too much: of those at that sample the one with the largest amplitude."""
        columns = points.columns[feed]
        plays = points.plays[point, columns]
        ends = plays["start"] + points.shapes.lengths[plays["waveform"]]
        there = np.flatnonzero((plays["start"] <= sample) & (sample < ends))
        label = points.labels[int(columns[there[int(np.argmax(np.abs(plays["amplitude"][there])))]])]
        number = self.feeds[feed].outputs[output]
        raise CompileError(
            f"{label}: {volts:.4g} V at {sample / float(self.rate_hz) * 1e9:.4g} ns is outside "
            f"±{self.half_v[number]:.4g} V of output {number}",
            pulse=label,
            volts=volts,
            bound_v=self.half_v[number],
            output=number,
        )
