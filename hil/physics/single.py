"""What drives each transmon, and one transmon by itself while its flux moves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from qctl.cext import crosstalk, qutrit
from qctl.hil.physics.lines import Lines
from qctl.hil.physics.state import State

__all__ = ["Pieces", "drive_pieces", "propagate_one"]

TWO_PI = 2 * np.pi
CROSSTALK_RAD = {False: 2e-3, True: 1e-6}
"""Least turn by another line that counts, by whether the transmon is driven in the shot: what a turn x changes in the
populations is x**2 / 4 at rest and x / 2 in a superposition."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """The pieces of drive of every transmon.

    Attributes
    ----------
    table : (n_pieces, 4) int64
        Transmon, first sample, sample after the last, where it begins in `omega`; by transmon, in order of time.
    omega : (n_driven,) complex128, rad/s
        Omega of all pieces in the frame of the shot.
    """

    table: NDArray[np.int64]
    omega: NDArray[np.complex128]

    def dense(self, qubits: tuple[int, ...], start: int, stop: int) -> NDArray[np.complex128]:
        """Return Omega of each of these transmons in every sample between two."""
        omega = np.zeros((len(qubits), max(stop - start, 0)), complex)
        for driven, first, last, at in self.table.tolist():
            left, right = max(first, start), min(last, stop)
            if driven in qubits and left < right:
                row = omega[qubits.index(driven)]
                row[left - start : right - start] = self.omega[at + left - first : at + right - first]
        return omega


def drive_pieces(
    lines: Lines, waves: NDArray[np.float64], coefficients: NDArray[np.complex128], frame_hz: float
) -> Pieces:
    """Return the drives that matter to each transmon: its own line, and others' by crosstalk.

    The drive of another line enters where it could turn the transmon by CROSSTALK_RAD or more,
    judged by its Fourier component at the transmon's two transitions.

    Parameters
    ----------
    lines : Lines
        What arrives.
    waves : (n, 2) float64, rad/s
        Both transitions of each transmon, from the frame.
    coefficients : (n, n) complex128, rad/s/V
        Omega of each transmon (rows) by volts on each line.
    frame_hz : float
        Frequency of the frame.
    """
    played = sorted((run.start, j, run) for j, runs in enumerate(lines.drive) for run in runs if run.volts.size)
    if not played:
        return Pieces(np.empty((0, 4), np.int64), np.empty(0, complex))
    n, begin = len(waves), 0
    rows = []
    for start, j, run in played:
        rows.append((j, start, run.stop, begin))
        begin += run.volts.size
    runs = np.array(rows, np.int64)
    volts = np.concatenate([run.volts for _, _, run in played], dtype=complex)
    beats = _beats(lines.drive_lo_hz, frame_hz)
    heard = np.empty((len(rows), n), np.int64)
    table = np.empty((len(rows) * n, 4), np.int64)
    omega = np.empty(begin * n, complex)
    least_rad = _least_rad(tuple([bool(own) for own in lines.drive]))
    found = crosstalk.listen(volts, runs, beats, waves, coefficients, 1 / lines.rate_hz, least_rad, heard, table, omega)
    return Pieces(table[:found], omega)


@lru_cache(maxsize=64)
def _beats(drive_lo_hz: tuple[float, ...], frame_hz: float) -> NDArray[np.float64]:
    """Return how far each line's LO is above the frame, in rad/s."""
    return np.asarray(TWO_PI * (np.array(drive_lo_hz) - frame_hz))


@lru_cache(maxsize=256)
def _least_rad(driven: tuple[bool, ...]) -> NDArray[np.float64]:
    """Return the least turn by another line that counts for each transmon, by whether it is driven."""
    return np.array([CROSSTALK_RAD[own] for own in driven])


def propagate_one(
    state: State,
    qubit: int,
    levels: NDArray[np.float64],
    omega: NDArray[np.complex128],
    dt_s: float,
    relaxation: NDArray[np.float64],
) -> None:
    """Propagate one transmon of the joint state in place while its levels move.

    Parameters
    ----------
    state : State
        Changed in place.
    qubit : int
        Which transmon.
    levels : (n, 2) float64, rad/s
        Energies in the rotating frame, sample by sample.
    omega : (n,) complex128, rad/s
        Drive of each sample.
    dt_s : float
        Length of a sample.
    relaxation : (3, 14) float64
        As `qutrit.propagate` takes it.
    """
    if omega.size == 0:
        return
    rows = np.ascontiguousarray(levels)
    state.resting[qubit] = 0
    index, _ = state.place(qubit)
    members, rho = state.groups[index]
    if len(members) == 1:
        qutrit.propagate(omega, rows, dt_s, relaxation, rho.reshape(1, 3, 3))
        return
    states = np.eye(9, dtype=complex).reshape(9, 3, 3)
    qutrit.propagate(omega, rows, dt_s, relaxation, states)
    _, left, right = state.places[qubit].tolist()
    qutrit.apply_map(rho, left, right, np.ascontiguousarray(states.reshape(9, 9).T))
