"""One shot: from the samples on the lines to the joint state at measurement.

Time is cut into flux windows and quiet stretches between them. In a window, transmons whose coupler
comes within ACTIVE_HZ of a resonance form a cluster of at most three; all else evolves one by one,
and couplers between clusters are diagonal steps, half before and half after: exact within a group, by the
neighbour's populations between groups, which merge when they would correlate. Where more than three would interact, a
window is cut at its pulses' edges; what is still too many is logged.

The state is kept in the dressed basis, the eigenstates of the processor at rest: preparation starts there and readout
measures there. A pair without further neighbours is driven and relaxes between windows as the whole Hamiltonian says
(pulses.py), in shots of up to EXACT_PIECES pulses and EXACT_SAMPLES driven samples; other transmons are driven one by
one, which leaves out 1e-5 in the populations for smooth pulses, and up to 1e-3 where a line plays noise near the
neighbour's frequency.
"""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from qctl.cext import pairs, stretch
from qctl.hil.physics.beginnings import Beginnings, played_before
from qctl.hil.physics.cluster import ClusterWindow, StepCache, cluster_couplings, propagate_cluster
from qctl.hil.physics.couplings import Rest, rest_of
from qctl.hil.physics.lines import Lines
from qctl.hil.physics.parameters import Processor
from qctl.hil.physics.pulses import Excess
from qctl.hil.physics.relaxation import collapse_rates, sample_relaxation
from qctl.hil.physics.single import drive_pieces, propagate_one
from qctl.hil.physics.state import State
from qctl.hil.physics.windows import ACTIVE_HZ, Fluxes, FluxWindow, edges_of, flux_within, plan_window, spans_of

__all__ = ["ACTIVE_HZ", "Evolution"]

TWO_PI = 2 * np.pi
_LOG = logging.getLogger(__name__)
# longest slices between ZZ steps: idling and driven, with correlations wanted or not
_SLICE_S = {True: (2e-6, 2.5e-8), False: (1e-5, 5e-7)}
_KEPT = 256
EXACT_PIECES, EXACT_SAMPLES = 200, 20_000
LONG_SAMPLES = 100
"""What relaxation by dressing does in so many samples, below 1e-6 of the state, may come after the next pulse."""


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
    excess : dict of int to Excess
        Of the coupler of each pair without further neighbours: what drives do to both beyond driving each.
    """

    rest: Rest
    levels: NDArray[np.float64]
    waves: NDArray[np.float64]
    zz: NDArray[np.float64]
    relaxation: NDArray[np.float64]
    slices: dict[bool, tuple[int, int]]
    excess: dict[int, Excess]


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
        self.beginnings = Beginnings()
        self.crowds: set[tuple[int, ...]] = set()
        transmons = processor.transmons
        scale = TWO_PI * np.array([t.drive_hz_per_v for t in transmons])
        matrix = scale[:, None] * np.conj(processor.crosstalk_matrix())
        self.coefficients = np.ascontiguousarray(matrix, complex)
        self.rates = np.array([collapse_rates(t.t1_s, t.t2_s, t.thermal) for t in transmons])
        self.ends = np.array([(c.low, c.high) for c in processor.couplers], np.int64).reshape(-1, 2)
        self.at_rest = State(processor)
        partners = Counter(self.ends.ravel().tolist())
        self.pairs = tuple(
            (k, (min(a, b), max(a, b)))
            for k, (a, b) in enumerate(self.ends.tolist())
            if partners[a] == partners[b] == 1
        )
        self._scenes: OrderedDict[tuple[tuple[float, ...], float, float], _Scene] = OrderedDict()
        self._windows: OrderedDict[tuple[tuple[float, ...], float, int, Fluxes, tuple[int, ...]], FluxWindow] = (
            OrderedDict()
        )

    def run(
        self,
        lines: Lines,
        stop_s: NDArray[np.float64],
        joint: bool = True,
        since: tuple[State, float] | None = None,
    ) -> State:
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
        since : (State, float), optional
            State at a time in seconds that nothing of `lines` comes before; otherwise all is at rest at the trigger.
        """
        return _Shot(self, lines, stop_s, joint, since).run()

    def scene(self, static_v: tuple[float, ...], frame_hz: float, rate_hz: float) -> _Scene:
        """Return what is true in every shot at these static fluxes, in this frame, at this rate."""
        key = (static_v, frame_hz, rate_hz)
        known = self._scenes.get(key)
        if known is None:
            known = self._scenes[key] = self._look(*key)
            if len(self._scenes) > _KEPT:
                self._scenes.popitem(last=False)
        return known

    def window(
        self, lines: Lines, rest: Rest, frame_hz: float, start: int, stop: int, alive: tuple[int, ...]
    ) -> FluxWindow:
        """Return the flux window between two samples; equal pulses share one."""
        flux = flux_within(lines.flux, start, stop)
        key = (lines.static_v, frame_hz, stop - start, flux, alive)
        known = self._windows.get(key)
        if known is None:
            known = plan_window(self.processor, rest, lines.static_v, frame_hz, stop - start, flux, alive)
            self._windows[key] = known
            if len(self._windows) > _KEPT:
                self._windows.popitem(last=False)
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
        frame = TWO_PI * frame_hz * np.array([1.0, 2.0])
        dressed = TWO_PI * levels - frame
        excess = {}
        for k, members in self.pairs:
            curves = np.array([self.processor.transmons[q].anharmonicity_hz for q in members])
            bare = rest.bare_hz[list(members)]
            alone = TWO_PI * np.stack([bare, 2 * bare + curves], axis=1) - frame
            couplings = cluster_couplings(self.processor, members, [k])
            excess[k] = Excess(alone, dressed[list(members)], *couplings, self.rates[list(members)], dt_s)
        return _Scene(
            rest,
            dressed,
            np.ascontiguousarray(TWO_PI * waves),
            TWO_PI * rest.zz_hz,
            np.stack(relaxation),
            slices,
            excess,
        )


class _Shot:
    """One shot under way."""

    def __init__(
        self,
        evolution: Evolution,
        lines: Lines,
        stop_s: NDArray[np.float64],
        joint: bool,
        since: tuple[State, float] | None,
    ) -> None:
        self.evolution = evolution
        self.processor = evolution.processor
        self.lines = lines
        self.joint = joint
        self.dt_s = 1 / lines.rate_hz
        self.steered = since is not None  # what lines play may change from one part of a shot to the next
        self.frame_hz = next(
            (lo for lo, runs in zip(lines.drive_lo_hz, lines.drive, strict=True) if (lo > 0 if self.steered else runs)),
            float(self.processor.transmons[0].frequency_hz),
        )
        self.scene = evolution.scene(lines.static_v, self.frame_hz, lines.rate_hz)
        self.stop = np.maximum(np.rint(stop_s * lines.rate_hz), 0).astype(np.int64)
        self.pieces = drive_pieces(lines, self.scene.waves, evolution.coefficients, self.frame_hz)
        state, start_s = (evolution.at_rest, 0.0) if since is None else since
        self.state, self.start = state.copy(), round(start_s * lines.rate_hz)
        n = len(self.processor.transmons)
        self.cuts = np.empty(2 + n + 2 * len(self.pieces.table), np.int64)
        few = len(self.pieces.table) <= EXACT_PIECES and len(self.pieces.omega) <= EXACT_SAMPLES
        self.exact = evolution.pairs if few else ()
        self.pulses = self._pulses()
        self._plans: dict[tuple[int, int], FluxWindow] = {}

    def run(self) -> State:
        now = self.start
        end = int(self.stop.max())
        stretches: list[tuple[Callable[[int, int], None], int, int]] = []
        for start, stop in spans_of(self.lines.flux, end):
            stretches += [(self._quiet, now, start), *((self._window, *part) for part in self._parts(start, stop))]
            now = stop
        self._advance(stretches)
        self._quiet(now, end)
        return self.state

    def _advance(self, stretches: Sequence[tuple[Callable[[int, int], None], int, int]]) -> None:
        """Advance through stretches, from the end of the last one that an earlier shot went through alike."""
        keys = self._keys([stop for _, _, stop in stretches]) if stretches else []
        beginnings, first = self.evolution.beginnings, 0
        for place in reversed(range(len(keys))):
            known = beginnings.find(keys[place]) if keys[place] is not None else None
            if known is not None:
                self.state, first = known, place + 1
                break
        for place, (advance, start, stop) in enumerate(stretches[first:], first):
            advance(start, stop)
            if keys and keys[place] is not None:
                beginnings.keep(keys[place], self.state)

    def _keys(self, samples: Sequence[int]) -> list[Hashable]:
        """Return all that decides the state at each of some samples; None where it depends on what comes later."""
        if self.steered:
            return []
        lines = self.lines
        always = (lines.rate_hz, self.frame_hz, lines.static_v, self.joint, bool(self.exact), self.stop.tobytes())
        return [None if played is None else (always, played) for played in played_before(lines, samples)]

    def _parts(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Return a flux window, cut at its pulses' edges if more transmons interact in it than are solved together."""
        if not self._planned(start, stop).crowds:
            return [(start, stop)]
        return list(pairwise(edges_of(self.lines.flux, start, stop)))

    def _planned(self, start: int, stop: int) -> FluxWindow:
        if (start, stop) not in self._plans:
            given = (self.lines, self.scene.rest, self.frame_hz, start, stop, tuple(self._moving(start)))
            self._plans[start, stop] = self.evolution.window(*given)
        return self._plans[start, stop]

    def _moving(self, start: int) -> list[int]:
        return [q for q, stop in enumerate(self.stop.tolist()) if stop > start]

    # quiet stretches ---------------------------------------------------------------------------

    def _note(self, window: FluxWindow) -> None:
        """Say once of each crowd that a coupler inside it only shifts levels."""
        for crowd in set(window.crowds) - self.evolution.crowds:
            self.evolution.crowds.add(crowd)
            names = "-".join(self.processor.transmons[q].name for q in crowd)
            _LOG.warning(
                "%s interact at once: the coupler farthest from resonance is taken to shift levels alone", names
            )

    def _quiet(self, start: int, stop: int) -> None:
        """Advance from `start` to `stop`, with what drives do to pairs beyond driving each of their transmons."""
        owed = 0.0
        for left, right in self.pulses:
            if left >= stop or right <= start:
                continue
            first, last = max(left, start), min(right, stop)
            self._idle(start, first, self.scene.zz)
            owed += first - start
            if owed > LONG_SAMPLES:
                self._relax(owed)
                owed = 0.0
            zz, turns = self.scene.zz.copy(), []
            for k, pair in self.exact:
                drives = self.pieces.dense(pair, first, last)
                if self.stop[list(pair)].min() >= last and drives.any():
                    zz[k] = 0.0
                    turns.append((pair, self.scene.excess[k].of(drives)))
            self._idle(first, last, zz)
            for pair, turn in turns:
                rho = self.state.bring_forward(pair)
                rho[:] = turn @ rho @ turn.conj().T
            start, owed = last, owed + last - first
        self._idle(start, stop, self.scene.zz)
        self._relax(owed + stop - start)

    def _relax(self, n_samples: float) -> None:
        """Let pairs in `exact` that are one group relax as the bare transmons do; both are at rest otherwise."""
        for k, pair in self.exact if n_samples > 0 else ():
            if self.state.places[pair[0], 0] == self.state.places[pair[1], 0]:
                self.scene.excess[k].relax(self.state.bring_forward(pair), n_samples)

    def _pulses(self) -> list[tuple[int, int]]:
        """Return where any pair in `exact` is driven while both move."""
        spans = []
        for _, pair in self.exact:
            last = int(self.stop[list(pair)].min())
            spans += [
                (row[1], min(row[2], last)) for row in self.pieces.table.tolist() if row[0] in pair and row[1] < last
            ]
        return _merge(spans)

    def _idle(self, start: int, stop: int, zz: NDArray[np.float64]) -> None:
        """Advance from `start` to `stop`: linked transmons in common slices, the others in one go."""
        if stop > start:
            idling, driven = self.scene.slices[self.joint or self.state.merged]
            span = np.array([start, stop, idling, driven], np.int64)
            self._stretch(span, self.scene.levels, self.evolution.ends, zz, self.stop)

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

    def _zz(self, zz: NDArray[np.float64], alive: tuple[int, ...], time_s: float, at: int) -> None:
        """Let ZZ of all couplers between `alive` act for a time."""
        if not zz.any():
            return
        left_s = (int(self.stop.max()) - at) * self.dt_s + time_s if self.joint else 0.0
        mask = np.zeros(len(self.stop), np.int64)
        mask[list(alive)] = 1
        while True:
            state, ends = self.state, self.evolution.ends
            coupler = pairs.turn(state.flat, state.places, ends, zz, mask, time_s, left_s)
            if coupler < 0:
                return
            state.merge(tuple(ends[coupler].tolist()))

    # flux windows ------------------------------------------------------------------------------

    def _window(self, start: int, stop: int) -> None:
        """Advance through one flux window."""
        n = stop - start
        alive = tuple(self._moving(start))
        window = self._planned(start, stop)
        self._note(window)
        self._zz(window.zz, alive, n * self.dt_s / 2, start)
        stops = np.minimum(self.stop, stop)
        for cluster in window.clusters:
            drives = np.ascontiguousarray(self.pieces.dense(cluster.members, start, stop).T)
            sampled = ClusterWindow(
                cluster.transmons, cluster.levels, cluster.rest, drives, cluster.exchange, cluster.kerr, self.dt_s
            )
            propagate_cluster(self.evolution.steps, sampled, self.state.bring_forward(cluster.members))
            stops[list(cluster.members)] = 0
        for q, levels in window.moving.items():
            end = int(stops[q])
            omega = self.pieces.dense((q,), start, end)[0]
            propagate_one(self.state, q, levels[: end - start], omega, self.dt_s, self.scene.relaxation[q])
            stops[q] = 0
        if stops.any():
            span = np.array([start, stop, n, n], np.int64)
            self._stretch(span, window.still, self.evolution.ends[:0], window.zz[:0], stops)
        self._zz(window.zz, alive, n * self.dt_s / 2, start)


def _merge(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join stretches that overlap."""
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged
