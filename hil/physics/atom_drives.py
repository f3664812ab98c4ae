"""From what channels of light play, nanosecond by nanosecond, to steps of constant drive on each cluster of atoms.

An atom has the ground level g, and the Rydberg level r and the other hyperfine level h where a drive turns it by more
than TURN towards them. Atoms whose interaction turns a phase by more than TURN are one cluster and evolve together;
others are independent. Conventions as Pulser has them (H. Silvério et al., Quantum 6, 629 (2022)): a Rydberg drive is
(rabi/2) exp(-i phase) |g><r| + h.c. - detuning |r><r|, a Raman drive (rabi/2) exp(-i phase) |h><g| + h.c. - detuning
|g><g|, two atoms in r have C6 / r^6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.hil.physics.atom_parameters import AtomArray, Light

__all__ = ["TURN", "Channel", "Cluster", "Move", "clusters_of", "minimum_jerk"]

TURN = 1e-4
"""Rotation and phase, in rad, below which a drive or an interaction does nothing."""
_LEAK = 1e-3
"""Part of a beam from which on an atom is driven in the beam's own frame."""
_PIECES = 64
"""Distances during a move are those in the middle of so many pieces."""
_TICK_S = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """What one channel plays.

    Attributes
    ----------
    name : str
        As the device calls it.
    transition : str
        ``rydberg`` or ``raman``.
    amplitude, detuning, phase : (n,) float64
        Rabi frequency and detuning in rad/s, phase in rad, at each ns.
    target : (n,) int16
        The atom that it points at, -1 for all.
    """

    name: str
    transition: str
    amplitude: NDArray[np.float64]
    detuning: NDArray[np.float64]
    phase: NDArray[np.float64]
    target: NDArray[np.int16]


class Move(NamedTuple):
    """An atom goes to (x_m, y_m) between two times, in ns; from where it is, by the path of least jerk."""

    atom: int
    start: int
    end: int
    x_m: float
    y_m: float


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """Atoms that evolve together, as `qctl.cext.atom_array.evolve` takes them.

    Attributes
    ----------
    atoms : (n,) int64
        Which of the array's.
    names : tuple of str
        Levels of each: ``g``, ``gr``, ``gh`` or ``grh``.
    energies, couplings : (n_steps, n, 3) float64, (n_steps, n, 2) complex128, rad/s
    interactions : (n_epochs, n_states) float64, rad/s
    epochs : (n_steps,) int32
    lengths : (n_steps,) float64, s
    """

    atoms: NDArray[np.int64]
    names: tuple[str, ...]
    energies: NDArray[np.float64]
    couplings: NDArray[np.complex128]
    interactions: NDArray[np.float64]
    epochs: NDArray[np.int32]
    lengths: NDArray[np.float64]

    @property
    def levels(self) -> NDArray[np.int32]:
        """Return how many levels each atom has."""
        return np.array([len(name) for name in self.names], np.int32)


def minimum_jerk(part: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far a smooth move is at a part of its time: T. Flash and N. Hogan, J. Neurosci. 5, 1688 (1985)."""
    return part**3 * (10 - 15 * part + 6 * part**2)


def clusters_of(
    array: AtomArray, positions_m: NDArray[np.float64], channels: Sequence[Channel], moves: Sequence[Move] = ()
) -> list[Cluster]:
    """Return the clusters of an array under some light.

    Parameters
    ----------
    array : AtomArray
        What is true.
    positions_m : (n_atoms, 2) float64
        Where traps are asked to be at the start.
    channels : sequence of Channel
        All of one length.
    moves : sequence of Move
        None of them end later than the channels.
    """
    n_atoms, n = len(positions_m), max((len(c.amplitude) for c in channels), default=0)
    offsets = np.zeros((n_atoms, 2))
    offsets[: len(array.offset_m)] = np.array(array.offset_m[:n_atoms]).reshape(-1, 2)
    bounds, places = _places(positions_m + offsets, offsets, moves, n)
    epoch = np.repeat(np.arange(len(places)), np.diff(bounds))
    lights = [array.light.get(channel.name, Light()) for channel in channels]
    fields = [_modulated(light, channel) * light.rabi_scale for light, channel in zip(lights, channels, strict=True)]
    rows = [x for f, c in zip(fields, channels, strict=True) for x in (f, c.detuning, c.phase, c.target)]
    first = _runs(np.stack([*rows, epoch], 1))
    epoch, lengths = epoch[first], np.diff(np.append(first, n)) * _TICK_S
    drive = {"rydberg": np.zeros((len(first), n_atoms), complex), "raman": np.zeros((len(first), n_atoms), complex)}
    shift = {"rydberg": np.zeros((len(first), n_atoms)), "raman": np.zeros((len(first), n_atoms))}
    for light, full, channel in zip(lights, fields, channels, strict=True):
        field, sign = full[first], 1 if channel.transition == "rydberg" else -1
        reach = _reach(light, channel.target[first].astype(np.int64), places[epoch])
        drive[channel.transition] += (0.5 * field * np.exp(sign * 1j * channel.phase[first]))[:, None] * reach
        moved = np.where(field != 0, 2 * np.pi * light.detuning_hz, 0.0) + channel.detuning[first]
        shift[channel.transition] += moved[:, None] * (reach > _LEAK)
    turned = {letter: 2 * lengths @ np.abs(drive[kind]) > TURN for letter, kind in (("r", "rydberg"), ("h", "raman"))}
    names = ["g" + "".join(level for level in "rh" if turned[level][a]) for a in range(n_atoms)]
    strength = _interactions(array, places)
    phases = np.abs(strength).max(0, initial=0.0) * n * _TICK_S
    return [
        _cluster(atoms, [names[a] for a in atoms], drive, shift, strength, epoch, lengths)
        for atoms in _components(phases, turned["r"])
    ]


def _runs(rows: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return where stretches of equal rows begin."""
    if not len(rows):
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.concatenate([[True], (rows[1:] != rows[:-1]).any(1)]))


def _places(
    start_m: NDArray[np.float64], offsets: NDArray[np.float64], moves: Sequence[Move], n: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return where stretches of standing atoms begin and end, and where the atoms are in each: (n_epochs, n_atoms, 2).

    A moving atom stands where it is in the middle of each of many pieces of its move.
    """
    cuts = {0, n}
    for move in moves:
        cuts |= set(np.linspace(move.start, move.end, _PIECES + 1).round().astype(int).tolist())
    bounds = np.array(sorted(cut for cut in cuts if 0 <= cut <= n), np.int64)
    middles = (bounds[:-1] + bounds[1:]) / 2
    places = np.repeat(start_m[None], len(middles), axis=0)
    for move in sorted(moves, key=lambda one: one.start):
        part = np.clip((middles - move.start) / max(move.end - move.start, 1), 0.0, 1.0)
        # A move goes from where those before it have brought the atom.
        later = middles > move.start
        origin = places[later, move.atom][:1]
        goal = offsets[move.atom] + (move.x_m, move.y_m)
        places[later, move.atom] = origin + minimum_jerk(part[later])[:, None] * (goal - origin)
    return bounds, places


def _reach(light: Light, target: NDArray[np.int64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what part of a channel's field each atom sees in each run: (n_runs, n_atoms)."""
    if not light.waist_m:
        return np.where(target[:, None] < 0, 1.0, target[:, None] == np.arange(at.shape[1]))
    middle = np.where(target[:, None] < 0, np.array(light.center_m), at[np.arange(len(at)), np.maximum(target, 0)])
    distance = ((at - middle[:, None]) ** 2).sum(-1)
    return np.asarray(np.exp(-distance / light.waist_m**2))


def _modulated(light: Light, channel: Channel) -> NDArray[np.float64]:
    """Return the amplitude behind a modulator of Gaussian response: at its bandwidth, half of it is left."""
    amplitude = channel.amplitude
    if not light.bandwidth_hz or not amplitude.size:
        return amplitude
    pad = int(np.ceil(1.0 / light.bandwidth_hz / _TICK_S))
    padded = np.concatenate([np.zeros(pad), amplitude, np.zeros(pad)])
    left = np.exp2(-((np.fft.rfftfreq(len(padded), _TICK_S) / light.bandwidth_hz) ** 2))
    shaped = np.fft.irfft(np.fft.rfft(padded) * left, len(padded))[pad : pad + len(amplitude)]
    shaped[np.abs(shaped) < 1e-9 * np.abs(amplitude).max(initial=0.0)] = 0.0
    return shaped


def _interactions(array: AtomArray, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return C6 / r^6 of all pairs in all epochs, in rad/s: (n_epochs, n_atoms, n_atoms)."""
    square = ((places[:, :, None] - places[:, None]) ** 2).sum(-1)
    return array.c6_rad_m6_per_s / np.where(square == 0, np.inf, square) ** 3


def _components(phases: NDArray[np.float64], active: NDArray[np.bool_]) -> list[list[int]]:
    """Return the atoms of each cluster, in order."""
    group = list(range(len(active)))
    for a, b in np.argwhere((phases > TURN) & active[:, None] & active):
        old, new = max(group[a], group[b]), min(group[a], group[b])
        group = [new if one == old else one for one in group]
    return [[a for a, one in enumerate(group) if one == root] for root in sorted(set(group))]


def _cluster(
    atoms: list[int], names: list[str], drive: dict[str, NDArray[np.complex128]],
    shift: dict[str, NDArray[np.float64]], strength: NDArray[np.float64], epoch: NDArray[np.int64],
    lengths: NDArray[np.float64],
) -> Cluster:  # fmt: skip
    n, k = len(epoch), len(atoms)
    couplings, energies = np.zeros((n, k, 2), complex), np.zeros((n, k, 3))
    for place, (atom, name) in enumerate(zip(atoms, names, strict=True)):
        for level, letter in enumerate(name):
            if letter == "g":
                energies[:, place, level] = -shift["raman"][:, atom] if "h" in name else 0.0
            else:
                couplings[:, place, level - 1] = drive["rydberg" if letter == "r" else "raman"][:, atom]
                energies[:, place, level] = -shift["rydberg"][:, atom] if letter == "r" else 0.0
    parts = [couplings.reshape(n, 2 * k).view(float), energies.reshape(n, 3 * k), epoch[:, None]]
    first = _runs(np.concatenate(parts, axis=1))
    pairs = _pair_energies(names, strength[:, atoms][:, :, atoms])
    return Cluster(
        np.array(atoms, np.int64), tuple(names), np.ascontiguousarray(energies[first]),
        np.ascontiguousarray(couplings[first]), pairs, epoch[first].astype(np.int32),
        np.add.reduceat(lengths, first) if n else lengths,
    )  # fmt: skip


def _pair_energies(names: Sequence[str], strength: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the interaction of each state in each epoch: (n_epochs, n_states), the first atom fastest."""
    sizes = [len(name) for name in names]
    states = np.arange(int(np.prod(sizes)))
    excited = []
    for name, size in zip(names, sizes, strict=True):
        excited.append((states % size == name.index("r")) if "r" in name else np.zeros(len(states), bool))
        states = states // size
    found = np.zeros((len(strength), len(states)))
    for b in range(len(names)):
        for a in range(b):
            both = excited[a] & excited[b]
            if both.any():
                found[:, both] += strength[:, a, b, None]
    return found
