"""T1, T2 and thermal excitation of one three-level transmon, as steps that are exact in time."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["collapse_rates", "equilibrium", "idle_step", "sample_relaxation"]


def collapse_rates(t1_s: float, t2_s: float, thermal: float) -> tuple[float, float, float]:
    """Return the rates per second of a, a† and n (pure dephasing, as the operator sqrt(2 rate) n).

    `thermal` is the ratio of the rates up and down between levels 0 and 1; T1 is what a fit of the
    decay of level 1 would give.
    """
    down = 1 / (t1_s * (1 + thermal))
    up = thermal * down
    # coherence 01 decays at (down + up)/2 + (2 up)/2 from a†, which also acts on level 1, + pure dephasing
    pure = 1 / t2_s - (down + up) / 2 - up
    return down, up, max(pure, 0.0)


@lru_cache(maxsize=4096)
def sample_relaxation(t1_s: float, t2_s: float, thermal: float, dt_s: float) -> NDArray[np.float64]:
    """Return relaxation over dt/6, dt/3 and 2 dt/3 as the (3, 14) that `qctl.cext.qutrit.propagate` takes."""
    parts = [idle_step(t1_s, t2_s, thermal, 0.0, 0.0, dt_s * share).real for share in (1 / 6, 1 / 3, 2 / 3)]
    steps = np.ascontiguousarray(np.stack(parts))
    steps.flags.writeable = False
    return steps


@lru_cache(maxsize=8192)
def idle_step(
    t1_s: float, t2_s: float, thermal: float, level1: float, level2: float, time_s: float
) -> NDArray[np.complex128]:
    """Return the 14 numbers of idling over any time, exactly: relaxation with the phases of the levels.

    Parameters
    ----------
    t1_s, t2_s : float
        Relaxation and coherence time of levels 0 and 1, in seconds.
    thermal : float
        Ratio of the rates up and down.
    level1, level2 : float
        Energies of the levels in the rotating frame, in rad/s.
    time_s : float
        Time in seconds.
    """
    down, up, pure = collapse_rates(t1_s, t2_s, thermal)
    populations = np.array(
        [
            [-up, down, 0],
            [up, -down - 2 * up, 2 * down],
            [0, 2 * up, -2 * down],
        ]
    )
    leave = np.array([up, down + 2 * up, 2 * down]) / 2
    coherences = np.array(
        [
            [-1j * (0 - level1) - leave[0] - leave[1] - pure, math.sqrt(2) * down],
            [math.sqrt(2) * up, -1j * (level1 - level2) - leave[1] - leave[2] - pure],
        ]
    )
    step = np.empty(14, complex)
    step[:9] = _exponential(populations * time_s).ravel().real
    step[9:13] = _exponential2(np.asarray(coherences * time_s, complex)).ravel()
    step[13] = np.exp((-1j * (0 - level2) - leave[0] - leave[2] - 4 * pure) * time_s)
    step.flags.writeable = False
    return step


def equilibrium(thermal: float) -> NDArray[np.float64]:
    """Return the (3,) populations that relaxation leaves alone."""
    weights = np.array([1.0, thermal, thermal**2])
    return np.asarray(weights / weights.sum())


def _exponential(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the exponential of a rate matrix by squaring a short series; columns sum to 1."""
    halvings = max(0, math.ceil(math.log2(max(np.abs(matrix).max(), 1e-300))) + 6)
    small = matrix / 2.0**halvings
    total = term = np.eye(3)
    for k in range(1, 12):
        term = term @ small / k
        total = total + term
    for _ in range(halvings):
        total = total @ total
    return total


def _exponential2(m: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Return the exponential of a 2x2 matrix in closed form, safe against overflow of decaying terms."""
    mean = (m[0, 0] + m[1, 1]) / 2
    half = (m[0, 0] - m[1, 1]) / 2
    root = np.sqrt(half * half + m[0, 1] * m[1, 0] + 0j)
    plus, minus = np.exp(mean + root), np.exp(mean - root)
    cosh = (plus + minus) / 2
    sinhc = (plus - minus) / (2 * root) if abs(root) > 1e-12 else np.exp(mean)
    return np.asarray(cosh * np.eye(2) + sinhc * (m - mean * np.eye(2)))
