"""From the sums of a board's accumulated buffers to volts by port and result."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from qctl.instruments.qick.body import QickBody

__all__ = ["FULL_SCALE_COUNTS", "gathered"]

FULL_SCALE_COUNTS = 32_767
"""What a tone that fills an input is taken to give after down-conversion: unverified; a threshold doesn't mind."""


def gathered(
    body: QickBody, sums: Mapping[int, NDArray[np.int64]], range_v: Mapping[int, float]
) -> dict[tuple[str, str], NDArray[np.complex128]]:
    """Return what was measured in volts by port and result: (n_records, n_columns), columns in order of time.

    Parameters
    ----------
    body : QickBody
        The program.
    sums : mapping of int to (n_shots * n_triggers, 2) int64
        Of each readout by its number: I and Q, added over a window each.
    range_v : mapping of int to float
        Peak to peak range of each readout's input.
    """
    found: dict[tuple[str, str], NDArray[np.complex128]] = {}
    for one in body.readouts:
        volts_per_count = range_v[one.number] / 2 / FULL_SCALE_COUNTS / one.length
        pairs = np.asarray(sums[one.number], np.float64).reshape(body.n_shots, len(one.slots), 2) * volts_per_count
        values = (pairs[:, :, 0] + 1j * pairs[:, :, 1]) * np.exp(1j * one.angle_rad)
        if body.averaged:
            values = values.mean(axis=0, keepdims=True)
        slots = np.array(one.slots)
        for slot in dict.fromkeys(one.slots):
            found[one.port, slot] = np.ascontiguousarray(values[:, slots == slot])
    return found
