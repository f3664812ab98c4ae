"""A run of sequencers that start together: programs, shots, samples to the plant, integrated records into bins."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qctl.hil.instruments.plant_link import Plant
from qctl.hil.instruments.qblox.core import MOST_ROWS, run_together
from qctl.hil.instruments.qblox.parts import (
    INPUT_V,
    RATE_HZ,
    Player,
    bins_of,
    carriers_of,
    done_of,
    fill,
    judge,
    kind_of,
)
from qctl.hil.instruments.qblox.sequencer import Sequencer
from qctl.hil.instruments.qblox.shots import Shots, cut
from qctl.hil.instruments.qblox.steering import follows, play_steered

if TYPE_CHECKING:
    from qctl.hil.instruments.qblox.module import QbloxModule

__all__ = ["play"]


async def play(plant: Plant, running: Sequence[tuple[QbloxModule, Sequencer]]) -> None:
    """Run the programs, play each kind of shot as often as it comes, and fill the bins; flags say what went wrong."""
    players = [Player.of(module, one) for module, one in running]
    if follows(players):
        await play_steered(plant, players)
        return
    cores = [player.core for player in players]
    ended = False
    while not ended and any(player.sequencer.state == "RUNNING" for player in players):
        ended = await asyncio.to_thread(run_together, cores)
        for player in players:
            judge(player)
        shots = await asyncio.to_thread(cut, [done_of(player) for player in players])
        # What all sequencers have left behind is complete, but for the last shot that they are in.
        until_ns = min((core.end_ns for core in cores if not core.ended), default=0)
        n_shots = len(shots.starts) if ended else max(0, int(np.searchsorted(shots.starts, until_ns)) - 1)
        if not n_shots and not ended:
            for player in players:
                player.sequencer.fail("UNKNOWN", f"a shot has over {MOST_ROWS} real-time instructions")
            return
        if n_shots:
            await _play_shots(plant, players, shots, n_shots)
        if not ended:
            for core, (low, _) in zip(cores, shots.bounds, strict=True):
                core.forget(int(low[n_shots]))


async def _play_shots(plant: Plant, players: Sequence[Player], shots: Shots, n_shots: int) -> None:
    """Play the first shots, all of a kind at once."""
    last = max(player.core.end_ns for player in players)
    end_ns = int(shots.starts[n_shots]) if n_shots < len(shots.starts) else max(last, int(shots.stops[-1]))
    period_s = (end_ns - int(shots.starts[0])) / n_shots * 1e-9
    kinds = shots.kinds[:n_shots]
    order = np.argsort(kinds, kind="stable")
    bounds = np.searchsorted(kinds[order], np.arange(len(shots.models) + 1))
    for kind, model in enumerate(shots.models.tolist()):
        if all(player.sequencer.state != "RUNNING" for player in players):
            return
        alike = order[bounds[kind] : bounds[kind + 1]]
        if len(alike):
            await _play_kind(plant, players, shots, model, alike, period_s)


async def _play_kind(
    plant: Plant, players: Sequence[Player], shots: Shots, model: int, alike: NDArray[np.int64], period_s: float
) -> None:
    """Play one kind of shot as often as it comes."""
    found = kind_of(players, shots, model)
    if found is None:
        return
    kind, fresh, acquired = found
    await plant.waveforms(fresh)
    n_played, sums = await plant.play(
        kind.outputs, kind.integrations, RATE_HZ, len(alike), period_s, tones=carriers_of(players)
    )
    for each, which, column in acquired:
        index, bins = bins_of(players, shots, model, alike[:n_played], each)
        fill(players[each.player], index, bins, sums[which][:n_played, column : column + 2] / INPUT_V)
