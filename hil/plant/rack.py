"""What the plant knows of each attached box: what it plays, what it records, its levels and tones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError

__all__ = ["Acquisition", "Box", "Playing", "Point", "Rack", "Sequence", "Steps", "Tone", "Waveform"]

_GAP = 3
_MOST_SAMPLES = 1 << 26
_KEPT_COMPOSED = 4096

Steps = tuple[tuple[str, int], ...]
"""What one output plays at a trigger: waveforms by hash and how often; the hash is empty for so many silent samples."""


@dataclass(frozen=True, slots=True)
class Waveform:
    """The stretches of a waveform that are not silent: (start, samples in -1…1)."""

    n_samples: int
    runs: tuple[tuple[int, NDArray[np.float32]], ...]
    n_heard: int = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_heard", sum(samples.size for _, samples in self.runs))

    def fill(self, out: NDArray[np.float64], start: int) -> None:
        """Add what the waveform has from sample `start` on to `out`."""
        for first, samples in self.runs:
            low, high = max(first, start), min(first + samples.size, start + out.size)
            if low < high:
                out[low - start : high - start] += samples[low - first : high - first]


class Playing(NamedTuple):
    """What an output plays at the next triggers; no steps are silence."""

    steps: Steps
    amplitude_vpp: float
    offset_v: float
    on: bool


@dataclass(frozen=True, slots=True)
class Point:
    """One element of a sequence that waits, with those after it: the steps of each output, and where events lead."""

    outputs: dict[int, Steps]
    target: int


@dataclass(slots=True)
class Sequence:
    """A sequence that a box plays, and the element where it waits for the trigger."""

    points: dict[int, Point]
    levels: dict[int, tuple[float, float, bool]]
    position: int
    _playing: dict[int, dict[int, Playing]] = field(default_factory=dict)
    _made: dict[tuple[int, Steps], Playing] = field(default_factory=dict)

    def playing(self) -> dict[int, Playing]:
        """Return what each output plays at the next trigger; what is the same at two elements is one object."""
        found = self._playing.get(self.position)
        if found is None:
            outputs, made = self.points[self.position].outputs, self._made
            found = self._playing[self.position] = {}
            for number, level in self.levels.items():
                key = (number, outputs.get(number, ()))
                playing = made.get(key)
                if playing is None:
                    playing = made[key] = Playing(key[1], *level)
                found[number] = playing
        return found

    def follow(self, n_events: int) -> None:
        """Go where events lead."""
        for _ in range(n_events):
            self.position = self.points[self.position].target or self.position


class Tone(NamedTuple):
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

    def alike(self, other: Acquisition) -> bool:
        """Say whether another one was to collect the same."""
        return (self.inputs, self.rate_hz, self.delay_s, self.n_samples, self.n_records, self.averaged) == (
            (other.inputs, other.rate_hz, other.delay_s, other.n_samples, other.n_records, other.averaged)
        )

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
            return np.asarray(sum(self.collected[1:], start=self.collected[0]) / np.float32(self.n_done))
        return self.collected[0] if len(self.collected) == 1 else np.concatenate(self.collected)


@dataclass(slots=True)
class Box:
    """One attached instrument; what it plays is replaced as a whole, never changed in place."""

    name: str
    kind: str
    n_outputs: int
    n_inputs: int
    playing: dict[int, Playing] = field(default_factory=dict)
    sequence: Sequence | None = None
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

    def follow(self, n_events: int) -> bool:
        """Go where events lead in the sequence; say whether that is further on."""
        if self.sequence is None or not self.armed:
            return False
        before = self.sequence.position
        self.sequence.follow(n_events)
        self.playing = self.sequence.playing()
        return self.sequence.position > before


class Rack:
    """All attached boxes, and the samples that they handed over."""

    def __init__(self) -> None:
        self.boxes: dict[str, Box] = {}
        self.counters: dict[str, dict[str, int]] = {}
        self._waveforms: dict[str, Waveform] = {}
        self._composed: dict[Steps, Waveform] = {}

    def attach(self, name: str, kind: str, n_outputs: int, n_inputs: int) -> Box:
        """Return a fresh box under this name."""
        box = Box(name, kind, n_outputs, n_inputs, counters=self.counters.setdefault(name, {}))
        self.boxes[name] = box
        return box

    def add_runs(self, digest: str, n_samples: int, runs: tuple[tuple[int, NDArray[np.float32]], ...]) -> None:
        """Keep what is not silent of samples under their hash."""
        if digest not in self._waveforms:
            self._waveforms[digest] = Waveform(n_samples, runs)

    def played(self, steps: Steps) -> Waveform:
        """Return what steps play as one waveform; silence takes no memory however long it is."""
        if len(steps) == 1 and steps[0][1] == 1:
            return self._waveforms[steps[0][0]]
        found = self._composed.get(steps)
        if found is None:
            if len(self._composed) >= _KEPT_COMPOSED:
                self._composed.clear()
            found = self._composed[steps] = _compose([(self._waveforms.get(d), n) for d, n in steps])
        return found

    def outputs_of(self, place: str, steps: list[tuple[dict[int, str], int]]) -> dict[int, Steps]:
        """Return what each output plays when a box goes through steps; one without a waveform is silent meanwhile.

        Raises
        ------
        RequestError
            If the plant can't play it.
        """
        known = self._waveforms
        outputs: dict[int, list[tuple[str, int]]] = {number: [] for waveforms, _ in steps for number in waveforms}
        for waveforms, n_times in steps:
            lengths = {known[digest].n_samples for digest in waveforms.values() if digest in known}
            if len(lengths) != 1:
                raise RequestError(f"{place}: a step with waveforms of {sorted(lengths)} samples")
            (n_samples,) = lengths
            for number, parts in outputs.items():
                digest = waveforms.get(number)
                parts.append((digest, n_times) if digest else ("", n_samples * n_times))
        for number, parts in outputs.items():
            self.check_steps(f"{place}, output {number}", tuple(parts))
        return {number: tuple(parts) for number, parts in outputs.items()}

    def check_steps(self, place: str, steps: Steps) -> None:
        """Refuse steps with waveforms that the plant doesn't have, or that are too long to compose.

        Raises
        ------
        RequestError
            If so.
        """
        n_heard = 0
        for digest, n_times in steps:
            waveform = self._waveforms.get(digest) if digest else None
            if digest and waveform is None:
                raise RequestError(f"{place}: no waveform {digest}")
            if n_times < 1:
                raise RequestError(f"{place}: a step that is played {n_times} times")
            if waveform is not None:
                n_heard += n_times * waveform.n_heard
        if n_heard > _MOST_SAMPLES:
            raise RequestError(f"{place}: {n_heard} samples at one trigger are over {_MOST_SAMPLES}")


def _compose(steps: list[tuple[Waveform | None, int]]) -> Waveform:
    """Return the waveform that steps make one after the other, its runs cut as those of one long waveform."""
    runs: list[tuple[int, int, list[tuple[int, NDArray[np.float32]]]]] = []
    at = 0
    for waveform, n_times in steps:
        if waveform is None or not waveform.runs:
            at += n_times * (1 if waveform is None else waveform.n_samples)
            continue
        for _ in range(n_times):
            for first, samples in waveform.runs:
                start, stop = at + first, at + first + samples.size
                if runs and start - runs[-1][1] <= _GAP:
                    runs[-1][2].append((start, samples))
                    runs[-1] = (runs[-1][0], stop, runs[-1][2])
                else:
                    runs.append((start, stop, [(start, samples)]))
            at += waveform.n_samples
    return Waveform(at, tuple((start, _joined(start, stop, parts)) for start, stop, parts in runs))


def _joined(start: int, stop: int, parts: list[tuple[int, NDArray[np.float32]]]) -> NDArray[np.float32]:
    if len(parts) == 1:
        return parts[0][1]
    joined = np.zeros(stop - start, np.float32)
    for first, samples in parts:
        joined[first - start : first - start + samples.size] = samples
    return joined
