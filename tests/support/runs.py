"""Waveforms as the plant takes them: their length, and the stretches that are not silent."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from qctl.hil.physics.lines import find_runs
from qctl.hil.plant.messages import Runs

__all__ = ["runs_of"]


def runs_of(samples: ArrayLike) -> tuple[int, Runs]:
    """Return the number of samples, and the stretches of a waveform that are not silent."""
    whole = np.asarray(samples, np.float32)
    return whole.size, tuple((begin, whole[begin:end].copy()) for begin, end in find_runs(whole != 0, gap=3))
