"""From the joint state at measurement to records: single shots, or an average with the right spread."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from qctl.cext import chance
from qctl.cext import resonator as kernel
from qctl.hil.physics.readout import N_PATHS, Answer
from qctl.hil.physics.state import Groups

__all__ = ["Ways", "average_along", "draw_average", "draw_levels", "draw_shots", "shots_along"]

Ways = Sequence[tuple[Answer, NDArray[np.int32]]]
"""Measurements of a shot, in order: the answer of each, and the (n_shots, n_transmons) paths that were taken."""


def draw_levels(groups: Groups, n_shots: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Draw the level of each transmon in each shot.

    Parameters
    ----------
    groups : Groups
        Independent groups, and their populations.
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
    levels = draw_levels(groups, n_shots, random)
    paths = [answer.draw_paths(qubit, levels[:, qubit], random) for qubit in range(levels.shape[1])]
    return shots_along([(answer, np.stack(paths, axis=1))], inputs, random)


def shots_along(ways: Ways, inputs: tuple[str, ...], random: np.random.Generator) -> NDArray[np.float32]:
    """Return (n_shots, n_inputs, n_samples) float32 volts of shots whose transmons take these paths."""
    answer, paths = ways[0]
    width = len(inputs) * answer.window.n_samples
    chosen = np.empty(paths.shape, np.int32)
    rows: list[NDArray[np.float32]] = []
    for qubit in range(paths.shape[1]):
        codes, models = np.zeros(len(paths), np.int64), np.empty(0, np.int64)
        for _, taken in ways:
            _, models, codes = np.unique(codes * N_PATHS + taken[:, qubit], return_index=True, return_inverse=True)
        chosen[:, qubit] = len(rows) + codes
        volts = (
            np.sum([one.path(qubit, int(taken[k, qubit])) for one, taken in ways], axis=0) for k in models.tolist()
        )
        rows += [_spread(seen, inputs) for seen in volts]
    records = random.standard_normal((len(paths), width), np.float32)
    kernel.assemble(np.stack(rows), chosen, answer.processor.noise_v, records)
    return records.reshape(len(paths), len(inputs), answer.window.n_samples)


def draw_average(
    answer: Answer, groups: Groups, inputs: tuple[str, ...], n_shots: int, random: np.random.Generator
) -> NDArray[np.float32]:
    """Return (1, n_inputs, n_samples) float32 volts, distributed as the mean of `n_shots` single shots."""
    return _averaged(answer, answer.total(answer.count_paths(groups, n_shots, random)), inputs, n_shots, random)


def average_along(ways: Ways, inputs: tuple[str, ...], random: np.random.Generator) -> NDArray[np.float32]:
    """Return (1, n_inputs, n_samples) float32 volts, the mean of shots whose transmons take these paths."""
    total: NDArray[np.complex128] = np.zeros(ways[0][0].window.n_samples, complex)
    for answer, paths in ways:
        counts = [np.bincount(taken, minlength=N_PATHS) for taken in paths.T]
        total += answer.total(np.array(counts, np.float64))
    return _averaged(ways[0][0], total, inputs, len(ways[0][1]), random)


def _averaged(
    answer: Answer, total: NDArray[np.complex128], inputs: tuple[str, ...], n_shots: int, random: np.random.Generator
) -> NDArray[np.float32]:
    """Return the mean record of shots whose answers make this total, with its noise."""
    record = np.empty((1, len(inputs), answer.window.n_samples), np.float32)
    chance.noisy_mean(random.bit_generator, total, n_shots, answer.processor.noise_v, _axes(inputs), record[0])
    return record


@lru_cache(maxsize=64)
def _axes(inputs: tuple[str, ...]) -> NDArray[np.int8]:
    """Return which axis each input sees: 0 for I, 1 for Q, -1 for neither."""
    return np.array([("i", "q").index(name) if name else -1 for name in inputs], np.int8)


def _clean(populations: NDArray[np.float64]) -> NDArray[np.float64]:
    kept = np.clip(populations, 0.0, None)
    return np.asarray(kept / kept.sum())


def _spread(voltage: NDArray[np.complex128], inputs: tuple[str, ...]) -> NDArray[np.float32]:
    """Return what each input sees of a down-converted voltage, one after the other."""
    parts = {"i": voltage.real, "q": voltage.imag}
    silence = np.zeros(voltage.size)
    return np.concatenate([parts.get(name, silence) for name in inputs]).astype(np.float32)
