"""Where a waveform is not silent: the stretches that the plant is given."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["stretches"]

_LONGEST_PAUSE = 4
"""How far two samples of one stretch may be apart."""


def stretches(heard: NDArray[np.intp], owner: NDArray[np.intp] | None = None) -> list[tuple[int, int]]:
    """Return the first and the last place of each stretch; short pauses don't end it.

    Parameters
    ----------
    heard : (n,)
        Places of samples that are not silent, in order.
    owner : (n,), optional
        Whose each is, where several waveforms stand one after the other: a stretch is of one.
    """
    if not heard.size:
        return []
    ends = heard[1:] - heard[:-1] > _LONGEST_PAUSE
    if owner is not None:
        ends |= owner[1:] != owner[:-1]
    cuts = ends.nonzero()[0]
    firsts, lasts = heard[np.append(0, cuts + 1)], heard[np.append(cuts, -1)]
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))
