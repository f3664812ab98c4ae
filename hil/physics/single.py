"""One transmon by itself: its pieces of drive by the kernel, idling in one exact step."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from qctl.cext import qutrit
from qctl.hil.physics.couplings import Rest
from qctl.hil.physics.lines import Lines
from qctl.hil.physics.parameters import Processor, Transmon
from qctl.hil.physics.relaxation import idle_step, sample_relaxation
from qctl.hil.physics.state import State

__all__ = ["DrivePiece", "MapCache", "Pieces", "advance_one", "drive_pieces"]

TWO_PI = 2 * np.pi
CROSSTALK_RAD = {False: 2e-3, True: 1e-6}
"""Least turn by another line that counts, by whether the transmon is driven in the shot: what a turn x changes in the
populations is x**2 / 4 at rest and x / 2 in a superposition."""
_KEPT = 4096


@dataclass(frozen=True, slots=True)
class DrivePiece:
    """Omega of one transmon, sample by sample, in rad/s in the frame of the shot."""

    start: int
    omega: NDArray[np.complex128]

    @property
    def stop(self) -> int:
        """Return the sample after the last."""
        return self.start + int(self.omega.size)


class Pieces:
    """The pieces of drive of every transmon, in order of time."""

    def __init__(self, pieces: list[list[DrivePiece]]) -> None:
        self._pieces = pieces

    def edges(self, qubit: int) -> list[int]:
        """Return every start and stop."""
        return [edge for piece in self._pieces[qubit] for edge in (piece.start, piece.stop)]

    def any_within(self, qubit: int, start: int, stop: int) -> bool:
        """Say whether the transmon is driven between two samples."""
        return any(piece.start < stop and piece.stop > start for piece in self._pieces[qubit])

    def within(self, qubit: int, start: int, stop: int) -> list[DrivePiece]:
        """Return what lies between two samples, cut to fit."""
        found = []
        for piece in self._pieces[qubit]:
            left, right = max(piece.start, start), min(piece.stop, stop)
            if left < right:
                found.append(DrivePiece(left, piece.omega[left - piece.start : right - piece.start]))
        return found

    def dense(self, qubit: int, start: int, stop: int) -> NDArray[np.complex128]:
        """Return Omega of every sample between two."""
        omega = np.zeros(max(stop - start, 0), complex)
        for piece in self.within(qubit, start, stop):
            omega[piece.start - start : piece.stop - start] = piece.omega
        return omega


def drive_pieces(processor: Processor, lines: Lines, rest: Rest, frame_hz: float) -> Pieces:
    """Return the drives that matter to each transmon: its own line, and others' by crosstalk.

    The drive of another line enters where it could turn the transmon by CROSSTALK_RAD or more,
    judged by its Fourier component at the transmon's two transitions.
    """
    crosstalk = np.conj(processor.crosstalk_matrix())
    dt_s = 1 / lines.rate_hz
    n = len(processor.transmons)
    scale = TWO_PI * np.array([t.drive_hz_per_v for t in processor.transmons])
    offsets_hz = np.stack([rest.levels_hz[:, 0] - frame_hz, rest.levels_hz[:, 1] - rest.levels_hz[:, 0] - frame_hz])
    heard: list[list[DrivePiece]] = [[] for _ in range(n)]
    least = [CROSSTALK_RAD[bool(runs)] for runs in lines.drive]
    for j, runs in enumerate(lines.drive):
        beat_hz = lines.drive_lo_hz[j] - frame_hz
        for run in runs:
            line = np.conj(run.volts)
            if beat_hz:
                times = (run.start + 0.5 + np.arange(line.size)) * dt_s
                line = line * np.exp(-1j * TWO_PI * beat_hz * times)
            reach = _waves(offsets_hz.tobytes(), line.size, dt_s) @ line
            turned = np.abs(reach).reshape(2, n).max(axis=0) * np.abs(crosstalk[:, j]) * scale * dt_s
            for q in range(n):
                if q == j or turned[q] >= least[q]:
                    heard[q].append(DrivePiece(run.start, np.ascontiguousarray(scale[q] * crosstalk[q, j] * line)))
    return Pieces([_summed(pieces) for pieces in heard])


@lru_cache(maxsize=64)
def _waves(offsets_hz: bytes, n_samples: int, dt_s: float) -> NDArray[np.complex128]:
    """Return exp(2 pi i f t) of every transition (rows), sample by sample."""
    return np.exp(2j * np.pi * np.outer(np.frombuffer(offsets_hz), np.arange(n_samples) * dt_s))


def _summed(pieces: list[DrivePiece]) -> list[DrivePiece]:
    """Return pieces that don't overlap, with overlapping drives added."""
    merged: list[DrivePiece] = []
    for piece in sorted(pieces, key=lambda p: p.start):
        if merged and piece.start < merged[-1].stop:
            last = merged[-1]
            total = np.zeros(max(last.stop, piece.stop) - last.start, complex)
            total[: last.omega.size] = last.omega
            total[piece.start - last.start : piece.stop - last.start] += piece.omega
            merged[-1] = DrivePiece(last.start, total)
        else:
            merged.append(piece)
    return merged


class MapCache:
    """Keeps superoperators of driven transmons by hash of samples and true parameters."""

    def __init__(self) -> None:
        self._maps: OrderedDict[bytes, NDArray[np.complex128]] = OrderedDict()

    def driven(
        self, transmon: Transmon, omega: NDArray[np.complex128], levels: NDArray[np.float64], dt_s: float
    ) -> NDArray[np.complex128]:
        """Return the (9, 9) superoperator of driven samples."""
        found = hashlib.blake2b(omega.tobytes(), digest_size=16)
        found.update(levels.tobytes())
        found.update(f"{dt_s}/{transmon.t1_s}/{transmon.t2_s}/{transmon.thermal}".encode())
        key = found.digest()
        known = self._maps.get(key)
        if known is None:
            states = np.eye(9, dtype=complex).reshape(9, 3, 3)
            relaxation = sample_relaxation(transmon.t1_s, transmon.t2_s, transmon.thermal, dt_s)
            qutrit.propagate(omega, levels, dt_s, relaxation, states)
            known = np.ascontiguousarray(states.reshape(9, 9).T)
            self._maps[key] = known
            if len(self._maps) > _KEPT:
                self._maps.popitem(last=False)
        else:
            self._maps.move_to_end(key)
        return known


def advance_one(
    maps: MapCache,
    processor: Processor,
    state: State,
    qubit: int,
    levels: NDArray[np.float64],
    drive: NDArray[np.complex128] | int,
    dt_s: float,
) -> None:
    """Advance one transmon of the joint state in place.

    Parameters
    ----------
    maps : MapCache
        Where superoperators are kept.
    processor, state, qubit
        Which transmon of what.
    levels : (2,) or (n, 2) float64, rad/s
        Energies in the rotating frame; one row per sample if the transmon moves.
    drive : (n,) complex128 in rad/s, or int
        Omega of each sample, or a number of samples to idle at constant levels.
    dt_s : float
        Length of a sample.
    """
    transmon = processor.transmons[qubit]
    index, place = state.place(qubit)
    qubits, rho = state.groups[index]
    left, right = 3**place, 3 ** (len(qubits) - 1 - place)
    if isinstance(drive, int):
        if drive > 0 and not state.resting(qubit):
            step = idle_step(
                transmon.t1_s, transmon.t2_s, transmon.thermal, float(levels[0]), float(levels[1]), drive * dt_s
            )
            qutrit.apply_local(rho, left, right, step)
        return
    if drive.size == 0:
        return
    rows = np.ascontiguousarray(levels.reshape(-1, 2))
    state.stir(qubit)
    if len(qubits) == 1:
        relaxation = sample_relaxation(transmon.t1_s, transmon.t2_s, transmon.thermal, dt_s)
        qutrit.propagate(drive, rows, dt_s, relaxation, rho.reshape(1, 3, 3))
    else:
        qutrit.apply_map(rho, left, right, maps.driven(transmon, drive, rows, dt_s))
