"""One shot: from the samples on the lines to the joint state at measurement.

Time is cut into flux windows and quiet stretches between them. In a window, transmons whose coupler
comes within ACTIVE_HZ of a resonance form a cluster of at most three; all else evolves one by one,
and couplers between clusters are diagonal steps, half before and half after: exact within a group, by the
neighbour's populations between groups, which merge when they would correlate.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from qctl.cext import pairs, stretch
from qctl.hil.physics.cluster import ClusterWindow, StepCache, cluster_couplings, propagate_cluster
from qctl.hil.physics.couplings import Rest, coupler_shifts_hz, resonance_distance_hz, rest_of, split_shifts
from qctl.hil.physics.lines import Lines, Run
from qctl.hil.physics.parameters import Processor, tuned_frequency_hz
from qctl.hil.physics.relaxation import collapse_rates, sample_relaxation
from qctl.hil.physics.single import drive_pieces, propagate_one
from qctl.hil.physics.state import State

__all__ = ["ACTIVE_HZ", "Evolution"]

TWO_PI = 2 * np.pi
ACTIVE_HZ = 3e8
LONGEST_CLUSTER = 3
VALLEY = 0.2
"""Part of its largest voltage below which a flux line is between two pulses."""
# longest slices between ZZ steps: idling and driven, with correlations wanted or not
_SLICE_S = {True: (2e-6, 2.5e-8), False: (1e-5, 5e-7)}
_KEPT = 256


@dataclass(frozen=True, slots=True)
class _Scene:
    """What is true in every shot at the same static fluxes, frame and rate.

    Attributes
    ----------
    rest : Rest
        The processor at rest.
    levels : (n, 2) float64, rad/s
        Energies at rest in the rotating frame.
    waves : (n, 2) float64, rad/s
        Transitions at rest, from the frame.
    zz : (n_couplers, 3, 3) float64, rad/s
        ZZ at rest.
    relaxation : (n, 3, 14) float64
        Of each transmon during a sample.
    slices : dict of bool to (int, int)
        Longest slices between ZZ in samples, idling and driven, with correlations wanted or not.
    """

    rest: Rest
    levels: NDArray[np.float64]
    waves: NDArray[np.float64]
    zz: NDArray[np.float64]
    relaxation: NDArray[np.float64]
    slices: dict[bool, tuple[int, int]]


class Evolution:
    """Evolves shots of one processor, and keeps what it computed by hash.

    Parameters
    ----------
    processor : Processor
        True parameters.
    """

    def __init__(self, processor: Processor) -> None:
        self.processor = processor
        self.steps = StepCache()
        self.warnings: set[str] = set()
        transmons = processor.transmons
        scale = TWO_PI * np.array([t.drive_hz_per_v for t in transmons])
        self.coefficients = np.ascontiguousarray(scale[:, None] * np.conj(processor.crosstalk_matrix()))
        self.rates = np.array([collapse_rates(t.t1_s, t.t2_s, t.thermal) for t in transmons])
        self.ends = np.array([(c.low, c.high) for c in processor.couplers], np.int64).reshape(-1, 2)
        self.at_rest = State(processor)
        self._scenes: OrderedDict[tuple[tuple[float, ...], float, float], _Scene] = OrderedDict()

    def run(self, lines: Lines, stop_s: NDArray[np.float64], joint: bool = True) -> State:
        """Return the joint state when each transmon's measurement begins.

        Parameters
        ----------
        lines : Lines
            What arrives.
        stop_s : (n_transmons,) float64
            When each measurement begins, in seconds after the trigger; the transmon stands still from then on.
        joint : bool
            Whether correlations by ZZ alone are needed; averages need only each transmon's own state,
            and neighbours that no cluster joined then stay apart.
        """
        return _Shot(self, lines, stop_s, joint).run()

    def scene(self, static_v: tuple[float, ...], frame_hz: float, rate_hz: float) -> _Scene:
        """Return what is true in every shot at these static fluxes, in this frame, at this rate."""
        key = (static_v, frame_hz, rate_hz)
        known = self._scenes.get(key)
        if known is None:
            known = self._scenes[key] = self._look(*key)
            if len(self._scenes) > _KEPT:
                self._scenes.popitem(last=False)
        return known

    def _look(self, static_v: tuple[float, ...], frame_hz: float, rate_hz: float) -> _Scene:
        dt_s = 1 / rate_hz
        rest = rest_of(self.processor, static_v)
        levels = rest.levels_hz
        waves = np.stack([levels[:, 0] - frame_hz, levels[:, 1] - levels[:, 0] - frame_hz], axis=1)
        relaxation = [sample_relaxation(t.t1_s, t.t2_s, t.thermal, dt_s) for t in self.processor.transmons]
        slices = {
            joint: (max(1, int(idle_s / dt_s)), max(1, int(driven_s / dt_s)))
            for joint, (idle_s, driven_s) in _SLICE_S.items()
        }
        return _Scene(
            rest,
            TWO_PI * levels - TWO_PI * frame_hz * np.array([1.0, 2.0]),
            np.ascontiguousarray(TWO_PI * waves),
            TWO_PI * rest.zz_hz,
            np.stack(relaxation),
            slices,
        )


class _Shot:
    """One shot under way."""

    def __init__(self, evolution: Evolution, lines: Lines, stop_s: NDArray[np.float64], joint: bool) -> None:
        self.evolution = evolution
        self.processor = evolution.processor
        self.lines = lines
        self.joint = joint
        self.dt_s = 1 / lines.rate_hz
        self.frame_hz = next(
            (lo for lo, runs in zip(lines.drive_lo_hz, lines.drive, strict=True) if runs),
            float(self.processor.transmons[0].frequency_hz),
        )
        self.scene = evolution.scene(lines.static_v, self.frame_hz, lines.rate_hz)
        self.rest = self.scene.rest
        self.stop = np.maximum(np.rint(stop_s * lines.rate_hz), 0).astype(np.int64)
        self.pieces = drive_pieces(lines, self.scene.waves, evolution.coefficients, self.frame_hz)
        self.state = evolution.at_rest.copy()
        n = len(self.processor.transmons)
        self.cuts = np.empty(2 + n + 2 * len(self.pieces.table), np.int64)

    def run(self) -> State:
        now = 0
        end = int(self.stop.max())
        for start, stop in self._windows(end):
            self._quiet(now, start)
            self._window(start, stop)
            now = stop
        self._quiet(now, end)
        return self.state

    def _windows(self, end: int) -> list[tuple[int, int]]:
        """Return stretches in which any flux line is not at rest.

        Pulses that only touch, on one line or on two, have a window each: a window's couplers all act for as long
        as it lasts, and few transmons fit in one.
        """
        spans = sorted(
            (start, min(stop, end))
            for runs in self.lines.flux
            for run in runs
            for start, stop in _pulses_of(run)
            if start < end
        )
        merged: list[tuple[int, int]] = []
        for start, stop in spans:
            if merged and start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
            else:
                merged.append((start, stop))
        return merged

    def _moving(self, start: int) -> list[int]:
        return [q for q, stop in enumerate(self.stop.tolist()) if stop > start]

    # quiet stretches ---------------------------------------------------------------------------

    def _quiet(self, start: int, stop: int) -> None:
        """Advance from `start` to `stop`: linked transmons in common slices, the others in one go."""
        if stop > start:
            idling, driven = self.scene.slices[self.joint or self.state.merged]
            span = np.array([start, stop, idling, driven], np.int64)
            self._stretch(span, self.scene.levels, self.evolution.ends, self.scene.zz, self.stop)

    def _stretch(
        self,
        span: NDArray[np.int64],
        levels: NDArray[np.float64],
        ends: NDArray[np.int64],
        zz: NDArray[np.float64],
        stops: NDArray[np.int64],
    ) -> None:
        state, pieces, progress = self.state, self.pieces, np.full(2 + 2 * len(levels), -1, np.int64)
        while True:
            coupler = stretch.advance(
                state.flat, state.places, ends, zz, levels, self.evolution.rates, self.scene.relaxation, pieces.table,
                pieces.omega, stops, state.resting, span, self.joint, self.dt_s, progress, self.cuts,
            )  # fmt: skip
            if coupler < 0:
                return
            state.merge(tuple(ends[coupler].tolist()))

    def _zz(self, zz: NDArray[np.float64], alive: list[int], time_s: float, at: int) -> None:
        """Let ZZ of all couplers between `alive` act for a time."""
        left_s = (int(self.stop.max()) - at) * self.dt_s + time_s if self.joint else 0.0
        mask = np.zeros(len(self.stop), np.int64)
        mask[alive] = 1
        while True:
            state, ends = self.state, self.evolution.ends
            coupler = pairs.turn(state.flat, state.places, ends, zz, mask, time_s, left_s)
            if coupler < 0:
                return
            state.merge(tuple(ends[coupler].tolist()))

    # flux windows ------------------------------------------------------------------------------

    def _window(self, start: int, stop: int) -> None:
        """Advance through one flux window."""
        alive = self._moving(start)
        frequency = self._frequencies(start, stop)
        moved = {q for q in range(len(frequency)) if frequency[q].size > 1}
        active, clusters = self._clusters(alive, frequency, moved)
        n = stop - start
        levels, zz = self._shifted_levels(alive, frequency, active)
        self._zz(zz, alive, n * self.dt_s / 2, start)
        members = {q for cluster in clusters for q in cluster}
        for cluster in clusters:
            inside = [k for k in active if self.processor.couplers[k].low in cluster]
            self._cluster(cluster, inside, levels, start, stop)
        frame = TWO_PI * self.frame_hz * np.array([1.0, 2.0])
        stops = np.zeros_like(self.stop)
        for q in alive:
            if q in members:
                continue
            end = min(stop, int(self.stop[q]))
            if q in moved:
                omega = self.pieces.dense(q, start, end)
                relaxation = self.scene.relaxation[q]
                propagate_one(self.state, q, levels[q][: end - start] - frame, omega, self.dt_s, relaxation)
            else:
                stops[q] = end
        still = np.stack([rows[0] - frame for rows in levels])
        span = np.array([start, stop, n, n], np.int64)
        self._stretch(span, still, self.evolution.ends[:0], zz[:0], stops)
        self._zz(zz, alive, n * self.dt_s / 2, start)

    def _frequencies(self, start: int, stop: int) -> list[NDArray[np.float64]]:
        """Return each transmon's bare frequency in hertz: one number, or one per sample if it moves."""
        found = []
        for q, transmon in enumerate(self.processor.transmons):
            fast = np.zeros(stop - start)
            for run in self.lines.flux[q]:
                left, right = max(run.start, start), min(run.stop, stop)
                if left < right:
                    fast[left - start : right - start] = run.volts[left - run.start : right - run.start].real
            if fast.any():
                found.append(tuned_frequency_hz(transmon, fast, self.lines.static_v[q]))
            else:
                found.append(self.rest.bare_hz[q : q + 1])
        return found

    def _curves(self, coupler: int) -> tuple[float, float]:
        c = self.processor.couplers[coupler]
        return self.processor.transmons[c.low].anharmonicity_hz, self.processor.transmons[c.high].anharmonicity_hz

    def _clusters(
        self, alive: list[int], frequency: list[NDArray[np.float64]], moved: set[int]
    ) -> tuple[list[int], list[tuple[int, ...]]]:
        """Return the active couplers, nearest resonance first, and the clusters they make."""
        near = []
        for k, coupler in enumerate(self.processor.couplers):
            if coupler.low in alive and coupler.high in alive and moved & {coupler.low, coupler.high}:
                distance = resonance_distance_hz(frequency[coupler.low], frequency[coupler.high], self._curves(k))
                if distance < ACTIVE_HZ:
                    near.append((distance, k))
        clusters: list[set[int]] = []
        active = []
        for _, k in sorted(near):
            coupler = self.processor.couplers[k]
            joined = [c for c in clusters if coupler.low in c or coupler.high in c]
            together = set().union({coupler.low, coupler.high}, *joined)
            if len(together) > LONGEST_CLUSTER:
                names = "-".join(self.processor.transmons[q].name for q in sorted(together))
                self.evolution.warnings.add(f"{names}: more than {LONGEST_CLUSTER} transmons interact at once")
                continue
            clusters = [c for c in clusters if c not in joined] + [together]
            active.append(k)
        return active, [tuple(sorted(c)) for c in clusters]

    def _shifted_levels(
        self, alive: list[int], frequency: list[NDArray[np.float64]], active: list[int]
    ) -> tuple[list[NDArray[np.float64]], NDArray[np.float64]]:
        """Return levels (n or 1, 2) in rad/s with the mean shifts of inactive couplers, and their mean ZZ in rad/s."""
        levels = []
        for q, transmon in enumerate(self.processor.transmons):
            f = frequency[q]
            levels.append(TWO_PI * np.stack([f, 2 * f + transmon.anharmonicity_hz], axis=-1))
        zz = np.zeros((len(self.processor.couplers), 3, 3))
        for k, coupler in enumerate(self.processor.couplers):
            if k in active:
                continue
            shifts = coupler_shifts_hz(coupler, frequency[coupler.low], frequency[coupler.high], self._curves(k)).mean(
                axis=0
            )
            low, high, rest = split_shifts(shifts)
            levels[coupler.low] = levels[coupler.low] + TWO_PI * low[1:]
            levels[coupler.high] = levels[coupler.high] + TWO_PI * high[1:]
            if coupler.low in alive and coupler.high in alive:
                zz[k] = TWO_PI * rest
        return levels, zz

    def _cluster(
        self, cluster: tuple[int, ...], active: list[int], levels: list[NDArray[np.float64]], start: int, stop: int
    ) -> None:
        n = stop - start
        frame = TWO_PI * self.frame_hz * np.array([1.0, 2.0])
        sampled = np.stack([np.broadcast_to(levels[q], (n, 2)) - frame for q in cluster], axis=1)
        outside = TWO_PI * self.rest.levels_hz[list(cluster)] - frame
        for k in active:
            coupler = self.processor.couplers[k]
            low, high, _ = split_shifts(TWO_PI * self.rest.shifts_hz[k])
            outside[cluster.index(coupler.low)] -= low[1:]
            outside[cluster.index(coupler.high)] -= high[1:]
        exchange, kerr = cluster_couplings(self.processor, cluster, active)
        drives = np.stack([self.pieces.dense(q, start, stop) for q in cluster], axis=1)
        transmons = tuple(self.processor.transmons[q] for q in cluster)
        window = ClusterWindow(transmons, sampled, outside, drives, exchange, kerr, self.dt_s)
        propagate_cluster(self.evolution.steps, window, self.state.bring_forward(cluster))


def _pulses_of(run: Run) -> list[tuple[int, int]]:
    """Cut a stretch of flux samples where one pulse has come down and the next has not gone up yet."""
    size = np.abs(run.volts)
    low = size <= VALLEY * size.max()
    inside = np.flatnonzero((size[1:-1] <= size[:-2]) & (size[1:-1] < size[2:]) & low[1:-1]) + 1
    cuts = [k for k in inside.tolist() if not low[:k].all() and not low[k:].all()]
    edges = [0, *cuts, size.size]
    return [(run.start + left, run.start + right) for left, right in pairwise(edges)]
