"""The file that a lab's seed makes and only the plant reads: true parameters and cables."""

from __future__ import annotations

import msgspec

from qctl.hil.physics.atom_parameters import AtomArray
from qctl.hil.physics.parameters import Processor
from qctl.hil.plant.cables import Cables

__all__ = ["PlantFile"]


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
