"""What a program did, by generator and readout, cut into shots; shots that are alike are found and rendered once.

A shot ends after a readout when nothing is played or read for QUIET_S. It begins at a whole number of cycles of all
clocks, so that equal shots are equal to the sample. The phase that a carrier which is never started anew has at the
start of its shot is left out here; results are turned by it (see `playing`).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import lcm
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.cext import tproc_core as kernel
from qctl.errors import RequestError
from qctl.hil.instruments.alike import kinds_of, sums_of_prints
from qctl.hil.instruments.qick.processor import Done

__all__ = ["QUIET_S", "READ", "RESET", "Clocks", "Shots", "clocks_of", "cut", "deeds_of"]

QUIET_S = 5e-6
READ = 1000
"""Added to the number of a readout where generators and readouts stand in one column."""
RESET = 0b10000
"""Bit of a wave that starts its generator's carrier anew."""
_MOST_GRID = 1 << 32
_AHEAD_TICKS = 16
"""A shot begins so long before what it does first: carriers start anew at its very beginning."""


class Clocks(NamedTuple):
    """The clocks of a board: cycles of each generator and readout in a tick of its timing clock."""

    timing_hz: Fraction
    generators: tuple[Fraction, ...]
    readouts: tuple[Fraction, ...]

    @property
    def grid(self) -> int:
        """Return the ticks that are whole numbers of cycles of all clocks."""
        return lcm(*(ratio.denominator for ratio in (*self.generators, *self.readouts)))


class Deeds(NamedTuple):
    """Waves that begin, and windows that open, in order of time; (n,) each.

    Attributes
    ----------
    tick : int64
        Of the timing clock.
    channel : int64
        Generator, or `READ` and the number of the readout.
    wave : int64
        Row of waves; 0 of a readout.
    since : int64
        Ticks since the generator's carrier was started anew, -1 if it never was.
    lasts : float64
        Ticks.
    """

    tick: NDArray[np.int64]
    channel: NDArray[np.int64]
    wave: NDArray[np.int64]
    since: NDArray[np.int64]
    lasts: NDArray[np.float64]


class Shots(NamedTuple):
    """The shots of a run.

    Attributes
    ----------
    starts, stops : (n_shots,) int64
        Ticks.
    low, high : (n_shots,) int64
        First deed of each, and the one after its last.
    kinds, models : (n_shots,) int64, (n_kinds,) int64
        Shots of one kind are alike; the first of each kind.
    """

    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    kinds: NDArray[np.int64]
    models: NDArray[np.int64]


def clocks_of(config: Mapping[str, Any]) -> Clocks:
    """Return the clocks of a board, exact."""

    def mhz(value: float) -> Fraction:
        return Fraction(value).limit_denominator(10_000)

    timing = mhz(config["tprocs"][0]["f_time"])
    return Clocks(
        timing * 10**6,
        tuple(mhz(one["f_fabric"]) / timing for one in config["gens"]),
        tuple(mhz(one["f_output"]) / timing for one in config["readouts"]),
    )


def deeds_of(done: Done, config: Mapping[str, Any], clocks: Clocks, windows: Mapping[int, int]) -> Deeds:
    """Return what generators and readouts did.

    Parameters
    ----------
    windows : mapping of int to int
        Length of the window of each readout whose buffer is enabled, in its cycles.

    Raises
    ------
    RequestError
        If a wave goes where no generator is.
    """
    ports = {int(one["tproc_ch"]): k for k, one in enumerate(config["gens"])}
    rows = done.rows
    waves = rows[rows[:, 1] == kernel.WAVE]
    lost = set(np.unique(waves[:, 2]).tolist()) - set(ports)
    if lost:
        raise RequestError(f"a wave goes to port {min(lost)}, where no generator is")
    channel = np.array([ports.get(k, 0) for k in range(max(ports) + 1)], np.int64)[waves[:, 2]]
    parts = [_played(waves, channel, done.waves, k, float(ratio)) for k, ratio in enumerate(clocks.generators)]
    for k, length in windows.items():
        ticks = _rises(rows, config["readouts"][k])
        n = np.full(len(ticks), READ + k), np.zeros(len(ticks), np.int64), np.full(len(ticks), -1)
        parts.append(Deeds(ticks, *n, np.full(len(ticks), length / float(clocks.readouts[k]))))
    tick, channel, wave, since = (np.concatenate([part[k] for part in parts]) for k in range(4))
    lasts = np.concatenate([part.lasts for part in parts])
    order = np.lexsort((channel, tick))
    return Deeds(tick[order], channel[order], wave[order], since[order], lasts[order])


def _played(
    rows: NDArray[np.int64], channel: NDArray[np.int64], waves: NDArray[np.int64], number: int, per_tick: float
) -> Deeds:
    """Return what one generator plays."""
    mine = rows[channel == number]
    tick, wave = mine[:, 0], mine[:, 3]
    anew = waves[wave, 5] & RESET != 0
    last = np.maximum.accumulate(np.where(anew, np.arange(len(tick)), -1)) if len(tick) else tick
    since = np.where(last >= 0, tick - tick[np.maximum(last, 0)] if len(tick) else tick, -1)
    return Deeds(tick, np.full(len(tick), number), wave, since, (waves[wave, 4] & 0xFFFF) / per_tick)


def _rises(rows: NDArray[np.int64], readout: Mapping[str, Any]) -> NDArray[np.int64]:
    """Return when the line that triggers a readout goes up."""
    port, is_word = int(readout["trigger_port"]), readout["trigger_type"] in ("dport", "output")
    mine = rows[(rows[:, 1] == (kernel.WORD if is_word else kernel.TRIGGER)) & (rows[:, 2] == port)]
    up = (mine[:, 3] >> int(readout.get("trigger_bit", 0) if is_word else 0)) & 1
    return np.asarray(mine[np.diff(up, prepend=0) > 0, 0])


def cut(deeds: Deeds, clocks: Clocks) -> Shots:
    """Return the shots into which a run falls apart.

    Raises
    ------
    RequestError
        If the clocks of the board never meet.
    """
    none = np.empty(0, np.int64)
    if not len(deeds.tick):
        return Shots(none, none, none, none, none, none)
    grid = clocks.grid
    if grid > _MOST_GRID:
        raise RequestError(f"the board's clocks meet every {grid} ticks only; the emulator can't tell shots apart")
    quiet = QUIET_S * float(clocks.timing_hz)
    end = np.maximum.accumulate(deeds.tick + deeds.lasts)
    edges = np.concatenate([[0], np.flatnonzero(deeds.tick[1:] - end[:-1] >= quiet) + 1])
    measured = np.add.reduceat((deeds.channel >= READ).astype(np.int64), edges) > 0
    first = np.concatenate([[0], np.flatnonzero(measured[:-1]) + 1])
    low = edges[first].astype(np.int64)
    high = np.append(low[1:], len(deeds.tick)).astype(np.int64)
    starts = (deeds.tick[low] - _AHEAD_TICKS) // grid * grid
    kinds, models = kinds_of([_prints(deeds, low, high, starts)])
    return Shots(starts, np.ceil(end[high - 1]).astype(np.int64), low, high, kinds, models)


def _prints(
    deeds: Deeds, low: NDArray[np.int64], high: NDArray[np.int64], starts: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """Return a number for what is done in each shot, equal for equal deeds."""
    shot = np.repeat(np.arange(len(low)), high - low)
    total = sums_of_prints((deeds.tick - starts[shot], deeds.channel, deeds.wave, deeds.since))
    return np.asarray(total[high] - total[low])
