"""Moves of atoms between traps while a program is timed: where all atoms are, and what no move may do.

Tweezers take an atom along the path of least jerk, x(t) = x0 + (x1 - x0) (10 s^3 - 15 s^4 + 6 s^5) with s from 0 to 1,
whose largest speed is 15/8 of the mean one (T. Flash and N. Hogan, J. Neurosci. 5, 1688 (1985)).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.compiler.light import TICK_HZ, Numbers
from qctl.errors import CompileError
from qctl.lab.atom import AtomProcessor
from qctl.lab.beams import Beam
from qctl.program.timeline import MOVE
from qctl.units import to_ticks

__all__ = ["PEAK", "Moves"]

PEAK = 15 / 8
"""Largest over mean speed."""


class _Move(NamedTuple):
    """One move of one atom, at all points."""

    port: int
    atom: int
    starts: list[Fraction]
    ends: list[Fraction]
    origin: NDArray[np.float64]
    goal: NDArray[np.float64]


class Moves:
    """The moves of a program so far.

    Parameters
    ----------
    processor : AtomProcessor
        Where atoms are at first.
    """

    def __init__(self, processor: AtomProcessor) -> None:
        self._names = tuple(processor.qubits)
        self._least_m = processor.rydberg.min_distance_m
        self._at = [np.array([processor.qubit[name].position_m[:2]]) for name in self._names]
        self._all: list[_Move] = []

    def add(
        self, beam: Beam, port: int, atoms: Sequence[int], goals: Sequence[Numbers], starts: list[Fraction],
        ends: list[Fraction], place: str,
    ) -> None:  # fmt: skip
        """Move atoms to (x, y), which follow each other in `goals`.

        Raises
        ------
        CompileError
            If a move is too fast, or brings atoms too close to each other; the message has numbers and atoms.
        """
        n = len(starts)
        wanted = {}
        for k, atom in enumerate(atoms):
            if beam.qubits and self._names[atom] not in beam.qubits:
                raise CompileError(f"{place}: beam {beam.name} does not reach {self._names[atom]}")
            wanted[atom] = np.stack([np.broadcast_to(value, n) for value in goals[2 * k : 2 * k + 2]], 1).astype(float)
            if not np.isfinite(wanted[atom]).all():
                raise CompileError(f"{place}: where {self._names[atom]} goes to is no number")
        lengths = np.array([float(end - start) for start, end in zip(starts, ends, strict=True)])
        for atom, goal in wanted.items():
            way = np.hypot(*(goal - self._at[atom]).T)
            if (lengths <= 0).any():
                raise CompileError(f"{place}: duration_s = {lengths.min():g} is not above 0")
            speed = PEAK * way / lengths
            most = beam.speed_m_per_s
            if most is not None and speed.max() > most * (1 + 1e-9):
                k = int(speed.argmax())
                raise CompileError(
                    f"{place}: {self._names[atom]} goes {way[k]:.4g} m in {lengths[k]:.4g} s and is as fast as "
                    f"{speed[k]:.4g} m/s, over speed_m_per_s = {most:g} of beam {beam.name}: take at least "
                    f"{PEAK * way[k] / most:.4g} s"
                )
        self._check_distances(wanted, place)
        for atom, goal in wanted.items():
            origin = np.broadcast_to(self._at[atom], goal.shape).copy()
            self._all.append(_Move(port, atom, starts, ends, origin, goal))
            self._at[atom] = goal

    def _check_distances(self, wanted: dict[int, NDArray[np.float64]], place: str) -> None:
        """Refuse atoms that come too close; those of one move are on straight lines at equal parts of their ways."""
        for atom, goal in wanted.items():
            for other, there in enumerate(self._at):
                if other == atom or (other in wanted and other < atom):
                    continue
                ahead = self._at[atom] - there
                change = (goal - self._at[atom]) - (wanted[other] - there if other in wanted else 0.0)
                square = (change**2).sum(1)
                part = np.clip(-(ahead * change).sum(1) / np.where(square > 0, square, 1.0), 0.0, 1.0)
                apart = np.hypot(*(ahead + part[:, None] * change).T)
                if apart.min() < self._least_m * (1 - 1e-9):
                    raise CompileError(
                        f"{place}: {self._names[atom]} comes as close as {round(float(apart.min()), 12):.4g} m to "
                        f"{self._names[other]}, "
                        f"under rydberg.min_distance_m = {self._least_m:g}: take it around, in several moves"
                    )

    def table(self, n_points: int) -> NDArray | None:
        """Return all moves, (n_points, n_moves) MOVE, or None where there is none."""
        if not self._all:
            return None
        table = np.zeros((n_points, len(self._all)), MOVE)
        for k, move in enumerate(self._all):
            column = table[:, k]
            column["port"], column["atom"] = move.port, move.atom
            column["start"] = [to_ticks(time, TICK_HZ).ticks for time in move.starts]
            column["end"] = [to_ticks(time, TICK_HZ).ticks for time in move.ends]
            column["from_x_m"], column["from_y_m"] = move.origin.T
            column["x_m"], column["y_m"] = move.goal.T
        return table
