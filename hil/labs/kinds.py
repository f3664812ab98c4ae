"""The built-in labs by their kind: what draws, describes and tells the truth of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qctl.errors import RequestError
from qctl.hil.labs import atoms, description, draw, ions, truth
from qctl.hil.plant.file import IonFile, PlantFile

__all__ = ["LABS", "boxes_of", "described", "drawn", "truth_of"]

LABS = (*draw.LABS, *ions.LABS)


def drawn(name: str, seed: int) -> PlantFile | IonFile:
    """Return the truth of a built-in lab.

    Raises
    ------
    RequestError
        If there is no such lab.
    """
    if name not in LABS:
        raise RequestError(f"lab {name!r} is not one of {', '.join(LABS)}")
    return ions.draw_ions(name, seed) if name in ions.LABS else draw.draw_lab(name, seed)


def boxes_of(file: PlantFile | IonFile) -> dict[str, str]:
    """Return every instrument of a lab that has an emulator of its own, with its model."""
    return ions.boxes_of_ions(file) if isinstance(file, IonFile) else description.boxes_of(file)


def described(name: str, file: PlantFile | IonFile, addresses: Mapping[str, str]) -> str:
    """Return the text of lab.toml, whose design values are off."""
    describe = ions.describe_ions if isinstance(file, IonFile) else description.describe_lab
    return describe(name, file, addresses)  # type: ignore[arg-type]


def truth_of(file: PlantFile | IonFile) -> dict[str, Any]:
    """Return the content of truth.json."""
    if isinstance(file, IonFile):
        return ions.true_ions(file)
    if file.atoms is not None:
        return atoms.true_atoms(file.atoms)
    delays = {"delays_s": file.cables.delays_s} if file.cables.delays_s else {}
    return truth.true_values(file.processor) | delays
