"""Turns averaged IQ into populations, as far as the calibration knows what the states of a qubit look like."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError

__all__ = ["project"]


def project(iq: NDArray[np.complex128], center0: complex, center1: complex | None = None) -> NDArray[np.float64]:
    """Turn averaged IQ into a real signal that grows with excitation.

    Parameters
    ----------
    iq : (...) complex128, volts
        Averaged, integrated records.
    center0 : complex
        What the ground state gives.
    center1 : complex, optional
        What the excited state gives; then the signal is a population, 0 to 1. Without it the signal
        is in volts along the direction in which the data moves away from `center0`.
    """
    moved = np.asarray(iq, complex) - center0
    if center1 is not None:
        if center1 == center0:
            raise RequestError("center0 and center1 are the same: the readout sees no difference")
        step = center1 - center0
        return np.asarray((moved * np.conj(step)).real / abs(step) ** 2)
    axis = np.exp(0.5j * np.angle(np.sum(moved**2)))
    signal = (moved * np.conj(axis)).real
    return np.asarray(signal if signal.sum() >= 0 else -signal)
