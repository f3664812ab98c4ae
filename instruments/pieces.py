"""Cut a shot into what a generator plays as steps: waveforms where there are pulses, looped silence between them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from qctl.instruments.capability import Capability, limit
from qctl.instruments.rendering import Cut, Piece

__all__ = ["LOOPED_SAMPLES", "cuts_of", "longest_shot_samples", "looped_samples", "padded"]

LOOPED_SAMPLES = 4096
"""Silence from this length on is looped. A step more costs about as much as some kilobytes of words, and an element."""


def looped_samples(table: Capability) -> int:
    """Return the silence that is looped: at least four of the shortest waveforms, so that all around it have room."""
    return max(LOOPED_SAMPLES, 4 * limit(table, "channels.output.length").least)


def padded(table: Capability, n_samples: int) -> int:
    """Return the length of the shortest waveform that the box plays and that holds so many samples."""
    return _padded(*_lengths(table), n_samples)


def _padded(shortest: int, grain: int, n_samples: int) -> int:
    return max(shortest, -(-n_samples // grain) * grain)


def _lengths(table: Capability) -> tuple[int, int]:
    """Return the shortest waveform, and what lengths are multiples of."""
    length = limit(table, "channels.output.length")
    return length.least, int(length.step or 1)


def longest_shot_samples(table: Capability) -> int:
    """Return the longest shot that the box's elements and loops can make."""
    return (
        limit(table, "sequence").most * limit(table, "loops.count").most * limit(table, "channels.output.length").least
    )


def cuts_of(table: Capability, ends: Sequence[int], gaps: Sequence[Sequence[int]], bounds: Sequence[int]) -> list[Cut]:
    """Return how the shot of each point is cut.

    A shot ends with its last pulse, filled up with silence to the shortest waveform that the box plays and to its grid.

    Parameters
    ----------
    ends : sequence of int
        Sample after the last play of each point, or 0.
    gaps : sequence of (int, int)
        Silences of at least `looped_samples` before a play, in order: the first sample, and that after the last.
    bounds : sequence of int
        Gaps of point p are ``gaps[bounds[p]:bounds[p + 1]]``; not looked at where there is none.
    """
    shortest, grain = _lengths(table)
    whole = {end: (Piece(0, _padded(shortest, grain, end)),) for end in set(ends)}
    if not len(gaps):
        return [whole[end] for end in ends]
    most = limit(table, "loops.count").most
    cuts: list[Cut] = []
    for p, end in enumerate(ends):
        if bounds[p] == bounds[p + 1]:
            cuts.append(whole[end])
        else:
            silent = gaps[bounds[p] : bounds[p + 1]]
            before, begins = tuple(a for a, _ in silent), tuple(b for _, b in silent)
            cuts.append(_cut(before, begins, _padded(shortest, grain, end), shortest, most, grain))
    return cuts


@lru_cache(maxsize=4096)
def _cut(
    quiet_from: tuple[int, ...], quiet_until: tuple[int, ...], total: int, loop: int, most: int, grain: int
) -> Cut:
    """Cut one shot at its long silences; what is left of one belongs to the waveform after it.

    The generators of a lab often play together: their shots are cut alike, and only once.
    """
    pieces: list[Piece] = []
    at = 0
    for begin, end in zip(quiet_from, quiet_until, strict=True):
        if begin > at:
            pieces.append(Piece(at, max(-(-(begin - at) // grain) * grain, loop)))
            at += pieces[-1].n_samples
        # The last waveform needs its shortest length too: it gets it from the silence before it.
        n_loops = (min(end, total - loop) - at) // loop
        for n in [most] * (n_loops // most) + [n_loops % most]:
            if n > 0:
                pieces.append(Piece(at, loop, n))
                at += n * loop
    pieces.append(Piece(at, total - at))
    return tuple(pieces)
