"""What `propagate` is given, checked with the numbers in the message, as arrays of the shapes that it works on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qctl.errors import RequestError

__all__ = [
    "all_hermitian",
    "checked_boundaries",
    "checked_matrices",
    "checked_slices",
    "checked_state",
    "driven_controls",
    "driven_parts",
]

ROUNDING = 1e-10
"""Part of the largest element by which a matrix may differ from its adjoint and be Hermitian."""


def _numbers(given: object, dtype: type, name: str) -> NDArray:
    """Return an array of numbers."""
    try:
        return np.array(given, dtype)
    except (TypeError, ValueError) as error:
        raise RequestError(f"{name} is no array of {'real ' if dtype is float else ''}numbers: {error}") from None


def checked_matrices(given: ArrayLike | Sequence[ArrayLike], name: str, d: int | None = None) -> NDArray[np.complex128]:
    """Return (n, d, d) finite matrices; one matrix counts as a list of one."""
    found = _numbers(given, complex, name)
    if found.size == 0 and found.ndim < 3:
        return np.zeros((0, d or 0, d or 0), complex)
    found = found[None] if found.ndim == 2 else found
    if found.ndim != 3 or found.shape[1] != found.shape[2] or found.shape[1] == 0 or d not in (None, found.shape[1]):
        size = "d" if d is None else str(d)
        raise RequestError(f"{name} has shape {np.asarray(given).shape}, not (n, {size}, {size}) or ({size}, {size})")
    _refuse_unreal(found, name)
    return found


def _refuse_unreal(found: NDArray, name: str) -> None:
    """Refuse NaN and infinity, with the place of the first."""
    if not np.isfinite(found).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(found))[0])
        raise RequestError(f"{name}{list(place)} = {found[place]} is not finite")


def all_hermitian(matrices: NDArray[np.complex128]) -> bool:
    """Say whether all of (..., d, d) are Hermitian, to rounding."""
    if matrices.size == 0:
        return True
    return bool(np.abs(matrices - matrices.conj().swapaxes(-1, -2)).max() <= ROUNDING * np.abs(matrices).max())


def checked_slices(
    drives: ArrayLike | None, dt_s: float | ArrayLike, n_drives: int
) -> tuple[NDArray[np.float64], NDArray[np.complex128], bool]:
    """Return lengths (n_slices,) or (1,), amplitudes (n_batch, n_slices, n_drives), and whether drives have a batch."""
    lengths = _numbers(dt_s, float, "dt_s")
    if lengths.ndim > 1:
        raise RequestError(f"dt_s has shape {lengths.shape}, not () or (n_slices,)")
    _refuse_unreal(lengths.reshape(-1), "dt_s")
    if lengths.size and lengths.min() < 0:
        raise RequestError(f"dt_s has {lengths.min()} s, below 0")
    if drives is None:
        amplitudes = np.zeros((1 if lengths.ndim == 0 else lengths.size, 0), complex)
    else:
        amplitudes = _numbers(drives, complex, "drives")
        if amplitudes.ndim == 1 and n_drives == 1:
            amplitudes = amplitudes[:, None]
    if amplitudes.ndim not in (2, 3) or amplitudes.shape[-1] != n_drives:
        raise RequestError(
            f"drives have shape {np.shape(drives) if drives is not None else None}, not (n_slices, {n_drives}) or "
            f"(n_batch, n_slices, {n_drives}) for a hamiltonian of 1 + {n_drives} matrices"
        )
    if lengths.ndim and lengths.size != amplitudes.shape[-2]:
        raise RequestError(f"dt_s has {lengths.size} lengths for {amplitudes.shape[-2]} slices")
    _refuse_unreal(amplitudes, "drives")
    return lengths.reshape(-1), amplitudes if amplitudes.ndim == 3 else amplitudes[None], amplitudes.ndim == 3


def driven_parts(
    matrices: NDArray[np.complex128],
) -> tuple[NDArray[np.complex128], tuple[bool, ...], float]:
    """Return -i H for each real control, which drives have Hermitian operators, and H_0's mean energy in rad/s."""
    if not all_hermitian(matrices[0]):
        differs = np.abs(matrices[0] - matrices[0].conj().T).max()
        raise RequestError(f"hamiltonian[0] differs from its adjoint by {differs:g} of {np.abs(matrices[0]).max():g}")
    parts = [-1j * matrices[0]]
    hermitian = tuple(all_hermitian(operator) for operator in matrices[1:])
    for operator, is_real in zip(matrices[1:], hermitian, strict=True):
        adjoint = operator.conj().T
        parts += [-1j * operator] if is_real else [-1j * (operator + adjoint), operator - adjoint]
    energies = matrices[0].diagonal().real
    return np.stack(parts), hermitian, float(energies.max() + energies.min()) / 2


def driven_controls(amplitudes: NDArray[np.complex128], hermitian: tuple[bool, ...]) -> NDArray[np.float64]:
    """Return what multiplies each part: the real part of each amplitude, and the imaginary one where both count."""
    if not any(hermitian):
        return np.ascontiguousarray(amplitudes).view(np.float64)
    controls = []
    for k, is_real in enumerate(hermitian):
        amplitude = amplitudes[..., k]
        controls += [amplitude.real] if is_real else [amplitude.real, amplitude.imag]
        if is_real and amplitude.imag.any():
            raise RequestError(
                f"drives[..., {k}] is complex, but hamiltonian[{k + 1}] is Hermitian and needs real ones"
            )
    return np.ascontiguousarray(np.stack(controls, axis=-1))


def checked_state(
    state: ArrayLike | None, d: int, n_batch: int, batched: bool
) -> tuple[NDArray[np.complex128], str, bool]:
    """Return the state as (n_batch or 1, d, 1 or d), what it is, and whether there is a batch."""
    if state is None:
        return np.zeros((1, d, d), complex), "propagator", batched
    found = _numbers(state, complex, "state")
    shape = found.shape
    found = found[:, None] if found.ndim == 1 else found
    found = found[None] if found.ndim == 2 else found
    if found.ndim != 3 or found.shape[1] != d or found.shape[2] not in (1, d):
        raise RequestError(
            f"state has shape {shape}, not ({d},), ({d}, 1), ({d}, {d}) or one of the latter for each run"
        )
    if batched and len(shape) == 3 and len(found) != n_batch:
        raise RequestError(f"state has {len(found)} states for drives of {n_batch} runs")
    _refuse_unreal(found, "state")
    kind = "vector" if len(shape) == 1 or found.shape[2] == 1 else "density"
    if kind == "density" and not all_hermitian(found):
        differs = np.abs(found - found.conj().swapaxes(1, 2)).max()
        raise RequestError(f"state differs from its adjoint by {differs:g}, so it is no density matrix")
    return found, kind, batched or len(shape) == 3


def checked_boundaries(at: Sequence[int] | NDArray[np.integer] | None, n_slices: int) -> NDArray[np.int64]:
    """Return the boundaries of slices at which to write; the last one for None."""
    if at is None:
        return np.array([n_slices], np.int64)
    try:
        given = np.asarray(at)
    except ValueError as error:
        raise RequestError(f"at is no sequence of whole numbers: {error}") from None
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise RequestError(f"at has shape {given.shape} and type {given.dtype}, not (n_at,) whole numbers")
    found = np.ascontiguousarray(given, np.int64)
    if found.size and (found.min() < 0 or found.max() > n_slices or (np.diff(found) < 0).any()):
        raise RequestError(f"at = {found.tolist()} are not ascending boundaries in [0, {n_slices}]")
    return found
