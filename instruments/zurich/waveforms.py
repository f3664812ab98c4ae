"""Waveforms of an AWG core: the plays of its ports cut into pieces, and each different piece rendered once."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from hashlib import blake2b

import msgspec
import numpy as np
from numpy.typing import NDArray

from qctl.cext import pieces as kernel
from qctl.cext import recycled, seqc
from qctl.instruments.rows import Rows
from qctl.instruments.zurich import sequencers as can
from qctl.instruments.zurich.body import Waveform
from qctl.program.sampling import envelope_samples
from qctl.program.tables import Waveform as Envelope

__all__ = ["CONTENT", "ENTRY", "MEMBER", "NOTHING", "PIECE", "Cut", "Grid", "Held", "cut_of", "hold"]


def _record(*names: str) -> np.dtype:
    return np.dtype([(name, "<i4") for name in names])


PIECE = np.dtype([("start", "<i8"), ("length", "<i4"), ("entry", "<i4")])
"""One executeTableEntry: its begin in samples of the point, its length, and the entry; see `cext/pieces.pyx`."""
MEMBER = _record("channel", "waveform", "offset", "amplitude", "phase", "beat")
"""One play in a waveform."""
CONTENT = _record("length", "first", "n_members")
"""One waveform: how long it is, and its members."""
ENTRY = _record("content", "amplitude", "phase", "oscillator")
"""One row of the command table, in steps."""


class Grid(msgspec.Struct, frozen=True):
    """What a core's times and phases are counted in.

    Attributes
    ----------
    rate_hz : Fraction
        Samples per second.
    grid, least : int
        Pieces are multiples of `grid`, and not shorter than `least`.
    head : int
        Samples before the earliest piece of a point.
    zero : int
        Samples from the start of a point to time zero of the shot.
    period : int
        Samples of a point.
    each : bool
        Whether every shot waits for a trigger of its own.
    """

    rate_hz: Fraction
    grid: int
    least: int
    head: int
    zero: int
    period: int
    each: bool = False


class Cut(msgspec.Struct, frozen=True, eq=False):
    """All points of one core, in pieces; tables as `cext/pieces.pyx` fills them.

    Attributes
    ----------
    fault : tuple of (str, int, int)
        What is wrong, with the point and the play in it; the text is empty if nothing is.
    n_merged : int
        Plays that share a waveform with others.
    """

    pieces: NDArray
    bounds: NDArray[np.int64]
    members: NDArray
    contents: NDArray
    entries: NDArray
    frequencies: NDArray[np.float64]
    n_merged: int
    samples: NDArray[np.float64]
    sample_bounds: NDArray[np.int64]
    fault: tuple[str, int, int]


def cut_of(
    rows: Rows, channels: NDArray[np.int32], used: tuple[int, ...], n_plays: int, full_scale_v: float, grid: Grid,
    n_oscillators: int,
) -> Cut:  # fmt: skip
    """Cut what a core's ports play.

    Parameters
    ----------
    rows : Rows
        All points of the batch.
    channels : (n_ports,) int32
        Channel of the core for each of the rows' ports, or -1.
    used : tuple of int
        Waveforms of the rows that the core plays.
    n_plays : int
        Plays of the core.
    full_scale_v : float
        Volts of an amplitude of 1.
    n_oscillators : int
        As `pieces.cut` takes it.
    """
    lengths, samples, sample_bounds = _units(rows.waveforms, used, grid.rate_hz)
    pieces, contents = recycled.empty(n_plays, PIECE), recycled.empty(n_plays, CONTENT)
    entries, bounds = recycled.empty(n_plays, ENTRY), np.zeros(len(rows.bounds), np.int64)
    frequencies, counts, fault = np.empty(can.MAX_FREQUENCIES), np.zeros(6, np.int64), np.zeros(3, np.int64)
    room = 4 * n_plays + 64
    while True:
        members = recycled.empty(room, MEMBER)
        kernel.cut(
            rows.plays, rows.bounds, channels, lengths, kernel.AMPLITUDE_STEPS / full_scale_v, grid.head, grid.zero,
            grid.grid, grid.least, grid.period, float(grid.rate_hz), n_oscillators, pieces, bounds, members, contents,
            entries, frequencies, counts, fault,
        )  # fmt: skip
        if kernel.FAULTS[fault[0]] != "members" or room >= 1 << 26:
            break
        room *= 8
    n_pieces, n_members, n_contents, n_entries, n_frequencies, n_merged = counts.tolist()
    return Cut(
        pieces[:n_pieces], bounds, members[:n_members], contents[:n_contents], entries[:n_entries],
        frequencies[:n_frequencies], n_merged, samples, sample_bounds,
        (kernel.FAULTS[fault[0]], int(fault[1]), int(fault[2])),
    )  # fmt: skip


@lru_cache(maxsize=64)
def _units(
    waveforms: tuple[Envelope, ...], used: tuple[int, ...], rate_hz: Fraction
) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.int64]]:
    """Return the samples of each waveform, those of the used ones one after the other, and where each one's begin."""
    lengths = np.zeros(len(waveforms), np.int32)
    parts = [_unit(waveforms[k], rate_hz) for k in used]
    lengths[list(used)] = [len(part) for part in parts]
    sample_bounds = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=sample_bounds[1:])
    found = lengths, np.concatenate(parts) if parts else np.empty((0, 2)), sample_bounds
    for array in found:
        array.setflags(write=False)
    return found


def _unit(waveform: Envelope, rate_hz: Fraction) -> NDArray[np.float64]:
    """Return what a play of 1 V and phase 0 puts out: (n, 2), I and Q."""
    # The lines carry the complex conjugate of what turns the qubit (see PLAY).
    samples = np.conj(envelope_samples(waveform, rate_hz))
    return np.ascontiguousarray(samples).view(np.float64).reshape(-1, 2)


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """The waveforms that a core keeps.

    Attributes
    ----------
    waveforms : tuple of Waveform
        By index.
    blobs : dict of str to (n, n_channels) int16
        Samples by digest, in 1/32767 of full scale.
    index : (n_contents,) int32
        Waveform of each content.
    scales : (n_contents,) float64
        What the samples of each content were divided by, so that they fit.
    peaks : (n_contents, 2) float64
        Largest magnitude of each content, before that: of each of two channels, or twice that of I + iQ.
    """

    waveforms: tuple[Waveform, ...]
    blobs: dict[str, NDArray[np.generic]]
    index: NDArray[np.int32]
    scales: NDArray[np.float64]
    peaks: NDArray[np.float64]


NOTHING = Held((), {}, np.empty(0, np.int32), np.empty(0), np.empty((0, 2)))
"""What a core without waveforms keeps."""


def hold(cut: Cut, rate_hz: Fraction, absolute: bool, pair: bool, columns: slice) -> Held:
    """Render each content of a core, and keep equal ones once.

    Parameters
    ----------
    absolute : bool
        Whether no oscillator turns the output.
    pair : bool
        Whether the core's outputs are channels of their own.
    columns : slice
        Channels that are kept.
    """
    n = len(cut.contents)
    lengths = cut.contents["length"]
    starts = np.zeros(n + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    places = starts.tolist()
    out = np.empty((places[-1], 2))
    seqc.render(
        cut.contents, cut.members, cut.samples, cut.sample_bounds, cut.frequencies, float(rate_hz), absolute, pair, out
    )
    if not n:
        return NOTHING
    top = np.maximum.reduceat(np.abs(out), starts[:-1], axis=0)
    scales = np.maximum(top.max(axis=1), 1.0)
    words = np.rint(out * (can.FULL_SCALE / np.repeat(scales, lengths))[:, None]).astype(np.int16)
    words = np.ascontiguousarray(words[:, columns])
    words.setflags(write=False)
    peaks = top if pair else np.maximum.reduceat(np.hypot(out[:, 0], out[:, 1]), starts[:-1])[:, None].repeat(2, axis=1)
    index: list[int] = []
    known: dict[str, int] = {}
    waveforms: list[Waveform] = []
    blobs: dict[str, NDArray[np.generic]] = {}
    for k in range(n):
        part = words[places[k] : places[k + 1]]
        digest = blake2b(part.data, digest_size=20).hexdigest()
        found = known.setdefault(digest, len(known))
        if found == len(waveforms):
            waveforms.append(Waveform(found, len(part), digest))
            blobs[digest] = part
        index.append(found)
    return Held(tuple(waveforms), blobs, np.array(index, np.int32), scales, peaks)
