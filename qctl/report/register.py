"""Registers of atoms in the picture of a lab's wiring: where each atom is, and which pairs blockade each other."""

from __future__ import annotations

from itertools import combinations
from math import dist, pi

from qctl.lab import Lab
from qctl.lab.atom import AtomProcessor
from qctl.report.sketch import Label, Mark, Sketch, Wire

__all__ = ["blockade_m", "draw_registers"]

_WIDE = 9.0
_LEFT = 5.0


def blockade_m(processor: AtomProcessor) -> float:
    """Return the distance at which two excitations shift each other by the largest Rabi frequency."""
    rabi = 2 * pi * processor.rydberg.max_rabi_hz
    return float((processor.rydberg.c6_rad_m6_per_s / rabi) ** (1 / 6)) if rabi else 0.0


def draw_registers(sketch: Sketch, lab: Lab) -> None:
    """Draw the register of each processor of atoms below all else."""
    for name, processor in lab.processors.items():
        if isinstance(processor, AtomProcessor):
            _draw(sketch, name, processor)


def _draw(sketch: Sketch, name: str, processor: AtomProcessor) -> None:
    spots = {atom: processor.qubit[atom].position_m[:2] for atom in processor.qubits}
    xs, ys = ([spot[axis] for spot in spots.values()] for axis in (0, 1))
    size_m = max(max(xs) - min(xs), max(ys) - min(ys))
    scale = _WIDE / size_m if size_m else 0.0
    _, bottom, _, _ = sketch.bounds()
    top = bottom - 1.8
    low_m = blockade_m(processor)
    nearest = min((dist(a, b) for a, b in combinations(spots.values(), 2)), default=0.0)
    words = f"{name}: {len(spots)} atoms, nearest {nearest * 1e6:.3g} um apart; "
    words += f"lines join those within {low_m * 1e6:.3g} um, blockaded at max_rabi_hz"
    sketch.labels.append(Label(_LEFT, top + 0.9, words, "qubit", size=8.0))

    def at(atom: str) -> tuple[float, float]:
        x_m, y_m = spots[atom]
        return _LEFT + (x_m - min(xs)) * scale, top + (y_m - max(ys)) * scale

    for a, b in combinations(spots, 2):
        if dist(spots[a], spots[b]) <= low_m:
            sketch.wires.append(Wire((at(a), at(b)), "qubit", f"{a}-{b}"))
    for atom in spots:
        x, y = at(atom)
        sketch.marks.append(Mark(x, y, "drive", "atom"))
        sketch.labels.append(Label(x + 0.25, y + 0.3, atom, "qubit", size=6.5))
    # The last wire keeps the picture as large as the register, whatever is joined.
    sketch.wires.append(Wire(((_LEFT, top - (max(ys) - min(ys)) * scale - 0.4),) * 2, "qubit", "edge"))
