"""The file that a lab's seed makes and only the plant reads: true parameters and cables."""

from __future__ import annotations

from typing import Any

import msgspec

from qctl.hil.physics.atom_parameters import AtomArray
from qctl.hil.physics.ions import Chain
from qctl.hil.physics.parameters import Processor
from qctl.hil.plant.cables import Cables
from qctl.hil.plant.exposures import AtomPhysics
from qctl.hil.plant.ion_block import IonCables, IonPhysics

__all__ = ["AnyFile", "AtomFile", "IonFile", "PlantFile", "physics_of", "read_plant_file"]


class PlantFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="transmons"):
    """What is true of a lab of transmons, and what no server, compiler or calibration may see.

    Attributes
    ----------
    processor : Processor
        True parameters.
    cables : Cables
        Where every connector goes.
    seed : int
        Of the noise and the quantum chance.
    """

    processor: Processor
    cables: Cables
    seed: int


class IonFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="ions"):
    """The same of a lab of trapped ions, which are a `Chain`."""

    chain: Chain
    cables: IonCables
    seed: int


class AtomFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="atoms"):
    """The same of a lab of neutral atoms, which are an `AtomArray`."""

    atoms: AtomArray
    cables: Cables
    seed: int


AnyFile = PlantFile | IonFile | AtomFile


def physics_of(file: AnyFile) -> Any:
    """Return what is behind the cables."""
    if isinstance(file, IonFile):
        return IonPhysics(file.chain, file.cables, file.seed)
    if isinstance(file, AtomFile):
        return AtomPhysics(file.atoms, file.cables, file.seed)
    from qctl.hil.plant.block import Physics

    return Physics(file.processor, file.cables, file.seed)


def read_plant_file(data: bytes) -> AnyFile:
    """Return what a plant file (JSON) describes."""
    found: AnyFile = msgspec.json.decode(data, type=AnyFile)
    return found
