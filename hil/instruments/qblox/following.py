"""Sequencers that wait for the cluster's trigger input: what they play at each trigger is worked out, and lined up.

The programs run against triggers so far apart that every sequencer waits again before the next one comes; what is
between two of them is a shot. Source: qblox-instruments 1.4.1, ``TRG:IN:MAP:ENAble`` and ``:ADDRess``; Q1ASM,
``wait_trigger``. That triggers reach all sequencers at the same time, and that the connector's latency is always the
same, is an estimate.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qctl.cext.q1_shots import fingerprint
from qctl.hil.instruments.plant_link import Plant
from qctl.hil.instruments.qblox.core import ACQUIRES, PLAY, run_together
from qctl.hil.instruments.qblox.parts import LONGEST_NS, RATE_HZ, Player, judge, outputs_of
from qctl.hil.instruments.qblox.sequencer import Sequencer
from qctl.hil.instruments.qblox.shots import Shots

if TYPE_CHECKING:
    from qctl.hil.instruments.qblox.module import QbloxModule

__all__ = ["give_up", "line_up", "n_left"]

_APART_NS = 4 * LONGEST_NS
_MOST_TRIGGERS = 1 << 20
_SHORTEST_NS = 4

Kinds = list[list[Any]]
"""What a module's outputs play, and at how many triggers one after the other."""


@dataclass(slots=True)
class _Lined:
    """What has been worked out so far."""

    kinds: dict[str, Kinds]
    busy_ns: int = 0


async def line_up(plant: Plant, running: Sequence[tuple[QbloxModule, Sequencer]], address: int) -> None:
    """Run programs to their ends, and tell the plant what they play at the coming triggers; flags say what is wrong."""
    triggers = np.empty((_MOST_TRIGGERS, 2), np.int64)
    triggers[:, 0] = np.arange(1, _MOST_TRIGGERS + 1) * _APART_NS
    triggers[:, 1] = address
    players = [Player.of(module, one) for module, one in running]
    for player in players:
        player.core.triggers = triggers
    cores = [player.core for player in players]
    lined = _Lined({module.config.name: [] for module, _ in running})
    first, ended = 0, False
    while not ended and any(player.sequencer.state == "RUNNING" for player in players):
        ended = await asyncio.to_thread(run_together, cores)
        for player in players:
            judge(player)
            if np.isin(player.core.rows["operation"], ACQUIRES).any():
                player.sequencer.fail("UNKNOWN", "acquisitions behind wait_trigger are not emulated")
                return
        if ended:
            last = max(int(core.rows["time"][-1]) // _APART_NS if len(core.rows) else 0 for core in cores)
        else:
            last = min(core.end_ns // _APART_NS for core in cores if not core.ended) - 1
        if last > first:
            shots = await asyncio.to_thread(_shots, players, first, last)
            await _take(plant, players, shots, lined)
            if not ended:
                for core, (_, high) in zip(cores, shots.bounds, strict=True):
                    core.forget(int(high[-1]))
        elif not ended:
            for player in players:
                player.sequencer.fail("UNKNOWN", "a shot has more real-time instructions than the emulator holds")
            return
        first = max(first, last)
    for core in cores:
        lined.busy_ns = max(lined.busy_ns, core.end_ns % _APART_NS)
    await plant.ask("line_up", boxes=lined.kinds, rate_hz=RATE_HZ, busy_s=lined.busy_ns * 1e-9)


async def give_up(plant: Plant, modules: Sequence[str]) -> None:
    """Have modules wait for triggers no more."""
    await plant.ask("line_up", boxes={name: [] for name in modules}, rate_hz=RATE_HZ, busy_s=0.0)


async def n_left(plant: Plant) -> int:
    """Return how many triggers are still waited for."""
    return int((await plant.ask("shots_left"))["n_left"])


def _shots(players: Sequence[Player], first: int, last: int) -> Shots:
    """Return the shots behind the triggers after the first `first`, up to the `last`-th."""
    starts = np.arange(first + 1, last + 1, dtype=np.int64) * _APART_NS
    stops = starts + _SHORTEST_NS
    prints = np.zeros(len(starts), np.uint64)
    bounds = []
    for player in players:
        rows = player.core.rows
        times = np.ascontiguousarray(rows["time"])
        low, high = np.searchsorted(times, starts), np.searchsorted(times, starts + _APART_NS)
        fingerprint(rows, low, high, starts, ACQUIRES[0], ACQUIRES[-1], player.sequencer.turns, prints)
        bounds.append((low, high))
        _lengthen(stops, starts, player, rows)
    _, models, kinds = np.unique(prints, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(models))
    return Shots(starts, stops, tuple(bounds), rank[kinds], np.sort(models))


def _lengthen(stops: NDArray[np.int64], starts: NDArray[np.int64], player: Player, rows: NDArray) -> None:
    """Let shots last until what a sequencer plays in them has ended."""
    plays = rows[rows["operation"] == PLAY]
    for letter in ("a", "b"):
        lengths = np.array([len(player.waves.get(int(index), ())) for index in plays[letter]], np.int64)
        place = np.searchsorted(starts, plays["time"], side="right") - 1
        inside = place >= 0
        np.maximum.at(stops, place[inside], (plays["time"] + lengths)[inside])


async def _take(plant: Plant, players: Sequence[Player], shots: Shots, lined: _Lined) -> None:
    """Hand over what is played in shots of each kind, and note how often one comes after the other."""
    found = []
    for model in shots.models.tolist():
        start, stop = int(shots.starts[model]), int(shots.stops[model])
        if stop - start > LONGEST_NS:
            for player in players:
                player.sequencer.fail("UNKNOWN", f"a shot of {stop - start} ns is not rendered")
            return
        outputs, fresh = outputs_of(players, shots, model, start, stop)
        await plant.waveforms(fresh)
        found.append(
            {
                name: {str(n): [o.digest, o.amplitude_vpp, o.offset_v, o.on] for n, o in element.items()}
                for name, element in outputs.items()
            }
        )
        lined.busy_ns = max(lined.busy_ns, stop - start)
    edges = np.flatnonzero(np.diff(shots.kinds, prepend=-1, append=-1))
    for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        for name, kinds in lined.kinds.items():
            played = found[int(shots.kinds[begin])][name]
            if kinds and kinds[-1][0] == played:
                kinds[-1][1] += end - begin
            else:
                kinds.append([played, end - begin])
