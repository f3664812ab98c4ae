"""Ions and shared modes under light: propagators of stretches in which all tones stay as they are.

The Hamiltonian over hbar, in the rotating frame of each qubit and without counter-rotating terms of the light, is
sum_m nu_m n_m + sum_j (sum_tones Omega/2 exp(-i Delta t + i phi)) |1><0|_j exp(i sum_m eta_jm (a_m + a_m+)) + h.c., to
all orders of eta (D. J. Wineland et al., J. Res. Natl. Inst. Stand. Technol. 103, 259 (1998), section 2). One tone an
ion is static in the light's frame, and diagonalised. Several are kicks between free motion: each kick turns every spin
at each position, and the kicks of a beat repeat, so that a long gate is a power of one beat.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Light", "Motion", "Tone"]

TWO_PI = 2 * np.pi
_KICKS = 32
"""Kicks in a period of the fastest motion or beat: what is first order in the light is then exact."""
_SAME_HZ = 1e-3
_FEW_BEATS = 10
_WIDEST = 700
"""Largest matrix that is diagonalised; wider ones are kicked."""
_KEPT_BYTES = 1 << 28
Complex = NDArray[np.complex128]


class Tone(NamedTuple):
    """One tone at an ion: hertz from the qubit, radians at time zero, Rabi frequency / 2 pi in hertz."""

    offset_hz: float
    phase_rad: float
    rabi_hz: float


class Light(NamedTuple):
    """What one ion sees: its place in the chain, and its tones."""

    ion: int
    tones: tuple[Tone, ...]


@dataclass(frozen=True, slots=True)
class Motion:
    """The modes that are quantum.

    Attributes
    ----------
    frequency_hz : tuple of float
    lamb_dicke : tuple of tuple of float
        Of each ion, for each mode.
    sizes : tuple of int
        Fock states of each mode.
    """

    frequency_hz: tuple[float, ...]
    lamb_dicke: tuple[tuple[float, ...], ...]
    sizes: tuple[int, ...]

    @property
    def size(self) -> int:
        """Return the number of Fock states of all modes together."""
        return int(np.prod(self.sizes, dtype=np.int64))

    def energies(self) -> NDArray[np.float64]:
        """Return (size,) the energies of all Fock states, in rad/s."""
        found = np.zeros(self.sizes)
        for axis, (nu, n) in enumerate(zip(self.frequency_hz, self.sizes, strict=True)):
            found += TWO_PI * nu * np.arange(n).reshape([-1 if k == axis else 1 for k in range(len(self.sizes))])
        return found.ravel()

    def evolve(self, state: Complex, lights: Sequence[Light], start_s: float, length_s: float) -> Complex:
        """Return a state after a stretch of light.

        Parameters
        ----------
        state : (2,) * n_ions + (size, n_columns) complex128
        lights : sequence of Light
            Ions that see any; the others are left alone.
        start_s, length_s : float
            Since the shot's beginning.
        """
        n_ions = state.ndim - 2
        if not lights:
            return np.asarray(state * np.exp(-1j * self.energies() * length_s)[:, None])
        active = [light.ion for light in lights]
        moved = np.moveaxis(state, active, range(len(active)))
        shape = moved.shape
        d = 2 ** len(active) * self.size
        rest = 2 ** (n_ions - len(active))
        # Active spins, Fock states, then spectators and columns.
        flat = moved.reshape(2 ** len(active), rest, self.size, -1).transpose(0, 2, 1, 3).reshape(d, -1)
        flat = self._driven(flat, lights, start_s, length_s)
        back = flat.reshape(2 ** len(active), self.size, rest, -1).transpose(0, 2, 1, 3).reshape(shape)
        return np.asarray(np.moveaxis(back, range(len(active)), active))

    def _driven(self, flat: Complex, lights: Sequence[Light], start_s: float, length_s: float) -> Complex:
        """Evolve (d, n) columns of active spins and modes, in the frame of each ion's mean tone and back."""
        means = tuple((min(t.offset_hz for t in one.tones) + max(t.offset_hz for t in one.tones)) / 2 for one in lights)
        single = all(len(one.tones) == 1 for one in lights)
        phases = tuple(one.tones[0].phase_rad if single else 0.0 for one in lights)
        etas = tuple(self.lamb_dicke[one.ion] for one in lights)
        flat = flat * _frame(means, phases, start_s, self.size).conj()[:, None]
        if single and len(flat) <= _WIDEST:
            rabi_hz = tuple(one.tones[0].rabi_hz for one in lights)
            levels, vectors = _known(("static", self, means, etas, rabi_hz), lambda: self._static(means, etas, rabi_hz))
            flat = vectors @ (np.exp(-1j * levels * length_s)[:, None] * (vectors.conj().T @ flat))
        else:
            turned = [
                [(t.offset_hz - mean, t.phase_rad - phase, t.rabi_hz) for t in one.tones]
                for one, mean, phase in zip(lights, means, phases, strict=True)
            ]
            flat = _Kicked(self, means, etas, turned).evolve(flat, start_s, length_s)
        return np.asarray(flat * _frame(means, phases, start_s + length_s, self.size)[:, None])

    def _static(
        self, means: tuple[float, ...], etas: tuple[tuple[float, ...], ...], rabi_hz: tuple[float, ...]
    ) -> tuple[NDArray[np.float64], Complex]:
        """Return eigenvalues and eigenvectors of one tone on each ion, all phases 0."""
        k = len(means)
        hamiltonian = np.diag(_detuned(means, self.size) + np.tile(self.energies(), 2**k)).astype(complex)
        for place, (eta, rabi) in enumerate(zip(etas, rabi_hz, strict=True)):
            raised = np.zeros((2, 2), complex)
            raised[1, 0] = np.pi * rabi
            spins = np.kron(np.kron(np.eye(2**place), raised), np.eye(2 ** (k - 1 - place)))
            term = np.kron(spins, _displacement(eta, self.sizes))
            hamiltonian += term + term.conj().T
        levels, vectors = np.linalg.eigh(hamiltonian)
        return levels, vectors


class _Kicked:
    """Several tones an ion: free motion in positions' own basis, and kicks."""

    def __init__(
        self, motion: Motion, means: tuple[float, ...], etas: tuple[tuple[float, ...], ...],
        tones: Sequence[Sequence[tuple[float, float, float]]],
    ) -> None:  # fmt: skip
        self.motion, self.means, self.etas, self.tones = motion, means, etas, tones
        self.k = len(means)
        beats = {round(abs(hz) / _SAME_HZ) for one in tones for hz, _, _ in one if abs(hz) > _SAME_HZ}
        self.beat_hz = beats.pop() * _SAME_HZ if len(beats) == 1 else 0.0
        fastest = [*motion.frequency_hz, *map(abs, means), *(abs(hz) for one in tones for hz, _, _ in one)]
        self.fastest_hz = max([1e4, *fastest])
        self.positions = [_positions(n)[0] for n in motion.sizes]
        self.bases = [_positions(n)[1] for n in motion.sizes]

    def evolve(self, flat: Complex, start_s: float, length_s: float) -> Complex:
        """Return columns after a stretch."""
        flat = self._turned(flat, inverse=True)
        n_beats = int(length_s * self.beat_hz) if self.beat_hz else 0
        if n_beats > _FEW_BEATS and len(flat) <= _WIDEST:
            beat_s = 1 / self.beat_hz
            flat = self._powers(start_s, beat_s, n_beats) @ flat
            start_s, length_s = start_s + n_beats * beat_s, length_s - n_beats * beat_s
        flat = self._kick(flat, start_s, length_s)
        return self._turned(flat, inverse=False)

    def _powers(self, start_s: float, beat_s: float, n_beats: int) -> Complex:
        """Return the propagator of whole beats; a beat begins wherever its tones are in phase."""
        # What the propagator depends on: each tone's phase at the start, to a part in 65,536 of a turn.
        now = tuple(
            tuple(
                (round(hz, 3), round(((phase - TWO_PI * hz * start_s) / TWO_PI % 1.0) * 65536) % 65536, rabi)
                for hz, phase, rabi in one
            )
            for one in self.tones
        )
        key = ("beats", self.motion, self.means, self.etas, now, n_beats)

        def made() -> tuple[Complex]:
            size = 2**self.k * self.motion.size
            one = self._kick(np.eye(size, dtype=complex), start_s, beat_s)
            return (np.linalg.matrix_power(one, n_beats),)

        found: Complex = _known(key, made)[0]
        return found

    def _kick(self, flat: Complex, start_s: float, length_s: float) -> Complex:
        if length_s <= 0:
            return flat
        n = max(1, int(np.ceil(length_s * self.fastest_hz * _KICKS)))
        dt_s = length_s / n
        free = [
            basis.T @ (np.exp(-1j * TWO_PI * nu * dt_s * np.arange(size))[:, None] * basis)
            for basis, nu, size in zip(self.bases, self.motion.frequency_hz, self.motion.sizes, strict=True)
        ]
        half = [
            basis.T @ (np.exp(-0.5j * TWO_PI * nu * dt_s * np.arange(size))[:, None] * basis)
            for basis, nu, size in zip(self.bases, self.motion.frequency_hz, self.motion.sizes, strict=True)
        ]
        spin = np.exp(-1j * _detuned(self.means, 1) * dt_s)
        spin_half = np.exp(-0.5j * _detuned(self.means, 1) * dt_s)
        times = start_s + (np.arange(n) + 0.5) * dt_s
        strengths = [
            sum(np.pi * rabi * np.exp(1j * (phase - TWO_PI * hz * times)) for hz, phase, rabi in one)
            for one in self.tones
        ]
        rays = [np.exp(1j * self._phase(eta)) for eta in self.etas]
        shape = (2**self.k, *self.motion.sizes, flat.shape[1])
        state = self._moved(flat.reshape(shape), half, spin_half)
        for k in range(n):
            for place, (strength, ray) in enumerate(zip(strengths, rays, strict=True)):
                state = _turn(state, place, self.k, complex(strength[k]), ray, dt_s)
            last = k == n - 1
            state = self._moved(state, half if last else free, spin_half if last else spin)
        return np.asarray(state.reshape(flat.shape))

    def _phase(self, eta: tuple[float, ...]) -> NDArray[np.float64]:
        """Return eta x at all positions of all modes."""
        found = np.zeros(self.motion.sizes)
        for axis, (one, x) in enumerate(zip(eta, self.positions, strict=True)):
            found += one * x.reshape([-1 if k == axis else 1 for k in range(len(self.motion.sizes))])
        return found

    @staticmethod
    def _moved(state: Complex, free: Sequence[Complex], spin: Complex) -> Complex:
        state = state * spin.reshape(-1, *[1] * (state.ndim - 1))
        for axis, one in enumerate(free, start=1):
            state = np.moveaxis(np.tensordot(one, state, axes=(1, axis)), 0, axis)
        return state

    def _turned(self, flat: Complex, inverse: bool) -> Complex:
        """Return columns in the positions' basis, or back."""
        state = flat.reshape(2**self.k, *self.motion.sizes, flat.shape[1])
        for axis, basis in enumerate(self.bases, start=1):
            one = basis.T if inverse else basis
            state = np.moveaxis(np.tensordot(one, state, axes=(1, axis)), 0, axis)
        return np.ascontiguousarray(state).reshape(flat.shape)


def _turn(state: Complex, place: int, k: int, strength: complex, ray: Complex, dt_s: float) -> Complex:
    """Kick one spin: exp(-i dt (c |1><0| exp(i eta x) + h.c.)) at each position."""
    size = abs(strength)
    if size == 0.0:
        return state
    view = state.reshape(2**place, 2, 2 ** (k - 1 - place), *state.shape[1:])
    cos, sin = np.cos(size * dt_s), -1j * np.sin(size * dt_s) * strength / size
    up = (sin * ray)[..., None]
    down = (-1j * np.sin(size * dt_s) * np.conj(strength) / size * ray.conj())[..., None]
    made = np.empty_like(view)
    made[:, 0] = cos * view[:, 0] + down * view[:, 1]
    made[:, 1] = cos * view[:, 1] + up * view[:, 0]
    return made.reshape(state.shape)


def _frame(means: Sequence[float], phases: Sequence[float], time_s: float, size: int) -> Complex:
    """Return what takes spins from the frames of their light to the qubits' own: exp(-i (2 pi mean t - phase)) on 1."""
    found = np.ones(1, complex)
    for mean, phase in zip(means, phases, strict=True):
        turned = np.exp(-1j * (TWO_PI * mean * time_s - phase))
        found = np.kron(found, np.array([1.0, turned]))
    return np.repeat(found, size)


def _detuned(means: Sequence[float], size: int) -> NDArray[np.float64]:
    """Return the energies of spins in the frames of their light, in rad/s."""
    found = np.zeros(1)
    for mean in means:
        found = (found[:, None] + np.array([0.0, -TWO_PI * mean])).ravel()
    return np.repeat(found, size)


@lru_cache(maxsize=256)
def _displacement(eta: tuple[float, ...], sizes: tuple[int, ...]) -> Complex:
    """Return exp(i sum eta (a + a+)) on all modes."""
    found = np.ones((1, 1), complex)
    for one, n in zip(eta, sizes, strict=True):
        x, basis = _positions(n)
        found = np.kron(found, (basis * np.exp(1j * one * x)) @ basis.T)
    return found


@lru_cache(maxsize=64)
def _positions(n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return eigenvalues and eigenvectors (columns) of a + a+ on n Fock states."""
    off = np.sqrt(np.arange(1, n))
    return np.linalg.eigh(np.diag(off, 1) + np.diag(off, -1))


_kept: OrderedDict[object, tuple[NDArray, ...]] = OrderedDict()


def _known(key: object, make: Callable[[], tuple[NDArray, ...]]) -> Any:
    """Return what was made before under a key."""
    found = _kept.get(key)
    if found is None:
        found = _kept[key] = make()
        total = sum(sum(array.nbytes for array in arrays) for arrays in _kept.values())
        while total > _KEPT_BYTES and len(_kept) > 1:
            total -= sum(array.nbytes for array in _kept.popitem(last=False)[1])
    else:
        _kept.move_to_end(key)
    return found
