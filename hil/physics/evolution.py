"""One shot: from the samples on the lines to the joint state at measurement."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qctl.hil.physics.lines import Lines
from qctl.hil.physics.parameters import Processor, tuned_frequency_hz
from qctl.hil.physics.single import drive_states, idle_states
from qctl.hil.physics.state import State

__all__ = ["evolve"]


def evolve(processor: Processor, lines: Lines, stop_s: NDArray[np.float64]) -> State:
    """Return the joint state when each transmon's measurement begins.

    Parameters
    ----------
    processor : Processor
        True parameters.
    lines : Lines
        What arrives.
    stop_s : (n_transmons,) float64
        When each measurement begins, in seconds after the trigger.
    """
    state = State(processor)
    dt_s = 1 / lines.rate_hz
    for q, transmon in enumerate(processor.transmons):
        rest = float(tuned_frequency_hz(transmon, 0.0, lines.static_v[q]))
        level1 = 2 * np.pi * (rest - lines.drive_lo_hz[q])
        level2 = 2 * level1 + 2 * np.pi * transmon.anharmonicity_hz
        rho = state.groups[q][1]
        now = 0.0
        last = int(round(stop_s[q] * lines.rate_hz))
        for run in lines.drive[q]:
            if run.start >= last:
                break
            idle_states(transmon, (level1, level2), run.start * dt_s - now, rho, 1, 1)
            volts = run.volts[: last - run.start]
            omega = np.ascontiguousarray(2 * np.pi * transmon.drive_hz_per_v * volts.conj())
            drive_states(transmon, omega, np.array([[level1, level2]]), dt_s, rho[None])
            now = (run.start + volts.size) * dt_s
        idle_states(transmon, (level1, level2), max(stop_s[q] - now, 0.0), rho, 1, 1)
    return state
