"""From what a sequencer did to the samples of its two paths: waveforms, gains, offsets, NCO and mixer correction.

Source: Qblox documentation, Sequencer (order of gain, offset and modulation); q1simulator 1.3.4 (rounding, the factor
sqrt(1/2) of the NCO).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.hil.instruments.qblox.core import PLAY

__all__ = ["FULL_SCALE", "TURN", "Modulation", "markers_of", "rendered", "turned", "words_of"]

FULL_SCALE = 1 << 15
TURN = 4_000_000_000
"""Steps of an NCO's phase in a turn; a frequency of a quarter of a hertz makes one of them in a nanosecond."""


@dataclass(frozen=True, slots=True)
class Modulation:
    """What happens to both paths behind gain and offset.

    Attributes
    ----------
    on : bool
        Whether the NCO turns them.
    gain_ratio : float
        Of path 1 to path 0, for the mixer.
    phase_rad : float
        Of path 1, for the mixer.
    """

    on: bool = False
    gain_ratio: float = 1.0
    phase_rad: float = 0.0


def words_of(samples: NDArray[np.float32]) -> NDArray[np.int32]:
    """Return samples from -1 to 1 as the words of the waveform memory."""
    return (samples.astype(np.float64) * FULL_SCALE).astype(np.int32)


def turned(phase: int, freq: int, n: int) -> NDArray[np.float64]:
    """Return the phase of an NCO at n samples, in radians, from its phase and frequency at the first of them."""
    steps = (phase + freq * np.arange(n, dtype=np.int64)) % TURN
    return np.asarray(steps * (2 * np.pi / TURN), np.float64)


def rendered(
    rows: NDArray, start: int, stop: int, waves: Mapping[int, NDArray[np.int32]], modulation: Modulation
) -> tuple[NDArray[np.float64], bool]:
    """Return what both paths put out between two times.

    Parameters
    ----------
    rows : (n,) ROW
        What the sequencer did, from before `start` on if anything still lasts; nothing plays before the first row.
    start, stop : int
        In ns.
    waves : mapping of int to (n_samples,) int32
        Words by index.
    modulation : Modulation
        Of the NCO and for the mixer.

    Returns
    -------
    (2, stop - start) float64, and whether the outputs overflowed
        In steps of the DAC, each a whole number.
    """
    out = np.zeros((2, stop - start))
    parts: tuple[NDArray[np.int32], ...] = (_NOTHING, _NOTHING)
    began = 0
    times = rows["time"].tolist()
    for k, row in enumerate(rows):
        if row["operation"] == PLAY and row["a"] in waves and row["b"] in waves:
            parts, began = (waves[int(row["a"])], waves[int(row["b"])]), times[k]
        first, last = max(times[k], start), min(times[k + 1] if k + 1 < len(times) else stop, stop)
        if first >= last:
            continue
        path = np.empty((2, last - first), np.int64)
        for axis in (0, 1):
            path[axis] = row["offs1" if axis else "offs0"]
            words = parts[axis][first - began : last - began]
            path[axis, : len(words)] += (int(row["gain1" if axis else "gain0"]) * words.astype(np.int64)) >> 15
        if modulation.on:
            phase = int(row["phase"]) + int(row["freq"]) * (first - times[k])
            out[:, first - start : last - start] = _mixed(
                path, turned(phase, int(row["freq"]), last - first), modulation
            )
        else:
            out[:, first - start : last - start] = path
    top = FULL_SCALE - 1
    over = bool(out.size) and (out.max() > top or out.min() < -top - 1)
    return np.clip(out, -top - 1, top) if over else out, over


def markers_of(rows: NDArray, start: int, stop: int, override: Mapping[str, Any]) -> NDArray[np.int32]:
    """Return a sequencer's markers at each ns between two times, as a mask; before its first row there is none.

    Parameters
    ----------
    override : mapping
        The configuration's entry ``marker_ovr``.
    """
    if override["en"]:
        return np.full(stop - start, override["val"], np.int32)
    place = np.searchsorted(rows["time"], np.arange(start, stop), side="right") - 1
    return np.where(place >= 0, rows["marker"][np.maximum(place, 0)] if len(rows) else 0, 0).astype(np.int32)


_NOTHING = np.empty(0, np.int32)


def _mixed(path: NDArray[np.int64], phase: NDArray[np.float64], modulation: Modulation) -> NDArray[np.float64]:
    cos, sin = np.cos(phase) * np.sqrt(0.5), np.sin(phase) * np.sqrt(0.5)
    out = np.empty(path.shape)
    out[0] = cos * path[0] - sin * path[1]
    if modulation.phase_rad:
        shifted = phase + modulation.phase_rad
        cos, sin = np.cos(shifted) * np.sqrt(0.5), np.sin(shifted) * np.sqrt(0.5)
    out[1] = sin * path[0] + cos * path[1]
    if modulation.gain_ratio > 1:
        out[0] /= modulation.gain_ratio
    elif modulation.gain_ratio < 1:
        out[1] *= modulation.gain_ratio
    return np.trunc(out)
