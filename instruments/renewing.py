"""Render again what a few of many points play, after something in their plays has changed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qctl.instruments.dealing import Points
from qctl.instruments.rendering import Cut, Key, Made, Renderer
from qctl.program.straights import bounds_of, copied
from qctl.program.timeline import PLAY

__all__ = ["Some", "renewed"]


def renewed(work: Renderer, points: Points, feed: int, members: Sequence[int], cuts: Sequence[Cut]) -> list[Made]:
    """Return what one feed plays at some points.

    Parameters
    ----------
    work : Renderer
        Of the generator.
    points : Points
        All of them, whose plays have changed in place.
    feed : int
        Its number.
    members : sequence of int
        The points.
    cuts : sequence of Cut
        How the shot of each of all points is cut.

    Raises
    ------
    CompileError
        If a pulse goes over an output's range.
    """
    some, setting, numbers = Some(points, feed, members), work.setting_of(feed), work.numbers_of(points)
    keys: list[Key] = []
    for p, part in zip(members, some.parts, strict=True):
        rows = copied(part)
        rows["waveform"] = numbers[rows["waveform"]]
        keys.append((rows.tobytes(), cuts[p], setting))
    return work.render(some, feed, keys)


class Some:
    """A few of many points, as one feed sees them."""

    def __init__(self, points: Points, feed: int, members: Sequence[int]) -> None:
        self.points = points
        self.members = members
        self.shapes = points.shapes
        bounds = points.bounds[feed]
        self.parts = [points.plays[bounds[p] : bounds[p + 1]] for p in members]

    def of(self, _: int) -> tuple[NDArray, NDArray[np.int64]]:
        """Return the plays, and where each point's begin."""
        plays = self.parts[0]
        if len(self.parts) > 1:
            plays = np.frombuffer(bytearray().join([part.data for part in self.parts]), PLAY)
        return plays, bounds_of([len(part) for part in self.parts])

    def named(self, point: int, feed: int) -> tuple[NDArray, NDArray[np.int64], list[int]]:
        """Return what `Points.named` does."""
        return self.points.named(self.members[point], feed)

    def label(self, point: int, play: int) -> str:
        """Return the name of a point's play."""
        return self.points.label(self.members[point], play)

    def volts(self, point: int, places: list[int]) -> NDArray[np.float64]:
        """Return the amplitudes of a point's plays."""
        return self.points.volts(self.members[point], places)
