"""Runs in which sequencers follow triggers of each other: shot by shot, part by part, as results come.

Every sequencer runs until it asks for triggers that are not known. The acquisitions that end before are played then, as
one part of the shot; results over the threshold become triggers, and the sequencers go on. Times are those of the
trigger network: a trigger waits for the next tick of its grid, and is 212 ns on its way.

What comes of a part is asked of the plant for many shots at once: the same part after the same results has the same
chances in each shot, so what was drawn for a shot is used when the programs get there, and only if they play just that.

Source: Qblox documentation, Feedback Trigger Handling (grid of 28 ns from synchronisation, 212 ns on the way) and
Feedback (364 ns from input to output). That the rest of the latency is passed before the trigger is sent is an
estimate, and triggers that are sent together are not mixed up.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.cext.q1_shots import fingerprint
from qctl.errors import DeviceError
from qctl.hil.instruments.plant_link import Integration, Output, Plant, Runs
from qctl.hil.instruments.qblox.assembly import OPERATIONS
from qctl.hil.instruments.qblox.core import ACQUIRES, KNOWN, PLAY, Core, run_together
from qctl.hil.instruments.qblox.parts import (
    INPUT_V,
    RATE_HZ,
    Acquired,
    Player,
    carriers_of,
    fill,
    integrations_of,
    judge,
    outputs_of,
    over,
    window_of,
)
from qctl.hil.instruments.qblox.shots import QUIET_NS, Shots

__all__ = ["arrival_ns", "follows", "play_steered"]

_WAY_NS, _GRID_NS, _LATENCY_NS = 212, 28, 364
_ASKS = tuple(OPERATIONS.index(name) for name in ("set_cond", "wait_trigger"))
_FIRST_DRAWN, _MOST_DRAWN = 128, 1024
_MANY_ROWS = 4096


def follows(players: Sequence[Player]) -> bool:
    """Say whether any sequencer follows triggers, and any sends them."""
    asks = any(np.isin(player.core.code[:, 0], _ASKS).any() for player in players)
    return asks and any(_address(player) for player in players)


def arrival_ns(end_ns: int, synced_ns: int) -> int:
    """Return when the trigger of an acquisition that ends is there, on the grid that began with synchronisation."""
    ready = end_ns + _LATENCY_NS - _WAY_NS - synced_ns
    return synced_ns + -(-ready // _GRID_NS) * _GRID_NS + _WAY_NS


def _address(player: Player) -> int:
    """Return the address that a sequencer's results are sent to; 0 if they aren't."""
    if "acq" not in player.sequencer.config:
        return 0
    mapped = player.sequencer.acq["th_acq_trg_map"]
    return int(mapped["addr"]) if mapped["en"] else 0


class _Cluster(NamedTuple):
    """Acquisitions that overlap: when the first begins, and the last one ends, in ns."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """A part of a shot as it is sent to the plant.

    Attributes
    ----------
    outputs, fresh
        As `outputs_of` returns them.
    acquired : list of Acquired
        Its acquisitions.
    integration : Integration
        What the digitizer integrates.
    columns : list of int
        Of each acquisition in the sums.
    """

    outputs: dict[str, dict[int, Output]]
    fresh: dict[str, tuple[int, Runs]]
    acquired: list[Acquired]
    integration: Integration
    columns: list[int]


@dataclass(slots=True, eq=False)
class _Drawn:
    """What came of a part in many shots.

    Attributes
    ----------
    party : int
        What the plant calls these shots after it.
    members : (n,) int64
        Which shots of the batch they are, ascending.
    sums : (n, n_sums) float64
    results : (n, n_acquisitions) bool
        Which are over the threshold.
    next : dict
        What was drawn after it, by part and results.
    """

    party: int
    members: NDArray[np.int64]
    sums: NDArray[np.float64]
    results: NDArray[np.bool_]
    next: dict[tuple[object, ...], _Drawn] = field(default_factory=dict)


async def play_steered(plant: Plant, players: Sequence[Player]) -> None:
    """Run the programs, and fill the bins; flags say what went wrong.

    Raises
    ------
    DeviceError
        If the programs do what is not emulated.
    """
    await _Run(plant, players).play()


class _Run:
    """One run under way."""

    def __init__(self, plant: Plant, players: Sequence[Player]) -> None:
        self.plant = plant
        self.players = players
        self.cores: list[Core] = [player.core for player in players]
        self.cursor = 0
        """Until when all is played, in ns."""
        self.origin = -1
        """When the present shot began; -1 before the first one."""
        self.parts: dict[tuple[int, ...], _Part] = {}
        self.first: dict[tuple[int, ...], tuple[_Drawn, int]] = {}
        """What was drawn for first parts of shots, and how many of it have been used."""
        self.now: tuple[_Drawn, int] | None = None
        """What the present shot has come to: of which draws, and which shot of the batch it is."""
        self.ahead: list[deque[_Cluster]] = [deque() for _ in players]
        """Acquisitions of each sequencer that have not been played."""
        self.seen = [0] * len(players)
        """Rows of each sequencer that have been looked at."""
        self.n_shots = self.n_paced = 0
        self.began = 0

    async def play(self) -> None:
        """Go on until all programs have ended, or are stopped."""
        for core in self.cores:
            core.known_ns = -1
        while any(player.sequencer.state == "RUNNING" for player in self.players):
            run_together(self.cores)
            asking = min((core.end_ns for core in self.cores if core.asks), default=KNOWN)
            full = min((c.end_ns for c in self.cores if not (c.asks or c.ended or c.waits)), default=KNOWN)
            self._look()
            cluster = self._cluster()
            if cluster is not None and cluster.stop <= min(asking, full):
                await self._play_part(cluster)
                await asyncio.sleep(0)  # queries are answered meanwhile
            elif cluster is not None and asking < KNOWN and asking >= self._arrival(cluster.stop):
                raise DeviceError("a sequencer asks for triggers while an acquisition beside it goes on: not emulated")
            elif asking < KNOWN and asking <= full:
                for core in self.cores:
                    core.known_ns = asking
            elif full < KNOWN:
                raise DeviceError("a shot has too many real-time instructions")
            else:
                break
        for player in self.players:
            judge(player)
        await self._pace()

    # --- what comes next ----------------------------------------------------------------------------

    def _look(self) -> None:
        """Take in the acquisitions of rows that are new, and drop those that have been played."""
        for place, player in enumerate(self.players):
            rows, ahead = player.core.rows, self.ahead[place]
            if player.module.type.n_inputs and len(rows) > self.seen[place]:
                new = rows[self.seen[place] :]
                for row in new[(new["operation"] >= ACQUIRES[0]) & (new["operation"] <= ACQUIRES[1])]:
                    ahead.append(_Cluster(int(row["time"]), int(row["time"]) + window_of(player, row)))
            self.seen[place] = len(rows)
            while ahead and ahead[0].start < self.cursor:
                ahead.popleft()

    def _cluster(self) -> _Cluster | None:
        """Return the next acquisitions that overlap."""
        heads = [ahead[0] for ahead in self.ahead if ahead]
        if not heads:
            return None
        start, stop = min(heads)
        while True:
            longest = max((one.stop for ahead in self.ahead for one in _before(ahead, stop)), default=stop)
            if longest <= stop:
                return _Cluster(start, stop)
            stop = longest

    def _arrival(self, stop: int) -> int:
        """Return when the first result of the acquisitions that begin before a time may be there."""
        ends = [
            arrival_ns(one.stop, player.core.synced_ns)
            for player, ahead in zip(self.players, self.ahead, strict=True)
            if _address(player)
            for one in _before(ahead, stop)
        ]
        return min(ends, default=KNOWN)

    def _begin(self, cluster: _Cluster) -> int:
        """Return when the part begins; a shot begins where all was quiet after the one before."""
        active = sorted(span for player in self.players for span in _active(player, self.cursor, cluster.stop))
        last = self.cursor
        for start, stop in active:
            if self.origin < 0 or start - last >= QUIET_NS:
                self.origin, self.now = start, None
                self.began = self.began or start
                return start
            last = max(last, stop)
        return self.cursor

    # --- playing ------------------------------------------------------------------------------------

    async def _play_part(self, cluster: _Cluster) -> None:
        """Play the next part of a shot, or the first one of the next shot."""
        start = self._begin(cluster)
        bounds = [np.searchsorted(core.rows["time"], (start, cluster.stop)) for core in self.cores]
        key = self._key(bounds, start, cluster.stop)
        part = self.parts.get(key)
        if part is None:
            part = self.parts[key] = self._part(bounds, start, cluster.stop)
        drawn, shot = await self._draw(key, part, (cluster.stop - self.origin) * 1e-9)
        at = int(np.searchsorted(drawn.members, shot))
        triggers = []
        for k, (each, column) in enumerate(zip(part.acquired, part.columns, strict=True)):
            player = self.players[each.player]
            row = player.core.rows[int(bounds[each.player][0]) + each.row]
            values = drawn.sums[at : at + 1, column : column + 2] / INPUT_V
            fill(player, int(row["a"]), row["b"].reshape(1).astype(np.int64), values)
            inverted = bool(player.sequencer.acq["th_acq_trg_map"]["inv"])
            if _address(player) and bool(drawn.results[at, k]) != inverted:
                triggers.append((arrival_ns(self.origin + each.last, player.core.synced_ns), _address(player)))
        if triggers:
            new = np.array(sorted(triggers), np.int64)
            for core in self.cores:
                core.triggers = np.ascontiguousarray(np.concatenate([core.triggers, new]))
        self.now, self.cursor = (drawn, shot), cluster.stop
        for place, (core, (low, _)) in enumerate(zip(self.cores, bounds, strict=True)):
            if low > _MANY_ROWS:
                core.forget(int(low))
                self.seen[place] -= int(low) - 1

    def _key(self, bounds: Sequence[NDArray[np.int64]], start: int, stop: int) -> tuple[int, ...]:
        """Return what tells parts apart: all that sequencers do in it, and when in the shot."""
        prints = np.zeros(1, np.uint64)
        origin = np.array([self.origin], np.int64)
        for player, (low, high) in zip(self.players, bounds, strict=True):
            first = max(int(low) - 1, 0) if start > self.origin else int(low)
            ends = (np.array([first], np.int64), np.array([high], np.int64))
            turns = player.sequencer.turns
            fingerprint(player.core.rows, *ends, origin, ACQUIRES[0], ACQUIRES[-1], turns, prints)
        return int(prints[0]), start - self.origin, stop - self.origin

    def _part(self, bounds: Sequence[NDArray[np.int64]], start: int, stop: int) -> _Part:
        ends = tuple((pair[:1].astype(np.int64), pair[1:].astype(np.int64)) for pair in bounds)
        one = np.zeros(1, np.int64)
        shots = Shots(one + start, one + stop, ends, one, one)
        outputs, fresh = outputs_of(self.players, shots, 0, start, stop, start - self.origin)
        acquired, integrations, places = integrations_of(self.players, shots, 0, self.origin)
        if len(integrations) != 1:
            raise DeviceError(f"{len(integrations)} modules acquire in one part of a steered shot: not emulated")
        return _Part(outputs, fresh, acquired, integrations[0], [column for _, column in places])

    async def _draw(self, key: tuple[int, ...], part: _Part, end_s: float) -> tuple[_Drawn, int]:
        """Return what comes of a part in many shots that are where the present one is, and which of them it is."""
        if self.now is None:
            drawn, used = self.first.get(key, (None, 0))
            if drawn is None or used == len(drawn.members):
                await self._pace()
                n = _FIRST_DRAWN if drawn is None else min(2 * len(drawn.members), _MOST_DRAWN)
                drawn, used = await self._ask(part, 0, np.arange(n), np.arange(n), end_s), 0
            self.first[key] = drawn, used + 1
            self.n_shots += 1
            return drawn, used
        before, shot = self.now
        place = int(np.searchsorted(before.members, shot))
        wanted = (*key, *before.results[place].tolist())
        drawn = before.next.get(wanted)
        if drawn is None:
            alike = np.flatnonzero((before.results == before.results[place]).all(axis=1) & (before.members >= shot))
            drawn = await self._ask(part, before.party, alike, before.members[alike], end_s)
            before.next[wanted] = drawn
        return drawn, shot

    async def _ask(
        self, part: _Part, party: int, places: NDArray[np.int64], members: NDArray[np.int64], end_s: float
    ) -> _Drawn:
        await self.plant.waveforms(part.fresh)
        party, sums = await self.plant.steer(
            part.outputs, part.integration, RATE_HZ, party, places, end_s, tones=carriers_of(self.players)
        )
        results = [
            over(self.players[each.player], sums[:, column : column + 2] / INPUT_V)
            for each, column in zip(part.acquired, part.columns, strict=True)
        ]
        return _Drawn(party, members.astype(np.int64), sums, np.stack(results, axis=1))

    async def _pace(self) -> None:
        """Let lab time go on by the shots that have been played."""
        n = self.n_shots - self.n_paced
        if n > 0:
            whole_ns = self.origin - self.began if self.n_shots > 1 else self.cursor - self.began
            period_s = whole_ns * 1e-9 / max(self.n_shots - 1, 1)
            self.n_paced = self.n_shots
            await self.plant.play({}, [], RATE_HZ, n, period_s)
        else:
            await asyncio.sleep(0)


def _before(ahead: deque[_Cluster], stop: int) -> Iterator[_Cluster]:
    """Yield the acquisitions of a sequencer that begin before a time."""
    return takewhile(lambda one: one.start < stop, ahead)


def _active(player: Player, start: int, stop: int) -> list[tuple[int, int]]:
    """Return when what is played or acquired between two times begins and ends."""
    rows = player.core.rows
    low, high = np.searchsorted(rows["time"], (start, stop))
    found = []
    for row in rows[low:high]:
        began = int(row["time"])
        if row["operation"] == PLAY:
            lengths = [len(player.waves.get(int(row[path]), ())) for path in ("a", "b")]
            found.append((began, began + max(lengths)))
        elif row["operation"] in ACQUIRES[:2]:
            found.append((began, began + window_of(player, row)))
    return found
