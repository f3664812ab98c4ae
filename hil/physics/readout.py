"""Dispersive readout: the feedline's answer for each level and each jump during the record.

A transmon that is read out keeps its level but for relaxation, which happens at one of N_BINS times;
the field of its resonator follows exactly. The feedline's answer is the sum over resonators.
Source: J. Gambetta et al., Phys. Rev. A 76, 012325 (2007), trajectories with relaxation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.cext import chance, paths, resonator
from qctl.hil.physics.lines import Lines
from qctl.hil.physics.parameters import Processor, Transmon
from qctl.hil.physics.relaxation import collapse_rates
from qctl.hil.physics.state import Groups

__all__ = ["N_BINS", "N_PATHS", "Answer", "Window", "answer_readout"]

N_BINS = 32
N_PATHS = 3 + 3 * N_BINS
FAINT = 0.3
_JUMPS = ((1, 0), (2, 1), (0, 1))


class Window(NamedTuple):
    """When the digitizer looks, in seconds after the trigger."""

    start_s: float
    rate_hz: float
    n_samples: int


@dataclass(slots=True)
class Answer:
    """The feedline's answer to one readout drive, by path: 3 steady levels, then N_BINS times of each jump.

    Attributes
    ----------
    start_s : (n_transmons,) float64
        When each transmon's measurement begins: coherent evolution ends here.
    base : (n_transmons, 3, n_samples) complex128, V
        Demodulated feedline voltage for each steady level.
    jump_s : (n_transmons, N_BINS) float64
        When jumps happen.
    shares : (n_transmons, 3, N_BINS) float64
        Probability of each jump at each time, by kind.
    fields : (n_transmons, 3, N_BINS) complex128, V
        Field of each steady level at the jumps.
    rates : (n_transmons, 3) complex128, 1/s
        How the field of each level fades and turns.
    """

    processor: Processor
    window: Window
    start_s: NDArray[np.float64]
    base: NDArray[np.complex128]
    jump_s: NDArray[np.float64]
    shares: NDArray[np.float64]
    fields: NDArray[np.complex128]
    rates: NDArray[np.complex128]
    _edges: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        self._edges = np.cumsum(self.shares, axis=2)

    def path(self, qubit: int, path: int) -> NDArray[np.complex128]:
        """Return the (n_samples,) answer of one transmon's resonator along one path."""
        if path < 3:
            found: NDArray[np.complex128] = self.base[qubit, path]
            return found
        kind, jump = divmod(path - 3, N_BINS)
        before, after = _JUMPS[kind]
        at_s = self.jump_s[qubit, jump]
        times = self.window.start_s + np.arange(self.window.n_samples) / self.window.rate_hz
        late = int(np.searchsorted(times, at_s, side="right"))
        gap = self.fields[qubit, before, jump] - self.fields[qubit, after, jump]
        made: NDArray[np.complex128] = self.base[qubit, before].copy()
        made[late:] = self.base[qubit, after, late:] + gap * np.exp(-self.rates[qubit, after] * (times[late:] - at_s))
        return made

    def total(self, counts: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Return the sum of all answers, each path of each transmon as often as `counts` (n, N_PATHS) says."""
        out = np.zeros(self.window.n_samples, complex)
        paths.add_answers(
            self.base, counts, self.fields, self.jump_s, self.rates, self.window.start_s,
            1 / self.window.rate_hz, out,
        )  # fmt: skip
        return out

    def last_levels(self, paths: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return the level at the end of each path."""
        after = np.array([0, 1, 2, *np.repeat([after for _, after in _JUMPS], N_BINS)], np.int64)
        found: NDArray[np.int64] = after[paths]
        return found

    def measured(self) -> tuple[int, ...]:
        """Return the transmons whose resonators are driven: those that ring with FAINT of the strongest one or more."""
        gains = np.array([transmon.resonator.gain for transmon in self.processor.transmons])
        size = np.abs(self.base[:, :2]).max(axis=(1, 2)) / gains
        return tuple(np.flatnonzero(size > FAINT * size.max()).tolist()) if size.max() > 0 else ()

    def draw_paths(self, qubit: int, levels: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int32]:
        """Return a path for each shot, given the level at the start of its measurement."""
        drawn = levels.astype(np.int32)
        for kind, (before, _) in enumerate(_JUMPS):
            where = np.flatnonzero(levels == before)
            if where.size == 0:
                continue
            draw = np.searchsorted(self._edges[qubit, kind], random.random(where.size), side="right")
            jumped = draw < N_BINS
            drawn[where[jumped]] = 3 + kind * N_BINS + draw[jumped]
        return drawn

    def count_paths(self, groups: Groups, n_shots: int, random: np.random.Generator) -> NDArray[np.float64]:
        """Draw how many of `n_shots` shots take each path: (n, N_PATHS) float64."""
        counts = np.empty((len(self.base), N_PATHS))
        members, sizes = _members(groups.members)
        chance.count_paths(random.bit_generator, n_shots, groups.populations, members, sizes, self._edges, counts)
        return counts


@lru_cache(maxsize=256)
def _members(groups: tuple[tuple[int, ...], ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the transmons of all groups, one after the other, and how many each has."""
    members = np.array([qubit for qubits in groups for qubit in qubits], np.int64)
    return members, np.array([len(qubits) for qubits in groups], np.int64)


def _rates(processor: Processor, lo_hz: float) -> NDArray[np.complex128]:
    """Return the (n, 3) rates of all fields, turning included, in 1/s."""
    kappa_hz = np.array([[t.resonator.kappa_hz] for t in processor.transmons])
    offset_hz = np.array([t.resonator.frequency_hz for t in processor.transmons]) - lo_hz
    return np.asarray(math.pi * kappa_hz - 2j * math.pi * offset_hz)


def answer_readout(processor: Processor, lines: Lines, window: Window, until_s: float | None = None) -> Answer:
    """Return the feedline's answer to what the readout line plays; transmons jump until a time, or the window's end."""
    n = len(processor.transmons)
    dt_s = 1 / lines.rate_hz
    if lines.readout:
        first = lines.readout[0].start
        drive = np.zeros(lines.readout[-1].stop - first, complex)
        for run in lines.readout:
            drive[run.start - first : run.stop - first] = run.volts
        drive_s = first * dt_s
    else:
        drive, drive_s = np.zeros(0, complex), window.start_s
    rates = _rates(processor, lines.readout_lo_hz)
    half = rates[:, 0].real
    ways = np.array([t.resonator.gain * np.exp(1j * t.resonator.phase_rad) for t in processor.transmons])
    start = _begins(rates, drive, drive_s, dt_s) if drive.size else np.full(n, drive_s)
    end_s = window.start_s + window.n_samples / window.rate_hz if until_s is None else until_s
    width = np.maximum(end_s - start, 1e-9) / N_BINS
    jumps = start[:, None] + width[:, None] * (np.arange(N_BINS) + 0.5)
    base = np.empty((n, 3, window.n_samples), complex)
    fields = np.empty((n, 3, N_BINS), complex)
    starts = np.stack([np.full(n, window.start_s), jumps[:, 0]], axis=1)
    steps = np.stack([np.full(n, 1 / window.rate_hz), width], axis=1)
    resonator.respond_levels(drive, drive_s, dt_s, rates, np.asarray(ways * half, complex), starts, steps, base, fields)
    speeds = np.array([_speeds(transmon) for transmon in processor.transmons])
    left = np.exp(-speeds[:, :, None] * (width[:, None, None] * np.arange(N_BINS + 1)))
    return Answer(processor, window, start, base, jumps, left[:, :, :-1] - left[:, :, 1:], fields, rates)


def _speeds(transmon: Transmon) -> tuple[float, float, float]:
    """Return how often each kind of jump happens, per second."""
    down, up, _ = collapse_rates(transmon.t1_s, transmon.t2_s, transmon.thermal)
    return down, 2 * down, up


def _begins(
    rates: NDArray[np.complex128], drive: NDArray[np.complex128], drive_s: float, dt_s: float
) -> NDArray[np.float64]:
    """Return when each resonator begins to fill: a fifth of its highest field, less the time that takes."""
    n = max(2, min(4000, int(drive.size * dt_s / 5e-9)))
    step = drive.size * dt_s / n
    out = np.empty((len(rates), n), complex)
    half = rates[:, 0].real
    for k, rate in enumerate(rates[:, 0].tolist()):
        resonator.respond(drive, drive_s, dt_s, rate, half[k], drive_s + step, step, out[k])
    size = np.abs(out)
    crossing = drive_s + step * (1 + np.argmax(size > 0.2 * size.max(axis=1, keepdims=True), axis=1))
    rise = -math.log(0.8) / half + 2 * step
    # A pulse at another rate fills a part of its first sample; where that is less than half, it begins with the next.
    late_s = dt_s if drive.size > 1 and abs(drive[0]) < 0.5 * abs(drive[1]) else 0.0
    return np.where(crossing - drive_s < 2 * rise, drive_s + late_s, crossing - rise)
