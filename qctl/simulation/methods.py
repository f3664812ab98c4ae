"""The noisy methods of simulate, each with the same arguments."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError
from qctl.program.body import Body
from qctl.simulation.density import evolve
from qctl.simulation.noise import NoiseModel
from qctl.simulation.noisy_outcomes import DensityOutcome, ShotsOutcome, count_bits, sample_branches
from qctl.simulation.trajectories import play_shots

__all__ = ["by_density", "by_trajectories"]

MOST_BRANCHES = 4096


def real_dtype(precision: str) -> np.dtype:
    """Return the dtype of real numbers for ``double`` or ``single``."""
    return np.dtype(np.float64 if precision == "double" else np.float32)


def by_density(
    body: Body, shots: int | None, seed: int | None, precision: str, noise: NoiseModel, threads: int, reason: str = ""
) -> DensityOutcome:
    """Simulate by a density matrix: exact probabilities, sampled counts.

    Raises
    ------
    RequestError
        If the program has pulses, a loop that doesn't end, or too many classical histories at once.
    """
    branches, measured = evolve(body, noise, real_dtype(precision), threads, MOST_BRANCHES)
    state: NDArray[np.floating] = branches[0].state
    for branch in branches[1:]:
        state = state + branch.state
    counts = sample_branches(branches, measured, body.n_qubits, len(body.bits), shots, seed) if shots else {}
    return DensityOutcome(counts, "density", reason, body.n_qubits, state)


def by_trajectories(
    body: Body, shots: int | None, seed: int | None, precision: str, noise: NoiseModel, threads: int, reason: str = ""
) -> ShotsOutcome:
    """Simulate shot by shot with state vectors that jump.

    Raises
    ------
    RequestError
        Without shots, or if the program has pulses or a loop that doesn't end.
    """
    if not shots:
        raise RequestError("method 'trajectories' needs shots: each is a trajectory of its own")
    fixed = int(np.random.default_rng().integers(2**62)) if seed is None else seed
    dtype = real_dtype(precision)
    found = play_shots(body, noise, shots, fixed, dtype, threads)

    def again(masks: NDArray[np.int64]) -> NDArray[np.float64]:
        return play_shots(body, noise, shots, fixed, dtype, threads, masks).means

    return ShotsOutcome(count_bits(found.bits), "trajectories", reason, body.n_qubits, found.bits, again)
