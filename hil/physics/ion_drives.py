"""Coherent light on ions, from the last cooling, pumping or detection to the next: the populations that it leaves."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.hil.physics.ion_motion import Light, Motion, Tone
from qctl.hil.physics.ions import Chain

__all__ = ["Drives", "Lit", "Stretch"]

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
_KEPT = 4096


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


class _TooFew(Exception):
    """A mode would need more Fock states."""


class Drives:
    """What stretches of coherent light do to the chain; what was worked out is kept.

    Parameters
    ----------
    chain : Chain
        True parameters.
    """

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self._known: OrderedDict[object, NDArray[np.float64]] = OrderedDict()

    def populations(
        self, n_bar: tuple[float, ...], excited: tuple[float, ...], stretches: tuple[Stretch, ...]
    ) -> NDArray[np.float64]:
        """Return (2**n,) populations at the end, the first ion's bit highest.

        Parameters
        ----------
        n_bar : tuple of float
            Mean phonons of each mode at the start, all thermal.
        excited : tuple of float
            How likely each ion is in 1 at the start.
        stretches : tuple of Stretch
            One after the other, drives or dark.
        """
        key = (n_bar, excited, stretches)
        found = self._known.get(key)
        if found is None:
            more = 0
            while found is None:
                try:
                    found = _Driven(self.chain, n_bar, excited, stretches, more).run()
                except _TooFew:
                    more += _MORE
            self._known[key] = found
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
        return found


class _Driven:
    """One start, and the modes that are quantum in what comes."""

    def __init__(
        self, chain: Chain, n_bar: Sequence[float], excited: Sequence[float], stretches: Sequence[Stretch], more: int
    ) -> None:
        self.chain, self.n_bar, self.stretches, self.more = chain, n_bar, stretches, more
        self.n = len(chain.ions)
        self.columns: NDArray[np.complex128]
        self.weights: NDArray[np.float64]
        self._begin(excited)

    def run(self) -> NDArray[np.float64]:
        """Play it, and return the populations; raise _TooFew if a mode is driven out of its Fock states."""
        weakened = self._weakened()
        for stretch in self.stretches:
            lights = self._lights(stretch, weakened)
            length_s = stretch.end_s - stretch.start_s
            self.columns = self.motion.evolve(self.columns, lights, stretch.start_s, length_s)
            if lights and self.more < _MOST_STATES and self._at_top() > _MOST_AT_TOP:
                raise _TooFew
        chances = (np.abs(self.columns) ** 2).reshape(2**self.n, -1, len(self.weights)).sum(axis=1) @ self.weights
        return np.asarray(chances / chances.sum())

    def _at_top(self) -> float:
        """Return how likely any mode is in its highest state."""
        sizes = self.motion.sizes
        cube = (np.abs(self.columns) ** 2).reshape(2**self.n, *sizes, -1).sum(axis=0) @ self.weights
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

    def _weakened(self) -> NDArray[np.float64]:
        """Return the Debye-Waller factor of each ion by the modes that are not quantum."""
        factors = np.ones(self.n)
        for mode, n_bar in zip(self.chain.modes, self.n_bar, strict=True):
            if mode.frequency_hz not in self.motion.frequency_hz:
                factors *= np.exp(-np.square(mode.lamb_dicke) * (n_bar + 0.5))
        return factors

    def _begin(self, excited: Sequence[float]) -> None:
        """Choose the modes that must be quantum, and the states to start in."""
        scores = self._scores()
        order = sorted(range(len(scores)), key=lambda m: -scores[m][0])[:_MOST_MODES]
        chosen = sorted(m for m in order if scores[m][0] > _LEAST_SCORE)
        thermal = {m: _thermal(self.n_bar[m]) for m in chosen}
        wanted = {m: min(len(thermal[m]) + scores[m][1] + self.more, _MOST_STATES) for m in chosen}
        if np.prod(list(wanted.values()), dtype=np.int64) > _MOST_TOGETHER:  # hot: one mode is quantum, the better one
            chosen = order[:1]
        modes, sizes = [self.chain.modes[m] for m in chosen], tuple(wanted[m] for m in chosen)
        etas = tuple(tuple(mode.lamb_dicke[q] for mode in modes) for q in range(self.n))
        self.motion = Motion(tuple(mode.frequency_hz for mode in modes), etas, sizes)
        spins = [(1 - p, p) for p in excited]
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
        columns = np.zeros((2,) * self.n + (self.motion.size, len(starts)), complex)
        for k, (bits, ns, _) in enumerate(starts):
            place = int(np.ravel_multi_index(ns, sizes)) if ns else 0
            columns[(*bits, place, k)] = 1.0
        weights = np.array([weight for *_, weight in starts])
        self.columns, self.weights = columns, weights / weights.sum()

    def _scores(self) -> list[tuple[float, int]]:
        """Return how much each mode matters for what comes, and how many states above the thermal ones it needs."""
        found = [(0.0, _FAR)] * len(self.chain.modes)
        ones = np.ones(self.n)
        for stretch in self.stretches:
            length_s = stretch.end_s - stretch.start_s
            for light in self._lights(stretch, ones):
                for tone in light.tones:
                    for m, mode in enumerate(self.chain.modes):
                        coupling = abs(mode.lamb_dicke[light.ion]) * tone.rabi_hz
                        away = min(abs(tone.offset_hz - mode.frequency_hz), abs(tone.offset_hz + mode.frequency_hz))
                        sideband = coupling**2 * (self.n_bar[m] + 1) / (coupling**2 + away**2)
                        spread = mode.lamb_dicke[light.ion] ** 2 * (self.n_bar[m] + 0.5)
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
