"""One sequence of light on ions: cooling, pumping, coherent drives, detection; from it the photons of all shots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.errors import DeviceError
from qctl.hil.physics.ion_motion import Light, Motion, Tone
from qctl.hil.physics.ions import Chain

__all__ = ["Lit", "Stretch", "Window", "count_photons"]

_MOST_MODES = 2
"""Modes that are quantum at a time; the others weaken the light by their Debye-Waller factors."""
_LEAST_SCORE = 1e-5
_LEAST_WEIGHT = 3e-4
_FAR, _NEAR, _BEATEN, _MOST_STATES = 3, 6, 9, 64
"""Fock states kept above the thermal ones: of modes far from every tone, near one, or between two."""
_NEAR_COUPLINGS = 8.0
_MOST_AT_TOP, _MORE = 2e-4, 8
_MOST_TOGETHER, _MOST_COLUMNS = 256, 64
"""Fock states of both modes together, and states that a shot may start in: what is hotter is cut short."""


class Lit(NamedTuple):
    """A beam that is on, by its place in the chain's beams: hertz and turns (at time zero) of its modulator, volts."""

    beam: int
    modulator_hz: float
    turns: float
    volts: float


class Stretch(NamedTuple):
    """A time in which nothing changes."""

    start_s: float
    end_s: float
    lit: tuple[Lit, ...]


class Window(NamedTuple):
    """One gate of a counter."""

    ion: int
    start_s: float
    end_s: float


@dataclass(slots=True)
class _State:
    """What is known of the chain on the way through a sequence."""

    n_bar: list[float]
    excited: list[float]
    motion: Motion | None = None
    columns: NDArray[np.complex128] | None = None
    weights: NDArray[np.float64] | None = None
    bits: NDArray[np.int64] | None = None


def count_photons(
    chain: Chain, stretches: Sequence[Stretch], windows: Sequence[Window], n_shots: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Return (n_shots, n_windows) photons.

    Raises
    ------
    DeviceError
        If ions are driven after they were detected, without being pumped before.
    """
    return _Sequence(chain, stretches, windows, n_shots, random).run()


class _TooFew(Exception):
    """A mode would need more Fock states."""


class _Sequence:
    """The state while one sequence is played."""

    def __init__(
        self, chain: Chain, stretches: Sequence[Stretch], windows: Sequence[Window], n_shots: int,
        random: np.random.Generator,
    ) -> None:  # fmt: skip
        self.chain, self.stretches, self.windows = chain, stretches, windows
        self.n_shots, self.random = n_shots, random
        self.n = len(chain.ions)
        self.more = 0

    def run(self) -> NDArray[np.int64]:
        """Play it, with more Fock states if those that were chosen are too few."""
        while True:
            try:
                return self._run()
            except _TooFew:
                self.more += _MORE

    def _run(self) -> NDArray[np.int64]:
        state = _State([mode.hot_n_bar for mode in self.chain.modes], [0.5] * self.n)
        means = np.zeros((self.n_shots, len(self.windows)))
        for k, window in enumerate(self.windows):
            means[:, k] = self.chain.ions[window.ion].dark_hz * (window.end_s - window.start_s)
        for number, stretch in enumerate(self.stretches):
            kinds = {self.chain.beams[lit.beam].kind: lit for lit in stretch.lit}
            if "detect" in kinds:
                self._detect(state, stretch, kinds["detect"], means)
            elif any(kind in kinds for kind in ("doppler", "eit", "pump")):
                self._prepare(state, stretch)
            elif "drive" in kinds:
                self._drive(state, stretch, number)
            elif state.columns is not None:
                self._evolve(state, (), stretch)
            else:
                self._heat(state, stretch.end_s - stretch.start_s)
        return self.random.poisson(means)

    # --- light that is no drive ---------------------------------------------------------------------

    def _strength(self, lit: Lit) -> float:
        """Return how strongly a beam acts, per second."""
        beam = self.chain.beams[lit.beam]
        off = (lit.modulator_hz - beam.centre_hz) / beam.width_hz
        return beam.strength_per_v * lit.volts / (1 + off * off)

    def _prepare(self, state: _State, stretch: Stretch) -> None:
        """Cool and pump; what was coherent is lost."""
        length_s = stretch.end_s - stretch.start_s
        if state.columns is not None:
            state.excited = [float(p) for p in self._marginals(state)]
        if state.bits is not None:
            state.excited = [float(p) for p in state.bits.mean(axis=0)]
        state.columns = state.motion = state.weights = state.bits = None
        for lit in stretch.lit:
            beam = self.chain.beams[lit.beam]
            left = float(np.exp(-self._strength(lit) * length_s))
            if beam.kind in ("doppler", "eit"):
                state.n_bar = [beam.n_bar + (n - beam.n_bar) * left for n in state.n_bar]
            if beam.kind == "doppler":
                state.excited = [0.5 + (p - 0.5) * left for p in state.excited]
            if beam.kind == "pump":
                floor = self.chain.pump_error
                for q in beam.ions:
                    state.excited[q] = floor + (state.excited[q] - floor) * left
        self._heat(state, length_s)

    def _heat(self, state: _State, length_s: float) -> None:
        state.n_bar = [n + m.heating_per_s * length_s for n, m in zip(state.n_bar, self.chain.modes, strict=True)]

    def _detect(self, state: _State, stretch: Stretch, lit: Lit, means: NDArray[np.float64]) -> None:
        """Count photons of ions in 1; the first light decides which those are, in each shot."""
        if state.bits is None:
            state.bits = self._drawn(state)
            state.columns = state.weights = state.motion = None
        beam = self.chain.beams[lit.beam]
        part = min(1.0, self._strength(lit))
        for k, window in enumerate(self.windows):
            length_s = min(window.end_s, stretch.end_s) - max(window.start_s, stretch.start_s)
            if length_s > 0 and window.ion in beam.ions:
                means[:, k] += state.bits[:, window.ion] * (self.chain.ions[window.ion].bright_hz * part * length_s)

    def _drawn(self, state: _State) -> NDArray[np.int64]:
        """Draw 0 or 1 for each ion in each shot: (n_shots, n)."""
        if state.columns is None:
            return (self.random.random((self.n_shots, self.n)) < np.array(state.excited)).astype(np.int64)
        populations = self._populations(state)
        drawn = np.repeat(np.arange(2**self.n), self.random.multinomial(self.n_shots, populations))
        self.random.shuffle(drawn)
        return drawn[:, None] >> np.arange(self.n - 1, -1, -1) & 1

    def _populations(self, state: _State) -> NDArray[np.float64]:
        """Return (2**n,) populations, the first ion's bit highest."""
        assert state.columns is not None and state.weights is not None
        chances = (np.abs(state.columns) ** 2).reshape(2**self.n, -1, len(state.weights)).sum(axis=1) @ state.weights
        return np.asarray(chances / chances.sum())

    def _marginals(self, state: _State) -> NDArray[np.float64]:
        cube = self._populations(state).reshape((2,) * self.n)
        return np.array([cube.take(1, axis=q).sum() for q in range(self.n)])

    # --- drives -------------------------------------------------------------------------------------

    def _drive(self, state: _State, stretch: Stretch, number: int) -> None:
        if state.bits is not None:
            raise DeviceError("ions are driven after they were detected, and were not pumped in between")
        if state.columns is None:
            self._begin(state, number)
        self._evolve(state, self._lights(stretch, self._weakened(state)), stretch)

    def _evolve(self, state: _State, lights: Sequence[Light], stretch: Stretch) -> None:
        assert state.motion is not None and state.columns is not None
        state.columns = state.motion.evolve(state.columns, lights, stretch.start_s, stretch.end_s - stretch.start_s)
        if lights and self.more < _MOST_STATES and self._at_top(state) > _MOST_AT_TOP:
            raise _TooFew

    def _at_top(self, state: _State) -> float:
        """Return how likely any mode is in its highest state."""
        assert state.motion is not None and state.columns is not None and state.weights is not None
        sizes = state.motion.sizes
        cube = (np.abs(state.columns) ** 2).reshape(2**self.n, *sizes, -1).sum(axis=0) @ state.weights
        return max((float(cube.take(-1, axis=k).sum()) for k in range(len(sizes))), default=0.0)

    def _lights(self, stretch: Stretch, weakened: NDArray[np.float64]) -> list[Light]:
        """Return what each ion sees, the ions in order."""
        tones: dict[int, list[Tone]] = {}
        for lit in stretch.lit:
            beam = self.chain.beams[lit.beam]
            if beam.kind != "drive" or not lit.volts:
                continue
            for q in beam.ions:
                offset_hz = beam.centre_hz + lit.modulator_hz - self.chain.ions[q].frequency_hz
                # The modulator's phase runs on; the axis that its light turns about is the other way round.
                tone = Tone(offset_hz, -2 * np.pi * lit.turns, beam.strength_per_v * lit.volts * float(weakened[q]))
                tones.setdefault(q, []).append(tone)
        return [Light(q, tuple(found)) for q, found in sorted(tones.items())]

    def _weakened(self, state: _State) -> NDArray[np.float64]:
        """Return the Debye-Waller factor of each ion by the modes that are not quantum."""
        assert state.motion is not None
        factors = np.ones(self.n)
        for mode, n_bar in zip(self.chain.modes, state.n_bar, strict=True):
            if mode.frequency_hz not in state.motion.frequency_hz:
                factors *= np.exp(-np.square(mode.lamb_dicke) * (n_bar + 0.5))
        return factors

    def _begin(self, state: _State, number: int) -> None:
        """Choose the modes that must be quantum until ions are detected or pumped again, and their states."""
        coming = []
        for stretch in self.stretches[number:]:
            kinds = {self.chain.beams[lit.beam].kind for lit in stretch.lit}
            if kinds & {"detect", "doppler", "eit", "pump"}:
                break
            coming.append(stretch)
        scores = self._scores(state, coming)
        order = sorted(range(len(scores)), key=lambda m: -scores[m][0])[:_MOST_MODES]
        chosen = sorted(m for m in order if scores[m][0] > _LEAST_SCORE)
        thermal = {m: _thermal(state.n_bar[m]) for m in chosen}
        wanted = {m: min(len(thermal[m]) + scores[m][1] + self.more, _MOST_STATES) for m in chosen}
        if np.prod(list(wanted.values()), dtype=np.int64) > _MOST_TOGETHER:  # hot: one mode is quantum, the better one
            chosen = order[:1]
        modes, sizes = [self.chain.modes[m] for m in chosen], tuple(wanted[m] for m in chosen)
        etas = tuple(tuple(mode.lamb_dicke[q] for mode in modes) for q in range(self.n))
        state.motion = Motion(tuple(mode.frequency_hz for mode in modes), etas, sizes)
        spins = [(1 - p, p) for p in state.excited]
        starts: list[tuple[tuple[int, ...], tuple[int, ...], float]] = []
        for bits in product(*[range(2)] * self.n):
            weight = float(np.prod([spins[q][bit] for q, bit in enumerate(bits)]))
            if weight < _LEAST_WEIGHT:
                continue
            for ns in product(*[range(len(thermal[m])) for m in chosen]):
                both = weight * float(np.prod([thermal[m][n] for m, n in zip(chosen, ns, strict=True)]))
                if both >= _LEAST_WEIGHT:
                    starts.append((bits, ns, both))
        starts = sorted(starts, key=lambda start: -start[2])[:_MOST_COLUMNS]
        columns = np.zeros((2,) * self.n + (state.motion.size, len(starts)), complex)
        for k, (bits, ns, _) in enumerate(starts):
            place = int(np.ravel_multi_index(ns, sizes)) if ns else 0
            columns[(*bits, place, k)] = 1.0
        weights = np.array([weight for *_, weight in starts])
        state.columns, state.weights = columns, weights / weights.sum()

    def _scores(self, state: _State, coming: Sequence[Stretch]) -> list[tuple[float, int]]:
        """Return how much each mode matters for what comes, and how many states above the thermal ones it needs."""
        found = [(0.0, _FAR)] * len(self.chain.modes)
        ones = np.ones(self.n)
        for stretch in coming:
            length_s = stretch.end_s - stretch.start_s
            for light in self._lights(stretch, ones):
                for tone in light.tones:
                    for m, mode in enumerate(self.chain.modes):
                        coupling = abs(mode.lamb_dicke[light.ion]) * tone.rabi_hz
                        away = min(abs(tone.offset_hz - mode.frequency_hz), abs(tone.offset_hz + mode.frequency_hz))
                        sideband = coupling**2 * (state.n_bar[m] + 1) / (coupling**2 + away**2)
                        spread = mode.lamb_dicke[light.ion] ** 2 * (state.n_bar[m] + 0.5)
                        carrier = (spread * tone.rabi_hz * length_s) ** 2 if abs(tone.offset_hz) < away else 0.0
                        score, room = found[m]
                        if away < _NEAR_COUPLINGS * coupling:
                            room = max(room, _NEAR if len(light.tones) == 1 else _BEATEN)
                        found[m] = max(score, sideband, carrier), room
        return found


def _thermal(n_bar: float) -> NDArray[np.float64]:
    """Return the chances of Fock states that are not rare."""
    ratio = n_bar / (n_bar + 1)
    n = np.arange(_MOST_STATES)
    chances = (1 - ratio) * ratio**n
    return np.asarray(chances[: max(1, int(np.sum(chances >= _LEAST_WEIGHT)))])
