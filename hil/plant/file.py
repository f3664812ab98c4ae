"""The file that a lab's seed makes and only the plant reads: true parameters and cables."""

from __future__ import annotations

from typing import Any

import msgspec

from qctl.hil.physics.atom_parameters import AtomArray
from qctl.hil.physics.ions import Chain
from qctl.hil.physics.parameters import Processor
from qctl.hil.plant.cables import Cables
from qctl.hil.plant.ion_block import IonCables, IonPhysics

__all__ = ["IonFile", "PlantFile", "physics_of", "read_plant_file"]


class PlantFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is true of a lab, and what no server, compiler or calibration may see.

    Attributes
    ----------
    processor : Processor
        True parameters.
    cables : Cables
        Where every connector goes.
    seed : int
        Of the noise and the quantum chance.
    atoms : AtomArray, optional
        True parameters of atoms, in a lab that has no transmons.
    """

    processor: Processor
    cables: Cables
    seed: int
    atoms: AtomArray | None = None


class IonFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The same of a lab of trapped ions.

    Attributes
    ----------
    chain : Chain
        True parameters.
    cables : IonCables
        Where every connector goes.
    seed : int
        Of the noise and the quantum chance.
    """

    chain: Chain
    cables: IonCables
    seed: int


def physics_of(file: PlantFile | IonFile) -> Any:
    """Return what is behind the cables."""
    if isinstance(file, IonFile):
        return IonPhysics(file.chain, file.cables, file.seed)
    from qctl.hil.plant.block import Physics

    return Physics(file.processor, file.cables, file.seed)


def read_plant_file(data: bytes) -> PlantFile | IonFile:
    """Return what a plant file (JSON) describes."""
    kind: type[PlantFile | IonFile] = IonFile if "chain" in msgspec.json.decode(data) else PlantFile
    return msgspec.json.decode(data, type=kind)
