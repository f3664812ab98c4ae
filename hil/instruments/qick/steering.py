"""Shots whose programs read what their readouts have added up: part by part, for all shots at once.

A program is executed anew for each part of its shots, with the sums that were found in the parts before: what it does
until it reads those of the next one is as it would have been. Shots that have done the same play a part together.

Source: qick 0.2.436 (``asm_v2.py``, ReadInput: what a readout added up last). How long sums are on their way to the
processor is written nowhere; here they are there at the end of the window.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qctl.cext import tproc_core as kernel
from qctl.errors import RequestError
from qctl.hil.instruments.plant_link import Plant
from qctl.hil.instruments.qick.rendering import RATE_HZ
from qctl.hil.instruments.qick.shots import READ

if TYPE_CHECKING:
    from qctl.hil.instruments.qick.playing import Run

__all__ = ["play_steered", "reads"]

_ALL = 1 << 30
"""Sums that are over every threshold: with them a program plays what it does not play without any."""

Again = Callable[[NDArray[np.int64]], "Run"]
Groups = list[tuple[int, NDArray[np.int64], NDArray[np.int64]]]
"""Shots that have done the same: the plant's party, which of its shots, and which of all."""


def reads(run: Run) -> bool:
    """Say whether a program reads what has been added up."""
    return bool((run.done.rows[:, 1] == kernel.READ).any())


async def play_steered(run: Run, again: Again, plant: Plant) -> Run:
    """Play all shots of a program that reads sums, and return the run as it came to be; `run` may be stopped meanwhile.

    Parameters
    ----------
    again : function
        Executes the program with (n_reads, 2) sums.

    Raises
    ------
    RequestError
        If shots have different windows, or sums are read that are not there.
    """
    n_shots = len(run.shots.starts)
    inputs = np.zeros((int((run.done.rows[:, 1] == kernel.READ).sum()), 2), np.int64)
    sums = {k: table.copy() for k, table in run.sums.items()}
    heard = _heard(await asyncio.to_thread(again, np.full_like(inputs, _ALL))) | _heard(run)
    run.heard = heard
    begun = run
    groups: Groups = [(0, np.arange(n_shots), np.arange(n_shots))]
    begin = number = 0
    while number < len(parts := _parts(run)):
        stop, columns = parts[number]
        after: Groups = []
        for party, places, shots in groups:
            for which in await asyncio.to_thread(_alike, run, shots, begin, stop):
                mine = shots[which]
                model = int(mine[0])
                kind, tones, fresh, windows = await asyncio.to_thread(run.kind_of, model, begin, stop, columns)
                if begun.stopped:
                    run.stopped = True
                    return run
                await plant.waveforms(fresh)
                end_s = stop / float(run.clocks.timing_hz)
                now, found = await plant.steer(
                    kind.outputs, kind.integrations[0], RATE_HZ, party, places[which], end_s, {run.name: RATE_HZ}, tones
                )
                await asyncio.to_thread(run.take, windows, mine, [found], columns)
                after.append((now, np.arange(len(mine)), mine))
        sums |= run.sums
        begin, number, groups = stop, number + 1, after
        anew = await asyncio.to_thread(_answered, run, sums, inputs, again)
        if len(anew.shots.starts) != n_shots:
            raise RequestError("a program that reads sums has another number of shots with them: not emulated")
        for k, table in sums.items():
            anew.sums[k][:] = table
        anew.heard = heard
        run = anew
    period_s = float((run.shots.stops[-1] - run.shots.starts[0]) / run.clocks.timing_hz / n_shots)
    played, _ = await plant.play({}, [], RATE_HZ, n_shots, period_s)
    run.stopped = begun.stopped or played < n_shots
    return run


def _heard(run: Run) -> dict[int, int]:
    """Return the frequency of the first wave with any height that each generator plays."""
    found: dict[int, int] = {}
    for channel in np.unique(run.deeds.channel[run.deeds.channel < READ]).tolist():
        waves = run.done.waves[run.deeds.wave[run.deeds.channel == channel]]
        loud = waves[waves[:, 3] != 0]
        if len(loud):
            found[channel] = int(loud[0, 0])
    return found


def _windows(run: Run, shot: int) -> list[tuple[int, int, int]]:
    """Return the windows of a shot: when each opens and closes after its start, and its readout."""
    part = slice(int(run.shots.low[shot]), int(run.shots.high[shot]))
    start, deeds = int(run.shots.starts[shot]), run.deeds
    found = []
    for tick, channel, lasts in zip(deeds.tick[part], deeds.channel[part], deeds.lasts[part], strict=True):
        if channel >= READ:
            found.append((int(tick) - start, int(np.ceil(tick + lasts)) - start, int(channel) - READ))
    return found


def _parts(run: Run) -> list[tuple[int, tuple[int, int]]]:
    """Return when parts of the shots end, and their windows, from one to before another.

    Raises
    ------
    RequestError
        If shots have different windows.
    """
    windows = _windows(run, 0)
    if any(_windows(run, shot) != windows for shot in run.shots.models.tolist()):
        raise RequestError("shots of a program that reads sums have different windows: not emulated")
    found: list[tuple[int, tuple[int, int]]] = []
    first = 0
    for k, (_, closes, _) in enumerate(windows):
        stop = max(one[1] for one in windows[first : k + 1])
        if k + 1 == len(windows) or windows[k + 1][0] >= stop:
            found.append((max(stop, closes), (first, k + 1)))
            first = k + 1
    return found


def _alike(run: Run, shots: NDArray[np.int64], begin: int, stop: int) -> list[NDArray[np.int64]]:
    """Return which of some shots do the same between two times after their starts."""
    known: dict[bytes, list[int]] = {}
    deeds = run.deeds
    for place, shot in enumerate(shots.tolist()):
        low, high, start = int(run.shots.low[shot]), int(run.shots.high[shot]), int(run.shots.starts[shot])
        a, b = np.searchsorted(deeds.tick[low:high], (start + begin, start + stop)) + low
        table = np.stack([deeds.tick[a:b] - start, deeds.channel[a:b], deeds.wave[a:b], deeds.since[a:b]])
        known.setdefault(table.tobytes(), []).append(place)
    return [np.array(members, np.int64) for members in known.values()]


def _answer(run: Run, sums: dict[int, NDArray[np.int64]], inputs: NDArray[np.int64]) -> None:
    """Fill in what is read: the sums of the last window that was over."""
    ports = {int(one["tproc_ch"]): k for k, one in enumerate(run.memory.config["readouts"]) if "tproc_ch" in one}
    rows = run.done.rows[run.done.rows[:, 1] == kernel.READ]
    for port in np.unique(rows[:, 2]).tolist():
        if port not in ports or ports[port] not in sums:
            raise RequestError(f"data port {port} is read, where no readout is that adds anything up")
        k = ports[port]
        mine = rows[rows[:, 2] == port]
        own = run.deeds.channel == READ + k
        closes = run.deeds.tick[own] + run.deeds.lasts[own]
        last = np.searchsorted(closes, mine[:, 0] + 1e-6, side="right") - 1
        if (last < 0).any():
            raise RequestError(f"data port {port} is read before anything has been added up")
        inputs[mine[:, 3]] = sums[k][last]


def _answered(run: Run, sums: dict[int, NDArray[np.int64]], inputs: NDArray[np.int64], again: Again) -> Run:
    _answer(run, sums, inputs)
    return again(inputs)
