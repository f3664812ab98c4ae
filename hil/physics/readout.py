"""Dispersive readout: the feedline's answer for each level and each jump during the record.

A transmon that is read out keeps its level but for relaxation, which happens at one of N_BINS times;
the field of its resonator follows exactly. The feedline's answer is the sum over resonators.
Source: J. Gambetta et al., Phys. Rev. A 76, 012325 (2007), trajectories with relaxation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qctl.cext import resonator as kernel
from qctl.hil.physics.lines import Lines
from qctl.hil.physics.parameters import Processor, Transmon
from qctl.hil.physics.relaxation import collapse_rates

__all__ = ["N_BINS", "N_PATHS", "Answer", "Window", "answer_readout"]

N_BINS = 32
N_PATHS = 3 + 3 * N_BINS
_JUMPS = ((1, 0), (2, 1), (0, 1))


@dataclass(frozen=True, slots=True)
class Window:
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
    shares : list of lists of (N_BINS,) float64
        Probability of each jump at each time, by transmon and kind.
    fields : (n_transmons, 3, N_BINS) complex128, V
        Field of each steady level at the jumps.
    lo_hz : float
        LO of the readout.
    """

    processor: Processor
    window: Window
    start_s: NDArray[np.float64]
    base: NDArray[np.complex128]
    jump_s: NDArray[np.float64]
    shares: list[list[NDArray[np.float64]]]
    fields: NDArray[np.complex128]
    lo_hz: float
    _paths: NDArray[np.complex128] = field(init=False)
    _made: NDArray[np.bool_] = field(init=False)
    _odds: list[list[NDArray[np.float64]]] = field(init=False)

    def __post_init__(self) -> None:
        n = len(self.processor.transmons)
        self._paths = np.zeros((n, N_PATHS, self.window.n_samples), complex)
        self._paths[:, :3] = self.base
        self._made = np.zeros((n, N_PATHS), bool)
        self._made[:, :3] = True
        self._odds = [[np.append(one, max(0.0, 1.0 - one.sum())) for one in kinds] for kinds in self.shares]

    def path(self, qubit: int, path: int) -> NDArray[np.complex128]:
        """Return the (n_samples,) answer of one transmon's resonator along one path."""
        made: NDArray[np.complex128] = self._paths[qubit, path]
        if not self._made[qubit, path]:
            kind, jump = divmod(path - 3, N_BINS)
            before, after = _JUMPS[kind]
            rate = _rate(self.processor.transmons[qubit], after, self.lo_hz)
            times = self.window.start_s + np.arange(self.window.n_samples) / self.window.rate_hz
            late = times > self.jump_s[qubit, jump]
            made[:] = self.base[qubit, before]
            gap = self.fields[qubit, before, jump] - self.fields[qubit, after, jump]
            rest = np.exp(-rate * (times[late] - self.jump_s[qubit, jump]))
            made[late] = self.base[qubit, after][late] + gap * rest
            self._made[qubit, path] = True
        return made

    def mean(self, qubit: int, counts: NDArray[np.int64]) -> NDArray[np.complex128]:
        """Return the sum of the answers of one transmon's resonator, each path as often as `counts` says."""
        taken = np.flatnonzero(counts)
        for path in taken[~self._made[qubit, taken]].tolist():
            self.path(qubit, path)
        table = self._paths[qubit].view(float)
        return np.asarray((counts[taken].astype(float) @ table[taken]).view(complex))

    def draw_paths(self, qubit: int, levels: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int32]:
        """Return a path for each shot, given the level at the start of its measurement."""
        paths = levels.astype(np.int32)
        for kind, (before, _) in enumerate(_JUMPS):
            where = np.flatnonzero(levels == before)
            if where.size == 0:
                continue
            edges = np.cumsum(self.shares[qubit][kind])
            draw = np.searchsorted(edges, random.random(where.size), side="right")
            jumped = draw < N_BINS
            paths[where[jumped]] = 3 + kind * N_BINS + draw[jumped]
        return paths

    def count_paths(self, qubit: int, counts: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
        """Return how many shots take each path, drawn at once, given how many start in each level."""
        drawn = np.zeros(N_PATHS, np.int64)
        drawn[:3] = counts
        for kind, (before, _) in enumerate(_JUMPS):
            if counts[before] == 0:
                continue
            hits = random.multinomial(counts[before], self._odds[qubit][kind])[:N_BINS]
            drawn[3 + kind * N_BINS : 3 + (kind + 1) * N_BINS] = hits
            drawn[before] -= hits.sum()
        return drawn


def _rate(transmon: Transmon, level: int, lo_hz: float) -> complex:
    half = math.pi * transmon.resonator.kappa_hz
    return half - 2j * math.pi * (transmon.resonator.frequency_hz[level] - lo_hz)


def answer_readout(processor: Processor, lines: Lines, window: Window) -> Answer:
    """Return the feedline's answer to what the readout line plays."""
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
    end_s = window.start_s + window.n_samples / window.rate_hz
    base = np.zeros((n, 3, window.n_samples), complex)
    fields = np.zeros((n, 3, N_BINS), complex)
    start = np.full(n, drive_s)
    jumps = np.zeros((n, N_BINS))
    shares: list[list[NDArray[np.float64]]] = []
    for q, transmon in enumerate(processor.transmons):
        way = transmon.resonator.gain * np.exp(1j * transmon.resonator.phase_rad)
        half = math.pi * transmon.resonator.kappa_hz
        if drive.size:
            start[q] = _begin(transmon, drive, drive_s, dt_s, lines.readout_lo_hz)
        width = max(end_s - start[q], 1e-9) / N_BINS
        jumps[q] = start[q] + width * (np.arange(N_BINS) + 0.5)
        for level in range(3):
            rate = _rate(transmon, level, lines.readout_lo_hz)
            step = 1 / window.rate_hz
            kernel.respond(drive, drive_s, dt_s, rate, way * half, window.start_s, step, base[q, level])
            kernel.respond(drive, drive_s, dt_s, rate, way * half, jumps[q, 0], width, fields[q, level])
        down, up, _ = collapse_rates(transmon.t1_s, transmon.t2_s, transmon.thermal)
        edges = np.arange(N_BINS + 1) * width
        shares.append([-np.diff(np.exp(-speed * edges)) for speed in (down, 2 * down, up)])
    return Answer(processor, window, start, base, jumps, shares, fields, lines.readout_lo_hz)


def _begin(transmon: Transmon, drive: NDArray[np.complex128], drive_s: float, dt_s: float, lo_hz: float) -> float:
    """Return when a transmon's resonator begins to fill: a fifth of its highest field, less the time that takes."""
    half = math.pi * transmon.resonator.kappa_hz
    n = max(2, min(4000, int(drive.size * dt_s / 5e-9)))
    step = drive.size * dt_s / n
    out = np.empty(n, complex)
    kernel.respond(drive, drive_s, dt_s, _rate(transmon, 0, lo_hz), half, drive_s + step, step, out)
    size = np.abs(out)
    crossing = drive_s + step * (1 + int(np.argmax(size > 0.2 * size.max())))
    rise = -math.log(0.8) / half + 2 * step
    return drive_s if crossing - drive_s < 2 * rise else crossing - rise
