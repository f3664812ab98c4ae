"""propagate: few-level systems under piecewise-constant drives, with or without collapse operators, in batches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qctl.cext.propagate import LANES, Course
from qctl.errors import RequestError
from qctl.simulation.driven import (
    all_hermitian,
    checked_boundaries,
    checked_matrices,
    checked_slices,
    checked_state,
    driven_controls,
)
from qctl.simulation.motion import Motion, driven_system, places
from qctl.simulation.vectors import widest_vectors

__all__ = ["propagate"]

MOST_RAD = 1e8
"""How far a whole evolution may turn: its cost is in proportion, half a minute for a qubit."""


def propagate(
    hamiltonian: ArrayLike,
    drives: ArrayLike | None,
    dt_s: float | ArrayLike,
    collapse: ArrayLike | Sequence[ArrayLike] = (),
    state: ArrayLike | None = None,
    *,
    at: Sequence[int] | NDArray[np.integer] | None = None,
    observables: ArrayLike | Sequence[ArrayLike] | None = None,
    tolerance: float = 1e-10,
    threads: int = 1,
) -> NDArray[np.complex128] | NDArray[np.float64]:
    """Solve the Schrödinger or Lindblad equation through slices of constant drives, as exactly as asked.

    H(t) = H_0 + sum over k of c_k(t) H_k for Hermitian H_k and real c_k, and H_0 + sum of (c_k H_k + c_k* H_k†) for any
    other H_k and complex c_k. A transmon's drive is H_k = a†/2 with c_k = Omega; a swept detuning is the drive of a
    number operator.

    Parameters
    ----------
    hamiltonian : (d, d) or (1 + n_drives, d, d) array_like
        H_0, or H_0 and all H_k, over hbar: energies in rad/s if the drives have no unit.
    drives : (n_slices, n_drives) or (n_batch, n_slices, n_drives) array_like, or None
        c_k in each slice; (n_slices,) is taken for one drive. None if there is none.
    dt_s : float or (n_slices,) array_like
        Length of each slice, in seconds.
    collapse : (n_collapse, d, d) array_like
        Constant operators L in 1/sqrt(s), such as a / sqrt(T1): rho' = -i[H, rho] + sum of L rho L† - {L†L, rho}/2.
    state : array_like, optional
        (d,) or (d, 1) state vector, (d, d) Hermitian density matrix, or for each run (n_batch, d, 1) or
        (n_batch, d, d). With collapse operators a vector becomes a density matrix. None asks for the propagator.
    at : (n_at,) sequence of int, optional
        Boundaries of slices, ascending, at which to return: 0 is the start, n_slices the end.
    observables : (n_observables, d, d) array_like, optional
        Return their expectation values instead of states, real if all are Hermitian.
    tolerance : float
        Largest error of an element from cutting series, for the whole course. Rounding comes in addition, about 1e-16
        for each radian of the evolution.
    threads : int
        Threads among which the runs are divided.

    Returns
    -------
    numpy.ndarray
        complex128; (d,), (d, 1) or (d, d) as the state is. Of a propagator: U (d, d) in psi_end = U psi, or with
        collapse operators S (d * d, d * d) in rho_end.ravel() = S @ rho.ravel(). Of expectation values:
        (n_observables,). In front of it (n_at,) if `at` is given, and (n_batch,) in front of all if drives or state
        have it.

    Raises
    ------
    RequestError
        If shapes don't fit each other, a number is not finite, H_0 or a density matrix is not Hermitian, a drive of a
        Hermitian operator is complex, a length is negative, or the whole evolution turns by more than 1e8 rad.

    Notes
    -----
    Each slice is the Taylor series of its exponential, which ends when the size of a term proves that the rest is below
    the tolerance (A. H. Al-Mohy and N. J. Higham, SIAM J. Sci. Comput. 33, 488 (2011) describe such bounds).
    """
    matrices = checked_matrices(hamiltonian, "hamiltonian")
    if not len(matrices):
        raise RequestError("hamiltonian has no matrix; at least H_0 is needed")
    if not isinstance(tolerance, Real) or not (math.isfinite(tolerance) and tolerance > 0):
        raise RequestError(f"tolerance = {tolerance!r} is not a number above 0")
    if not isinstance(threads, Integral) or threads < 1:
        raise RequestError(f"threads = {threads!r} is no whole number from 1 on")
    d = matrices.shape[1]
    jumps = checked_matrices(collapse, "collapse", d)
    lengths, amplitudes, batched = checked_slices(drives, dt_s, len(matrices) - 1)
    given, kind, batched = checked_state(state, d, len(amplitudes), batched)
    wanted = None if observables is None else checked_matrices(observables, "observables", d)
    if wanted is not None and kind == "propagator":
        raise RequestError("expectation values need a state; state is None")
    boundaries = checked_boundaries(at, amplitudes.shape[1])
    if kind == "vector" and len(jumps):
        given, kind = given @ given.conj().swapaxes(-1, -2), "density"
    n_batch = len(given) if len(amplitudes) == 1 else len(amplitudes)
    density = kind == "density" or (kind == "propagator" and len(jumps) > 0)
    system = driven_system(matrices, jumps, density)
    motion, shift = system.motion, system.shift
    controls = driven_controls(amplitudes, system.hermitian)
    weights = _weights(wanted, d) if wanted is not None and density else np.zeros((0, motion.n))
    start = _start(given, kind, density, n_batch, d)
    out = np.empty((len(start), boundaries.size, motion.n if wanted is None or not density else len(weights)))
    if out.size:
        _refuse_endless(motion, controls, lengths)
        n_slices = controls.shape[1]
        time_s = float(lengths.sum()) * (n_slices if lengths.size == 1 else 1)
        rate = tolerance / time_s if time_s > 0 else 1.0
        repeated = _repeated(controls, n_batch)
        course = Course(repeated, lengths, boundaries, weights, rate, len(start) // n_batch)
        _run(motion, course, start, out, threads)
    if density and wanted is not None:
        found = _expectations(out, wanted)
    elif density:
        found = _densities(out, d) if kind == "density" else _superoperators(out, n_batch, d)
    else:
        times_s = np.concatenate([[0.0], np.cumsum(np.broadcast_to(lengths, controls.shape[1]))])[boundaries]
        found = (out[..., :d] + 1j * out[..., d:]) * np.exp(-1j * shift * times_s)[:, None]
        if kind == "propagator":
            found = found.reshape(n_batch, d, boundaries.size, d).transpose(0, 2, 3, 1)
        elif wanted is not None:
            found = np.einsum("bti,oij,btj->bto", found.conj(), wanted, found, optimize=True)
            found = found.real if all_hermitian(wanted) else found
        elif np.asarray(state).ndim > 1:
            found = found[..., None]
    found = found if at is not None else found[:, 0]
    return found if batched else found[0]


def _refuse_endless(motion: Motion, controls: NDArray[np.float64], lengths: NDArray[np.float64]) -> None:
    """Refuse an evolution so long that its series would take minutes: mostly seconds were meant as nanoseconds."""
    largest = motion.bounds.max(axis=0, initial=0.0)
    turned = float(((largest[0] + np.abs(controls) @ largest[1:]) * lengths).sum(axis=1).max())
    if turned > MOST_RAD:
        raise RequestError(
            f"the evolution may turn by {turned:.3g} rad, over {MOST_RAD:g}: are dt_s seconds and energies rad/s?"
        )


def _repeated(rows: NDArray, n: int) -> NDArray:
    """Return rows as often as there are runs, C-contiguous."""
    return rows if len(rows) == n else np.ascontiguousarray(np.broadcast_to(rows, (n, *rows.shape[1:])))


def _start(given: NDArray[np.complex128], kind: str, density: bool, n_batch: int, d: int) -> NDArray[np.float64]:
    """Return the real coordinates of all vectors at the start."""
    if kind == "propagator":
        return np.tile(np.eye(d * d) if density else np.eye(d, 2 * d), (n_batch, 1))
    if not density:
        return _repeated(np.concatenate([given[..., 0].real, given[..., 0].imag], axis=1), n_batch)
    elements = np.ascontiguousarray(given).view(np.float64).reshape(len(given), 2 * d * d)
    return _repeated(np.take(elements, _orders(d)[0], axis=1), n_batch)


def _run(motion: Motion, course: Course, start: NDArray[np.float64], out: NDArray[np.float64], threads: int) -> None:
    """Fill `out`, dividing the vectors among threads in multiples of what the kernel takes side by side."""
    n, most = len(start), widest_vectors()
    share = -(-n // (threads * LANES)) * LANES if n else LANES
    pieces = [(first, min(first + share, n)) for first in range(0, n, share)]
    if len(pieces) <= 1:
        motion.run(course, start, out, 0, n, most)
        return
    _ = motion.rows, motion.blocks
    with ThreadPoolExecutor(len(pieces)) as pool:
        for done in [pool.submit(motion.run, course, start, out, *piece, most) for piece in pieces]:
            done.result()


def _signs(d: int) -> NDArray[np.float64]:
    """Return +1 above the diagonal, -1 below, 0 on it."""
    return np.triu(np.ones((d, d)), 1) - np.tril(np.ones((d, d)), -1)


@lru_cache(maxsize=32)
def _orders(d: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Return which number of a density matrix each coordinate is; which coordinate each number is, and its sign."""
    re, im = places(d)
    both = np.stack([re, im], axis=-1).astype(np.intp)
    signs = np.stack([np.ones((d, d)), _signs(d)], axis=-1)
    above = np.triu(np.ones((d, d), bool))
    held = np.stack([above, above & ~np.eye(d, dtype=bool)], axis=-1)
    taken = np.empty(d * d, np.intp)
    taken[both[held]] = np.flatnonzero(held)
    return taken, both.ravel(), signs.ravel()


def _densities(out: NDArray[np.float64], d: int) -> NDArray[np.complex128]:
    _, order, signs = _orders(d)
    return (np.take(out, order, axis=-1) * signs).view(np.complex128).reshape(*out.shape[:-1], d, d)


def _superoperators(out: NDArray[np.float64], n_batch: int, d: int) -> NDArray[np.complex128]:
    """Return (n_batch, n_at, d * d, d * d) from the ends of all coordinates."""
    ends = _densities(out, d).reshape(n_batch, d * d, out.shape[1], d * d)
    re, im = places(d)
    # the element (j, l) alone is half the matrix of its real part and -i/2 times that of its imaginary one
    found = 0.5 * (ends[:, re.ravel()] - 1j * _signs(d).ravel()[:, None, None] * ends[:, im.ravel()])
    found[:, np.arange(d) * (d + 1)] *= 2
    return np.asarray(found.transpose(0, 2, 3, 1))


def _weights(wanted: NDArray[np.complex128], d: int) -> NDArray[np.float64]:
    """Return rows of weights of the coordinates: the real part of each expectation value, and the imaginary if any."""
    re, im = places(d)
    above = np.triu_indices(d, 1)
    weights = np.zeros((len(wanted), d * d), complex)
    weights[:, re.diagonal()] = wanted.diagonal(axis1=1, axis2=2)
    upper, lower = wanted[:, above[0], above[1]], wanted[:, above[1], above[0]]
    weights[:, re[above]] = upper + lower
    weights[:, im[above]] = 1j * (lower - upper)
    rows = [weights.real] if all_hermitian(wanted) else [weights.real, weights.imag]
    return np.ascontiguousarray(np.concatenate(rows))


def _expectations(out: NDArray[np.float64], wanted: NDArray[np.complex128]) -> NDArray:
    n = len(wanted)
    return out if all_hermitian(wanted) else np.asarray(out[..., :n] + 1j * out[..., n:])
