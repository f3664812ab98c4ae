"""Results of boxes that are led by triggers: all shots of a point come before those of the next one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qctl.errors import DeviceError

__all__ = ["by_shot"]


def by_shot(found: NDArray[np.complex128], n_shots: int, counts: Sequence[int]) -> NDArray[np.complex128]:
    """Return results as (n_shots, results of one shot through all points).

    Parameters
    ----------
    found : (n_shots * sum(counts),) complex128
        In the order in which they came.
    n_shots : int
        Of each point.
    counts : sequence of int
        Results of a shot, by point.

    Raises
    ------
    DeviceError
        If there are more or fewer.
    """
    ends = n_shots * np.cumsum(counts)
    if len(found) != ends[-1]:
        raise DeviceError(f"{len(found)} results came of {n_shots} shots with {int(sum(counts))} results each")
    points = np.split(found, ends[:-1])
    return np.concatenate([one.reshape(n_shots, -1) for one in points if len(one)], axis=1)
