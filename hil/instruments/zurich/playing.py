"""A run of emulated devices: programs to shots, samples to the plant, integrated results to the logger."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError
from qctl.hil.instruments.plant_link import Integration, Kind, Output, Plant, Runs
from qctl.hil.instruments.zurich.acquiring import Acquired, integration_of
from qctl.hil.instruments.zurich.device import Device, Sequencer
from qctl.hil.instruments.zurich.rendering import (
    Track,
    Window,
    carrier_of,
    full_scale_vpp,
    heard,
    rendered,
    track_of,
    windows_of,
)
from qctl.hil.instruments.zurich.shots import Shots, cut, parted, with_phases
from qctl.hil.instruments.zurich.steering import follows, play_steered
from qctl.hil.physics.lines import find_runs

__all__ = ["Run", "prepared"]

_LONGEST_S = 20e-3
"""A shot that lasts longer is not rendered: the virtual lab can't evolve it."""
_SILENT = 64
_CARRIER_DBM = 10.0
"""What the cables' mixers have their stated gain at: converters inside a box have it always."""


@dataclass(slots=True)
class _Log:
    """The results of one readout channel."""

    length: int
    averages: int
    sequential: bool
    before: NDArray[np.int64]
    values: dict[int, NDArray[np.complex128]] = field(default_factory=dict)
    counts: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    def take(self, integrator: int, shots: NDArray[np.int64], place: int, sums: NDArray[np.complex128]) -> None:
        """Add the sums of shots, in which they are the integration number `place`."""
        number = self.before[shots] + place
        kept = number < self.length * self.averages
        bins = number[kept] // self.averages if self.sequential else number[kept] % self.length
        total = self.values.setdefault(integrator, np.zeros(self.length, np.complex128))
        np.add.at(total, bins, sums[kept] / self.averages)

    def acquired(self, shots: int) -> int:
        """Return how many have been logged after so many shots."""
        return int(min(self.before[shots], self.length * self.averages))


@dataclass(slots=True)
class Run:
    """Devices that play together.

    Attributes
    ----------
    tracks : list of Track
        What their sequencers do.
    shots : Shots
        In order.
    """

    tracks: list[Track]
    shots: Shots
    _logs: dict[int, _Log] = field(default_factory=dict)
    _steered: dict[int, int] = field(default_factory=dict)
    """How many shots of each kind have been steered."""

    def __post_init__(self) -> None:
        for place, track in enumerate(self.tracks):
            if track.sequencer.reads:
                low, high = self.shots.bounds[place]
                counted = np.concatenate([[0], np.cumsum(track.rows["b"] != 0)])
                first = int(counted[low[0]]) if len(low) else 0
                before = np.append(counted[low], counted[high[-1]] if len(high) else 0) - first
                tree, at = track.device.tree, f"{track.sequencer.reads}/result"
                length, averages = int(tree.value(f"{at}/length")), int(tree.value(f"{at}/averages"))
                self._logs[place] = _Log(length, averages, bool(tree.value(f"{at}/mode")), before)

    @property
    def tones(self) -> dict[str, tuple[float, float, bool]]:
        """Return the carriers of the channels that are up-converted, by the name that the plant has for each."""
        return {
            carrier_name(t.device.name, t.sequencer): (carrier_of(t.device, t.sequencer), _CARRIER_DBM, True)
            for t in self.tracks
            if t.sequencer.kind in ("sg", "qa")
        }

    @property
    def rates_hz(self) -> dict[str, float]:
        """Return the sample rate of each device."""
        return {track.device.name: track.device.rate_hz for track in self.tracks}

    def kind_of(self, model: int) -> tuple[Kind, dict[str, tuple[int, Runs]], list[Acquired]]:
        """Return what is played and integrated in a shot, the samples of it, and where its results go.

        Raises
        ------
        RequestError
            If the shot is too long.
        """
        length_s = float(self.shots.stops_s[model] - self.shots.starts_s[model])
        if length_s > _LONGEST_S:
            raise RequestError(f"a shot of {length_s:g} s is not rendered")
        outputs, fresh = self.outputs(model, 0.0, length_s)
        integrations, acquired = self._integrations(model)
        return Kind(outputs, tuple(integrations)), fresh, acquired

    def outputs(
        self, model: int, begin_s: float, end_s: float, chosen: Mapping[tuple[int, int], int] = MappingProxyType({})
    ) -> tuple[dict[str, dict[int, Output]], dict[str, tuple[int, Runs]]]:
        """Return what is played in a shot from one time on to another, and the samples of it.

        Parameters
        ----------
        chosen : mapping of (int, int) to int
            Entry of each row that was chosen by results, by track and row.
        """
        outputs: dict[str, dict[int, Output]] = {}
        fresh: dict[str, tuple[int, Runs]] = {}
        for place, track in enumerate(self.tracks):
            device, one = track.device, track.sequencer
            low, high = (int(ends[model]) for ends in self.shots.bounds[place])
            # A play goes on to its end, also where another device is done before.
            n = round(end_s * device.rate_hz) + 4096
            mine = {row: entry for (number, row), entry in chosen.items() if number == place}
            samples = rendered(track, low, high, int(self.shots.origins[place][model]), n, mine)
            samples[:, : round(begin_s * device.rate_hz)] = 0.0
            first = first_output(device, one)
            element = outputs.setdefault(device.name, {})
            for k, on in enumerate(heard(device, one)):
                part = np.clip(samples[k], -1, 1).astype(np.float32)
                plain = one.kind in ("hd", "uh")
                offset_v = float(device.tree.value(f"sigouts/{first + k - 1}/offset")) if plain else 0.0
                digest = None
                if part.any() or offset_v:
                    digest = blake2b(part.tobytes(), digest_size=16).hexdigest()
                    fresh[digest] = (len(part), tuple((a, part[a:b]) for a, b in find_runs(part != 0, _SILENT)))
                element[first + k] = Output(digest, full_scale_vpp(device, one, k), offset_v, on and digest is not None)
        return outputs, fresh

    def _integrations(self, model: int) -> tuple[list[Integration], list[Acquired]]:
        integrations: list[Integration] = []
        acquired: list[Acquired] = []
        for place, track in enumerate(self.tracks):
            windows = self.windows(place, model)
            if windows:
                found, members = integration_of(track, place, list(enumerate(windows)), len(integrations))
                integrations.append(found)
                acquired += members
        return integrations, acquired

    def windows(self, place: int, model: int) -> list[Window]:
        """Return what a track integrates in a shot, in order of time; nothing where its input is off."""
        track = self.tracks[place]
        one, tree = track.sequencer, track.device.tree
        inputs = [f"qachannels/{one.number}/input/on"] if one.kind == "qa" else ["sigins/0/on", "sigins/1/on"]
        if not one.reads or not any(tree.value(path) for path in inputs):
            return []
        low, high = (int(ends[model]) for ends in self.shots.bounds[place])
        found = windows_of(track, low, high, int(self.shots.origins[place][model]))
        return found if any(one.weights for one in found) else []

    def take(self, acquired: Sequence[Acquired], shots: NDArray[np.int64], sums: Sequence[NDArray[np.float64]]) -> None:
        """Log what was integrated in shots of one kind."""
        for one in acquired:
            self.log(one, shots, sums[one.which][:, one.column : one.column + 2])

    def log(self, one: Acquired, shots: NDArray[np.int64], found: NDArray[np.float64]) -> None:
        """Log (n, 2) sums of an integration in shots."""
        values = found[:, 0] + 1j * found[:, 1]
        self._logs[one.track].take(one.integrator, shots[: len(values)], one.place, values)

    def show(self, n_shots: int, whole: bool) -> None:
        """Show how far the loggers are after so many shots, and the results when it is the end."""
        for place, log in self._logs.items():
            track = self.tracks[place]
            tree, at = track.device.tree, f"{track.sequencer.reads}/result"
            if not tree.value(f"{at}/enable"):
                continue
            tree.put(f"{at}/acquired", log.acquired(n_shots))
            if whole:
                for integrator, values in log.values.items():
                    wave = values.real.copy() if track.sequencer.kind == "uh" else values
                    tree.put(f"{at}/data/{integrator}/wave", wave)
                if log.acquired(n_shots) >= log.length * log.averages:
                    tree.put(f"{at}/enable", 0)

    async def play(self, plant: Plant) -> None:
        """Play all shots, all of a kind at once, as they time themselves."""
        shots, n_played = self.shots, 0
        if not len(shots.starts_s):
            return
        total_s = float(shots.stops_s[-1] - shots.starts_s[0])
        spacing_s = (shots.starts_s[-1] - shots.starts_s[0]) / max(len(shots.starts_s) - 1, 1)
        period_s = max(float(spacing_s), total_s / len(shots.starts_s))
        order = np.argsort(shots.kinds, kind="stable")
        bounds = np.searchsorted(shots.kinds[order], np.arange(len(shots.models) + 1))
        for number, model in enumerate(shots.models.tolist()):
            alike = order[bounds[number] : bounds[number + 1]]
            if all(track.sequencer.state != "running" for track in self.tracks):
                break
            if follows(self.tracks, self.shots.bounds, model):
                steered = await play_steered(self, plant, model, len(alike))
                done, _ = await plant.play({}, [], 2e9, len(alike), period_s)
                for one, values in steered:
                    self.log(one, alike[:done], values[:done])
                n_played += done
                self.show(n_played, False)
                if done < len(alike):
                    break
                continue
            kind, fresh, acquired = await asyncio.to_thread(self.kind_of, model)
            await plant.waveforms(fresh)
            rate_hz = next(iter(self.rates_hz.values()))
            done, sums = await plant.play(
                kind.outputs, kind.integrations, rate_hz, len(alike), period_s, self.rates_hz, self.tones
            )
            self.take(acquired, alike[:done], [one[:done] for one in sums])
            n_played += done
            self.show(n_played, False)
            if done < len(alike):
                break
        self.show(n_played, True)

    async def arm(self, plant: Plant) -> tuple[asyncio.Future[list[list[NDArray[np.float64]]]], list[list[Acquired]]]:
        """Tell the plant what each trigger from outside plays and integrates; `finish` waits for the last one."""
        kinds: list[Kind] = []
        every: list[list[Acquired]] = []
        for model in self.shots.models.tolist():
            if follows(self.tracks, self.shots.bounds, model):
                kinds.append(Kind({}, (), True))
                every.append([])
                continue
            kind, fresh, acquired = await asyncio.to_thread(self.kind_of, model)
            await plant.waveforms(fresh)
            kinds.append(kind)
            every.append(acquired)
        name = self.tracks[0].device.name

        async def steer(kind: int, n_shots: int) -> None:
            found = await play_steered(self, plant, int(self.shots.models[kind]), n_shots)
            begin = self._steered.get(kind, 0)
            alike = np.flatnonzero(self.shots.kinds == kind)[begin : begin + n_shots]
            self._steered[kind] = begin + n_shots
            for one, values in found:
                self.log(one, alike, values)

        done = await plant.follow([name], kinds, self.shots.kinds, self.rates_hz[name], self.tones, steer=steer)
        return done, every

    async def finish(self, armed: tuple[asyncio.Future[list[list[NDArray[np.float64]]]], list[list[Acquired]]]) -> None:
        """Wait for all triggers, and log what was integrated."""
        done, every = armed
        for number, (acquired, sums) in enumerate(zip(every, await done, strict=True)):
            self.take(acquired, np.flatnonzero(self.shots.kinds == number), sums)
        self.show(len(self.shots.kinds), True)


def carrier_name(name: str, one: Sequencer) -> str:
    """Return what the plant calls the carrier of a channel: neighbours among signal generators share one."""
    return f"{name}.qa{one.number + 1}" if one.kind == "qa" else f"{name}.sg{one.number // 2 + 1}"


def first_output(device: Device, one: Sequencer) -> int:
    """Return the first of the two outputs that the plant knows a sequencer by."""
    return 2 * one.number + 1 + (2 * device.kind.n_sg if one.kind == "qa" else 0)


def prepared(waiting: Mapping[str, tuple[Device, Sequence[Sequencer]]], each: bool) -> Run:
    """Execute the programs of sequencers that wait for a trigger, and cut them into shots.

    Parameters
    ----------
    waiting : mapping of str to (Device, sequence of Sequencer)
        By name of the device.
    each : bool
        Whether a trigger comes for each shot.

    Raises
    ------
    RequestError
        If a program can't be executed.
    """
    tracks = [with_phases(track_of(device, one)) for device, every in waiting.values() for one in every]
    return Run(tracks, parted(tracks) if each else cut(tracks))
