"""The built-in labs by their kind: what draws, describes and tells the truth of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from qctl.errors import RequestError
from qctl.hil.labs import atoms, description, draw, ions, truth
from qctl.hil.labs.bridged import UNITS
from qctl.hil.plant.faults import FaultTable
from qctl.hil.plant.file import AnyFile, AtomFile, IonFile
from qctl.hil.plant.ion_block import IonFaults

__all__ = ["LABS", "boxes_of", "described", "drawn", "faults_of", "lines_of", "models_of", "truth_of"]

_DRAWS: dict[str, Callable[[str, int], AnyFile]] = {
    **dict.fromkeys(draw.LABS, draw.draw_lab),
    **dict.fromkeys(atoms.ATOM_LABS, atoms.draw_atoms),
    **dict.fromkeys(ions.LABS, ions.draw_ions),
}
LABS = tuple(_DRAWS)


def drawn(name: str, seed: int) -> AnyFile:
    """Return the truth of a built-in lab.

    Raises
    ------
    RequestError
        If there is no such lab.
    """
    if seed < 0:
        raise RequestError(f"seed = {seed} of lab {name!r} is not a whole number from 0 on")
    if name not in _DRAWS:
        raise RequestError(f"lab {name!r} is not one of {', '.join(LABS)}")
    return _DRAWS[name](name, seed)


def boxes_of(file: AnyFile) -> dict[str, str]:
    """Return every instrument of a lab that has an emulator of its own, with its model."""
    match file:
        case IonFile():
            return ions.boxes_of_ions(file)
        case AtomFile():
            return atoms.boxes_of_atoms(file)
    return description.boxes_of(file)


def models_of(file: AnyFile) -> dict[str, str]:
    """Return what faults can be set on with its model: instruments with an emulator of their own, units of lines."""
    boxes = boxes_of(file)
    return boxes | {name: model for box in boxes for name, (_, model) in UNITS.get(box, {}).items()}


def lines_of(file: AnyFile) -> dict[str, str]:
    """Return the line of each unit that shares one."""
    return {name: box for box in boxes_of(file) for name in UNITS.get(box, {})}


def faults_of(file: AnyFile) -> FaultTable:
    """Return the table of the faults of a lab, where none is set; what can't be set on it is refused by name."""
    match file:
        case IonFile():
            table: FaultTable = IonFaults(file.cables)
        case AtomFile():
            table = FaultTable(file.cables, ())
        case _:
            table = FaultTable(file.cables, tuple(one.name for one in file.processor.transmons))
    table.models, table.on_lines = models_of(file), lines_of(file)
    return table


def described(name: str, file: AnyFile, addresses: Mapping[str, str]) -> str:
    """Return the text of lab.toml, whose design values are off."""
    match file:
        case IonFile():
            return ions.describe_ions(name, file, addresses)
        case AtomFile():
            return atoms.describe_atoms(name, file, addresses)
    return description.describe_lab(name, file, addresses)


def truth_of(file: AnyFile) -> dict[str, Any]:
    """Return the content of truth.json."""
    match file:
        case IonFile():
            return ions.true_ions(file)
        case AtomFile():
            return atoms.true_atoms(file.atoms)
    delays = {"delays_s": file.cables.delays_s} if file.cables.delays_s else {}
    return truth.true_values(file.processor) | delays
