"""What emulated generators share whose outputs wait for a trigger: waveforms by content, and steps for the plant."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.hil.instruments.plant_link import Levels, Output, Runs
from qctl.hil.instruments.scpi.box import Box
from qctl.hil.instruments.scpi.errors import refusal
from qctl.hil.instruments.stretches import stretches

__all__ = ["Played", "Sequenced", "Wave"]


class Wave:
    """Samples as the plant takes them.

    Parameters
    ----------
    relative : (n_samples,) float32
        From -1 to 1 of half the amplitude.
    """

    def __init__(self, relative: NDArray[np.float32]) -> None:
        self.samples = relative
        self.digest = blake2b(relative.tobytes() + len(relative).to_bytes(8, "little"), digest_size=16).hexdigest()

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def runs(self) -> Runs:
        """Where it is not silent."""
        return tuple((first, self.samples[first : last + 1]) for first, last in stretches(self.samples.nonzero()[0]))


class Played(NamedTuple):
    """One waveform, and how often it is played."""

    wave: Wave
    n_times: int


class Sequenced(Box):
    """A generator that plays at each trigger what its present point says; see `playing`, `levels` and `rate_hz`."""

    kind = "awg"
    own_faults = Box.own_faults | {"unlocked", "full_buffer"}

    def commands(self) -> None:
        """Start counting."""
        self.counters = {"waveform_bytes": 0, "waveforms": 0}
        self._uncounted = self._uncounted_bytes = 0
        self._told: Any = None
        self._flushing = asyncio.Lock()

    def playing(self) -> Mapping[int, Sequence[Played]] | None:
        """Return what each output plays at the next trigger; None if it waits for none."""
        return None

    def levels(self) -> Levels:
        """Return amplitude, offset and state of each output."""
        return {}

    def rate_hz(self) -> float:
        """Return the sample rate."""
        return 1e9

    def count(self, n_bytes: int) -> None:
        """Count an upload."""
        self.counters["waveform_bytes"] += n_bytes
        self.counters["waveforms"] += 1
        self._uncounted += 1
        self._uncounted_bytes += n_bytes

    async def flush(self) -> None:
        """Tell the plant what each output plays at the next triggers, and how much was uploaded."""
        async with self._flushing:
            self.dirty = False
            if self._uncounted:
                amounts = {"waveforms": self._uncounted, "waveform_bytes": self._uncounted_bytes}
                self._uncounted = self._uncounted_bytes = 0
                self.plant.tell_count(**amounts)
            playing, levels, rate_hz = self.playing(), self.levels(), self.rate_hz()
            steps = _together({n: rows for n, rows in (playing or {}).items() if rows})
            told = ([({n: w.digest for n, w in waves.items()}, k) for waves, k in steps], levels, rate_hz)
            if told == self._told:
                return
            self._told = told
            if not steps:
                silent = {n: Output(None, *level) for n, level in levels.items()}
                self.plant.tell_outputs(silent, rate_hz, playing is not None)
                return
            waves = {wave.digest: (len(wave), wave.runs) for waves, _ in steps for wave in waves.values()}
            await self.plant.waveforms(waves)
            await self.plant.sequence({1: (tuple(told[0]), 0)}, levels, rate_hz, 1)


def _together(outputs: Mapping[int, Sequence[Played]]) -> list[tuple[dict[int, Wave], int]]:
    """Return steps of all outputs; where theirs differ in length or count, each output's are made one waveform."""
    shapes = {tuple((len(wave), n) for wave, n in rows) for rows in outputs.values()}
    if len(shapes) > 1:
        outputs = {n: [Played(_joined(rows), 1)] for n, rows in outputs.items()}
        longest = max((len(rows[0].wave) for rows in outputs.values()), default=0)
        outputs = {n: [Played(_filled(rows[0].wave, longest), 1)] for n, rows in outputs.items()}
    n_steps = len(next(iter(outputs.values()), ()))
    return [
        ({n: rows[k].wave for n, rows in outputs.items()}, next(iter(outputs.values()))[k].n_times)
        for k in range(n_steps)
    ]


def _joined(rows: Sequence[Played]) -> Wave:
    n_samples = sum(len(wave) * n for wave, n in rows)
    if n_samples > 1 << 26:
        raise refusal(-300, f"the virtual lab can't play {n_samples} samples of outputs that differ")
    return Wave(np.concatenate([np.tile(wave.samples, n) for wave, n in rows]))


def _filled(wave: Wave, n_samples: int) -> Wave:
    return Wave(np.concatenate([wave.samples, np.zeros(n_samples - len(wave), np.float32)]))
