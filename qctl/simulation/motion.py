"""The equation of motion of a driven system in real coordinates, in the layouts that the kernel propagates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from qctl.cext import arrangement, generator
from qctl.cext.propagate import LANES, Blocks, Course, Rows, lanes, single
from qctl.simulation.driven import driven_parts

__all__ = ["Driven", "Motion", "driven_system", "equation_of_motion", "places"]

FEWEST_LANES = 4
"""Fewer vectors are quicker one after the other."""
_NO_JUMPS = np.zeros((0, 1, 1), complex)


@dataclass(frozen=True)
class Motion:
    """x' = (G_0 + sum of u_k G_k) x for real x.

    Attributes
    ----------
    begin, length : (1 + n_controls, n) int32
        Where the row of each matrix lies.
    columns, values : (n_elements,) int32 and float64
        The elements of all matrices, per second.
    """

    begin: NDArray[np.int32]
    length: NDArray[np.int32]
    columns: NDArray[np.int32]
    values: NDArray[np.float64]

    @property
    def n(self) -> int:
        """Return the number of coordinates."""
        return int(self.begin.shape[1])

    @cached_property
    def bounds(self) -> NDArray[np.float64]:
        """Return rows of absolute sums that bound the norm."""
        out = np.empty(self.begin.shape[::-1])
        return out[: arrangement.bounds(self.begin, self.length, self.columns, self.values, out)]

    @cached_property
    def blocks(self) -> Blocks:
        """Return the layout for one vector at a time."""
        n, n_parts = self.n, len(self.begin)
        n_blocks, n_elements = (n + 7) // 8, self.columns.size
        most_pairs = min(n_elements, n_blocks * (n + 7))
        most_values = min(n_elements, n_blocks * (n + 7) * (n_parts - 1))
        block_begin = np.empty(n_blocks + 1, np.int32)
        offsets, touched = np.empty(most_pairs, np.int32), np.empty(most_pairs, np.int32)
        fixed, touch_begin = np.empty((most_pairs, 8)), np.empty(most_pairs + 1, np.int32)
        touch_controls, touch_values = np.empty(most_values, np.int32), np.empty((most_values, 8))
        work = np.empty(2 * n + (n_parts - 1) * (n + 7), np.int32)
        p, t, v = arrangement.blocks(
            self.begin,
            self.length,
            self.columns,
            self.values,
            block_begin,
            offsets,
            fixed,
            touched,
            touch_begin,
            touch_controls,
            touch_values,
            work,
        )
        parts = touch_begin[: t + 1], touch_controls[:v], touch_values[:v]
        return Blocks(n, self.bounds, block_begin, offsets[:p], fixed[:p], touched[:t], *parts)

    @cached_property
    def rows(self) -> Rows:
        """Return the layout for vectors side by side."""
        n, n_parts = self.n, len(self.begin)
        counts, controlled = np.empty((n_parts + 1) * n, np.int32), np.empty((n_parts - 1) * n, np.int32)
        columns, values = np.empty_like(self.columns), np.empty_like(self.values)
        c, p = arrangement.rows(self.begin, self.length, self.columns, self.values, counts, controlled, columns, values)
        return Rows(n, self.bounds, counts[:c], controlled[:p], columns, values)

    def run(
        self, course: Course, start: NDArray[np.float64], out: NDArray[np.float64], first: int, last: int, most: int = 2
    ) -> None:
        """Take vectors `first` to `last` of `start` (n_vectors, n) through a course, and fill their part of `out`.

        `out` is (n_vectors, n_at, n_weights or n); neighbouring vectors share a run if there are more vectors than
        runs. `most` limits the kind of vector instructions, as `qctl.cext.propagate.widest` counts them.
        """
        alone = (last - first) % (LANES // 2)
        middle = last - alone if alone < FEWEST_LANES else last
        if first < middle:
            lanes(self.rows, course, first, middle, start, out, np.empty(self.rows.n_work), most)
        if middle < last:
            single(self.blocks, course, middle, last, start, out, np.empty(self.blocks.n_work), most)


@dataclass(frozen=True, slots=True)
class Driven:
    """A driven system, ready to be propagated.

    Attributes
    ----------
    motion : Motion
    hermitian : tuple of bool
        Of each drive: whether its operator is Hermitian, so that its amplitude is one real control.
    shift : float
        Energy in rad/s that was taken from H_0; 0 for density matrices, which don't feel it.
    """

    motion: Motion
    hermitian: tuple[bool, ...]
    shift: float


def driven_system(matrices: NDArray[np.complex128], jumps: NDArray[np.complex128], density: bool) -> Driven:
    """Return the motion of H_0 and driven H_k (1 + n_drives, d, d) with jumps (n_jumps, d, d); some are kept."""
    return _driven(matrices.tobytes(), jumps.tobytes(), matrices.shape[1], density)


@lru_cache(maxsize=16)
def _driven(matrices: bytes, jumps: bytes, d: int, density: bool) -> Driven:
    listed = np.frombuffer(jumps, complex).reshape(-1, d, d)
    parts, hermitian, shift = driven_parts(np.frombuffer(matrices, complex).reshape(-1, d, d))
    if density:
        parts[0] -= 0.5 * (listed.conj().swapaxes(1, 2) @ listed).sum(axis=0)
        return Driven(equation_of_motion(parts, listed, True), hermitian, 0.0)
    parts[0] += 1j * shift * np.eye(d)
    return Driven(equation_of_motion(parts), hermitian, shift)


@lru_cache(maxsize=32)
def places(d: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return which coordinate has the real and the imaginary part of each element of a Hermitian (d, d) matrix."""
    re, im = np.empty((d, d), np.int32), np.empty((d, d), np.int32)
    generator.places(re, im)
    return re, im


def equation_of_motion(
    parts: NDArray[np.complex128], jumps: NDArray[np.complex128] = _NO_JUMPS, density: bool = False
) -> Motion:
    """Return the motion of a state vector, or of a density matrix.

    Parameters
    ----------
    parts : (1 + n_controls, d, d) complex128, per second
        K of psi' = K psi, or of rho' = K rho + rho K† + sum of L rho L†: fixed, and for each control.
    jumps : (n_jumps, d, d) complex128
        The operators L; density matrices only.
    density : bool
        Whether the state is a density matrix.
    """
    n_parts, d, _ = parts.shape
    n = d * d if density else 2 * d
    per_part = np.count_nonzero(parts, axis=(1, 2))
    room = 4 * (d + 1 if density else 1) * int(per_part.sum())
    if density and len(jumps):
        in_rows = np.count_nonzero(jumps, axis=2)
        room += 2 * int((in_rows.sum(axis=1) ** 2 + (in_rows**2).sum(axis=1)).sum())
    room = min(room, n_parts * n * n)
    begin, length = np.empty((n_parts, n), np.int32), np.empty((n_parts, n), np.int32)
    columns, values = np.empty(room, np.int32), np.empty(room)
    work, listed = np.zeros(4 * n if density else 2 * n), np.empty(2 * n if density else n, np.int32)
    used = 0
    for k in range(n_parts):
        rows = begin[k], length[k], columns, values
        if density:
            now = jumps if k == 0 and len(jumps) else np.zeros((0, d, d), complex)
            used = generator.hermitian_rows(parts[k], now, *places(d), *rows, used, work, listed)
        else:
            used = generator.vector_rows(parts[k], *rows, used, work, listed)
    return Motion(begin, length, columns[:used], values[:used])
