"""What Pulser plays of a run for neutral atoms, by its schema, its device's rules and its sampler."""

from __future__ import annotations

from typing import Any

import numpy as np
import pulser_judge as judge
from programs import Example, number

from qctl.instruments.atoms.body import PulserBody

__all__ = ["CHANNEL", "compared"]

CHANNEL = "rydberg_global"
RAD_PER_US = 2e-6 * np.pi


def compared(example: Example, ready: Any, points: list[dict[str, float]], rack: Any) -> tuple[float, float, float]:
    """Return the worst differences of the global Rydberg drive: rad/us, seconds, and rad of phase.

    The ideal is reckoned from the program's steps alone: one drive after the other, sample by sample of 1 ns.
    """
    body = PulserBody.from_bytes(ready.programs[0].body)
    off, late_s, turned = 0.0, 0.0, 0.0
    for p, point in enumerate(points):
        played = judge.played(judge.of_point(body, p))[CHANNEL]
        at = 0
        drives = [[number(x, point) for x in step[1:]] for step in example.steps(rack) if step[0] == "rydberg"]
        loud = np.flatnonzero(played["amplitude"])
        first = int(loud[0])
        for length_s, rabi_hz, detuning_hz, phase_rad in drives:
            n = round(length_s * 1e9)
            part = slice(first + at, first + at + n)
            amplitude, detuning = played["amplitude"][part], played["detuning"][part]
            off = max(off, float(np.abs(amplitude - rabi_hz * RAD_PER_US).max()))
            off = max(off, float(np.abs(detuning - detuning_hz * RAD_PER_US).max()))
            turned = max(turned, float(np.abs(np.angle(np.exp(1j * (played["phase"][part] - phase_rad)))).max()))
            late_s = max(late_s, abs(n * 1e-9 - length_s))
            at += n
        assert len(loud) == at, "the drive goes on, or has a gap"
    return off, late_s, turned
