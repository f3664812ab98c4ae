"""From the joint state at measurement to records: single shots, or an average with the right spread."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qctl.cext import resonator as kernel
from qctl.hil.physics.readout import Answer, Groups

__all__ = ["draw_average", "draw_levels", "draw_shots"]


def draw_levels(groups: Groups, n_shots: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Draw the level of each transmon in each shot.

    Parameters
    ----------
    groups : list of (transmons, populations)
        Independent groups; the populations of a group of k have 3**k entries, first transmon slowest.
    n_shots : int
        Number of shots.
    random : numpy Generator
        Source of chance.

    Returns
    -------
    (n_shots, n_transmons) int64
    """
    n = sum(len(qubits) for qubits, _ in groups)
    levels = np.zeros((n_shots, n), np.int64)
    for qubits, populations in groups:
        outcome = np.repeat(np.arange(populations.size), random.multinomial(n_shots, _clean(populations)))
        random.shuffle(outcome)
        for place, qubit in enumerate(qubits):
            levels[:, qubit] = outcome // 3 ** (len(qubits) - 1 - place) % 3
    return levels


def draw_shots(
    answer: Answer, groups: Groups, inputs: tuple[str, ...], n_shots: int, random: np.random.Generator
) -> NDArray[np.float32]:
    """Return (n_shots, n_inputs, n_samples) float32 volts, one record a shot; `inputs` are "i", "q" or ""."""
    n = len(answer.processor.transmons)
    width = len(inputs) * answer.window.n_samples
    levels = draw_levels(groups, n_shots, random)
    chosen = np.empty((n_shots, n), np.int32)
    rows: list[NDArray[np.float32]] = []
    for qubit in range(n):
        paths = answer.draw_paths(qubit, levels[:, qubit], random)
        used, place = np.unique(paths, return_inverse=True)
        chosen[:, qubit] = len(rows) + place
        rows += [_spread(answer.path(qubit, int(path)), inputs) for path in used]
    records = random.standard_normal((n_shots, width), np.float32)
    kernel.assemble(np.stack(rows), chosen, answer.processor.noise_v, records)
    return records.reshape(n_shots, len(inputs), answer.window.n_samples)


def draw_average(
    answer: Answer, groups: Groups, inputs: tuple[str, ...], n_shots: int, random: np.random.Generator
) -> NDArray[np.float32]:
    """Return (1, n_inputs, n_samples) float32 volts, distributed as the mean of `n_shots` single shots."""
    total = answer.total(answer.count_paths(groups, n_shots, random)) / n_shots
    record = random.standard_normal((1, len(inputs), answer.window.n_samples), np.float32)
    record *= np.float32(answer.processor.noise_v / np.sqrt(n_shots))
    for seen, name in zip(record[0], inputs, strict=True):
        if name:
            seen += total.real if name == "i" else total.imag
    return record


def _clean(populations: NDArray[np.float64]) -> NDArray[np.float64]:
    kept = np.clip(populations, 0.0, None)
    return np.asarray(kept / kept.sum())


def _spread(voltage: NDArray[np.complex128], inputs: tuple[str, ...]) -> NDArray[np.float32]:
    """Return what each input sees of a down-converted voltage, one after the other."""
    parts = {"i": voltage.real, "q": voltage.imag}
    silence = np.zeros(voltage.size)
    return np.concatenate([parts.get(name, silence) for name in inputs]).astype(np.float32)
