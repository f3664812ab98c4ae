"""How long plays last on their clocks: from the tick of each one's start to that of its end, so that they meet."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from qctl.program.sampling import envelope_length
from qctl.program.tables import Waveform

__all__ = ["fitted"]


def fitted(
    plays: NDArray, lasts: NDArray[np.int64], waveforms: tuple[Waveform, ...], rates_hz: Sequence[Fraction]
) -> tuple[Waveform, ...]:
    """Give plays that last a tick more or less than their waveform's nearest whole number the waveform of that length.

    Pulses whose length is no whole number of ticks then begin where the ones before them end, on every clock, and each
    sample's middle is in one of them.

    Parameters
    ----------
    plays : (n_plays,) PLAY
        Their `waveform` is changed in place.
    lasts : (n_plays,) int64
        Ticks from each start to each end.
    waveforms : tuple of Waveform
        What the plays number.
    rates_hz : sequence of Fraction
        Clock of each port.

    Returns
    -------
    tuple of Waveform
        The same ones, and those of another length behind them.
    """
    clocks: dict[Fraction, int] = {}
    clock_of = np.array([clocks.setdefault(rate_hz, len(clocks)) for rate_hz in rates_hz], np.int64)
    n = len(waveforms)
    kinds = clock_of[plays["port"]] * n + plays["waveform"]
    clock_rates, nearest = tuple(clocks), np.zeros(n * len(clocks), np.int64)
    for kind in np.flatnonzero(np.bincount(kinds, minlength=len(nearest))).tolist():
        nearest[kind] = envelope_length(waveforms[kind % n], clock_rates[kind // n])
    more = lasts - nearest[kinds]
    others = np.flatnonzero(np.abs(more) == 1)
    if not len(others):
        return waveforms
    found, places = np.unique(2 * kinds[others] + (more[others] > 0), return_inverse=True)
    plays["waveform"][others] = (n + places.reshape(-1)).astype(np.uint32)
    return _with(waveforms, clock_rates, tuple(zip(found.tolist(), nearest[found // 2].tolist(), strict=True)))


@lru_cache(maxsize=64)
def _with(
    waveforms: tuple[Waveform, ...], rates_hz: tuple[Fraction, ...], found: tuple[tuple[int, int], ...]
) -> tuple[Waveform, ...]:
    """Return waveforms and those that are a tick longer or shorter; a lab's own are the same tuple every time."""
    n = len(waveforms)
    made = [
        waveforms[kind // 2 % n].lasting(nearest + (1 if kind % 2 else -1), rates_hz[kind // 2 // n])
        for kind, nearest in found
    ]
    return (*waveforms, *made)
