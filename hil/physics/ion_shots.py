"""Shots of light on ions, as it comes: cooling, pumping, coherent drives, detection; from it the photons of all shots.

What was coherent ends where ions are cooled, pumped or detected: motion is thermal then, with as many phonons as
before. Detection light reads every ion of the chain, and each shot goes on from what was found in it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qctl.hil.physics.ion_drives import Drives, Lit, Stretch

__all__ = ["IonShots"]

_DIGITS = 6
"""Chances that differ by less are one: shots that were pumped long forget what was found in them."""


class IonShots:
    """Shots that have the same light, each with what was found in it.

    Parameters
    ----------
    drives : Drives
        Of the chain.
    n_shots : int
    random : numpy Generator
        Source of chance.
    """

    def __init__(self, drives: Drives, n_shots: int, random: np.random.Generator) -> None:
        self.chain, self.drives = drives.chain, drives
        self.n_shots, self.random = n_shots, random
        self.n = len(self.chain.ions)
        self.n_bar = [mode.hot_n_bar for mode in self.chain.modes]
        self.excited = np.full((n_shots, self.n), 0.5)
        self._coherent: list[Stretch] = []
        self._means: dict[int, NDArray[np.float64]] = {}

    def open(self, ion: int) -> None:
        """Begin to count the photons of an ion."""
        self._means[ion] = np.zeros(self.n_shots)

    def close(self, ion: int) -> NDArray[np.int64]:
        """Return (n_shots,) photons of an ion since `open`."""
        return self.random.poisson(self._means.pop(ion))

    def shine(self, lit: tuple[Lit, ...], start_s: float, end_s: float) -> None:
        """Play a time in which nothing changes, the next after the one before."""
        length_s = end_s - start_s
        kinds = {self.chain.beams[one.beam].kind: one for one in lit}
        for ion, mean in self._means.items():
            mean += self.chain.ions[ion].dark_hz * length_s
        if "detect" in kinds:
            self._detect(kinds["detect"], length_s)
        elif any(kind in kinds for kind in ("doppler", "eit", "pump")):
            self._prepare(lit, length_s)
        elif "drive" in kinds or self._coherent:
            last = self._coherent[-1] if self._coherent else None
            if last is not None and last.lit == lit:  # a counter's gate changes nothing
                self._coherent[-1] = Stretch(last.start_s, end_s, lit)
            else:
                self._coherent.append(Stretch(start_s, end_s, lit))
        else:
            self._heat(length_s)

    def _strength(self, lit: Lit) -> float:
        """Return how strongly a beam that is no drive acts, per second."""
        beam = self.chain.beams[lit.beam]
        off = (lit.modulator_hz - beam.centre_hz) / beam.width_hz
        return beam.strength_per_v * lit.volts / (1 + off * off)

    def _prepare(self, lit: tuple[Lit, ...], length_s: float) -> None:
        """Cool and pump; what was coherent is lost."""
        for shots, populations in self._driven():
            cube = populations.reshape((2,) * self.n)
            self.excited[shots] = [cube.take(1, axis=q).sum() for q in range(self.n)]
        for one in lit:
            beam = self.chain.beams[one.beam]
            left = float(np.exp(-self._strength(one) * length_s))
            if beam.kind in ("doppler", "eit"):
                self.n_bar = [beam.n_bar + (n - beam.n_bar) * left for n in self.n_bar]
            if beam.kind == "doppler":
                self.excited = 0.5 + (self.excited - 0.5) * left
            if beam.kind == "pump":
                ions, floor = list(beam.ions), self.chain.pump_error
                self.excited[:, ions] = floor + (self.excited[:, ions] - floor) * left
        self._heat(length_s)

    def _heat(self, length_s: float) -> None:
        self.n_bar = [n + mode.heating_per_s * length_s for n, mode in zip(self.n_bar, self.chain.modes, strict=True)]

    def _detect(self, lit: Lit, length_s: float) -> None:
        """Count photons of ions in 1; the first light decides which those are, in each shot."""
        for shots, populations in self._driven():
            drawn = np.repeat(np.arange(2**self.n), self.random.multinomial(len(shots), populations))
            self.random.shuffle(drawn)
            self.excited[shots] = drawn[:, None] >> np.arange(self.n - 1, -1, -1) & 1
        self.excited = (self.random.random(self.excited.shape) < self.excited).astype(float)
        beam = self.chain.beams[lit.beam]
        part = min(1.0, self._strength(lit))
        for ion, mean in self._means.items():
            if ion in beam.ions:
                mean += self.excited[:, ion] * (self.chain.ions[ion].bright_hz * part * length_s)

    def _driven(self) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """End what is coherent: return which shots have begun it alike, and the populations that it leaves them."""
        stretches, self._coherent = tuple(self._coherent), []
        if not stretches:
            return []
        starts, ranks = np.unique(np.round(self.excited, _DIGITS), axis=0, return_inverse=True)
        ranks = ranks.reshape(-1)
        return [
            (np.flatnonzero(ranks == k), self.drives.populations(tuple(self.n_bar), tuple(start), stretches))
            for k, start in enumerate(starts.tolist())
        ]
