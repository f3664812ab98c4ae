"""Cut a shot into what an AWG5014C plays as steps: waveforms where there are pulses, looped silence between them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qctl.instruments.rendering import Cut, Piece
from qctl.instruments.tektronix_awg5014 import capabilities as can

__all__ = ["LOOPED_SAMPLES", "cuts_of", "longest_shot_samples"]

LOOPED_SAMPLES = 4096
"""Silence from this length on is looped. A step more costs about as much as some kilobytes of words, and an element."""


def longest_shot_samples() -> int:
    """Return the longest shot that the box's elements and loops can make."""
    return can.MAX_ELEMENTS * int(can.LOOPS.high) * _up(int(can.LENGTH_SAMPLES.low))


def cuts_of(starts: NDArray[np.int64], ends: NDArray[np.int64]) -> list[Cut]:
    """Return how the shot of each point is cut.

    A shot ends with its last pulse, or with the shortest waveform that the box plays.

    Parameters
    ----------
    starts, ends : (n_points, n_plays) int64
        First sample of each play, and the one after its last.
    """
    shortest = int(can.LENGTH_SAMPLES.low)
    if not starts.shape[1]:
        return [(Piece(0, _up(shortest)),)] * len(starts)
    order = np.argsort(starts, axis=1, kind="stable")
    begins = np.take_along_axis(starts, order, 1)
    until = np.maximum.accumulate(np.take_along_axis(ends, order, 1), axis=1)
    before = np.concatenate([np.zeros((len(starts), 1), np.int64), until[:, :-1]], axis=1)
    silent = begins - before >= LOOPED_SAMPLES
    totals = [_up(max(end, shortest)) for end in until[:, -1].tolist()]
    if not silent.any():
        whole = {total: (Piece(0, total),) for total in totals}
        return [whole[total] for total in totals]
    return [_cut(before[k, silent[k]].tolist(), begins[k, silent[k]].tolist(), total) for k, total in enumerate(totals)]


def _cut(quiet_from: list[int], quiet_until: list[int], total: int) -> Cut:
    """Cut one shot at its long silences; what is left of one belongs to the waveform after it."""
    shortest = int(can.LENGTH_SAMPLES.low)
    loop = _up(shortest)
    pieces: list[Piece] = []
    at = 0
    for begin, end in zip(quiet_from, quiet_until, strict=True):
        if begin > at:
            pieces.append(Piece(at, _up(max(begin - at, shortest))))
            at += pieces[-1].n_samples
        # The last waveform needs its shortest length too: it gets it from the silence before it.
        n_loops = (min(end, total - shortest) - at) // loop
        for n in [int(can.LOOPS.high)] * (n_loops // int(can.LOOPS.high)) + [n_loops % int(can.LOOPS.high)]:
            if n > 0:
                pieces.append(Piece(at, loop, n))
                at += n * loop
    pieces.append(Piece(at, total - at))
    return tuple(pieces)


def _up(n_samples: int) -> int:
    return -(-n_samples // can.MULTIPLE_SAMPLES) * can.MULTIPLE_SAMPLES
