"""What the plant knows of each attached box: what it plays, what it records, its levels and tones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.hil.physics.lines import find_runs

__all__ = ["Acquisition", "Box", "Playing", "Rack", "Tone", "Waveform"]


@dataclass(frozen=True, slots=True)
class Waveform:
    """The stretches of a waveform that are not silent: (start, samples in -1…1)."""

    n_samples: int
    runs: tuple[tuple[int, NDArray[np.float32]], ...]

    def fill(self, out: NDArray[np.float64], start: int) -> None:
        """Add what the waveform has from sample `start` on to `out`."""
        for first, samples in self.runs:
            low, high = max(first, start), min(first + samples.size, start + out.size)
            if low < high:
                out[low - start : high - start] += samples[low - first : high - first]


@dataclass(frozen=True, slots=True)
class Playing:
    """What an output plays at the next triggers."""

    digest: str | None
    amplitude_vpp: float
    offset_v: float
    on: bool


@dataclass(frozen=True, slots=True)
class Tone:
    """A source's continuous wave."""

    frequency_hz: float = 0.0
    power_dbm: float = -100.0
    on: bool = False


@dataclass(slots=True)
class Acquisition:
    """One armed acquisition and what it has collected."""

    inputs: tuple[int, ...]
    rate_hz: float
    delay_s: float
    n_samples: int
    n_records: int
    averaged: bool
    collected: list[NDArray[np.float32]] = field(default_factory=list)
    n_done: int = 0

    @property
    def complete(self) -> bool:
        """Say whether every record is there."""
        return self.n_done >= self.n_records

    def take(self, records: NDArray[np.float32], n_shots: int) -> None:
        """Keep the records of a shot block; an average keeps its weight."""
        self.collected.append(records * np.float32(n_shots) if self.averaged else records)
        self.n_done += n_shots

    def volts(self) -> NDArray[np.float32]:
        """Return (n_records or 1, n_inputs, n_samples) float32 volts."""
        if self.averaged:
            return np.asarray(np.sum(self.collected, axis=0) / self.n_done, np.float32)
        return self.collected[0] if len(self.collected) == 1 else np.concatenate(self.collected)


@dataclass(slots=True)
class Box:
    """One attached instrument."""

    name: str
    kind: str
    n_outputs: int
    n_inputs: int
    playing: dict[int, Playing] = field(default_factory=dict)
    rate_hz: float = 0.0
    armed: bool = False
    tone: Tone = field(default_factory=Tone)
    levels: dict[int, tuple[float, float, float, float]] = field(default_factory=dict)
    acquisition: Acquisition | None = None
    locked: bool = True
    counters: dict[str, int] = field(default_factory=dict)

    def level_v(self, output: int, now_s: float) -> float:
        """Return the voltage of a DC output now, on its way from one level to the next."""
        start_v, stop_v, since_s, slew = self.levels.get(output, (0.0, 0.0, 0.0, 0.0))
        if slew <= 0:
            return stop_v
        way = slew * (now_s - since_s)
        return stop_v if way >= abs(stop_v - start_v) else start_v + way * (1 if stop_v > start_v else -1)

    def set_level(self, output: int, volts: float, slew: float, now_s: float) -> None:
        """Start moving a DC output towards a voltage."""
        self.levels[output] = (self.level_v(output, now_s), volts, now_s, slew)


class Rack:
    """All attached boxes, and the samples that they handed over."""

    def __init__(self) -> None:
        self.boxes: dict[str, Box] = {}
        self.counters: dict[str, dict[str, int]] = {}
        self._waveforms: dict[str, Waveform] = {}

    def attach(self, name: str, kind: str, n_outputs: int, n_inputs: int) -> Box:
        """Return a fresh box under this name."""
        box = Box(name, kind, n_outputs, n_inputs, counters=self.counters.setdefault(name, {}))
        self.boxes[name] = box
        return box

    def add_waveform(self, digest: str, samples: NDArray[np.float32]) -> None:
        """Keep samples under their hash; only what is not silent takes memory."""
        if digest not in self._waveforms:
            runs = tuple((a, samples[a:b].copy()) for a, b in find_runs(samples != 0, gap=3))
            self._waveforms[digest] = Waveform(int(samples.size), runs)

    def add_runs(self, digest: str, n_samples: int, runs: tuple[tuple[int, NDArray[np.float32]], ...]) -> None:
        """Keep what is not silent of samples under their hash."""
        if digest not in self._waveforms:
            self._waveforms[digest] = Waveform(n_samples, runs)

    def waveform(self, digest: str) -> Waveform | None:
        """Return samples by their hash, if the plant has them."""
        return self._waveforms.get(digest)

    def signature(self, names: list[str]) -> tuple[Any, ...]:
        """Return what decides the physics of a shot of these boxes, hashable."""
        parts: list[Any] = []
        for name in names:
            box = self.boxes.get(name)
            if box is not None:
                playing = tuple(sorted(box.playing.items(), key=lambda item: item[0])) if box.armed else ()
                parts.append((name, playing, box.rate_hz, box.tone))
        return tuple(parts)
