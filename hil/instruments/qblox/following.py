"""Sequencers that wait for the cluster's trigger input: what they play at each trigger is worked out, and followed.

The programs run against triggers so far apart that every sequencer waits again before the next one comes; what is
between two of them is a shot. Source: qblox-instruments 1.4.1, ``TRG:IN:MAP:ENAble`` and ``:ADDRess``; Q1ASM,
``wait_trigger``. That triggers reach all sequencers at the same time, and that the connector's latency is always the
same, is an estimate.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.cext.q1_shots import fingerprint
from qctl.hil.instruments.plant_link import Kind, Plant
from qctl.hil.instruments.qblox.core import ACQUIRES, PLAY, run_together
from qctl.hil.instruments.qblox.parts import (
    INPUT_V,
    LONGEST_NS,
    RATE_HZ,
    Player,
    bins_of,
    carriers_of,
    fill,
    judge,
    kind_of,
    window_of,
)
from qctl.hil.instruments.qblox.sequencer import Sequencer
from qctl.hil.instruments.qblox.shots import Shots

if TYPE_CHECKING:
    from qctl.hil.instruments.qblox.module import QbloxModule

__all__ = ["Followed", "follow", "n_left"]

_APART_NS = 4 * LONGEST_NS
_MOST_TRIGGERS = 1 << 20
_SHORTEST_NS = 4


class _Filled(NamedTuple):
    """Acquisitions of shots: whose, their kind, integration, column and index, each shot's place and bin."""

    player: Player
    kind: int
    which: int
    column: int
    acquisition: int
    shots: NDArray[np.int64]
    bins: NDArray[np.int64]


class Followed(NamedTuple):
    """What is followed: done with the sums of each kind and integration, which `fill` puts into the bins."""

    done: asyncio.Future[list[list[NDArray[np.float64]]]]
    filled: list[_Filled]
    order: NDArray[np.int64]

    def fill(self, sums: Sequence[Sequence[NDArray[np.float64]]]) -> None:
        """Put the sums of all shots into their bins."""
        ranks = np.empty(len(self.order), np.int64)
        for kind in range(len(sums)):
            mine = self.order == kind
            ranks[mine] = np.arange(np.count_nonzero(mine))
        for one in self.filled:
            values = sums[one.kind][one.which][ranks[one.shots], one.column : one.column + 2]
            fill(one.player, one.acquisition, one.bins, values / INPUT_V)


@dataclass(slots=True)
class _Found:
    """What has been worked out so far."""

    kinds: list[Kind] = field(default_factory=list)
    order: list[NDArray[np.int64]] = field(default_factory=list)
    filled: list[_Filled] = field(default_factory=list)
    busy_ns: int = 0
    _numbers: dict[tuple[Any, ...], int] = field(default_factory=dict)

    def number(self, kind: Kind) -> int:
        """Return the number of a kind; what plays the same has one."""
        played = tuple((name, number, one) for name, element in kind.outputs.items() for number, one in element.items())
        seen = tuple((one.box, one.inputs, one.delay_s, one.weights.tobytes()) for one in kind.integrations)
        key = (played, seen)
        if key not in self._numbers:
            self._numbers[key] = len(self.kinds)
            self.kinds.append(kind)
        return self._numbers[key]


async def follow(plant: Plant, running: Sequence[tuple[QbloxModule, Sequencer]], address: int) -> Followed | None:
    """Run programs to their ends, and tell the plant what they play at the coming triggers.

    Returns
    -------
    Followed or None
        Done when the last trigger has come; None if a program can't be followed: its flags say why.
    """
    triggers = np.empty((_MOST_TRIGGERS, 2), np.int64)
    triggers[:, 0] = np.arange(1, _MOST_TRIGGERS + 1) * _APART_NS
    triggers[:, 1] = address
    players = [Player.of(module, one) for module, one in running]
    for player in players:
        player.core.triggers = triggers
    cores = [player.core for player in players]
    found = _Found()
    first, ended = 0, False
    while not ended and any(player.sequencer.state == "RUNNING" for player in players):
        ended = await asyncio.to_thread(run_together, cores)
        for player in players:
            judge(player)
        if ended:
            last = max(int(core.rows["time"][-1]) // _APART_NS if len(core.rows) else 0 for core in cores)
        else:
            last = min(core.end_ns // _APART_NS for core in cores if not core.ended) - 1
        if last > first:
            shots = await asyncio.to_thread(_shots, players, first, last)
            if not await _take(plant, players, shots, found):
                return None
            if not ended:
                for core, (_, high) in zip(cores, shots.bounds, strict=True):
                    core.forget(int(high[-1]))
        elif not ended:
            for player in players:
                player.sequencer.fail("UNKNOWN", "a shot has more real-time instructions than the emulator holds")
            return None
        first = max(first, last)
    if not found.order or any(player.sequencer.flags["error"] for player in players):
        return None
    for core in cores:
        found.busy_ns = max(found.busy_ns, core.end_ns % _APART_NS)
    names = list(dict.fromkeys(module.config.name for module, _ in running))
    order, busy_s = np.concatenate(found.order), found.busy_ns * 1e-9
    done = await plant.follow(names, found.kinds, order, RATE_HZ, tones=carriers_of(players), busy_s=busy_s)
    return Followed(done, found.filled, order)


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
    """Let shots last until what a sequencer plays and integrates in them has ended."""
    plays = rows[rows["operation"] == PLAY]
    for letter in ("a", "b"):
        lengths = [len(player.waves.get(int(index), ())) for index in plays[letter]]
        _last_until(stops, starts, plays["time"], np.array(lengths, np.int64))
    acquires = rows[np.isin(rows["operation"], ACQUIRES[:2])]
    _, firsts, kinds = np.unique(
        acquires[["operation", "a", "c", "d"]], return_index=True, return_inverse=True
    )  # a window is that of its like
    windows = np.array([window_of(player, acquires[k]) for k in firsts.tolist()], np.int64)
    _last_until(stops, starts, acquires["time"], windows[kinds] if len(kinds) else windows)


def _last_until(
    stops: NDArray[np.int64], starts: NDArray[np.int64], times: NDArray[np.int64], lengths: NDArray[np.int64]
) -> None:
    """Let each shot last until the ends of what begins in it."""
    place = np.searchsorted(starts, times, side="right") - 1
    inside = place >= 0
    np.maximum.at(stops, place[inside], (times + lengths)[inside])


async def _take(plant: Plant, players: Sequence[Player], shots: Shots, found: _Found) -> bool:
    """Note what is played in each of the shots; say whether it can be."""
    numbers = np.zeros(len(shots.models), np.int64)
    before = sum(map(len, found.order))
    for place, model in enumerate(shots.models.tolist()):
        rendered = kind_of(players, shots, model)
        if rendered is None:
            return False
        kind, fresh, acquired = rendered
        await plant.waveforms(fresh)
        number = numbers[place] = found.number(kind)
        alike = np.flatnonzero(shots.kinds == place)
        for each, which, column in acquired:
            index, bins = bins_of(players, shots, model, alike, each)
            found.filled.append(_Filled(players[each.player], number, which, column, index, before + alike, bins))
        found.busy_ns = max(found.busy_ns, int(shots.stops[model] - shots.starts[model]))
    found.order.append(numbers[shots.kinds])
    return True
