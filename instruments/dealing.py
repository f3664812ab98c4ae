"""Points as one generator sees them: their plays dealt out to its feeds, and their envelopes at its rate."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from qctl.cext import recycled, shots
from qctl.instruments.feeds import Feed
from qctl.program.sampling import envelope_samples
from qctl.program.straights import joined
from qctl.program.tables import Waveform
from qctl.program.timeline import PLAY, PortClock, Straight

__all__ = ["Points", "Shapes"]


class Known(Protocol):
    """Numbers of waveforms in this process.

    Attributes
    ----------
    age : object
        Another one when all has been forgotten.
    """

    age: object

    def number(self, waveform: Waveform) -> int:
        """Return a number that stands for a waveform."""


class Shapes:
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
        self.in_order = True

    def numbers(self, known: Known) -> NDArray[np.uint32]:
        """Return the numbers that stand for the waveforms; when all is forgotten, there are new ones.

        Afterwards `in_order` says whether each waveform's number is its place.
        """
        if self._age is not known.age:
            found = [known.number(waveform) for waveform in self.waveforms]
            self._age, self._numbers = known.age, np.array(found, np.uint32)
            self.in_order = found == [*range(len(found))]
        return self._numbers


_last: list[Shapes] = []
"""Those that were used last: the generators of a lab ask for the same ones, one after the other."""


def _shapes(waveforms: tuple[Waveform, ...], rate_hz: Fraction) -> Shapes:
    for shapes in _last:
        if shapes.waveforms is waveforms and (shapes.rate_hz is rate_hz or shapes.rate_hz == rate_hz):
            return shapes
    shapes = Shapes(waveforms, rate_hz)
    _last[:] = [shapes, *_last[:1]]
    return shapes


_last_owners: list[tuple[tuple[PortClock, ...], Sequence[Feed], NDArray[np.int32]]] = []


def _owners(ports: tuple[PortClock, ...], feeds: Sequence[Feed]) -> NDArray[np.int32]:
    """Return the feed of each port, or -1; those of the last few generators are kept."""
    for old_ports, old_feeds, owner in _last_owners:
        if old_ports is ports and old_feeds is feeds:
            return owner
    names = [port.name for port in ports]
    owner = np.full(max(len(names), 1), -1, np.int32)
    for k, feed in enumerate(feeds):
        owner[[names.index(name) for name in feed.ports if name in names]] = k
    owner.setflags(write=False)
    _last_owners[:] = [(ports, feeds, owner), *_last_owners[:7]]
    return owner


class Points:
    """Points one after the other, as one generator sees them.

    Attributes
    ----------
    plays : (n_plays,) PLAY
        Plays of this generator at its ticks, feed by feed and point by point.
    bounds : (n_feeds, n_points + 1) int64
        Plays of feed f at point p are ``plays[bounds[f, p]:bounds[f, p + 1]]``.
    own_bounds : (n_feeds, n_points + 1) int64
        The same, counted from each feed's first play.
    spans : (n_points, 3) int64
        First start, last end or 0, and number of plays of each point's shot.
    gaps, gap_bounds
        Long silences of each point: end of what was before, and next start.
    early : int
        The first point that begins before time zero, or -1.
    """

    def __init__(
        self, straights: Sequence[Straight], feeds: Sequence[Feed], rate_hz: Fraction, lead_ticks: int, silence: int
    ) -> None:
        flat = joined(straights)
        self._own: dict[int, tuple[NDArray, NDArray[np.int64]]] = {}
        self.straights = flat
        self.owner = _owners(flat.ports, feeds)
        self.lead_ticks = lead_ticks
        self.shapes = _shapes(flat.waveforms, rate_hz)
        n, n_points = len(flat.plays), len(flat)
        self.plays = recycled.empty(n, PLAY)
        self.bounds, self.own_bounds = np.empty((2, len(feeds), n_points + 1), np.int64)
        self.spans, self.gap_bounds = np.empty((n_points, 3), np.int64), np.empty(n_points + 1, np.int64)
        self.gaps = recycled.empty(2 * n, np.int64).reshape(n, 2)
        work = recycled.empty(2 * n, np.int64).reshape(n, 2)
        bounds = flat.bounds
        self.early = shots.deal(
            flat.plays, bounds, self.owner, self.shapes.lengths, lead_ticks, silence, self.plays, self.bounds,
            self.own_bounds, self.spans, self.gaps, self.gap_bounds, work,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.spans)

    def uses(self, feed: int) -> bool:
        """Say whether a feed has any play."""
        return bool(self.bounds[feed, -1] > self.bounds[feed, 0])

    def of(self, feed: int) -> tuple[NDArray, NDArray[np.int64]]:
        """Return the plays of one feed, and where each point's begin."""
        found = self._own.get(feed)
        if found is None:
            found = self._own[feed] = self.plays[self.bounds[feed, 0] : self.bounds[feed, -1]], self.own_bounds[feed]
        return found

    def last(self, point: int, first: int, n_samples: int) -> int:
        """Return the number in a point of the play that ends last of those that begin in these samples, or -1."""
        flat = self.straights
        return shots.last(
            flat.plays, flat.bounds, self.owner, self.shapes.lengths, self.lead_ticks, point, first, n_samples
        )  # fmt: skip

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
