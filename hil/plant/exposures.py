"""Shots of an array of atoms: its device says what every channel of light plays, and gets what the camera counts."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from qctl.errors import DeviceError, RequestError
from qctl.hil.physics.atom_parameters import AtomArray
from qctl.hil.physics.atom_register import Evolved, evolved, picture, sample
from qctl.hil.plant.cables import Cables
from qctl.hil.plant.faults import FaultTable
from qctl.hil.plant.light import Exposure
from qctl.hil.plant.messages import array_to_wire

if TYPE_CHECKING:
    from qctl.hil.plant.service import Plant, Session

__all__ = ["AtomPhysics", "Register", "begin_exposure"]

_KEPT = 64


class Register:
    """The atoms behind the light; what a program does to them is kept.

    Parameters
    ----------
    array : AtomArray
        What is true.
    seed : int
        Of the quantum chance.
    """

    def __init__(self, array: AtomArray, seed: int) -> None:
        self.array = array
        self.random = np.random.Generator(np.random.SFC64([seed, 1]))
        self._known: OrderedDict[bytes, list[Evolved]] = OrderedDict()

    def photons(self, exposure: Exposure) -> NDArray[np.uint16]:
        """Return what the camera counts of each trap in each shot: (n_shots, n_atoms)."""
        levels = sample(self._evolved(exposure), exposure.n_shots, self.random)
        return picture(self.array, levels, exposure.push_out, self.random)

    def _evolved(self, exposure: Exposure) -> list[Evolved]:
        digest = blake2b(exposure.positions_m.tobytes() + msgspec.msgpack.encode(exposure.moves), digest_size=16)
        for one in exposure.channels:
            digest.update(one.name.encode())
            for samples in (one.amplitude, one.detuning, one.phase, one.target):
                digest.update(np.ascontiguousarray(samples).data)
        key = digest.digest()
        found = self._known.pop(key, None)
        if found is None:
            found = evolved(self.array, exposure.positions_m, exposure.channels, exposure.moves)
        self._known[key] = found
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return found


class AtomPhysics:
    """The atoms behind a register server; no cable of a fridge is there.

    Parameters
    ----------
    array : AtomArray
        What is true.
    cables : Cables
        Which boxes there are.
    seed : int
        Of the quantum chance.
    """

    def __init__(self, array: AtomArray, cables: Cables, seed: int) -> None:
        self.cables = cables
        self.faults = FaultTable(cables, ())
        self.photons = Register(array, seed).photons


def begin_exposure(plant: Plant, session: Session, message: dict[str, Any]) -> None:
    """Start a block of shots, and answer when it is over in lab time."""
    plant.aborted.clear()
    session.later(message, _expose(plant, session, message))


async def _expose(plant: Plant, session: Session, message: Mapping[str, Any]) -> dict[str, Any]:
    """Play one block of equal shots.

    Raises
    ------
    DeviceError
        If another block is under way.
    RequestError
        If the lab has no atoms, or the message makes no sense.
    """
    own = session.attached()
    photons_of = getattr(plant.physics, "photons", None)
    if photons_of is None:
        raise RequestError("this lab has no atoms")
    exposure = Exposure.from_wire(message, plant.folder)
    if plant.firing:
        raise DeviceError(f"{own.name}: another block of shots is under way", instrument=own.name)
    plant.firing = True
    try:
        with plant.clock.paused():
            started_s = plant.begin(exposure.n_shots, exposure.period_s)
            photons = await asyncio.to_thread(photons_of, exposure)
        fired = await plant.pace(exposure.n_shots, exposure.period_s, started_s)
        return {"n_shots": fired, "photons": array_to_wire(photons[:fired], plant.folder)}
    finally:
        plant.firing = False
