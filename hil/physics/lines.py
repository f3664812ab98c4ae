"""What arrives at the fridge in one shot: runs of held samples on each line, with silence between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Lines", "Run", "find_runs"]


@dataclass(frozen=True, slots=True)
class Run:
    """Samples that are played without a gap.

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
        groups = (*self.drive, *self.flux, self.readout)
        return max((run.stop for runs in groups for run in runs), default=0)


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
