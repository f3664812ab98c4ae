"""One transmon by itself: drive samples by the kernel, idling in one exact step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qctl.cext import qutrit
from qctl.hil.physics.parameters import Transmon
from qctl.hil.physics.relaxation import idle_step, sample_relaxation

__all__ = ["drive_states", "idle_states"]


def drive_states(
    transmon: Transmon,
    drive: NDArray[np.complex128],
    levels: NDArray[np.float64],
    dt_s: float,
    states: NDArray[np.complex128],
) -> None:
    """Propagate (n, 3, 3) states in place through drive samples in rad/s, levels (n or 1, 2) in rad/s."""
    relaxation = sample_relaxation(transmon.t1_s, transmon.t2_s, transmon.thermal, dt_s)
    qutrit.propagate(drive, levels, dt_s, relaxation, states)


def idle_states(
    transmon: Transmon, levels: tuple[float, float], time_s: float, rho: NDArray[np.complex128], left: int, right: int
) -> None:
    """Let one transmon of a joint state idle, exactly and in place."""
    step = idle_step(transmon.t1_s, transmon.t2_s, transmon.thermal, levels[0], levels[1], time_s)
    qutrit.apply_local(rho, left, right, step)
