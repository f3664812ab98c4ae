"""Shots of an array of atoms: exact states of its clusters, decays as quantum jumps, and the camera's picture.

Decays are Monte Carlo trajectories (J. Dalibard, Y. Castin, K. Mølmer, Phys. Rev. Lett. 68, 580 (1992)): the state
without any jump is exact, and shots with jumps share up to MOST_JUMPS trajectories, fewer where a state is large.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from qctl.cext.atom_array import evolve
from qctl.hil.physics.atom_drives import Channel, Cluster, Move, clusters_of
from qctl.hil.physics.atom_parameters import AtomArray

__all__ = ["Evolved", "evolved", "picture", "sample"]

MOST_JUMPS = 64
_JUMP_WORK = 12_000_000
"""States times steps that all trajectories with jumps of a program may take, where it is more than four."""
_DECAY_S = 2e-8


@dataclass(slots=True)
class Evolved:
    """A cluster at the end of a program.

    Attributes
    ----------
    cluster : Cluster
    still : (n_states,) float64
        Populations where nothing has decayed; they add up to the chance of that.
    losses : (n_states,) float64 or None
        Decay rates, 1/s.
    jumped : list of (n_states,) float64
        Normalised populations of trajectories with jumps, as far as they are known.
    """

    cluster: Cluster
    still: NDArray[np.float64]
    losses: NDArray[np.float64] | None
    jumped: list[NDArray[np.float64]] = field(default_factory=list)


def evolved(
    array: AtomArray, positions_m: NDArray[np.float64], channels: Sequence[Channel], moves: Sequence[Move] = ()
) -> list[Evolved]:
    """Return the clusters of an array at the end of a program."""
    found = []
    for cluster in clusters_of(array, positions_m, channels, moves):
        losses = None
        if array.lifetime_s and any("r" in name for name in cluster.names):
            cluster, losses = _divided(cluster), _excitations(cluster) / array.lifetime_s
        state = _ground(cluster)
        _play(cluster, state, losses)
        found.append(Evolved(cluster, np.abs(state) ** 2, losses))
    return found


def sample(clusters: Sequence[Evolved], n_shots: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Return the level of each atom in each shot: (n_shots, n_atoms) uint8 letters ``g``, ``r``, ``h``."""
    n_atoms = sum(len(one.cluster.atoms) for one in clusters)
    found = np.full((n_shots, n_atoms), ord("g"), np.uint8)
    for one in clusters:
        states = _states(one, n_shots, random)
        for atom, name in zip(one.cluster.atoms, one.cluster.names, strict=True):
            found[:, atom] = np.frombuffer(name.encode(), np.uint8)[states % len(name)]
            states = states // len(name)
    return found


def picture(
    array: AtomArray, levels: NDArray[np.uint8], push_out: bool, random: np.random.Generator
) -> NDArray[np.uint16]:
    """Return the photons that the camera counts of each trap: (n_shots, n_atoms) uint16.

    Atoms in r are lost, and those in h if they are pushed out first; others are seen.
    """
    ground = (levels == ord("g")) | ((levels == ord("h")) & (not push_out))
    chance = random.random(levels.shape)
    seen = np.where(ground, chance >= array.lost, (levels == ord("r")) & (chance < array.recaptured))
    photons = random.poisson(np.where(seen, array.bright_counts, array.dark_counts))
    return np.minimum(photons, 65_535).astype(np.uint16)


def _ground(cluster: Cluster) -> NDArray[np.complex128]:
    state = np.zeros(int(np.prod(cluster.levels)), np.complex128)
    state[0] = 1.0
    return state


def _divided(cluster: Cluster) -> Cluster:
    """Return a cluster with steps of at most `_DECAY_S`: decay comes half before and half after each."""
    times = np.maximum(np.ceil(cluster.lengths / _DECAY_S - 1e-9), 1).astype(int)
    energies, couplings = np.repeat(cluster.energies, times, axis=0), np.repeat(cluster.couplings, times, axis=0)
    epochs, lengths = np.repeat(cluster.epochs, times), np.repeat(cluster.lengths / times, times)
    return replace(cluster, energies=energies, couplings=couplings, epochs=epochs, lengths=lengths)


def _excitations(cluster: Cluster) -> NDArray[np.float64]:
    """Return how many atoms of each state are in r."""
    states = np.arange(int(np.prod(cluster.levels)))
    found = np.zeros(len(states))
    for name in cluster.names:
        found += states % len(name) == (name.index("r") if "r" in name else -1)
        states = states // len(name)
    return found


def _play(
    cluster: Cluster, state: NDArray[np.complex128], losses: NDArray[np.float64] | None, floor: float = 0.0,
    first: int = 0,
) -> int:  # fmt: skip
    return evolve(
        cluster.levels, cluster.energies, cluster.couplings, cluster.interactions, cluster.epochs, cluster.lengths,
        state, losses, floor, first,
    )  # fmt: skip


def _states(one: Evolved, n_shots: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Draw the state of each shot, in any order of chance."""
    alone = float(one.still.sum())
    n_jumped = int(random.binomial(n_shots, min(max(1.0 - alone, 0.0), 1.0))) if one.losses is not None else 0
    drawn = [_drawn(one.still, n_shots - n_jumped, random)]
    if n_jumped:
        work = max(1, len(one.still) * len(one.cluster.lengths))
        most = min(n_jumped, max(4, min(MOST_JUMPS, _JUMP_WORK // work)))
        while len(one.jumped) < most:
            one.jumped.append(_jumped(one, alone, random))
        shares = random.multinomial(n_jumped, np.full(len(one.jumped), 1 / len(one.jumped)))
        drawn += [_drawn(p, int(n), random) for p, n in zip(one.jumped, shares, strict=True) if n]
    states = np.concatenate(drawn)
    return np.asarray(states[random.permutation(n_shots)])


def _drawn(populations: NDArray[np.float64], n_shots: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Draw states by their populations."""
    steps = np.cumsum(populations)
    found = np.searchsorted(steps, random.random(n_shots) * steps[-1], "right")
    return np.asarray(np.minimum(found, len(steps) - 1), np.int64)


def _jumped(one: Evolved, alone: float, random: np.random.Generator) -> NDArray[np.float64]:
    """Return the populations of one trajectory with at least one jump."""
    cluster, losses = one.cluster, one.losses
    assert losses is not None
    state = _ground(cluster)
    step, floor = 0, alone + (1.0 - alone) * random.random()
    while True:
        step = _play(cluster, state, losses, floor, step)
        populations = np.abs(state) ** 2
        if populations.sum() > floor or step == len(cluster.lengths):
            return np.asarray(populations / populations.sum())
        _jump(cluster, state, populations, random)
        floor = random.random()


def _jump(
    cluster: Cluster, state: NDArray[np.complex128], populations: NDArray[np.float64], random: np.random.Generator
) -> None:
    """Let one atom decay, by chance one that is excited; the state is normalised."""
    stride, parts = 1, []
    for name in cluster.names:
        shape = (-1, len(name), stride)
        excited = populations.reshape(shape)[:, name.index("r")].sum() if "r" in name else 0.0
        parts.append((shape, name, excited))
        stride *= len(name)
    weights = np.array([excited for *_, excited in parts])
    if weights.sum() > 0:
        shape, name, _ = parts[int(random.choice(len(parts), p=weights / weights.sum()))]
        view = state.reshape(shape)
        view[:, 0] = view[:, name.index("r")]
        view[:, 1:] = 0.0
    state /= np.linalg.norm(state)
