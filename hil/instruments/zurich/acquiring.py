"""What a readout channel integrates in windows of a shot, as the plant takes it, and where each sum is in that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from qctl.hil.instruments.plant_link import Integration
from qctl.hil.instruments.zurich.rendering import Track, Window

__all__ = ["Acquired", "integration_of"]


class Acquired(NamedTuple):
    """An integration of a shot: of which track, by which integrator, the how manyth of the shot, and its sums."""

    track: int
    integrator: int
    place: int
    which: int
    column: int


def integration_of(
    track: Track, place: int, windows: Sequence[tuple[int, Window]], which: int
) -> tuple[Integration, list[Acquired]]:
    """Return what a digitizer integrates in windows, each with its number in the shot, and where each sum is in it."""
    acquired: list[Acquired] = []
    sums = [(w, k, index, weights) for k, w in windows for index, weights in w.weights.items()]
    first = min(w.first for _, w in windows)
    last = max(w.first + len(weights) for w, _, _, weights in sums)
    table = np.zeros((2 * len(sums), 2, last - first))
    for row, (window, k, index, weights) in enumerate(sums):
        part = slice(window.first - first, window.first - first + len(weights))
        table[2 * row, 0, part], table[2 * row, 1, part] = weights.real, -weights.imag
        table[2 * row + 1, 0, part], table[2 * row + 1, 1, part] = weights.imag, weights.real
        acquired.append(Acquired(place, index, k, which, 2 * row))
    number, rate_hz = track.sequencer.number, track.device.rate_hz
    inputs = (2 * number + 1, 2 * number + 2)
    return Integration(track.device.name, inputs, rate_hz, first / rate_hz, table), acquired
