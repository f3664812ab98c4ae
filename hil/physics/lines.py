"""What arrives at the fridge in one shot: runs of held samples on each line, with silence between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["Lines", "Pulse", "Run", "find_runs"]

VALLEY = 0.2
"""Part of its largest voltage below which a flux line is between two pulses."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """One flux pulse, in samples.

    Attributes
    ----------
    start, stop : int
        All of it.
    up, down : int
        Where it is above VALLEY of its largest voltage for the first time, and no more.
    """

    start: int
    stop: int
    up: int
    down: int


@dataclass(frozen=True, eq=False)
class Run:
    """Samples that are played without a gap; what is worked out of them is kept, as many shots share a run.

    Attributes
    ----------
    start : int
        First sample, counted from the trigger.
    volts : (n,) complex128 or float64, V
        I + iQ at the mixer, or the voltage of a flux line.
    """

    start: int
    volts: NDArray[np.complex128]

    @property
    def stop(self) -> int:
        """Return the sample after the last."""
        return self.start + int(self.volts.size)

    @cached_property
    def unbroken(self) -> bool:
        """Say whether no sample is 0."""
        return bool(self.volts.all())

    @cached_property
    def pulses(self) -> tuple[Pulse, ...]:
        """Return flux pulses, cut where one has come down and the next has not gone up yet."""
        size = np.abs(self.volts)
        low = size <= VALLEY * size.max()
        inside = np.flatnonzero((size[1:-1] <= size[:-2]) & (size[1:-1] < size[2:]) & low[1:-1]) + 1
        cuts = [k for k in inside.tolist() if not low[:k].all() and not low[k:].all()]
        found = []
        for left, right in pairwise([0, *cuts, size.size]):
            high = left + np.flatnonzero(~low[left:right])
            up, down = (int(high[0]), int(high[-1]) + 1) if high.size else (left, right)
            found.append(Pulse(self.start + left, self.start + right, self.start + up, self.start + down))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Lines:
    """All lines of a processor during one shot, on one grid.

    Attributes
    ----------
    rate_hz : float
        Samples per second of the grid.
    drive : tuple of tuples of Run
        One entry per transmon; I + iQ proportional to exp(+2 pi i f t) drives at LO + f.
    drive_lo_hz : tuple of float
        LO of each drive line; a line whose LO is off has no runs.
    flux : tuple of tuples of Run
        Fast flux voltage of each transmon.
    static_v : tuple of float
        DC voltage of each transmon's static flux line.
    readout : tuple of Run
        I + iQ into the feedline.
    readout_lo_hz : float
        LO of the readout, up and down.
    """

    rate_hz: float
    drive: tuple[tuple[Run, ...], ...]
    drive_lo_hz: tuple[float, ...]
    flux: tuple[tuple[Run, ...], ...]
    static_v: tuple[float, ...]
    readout: tuple[Run, ...]
    readout_lo_hz: float

    @property
    def stop(self) -> int:
        """Return the sample after the last that anything plays."""
        return max((run.stop for run in self._runs()), default=0)

    @property
    def n_played(self) -> int:
        """Return how many samples all lines play."""
        return sum([run.volts.size for run in self._runs()])

    def _runs(self) -> list[Run]:
        return [run for runs in (*self.drive, *self.flux, self.readout) for run in runs]


def find_runs(active: NDArray[np.bool_], gap: int = 1) -> list[tuple[int, int]]:
    """Return (start, stop) of each stretch of True; stretches `gap` or fewer samples apart are one."""
    edges = np.flatnonzero(np.diff(active.astype(np.int8), prepend=0, append=0))
    runs: list[tuple[int, int]] = []
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if runs and start - runs[-1][1] <= gap:
            runs[-1] = (runs[-1][0], stop)
        else:
            runs.append((start, stop))
    return runs
