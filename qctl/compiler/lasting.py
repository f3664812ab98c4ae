"""How long plays last on their clocks: from the tick of each one's start to that of its end, so that they meet."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.cext import ragged
from qctl.program.sampling import envelope_length
from qctl.program.tables import Waveform

__all__ = ["Clocks", "clocks_of", "fitted", "nearest_of"]


class Clocks(NamedTuple):
    """The clocks of ports.

    Attributes
    ----------
    of : (n_ports,) int32
        Number of each port's clock.
    rates_hz : tuple of Fraction
        Of each clock.
    """

    of: NDArray[np.int32]
    rates_hz: tuple[Fraction, ...]


@lru_cache(maxsize=64)
def clocks_of(rates_hz: tuple[Fraction, ...]) -> Clocks:
    """Return the clocks of ports with these rates."""
    clocks: dict[Fraction, int] = {}
    of = np.array([clocks.setdefault(rate_hz, len(clocks)) for rate_hz in rates_hz], np.int32)
    of.setflags(write=False)
    return Clocks(of, tuple(clocks))


def nearest_of(waveforms: tuple[Waveform, ...], clocks: Clocks, played: NDArray) -> NDArray[np.int64]:
    """Return the whole number of ticks nearest to each waveform's length, 0 where none of a clock's ports plays it.

    Parameters
    ----------
    waveforms : tuple of Waveform
        With numbers only, where they are played.
    clocks : Clocks
    played : (n_ports, n_waveforms) any
        Not 0 where a waveform is played on a port.

    Returns
    -------
    (n_clocks, n_waveforms) int64
    """
    nearest = np.zeros((len(clocks.rates_hz), played.shape[1]), np.int64)
    for clock, wave in {(int(clocks.of[port]), wave) for port, wave in np.argwhere(played).tolist()}:
        nearest[clock, wave] = envelope_length(waveforms[wave], clocks.rates_hz[clock])
    return nearest


def fitted(
    plays: NDArray, lasts: NDArray[np.int64], waveforms: tuple[Waveform, ...], clocks: Clocks,
    nearest: NDArray[np.int64],
) -> tuple[tuple[Waveform, ...], NDArray[np.int64] | None]:  # fmt: skip
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
    clocks : Clocks
    nearest : (n_clocks, n_waveforms) int64
        As `nearest_of` returns them.

    Returns
    -------
    waveforms : tuple of Waveform
        The same ones, and those of another length behind them.
    counts : (n_ports, n_waveforms) int64 or None
        How many plays of each there are, where there is one of another length.
    """
    kinds, counts = ragged.fit(plays, lasts, clocks.of, nearest)
    if counts is None:
        return waveforms, None
    ticks = nearest.ravel().tolist()
    return _with(waveforms, clocks.rates_hz, tuple([(kind, ticks[kind // 2]) for kind in kinds])), counts


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
