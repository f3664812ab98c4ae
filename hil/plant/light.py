"""What a device of atoms asks of the plant: the light of a shot, the moves of the traps, and a picture at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError
from qctl.hil.physics.atom_drives import Channel, Move
from qctl.hil.plant.messages import array_from_wire, array_to_wire

__all__ = ["MOST_ATOMS", "MOST_NS", "Exposure"]

MOST_ATOMS = 12
MOST_NS = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Exposure:
    """A block of equal shots on atoms.

    Attributes
    ----------
    positions_m : (n_atoms, 2) float64
        Where the traps are at the start of a shot.
    channels : tuple of Channel
        What each channel of light plays.
    moves : tuple of Move
    push_out : bool
        Whether atoms in the upper hyperfine level are pushed out before the picture.
    n_shots, period_s : int, float
        How many shots, and how long each takes in lab time.
    """

    positions_m: NDArray[np.float64]
    channels: tuple[Channel, ...]
    moves: tuple[Move, ...]
    push_out: bool
    n_shots: int
    period_s: float

    def to_wire(self, folder: str) -> dict[str, Any]:
        """Return the content of a message; large arrays are files of the folder."""
        channels = [
            {"name": one.name, "transition": one.transition, "target": array_to_wire(one.target, folder),
             "samples": array_to_wire(np.stack([one.amplitude, one.detuning, one.phase]), folder)}
            for one in self.channels
        ]  # fmt: skip
        return {
            "positions_m": array_to_wire(self.positions_m, folder), "channels": channels,
            "moves": [list(move) for move in self.moves], "push_out": self.push_out,
            "n_shots": self.n_shots, "period_s": self.period_s,
        }  # fmt: skip

    @classmethod
    def from_wire(cls, message: Mapping[str, Any], folder: str) -> Exposure:
        """Return what a message says.

        Raises
        ------
        RequestError
            If it is more than the virtual lab holds, or makes no sense.
        """
        n_shots, period_s = int(message["n_shots"]), float(message["period_s"])
        if n_shots < 1 or not period_s > 0:
            raise RequestError(f"n_shots = {n_shots} and period_s = {period_s} have to be above 0")
        positions_m = np.ascontiguousarray(array_from_wire(message["positions_m"], folder), np.float64)
        if positions_m.ndim != 2 or positions_m.shape[1] != 2 or not 1 <= len(positions_m) <= MOST_ATOMS:
            raise RequestError(f"positions of shape {positions_m.shape}; the virtual lab holds 1 to {MOST_ATOMS} atoms")
        channels = tuple(_channel(entry, len(positions_m), folder) for entry in message["channels"])
        moves = tuple(Move(int(a), int(b), int(e), float(x), float(y)) for a, b, e, x, y in message["moves"])
        if any(not 0 <= move.atom < len(positions_m) for move in moves):
            raise RequestError(f"a move of an atom that is none of the {len(positions_m)}")
        return cls(positions_m, channels, moves, bool(message["push_out"]), n_shots, period_s)


def _channel(entry: Mapping[str, Any], n_atoms: int, folder: str) -> Channel:
    name, transition = str(entry["name"]), str(entry["transition"])
    samples, target = array_from_wire(entry["samples"], folder), array_from_wire(entry["target"], folder)
    if samples.ndim != 2 or samples.shape[0] != 3 or target.shape != samples.shape[1:]:
        raise RequestError(f"{name}: samples {samples.shape} and targets {target.shape} don't fit")
    if samples.shape[1] > MOST_NS or not np.isfinite(samples).all():
        raise RequestError(f"{name}: over {MOST_NS} ns, or numbers that are none")
    if target.size and not -1 <= target.min() <= target.max() < n_atoms:
        raise RequestError(f"{name}: a target that is none of the {n_atoms} atoms")
    if transition not in ("rydberg", "raman"):
        raise RequestError(f"{name}: transition {transition!r} is neither rydberg nor raman")
    amplitude, detuning, phase = np.ascontiguousarray(samples, np.float64)
    return Channel(name, transition, amplitude, detuning, phase, target.astype(np.int16))
