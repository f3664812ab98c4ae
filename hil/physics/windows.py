"""A flux window before its state: who moves and how, which transmons form clusters, what couplers outside them do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qctl.hil.physics.cluster import cluster_couplings
from qctl.hil.physics.couplings import Rest, meet_hz, split_shifts
from qctl.hil.physics.lines import Pulse, Run
from qctl.hil.physics.parameters import Coupler, Processor, Transmon, tuned_frequency_hz

__all__ = [
    "ACTIVE_HZ",
    "Cluster",
    "FluxWindow",
    "edges_of",
    "flux_within",
    "plan_window",
    "spans_of",
]

TWO_PI = 2 * np.pi
ACTIVE_HZ, CROWD_HZ = 3e8, 1e8
"""How near a resonance a coupler is solved as it is; and is missed where it can't be, as too many interact."""
LONGEST_CLUSTER = 3

Fluxes = tuple[tuple[tuple[int, bytes], ...], ...]
"""Of each transmon: first sample in the window and float64 volts of all that its flux line plays there."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Transmons that interact during a window; arrays as in `ClusterWindow`."""

    members: tuple[int, ...]
    transmons: tuple[Transmon, ...]
    levels: NDArray[np.float64]
    rest: NDArray[np.float64]
    exchange: NDArray[np.float64]
    kerr: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FluxWindow:
    """One flux window.

    Attributes
    ----------
    clusters : tuple of Cluster
        Transmons that interact.
    moving : dict of int to (n_samples, 2) float64, rad/s
        Energies in the frame of transmons that move and are in no cluster.
    still : (n, 2) float64, rad/s
        Mean energies in the frame of all others.
    zz : (n_couplers, 3, 3) float64, rad/s
        Mean ZZ of couplers that are in no cluster.
    crowds : tuple of tuples of int
        Transmons that interact, nearer resonance than CROWD_HZ, and are more than are solved together.
    """

    clusters: tuple[Cluster, ...]
    moving: dict[int, NDArray[np.float64]]
    still: NDArray[np.float64]
    zz: NDArray[np.float64]
    crowds: tuple[tuple[int, ...], ...]


def flux_within(flux: tuple[tuple[Run, ...], ...], start: int, stop: int) -> Fluxes:
    """Return what all flux lines play between two samples, hashable."""
    return tuple(
        tuple(
            (max(run.start, start) - start, _bytes(run.volts[max(start - run.start, 0) : stop - run.start]))
            for run in runs
            if run.start < stop and run.stop > start
        )
        for runs in flux
    )


def _bytes(volts: NDArray[np.complex128]) -> bytes:
    return np.asarray(volts.real, np.float64).tobytes()


def plan_window(
    processor: Processor,
    rest: Rest,
    static_v: tuple[float, ...],
    frame_hz: float,
    n_samples: int,
    flux: Fluxes,
    alive: tuple[int, ...],
) -> FluxWindow:
    """Return the window of `n_samples` in which the flux lines play `flux` and the transmons `alive` still move."""
    frame = TWO_PI * frame_hz * np.array([1.0, 2.0])
    frequency = _frequencies(processor, rest, static_v, n_samples, flux)
    moved = {q for q, f in enumerate(frequency) if f.size > 1}
    met = {
        k: meet_hz(coupler, frequency[coupler.low], frequency[coupler.high], _curves(processor, coupler))
        for k, coupler in enumerate(processor.couplers)
        if coupler.low in moved or coupler.high in moved
    }
    active, groups, crowds = _groups(processor, alive, {k: distance for k, (distance, _) in met.items()})
    shifted, zz = _shifts(processor, rest, alive, {k: shifts for k, (_, shifts) in met.items()}, active)
    curves = np.array([transmon.anharmonicity_hz for transmon in processor.transmons])
    still = _levels(np.array([f[0] for f in frequency]), curves, shifted) - frame
    moving = {q: _levels(frequency[q], curves[q], shifted[q]) - frame for q in moved}
    clusters = []
    for members in groups:
        inside = [k for k in active if processor.couplers[k].low in members]
        sampled = np.empty((n_samples, len(members), 2))
        for place, q in enumerate(members):
            sampled[:, place] = moving[q] if q in moved else still[q]
        outside = TWO_PI * rest.levels_hz[list(members)] - frame
        for k in inside:
            coupler = processor.couplers[k]
            outside[members.index(coupler.low)] -= TWO_PI * rest.shifts_hz[k, 1:, 0]
            outside[members.index(coupler.high)] -= TWO_PI * rest.shifts_hz[k, 0, 1:]
        exchange, kerr = cluster_couplings(processor, members, inside)
        transmons = tuple([processor.transmons[q] for q in members])
        clusters.append(Cluster(members, transmons, sampled, outside, exchange, kerr))
    alone = moved.intersection(alive).difference(*groups)
    return FluxWindow(tuple(clusters), {q: moving[q] for q in sorted(alone)}, still, zz, crowds)


def _frequencies(
    processor: Processor, rest: Rest, static_v: tuple[float, ...], n_samples: int, flux: Fluxes
) -> list[NDArray[np.float64]]:
    """Return each transmon's bare frequency in hertz: one number, or one per sample if it moves."""
    found = []
    for q, transmon in enumerate(processor.transmons):
        if not flux[q]:
            found.append(rest.bare_hz[q : q + 1])
            continue
        fast = np.zeros(n_samples)
        for first, volts in flux[q]:
            part = np.frombuffer(volts)
            fast[first : first + part.size] = part
        found.append(tuned_frequency_hz(transmon, fast, static_v[q]) if fast.any() else rest.bare_hz[q : q + 1])
    return found


def _curves(processor: Processor, coupler: Coupler) -> tuple[float, float]:
    return processor.transmons[coupler.low].anharmonicity_hz, processor.transmons[coupler.high].anharmonicity_hz


def _groups(
    processor: Processor, alive: tuple[int, ...], distances_hz: dict[int, float]
) -> tuple[list[int], list[tuple[int, ...]], tuple[tuple[int, ...], ...]]:
    """Return the active couplers, nearest resonance first, the clusters they make, and what was too large.

    `distances_hz` are those of the couplers of transmons that move.
    """
    clusters: list[set[int]] = []
    active = []
    crowds = []
    for distance, k in sorted((distance, k) for k, distance in distances_hz.items() if distance < ACTIVE_HZ):
        coupler = processor.couplers[k]
        if coupler.low not in alive or coupler.high not in alive:
            continue
        joined = [c for c in clusters if coupler.low in c or coupler.high in c]
        together = set().union({coupler.low, coupler.high}, *joined)
        if len(together) > LONGEST_CLUSTER:
            if distance < CROWD_HZ:
                crowds.append(tuple(sorted(together)))
            continue
        clusters = [c for c in clusters if c not in joined] + [together]
        active.append(k)
    return active, [tuple(sorted(c)) for c in clusters], tuple(crowds)


def _shifts(
    processor: Processor,
    rest: Rest,
    alive: tuple[int, ...],
    moved: dict[int, NDArray[np.float64]],
    active: list[int],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what inactive couplers shift the levels of each transmon (n, 2) in hertz, and their ZZ in rad/s, means.

    `moved` are the (3, 3) mean shifts of the couplers of transmons that move; the others shift as at rest.
    """
    shifted = np.zeros((len(processor.transmons), 2))
    zz = np.zeros((len(processor.couplers), 3, 3))
    for k, coupler in enumerate(processor.couplers):
        if k in active:
            continue
        shifts = moved.get(k)
        if shifts is None:
            shifts, left = rest.shifts_hz[k], rest.zz_hz[k]
        else:
            left = split_shifts(shifts)[2]
        shifted[coupler.low] += shifts[1:, 0]
        shifted[coupler.high] += shifts[0, 1:]
        if coupler.low in alive and coupler.high in alive:
            zz[k] = TWO_PI * left
    return shifted, zz


def _levels(
    frequency_hz: NDArray[np.float64], curve_hz: NDArray[np.float64], shifted_hz: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (n, 2) levels in rad/s at bare frequencies (n,), with what couplers shift them."""
    rows = np.empty((frequency_hz.size, 2))
    rows[:, 0] = frequency_hz
    rows[:, 1] = 2 * frequency_hz + curve_hz
    rows += shifted_hz
    rows *= TWO_PI
    return rows


def spans_of(flux: tuple[tuple[Run, ...], ...], end: int) -> list[tuple[int, int]]:
    """Return the stretches before a sample in which any flux line is not at rest.

    Pulses that only touch, on one line or on two, or overlap where either is low, have a stretch each: the couplers of
    a stretch all act for as long as it lasts, and few transmons fit in one.
    """
    pulses = [pulse for runs in flux for run in runs for pulse in run.pulses if pulse.start < end]
    joined: list[Pulse] = []
    for one in sorted(pulses, key=lambda pulse: pulse.up):
        if joined and one.up < joined[-1].down:
            last = joined.pop()
            one = Pulse(min(last.start, one.start), max(last.stop, one.stop), last.up, max(last.down, one.down))
        joined.append(one)
    spans: list[tuple[int, int]] = []
    down = 0
    for one in joined:
        start, stop = one.start, min(one.stop, end)
        if spans and start < spans[-1][1]:
            begin, until = spans.pop()
            start, stop = max(start, down), max(stop, until)
            spans.append((begin, start))
        spans.append((start, stop))
        down = min(one.down, end)
    return [span for span in spans if span[0] < span[1]]


def edges_of(flux: tuple[tuple[Run, ...], ...], start: int, stop: int) -> list[int]:
    """Return both ends of a stretch, and inside it where pulses go up and have come down."""
    pulses = [pulse for runs in flux for run in runs for pulse in run.pulses]
    inside = {edge for pulse in pulses for edge in (pulse.up, pulse.down) if start < edge < stop}
    return sorted({start, stop} | inside)
