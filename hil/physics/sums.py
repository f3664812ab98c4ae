"""What a digitizer that integrates sees: weighed sums of single shots, drawn without making their records."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qctl.hil.physics.readout import Answer
from qctl.hil.physics.shots import draw_levels
from qctl.hil.physics.state import Groups

__all__ = ["Weighing"]

NOISE_RATE_HZ = 5e8
"""Rate at which a sample has the noise that the processor's file states; it grows with the bandwidth."""


class Weighing:
    """Sums of the records of one answer with given weights: linear in the records, so their noise is known, too.

    Parameters
    ----------
    answer : Answer
        The feedline's.
    inputs : tuple of str
        "i", "q" or "", as in `draw_shots`.
    weights : (n_sums, n_inputs, n_samples) float64
        Of the answer's window.
    """

    def __init__(self, answer: Answer, inputs: tuple[str, ...], weights: NDArray[np.float64]) -> None:
        self._answer = answer
        silent = np.zeros((len(weights), weights.shape[2]))
        self._weights = [
            sum((weights[:, place] for place, name in enumerate(inputs) if name == wanted), start=silent)
            for wanted in ("i", "q")
        ]
        flat = weights.reshape(len(weights), -1)
        noise_v = answer.processor.noise_v * np.sqrt(answer.window.rate_hz / NOISE_RATE_HZ)
        values, vectors = np.linalg.eigh(flat @ flat.T)
        self._spread = vectors * (noise_v * np.sqrt(np.clip(values, 0.0, None)))
        self._paths: dict[tuple[int, int], NDArray[np.float64]] = {}

    def draw(self, groups: Groups, n_shots: int, random: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_shots, n_sums) volts, distributed as the sums of so many single records."""
        levels = draw_levels(groups, n_shots, random)
        paths = [self._answer.draw_paths(qubit, levels[:, qubit], random) for qubit in range(levels.shape[1])]
        return self.along(np.stack(paths, axis=1), random)

    def along(self, paths: NDArray[np.int32], random: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_shots, n_sums) volts of shots in which the transmons take these paths, (n_shots, n_transmons)."""
        return self.noise(len(paths), random) + self.mean(paths)

    def noise(self, n_shots: int, random: np.random.Generator) -> NDArray[np.float64]:
        """Return (n_shots, n_sums) volts of noise."""
        return np.asarray(random.standard_normal((n_shots, len(self._spread))) @ self._spread.T)

    def mean(self, paths: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return (n_shots, n_sums) volts without noise."""
        total = np.zeros((len(paths), len(self._spread)))
        for qubit in range(paths.shape[1]):
            used, place = np.unique(paths[:, qubit], return_inverse=True)
            total += np.stack([self._path(qubit, int(path)) for path in used])[place]
        return total

    def _path(self, qubit: int, path: int) -> NDArray[np.float64]:
        """Return the sums of one transmon's answer along one path."""
        found = self._paths.get((qubit, path))
        if found is None:
            volts = self._answer.path(qubit, path)
            found = np.asarray(self._weights[0] @ volts.real + self._weights[1] @ volts.imag)
            self._paths[qubit, path] = found
        return found
