"""Blocks of shots of a sequencer: the events of a shot become photon counts, by the ions behind it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from qctl.errors import DeviceError, RequestError
from qctl.hil.plant.ion_block import IonPhysics
from qctl.hil.plant.messages import array_from_wire, array_to_wire
from qctl.hil.plant.self_timed import computed

if TYPE_CHECKING:
    from qctl.hil.plant.service import Plant, Session

__all__ = ["EVENT", "begin_events", "play_events", "play_part"]

EVENT = np.dtype(
    [("tick", "<u8"), ("channel", "u1"), ("operation", "u1"), ("frequency", "<u4"), ("phase", "<u2"), ("level", "<u2")]
)
"""One event of a shot, in order of time: its operation, the channel from 1 on, and what it is set to.

Operation 1: a TTL line's level, 0 or 1. 2: a tone's words; level is the amplitude. 3: a counter's gate, 1 open.
"""


def begin_events(plant: Plant, session: Session, message: dict[str, Any]) -> None:
    """Start a block, and answer when it is over in lab time."""
    plant.aborted.clear()
    session.later(message, play_events(plant, session, message))


async def play_events(plant: Plant, session: Session, message: Mapping[str, Any]) -> dict[str, Any]:
    """Play one block, and return how many shots there were and what was counted in each.

    Raises
    ------
    DeviceError
        If another block is under way.
    RequestError
        If there are no ions behind the box.
    """
    own = session.attached()
    n_shots, period_s = int(message["n_shots"]), float(message["period_s"])
    if n_shots < 1 or not period_s > 0:
        raise RequestError(f"n_shots = {n_shots} and period_s = {period_s} have to be above 0")
    physics = _ions_behind(plant, own.name)
    rows = array_from_wire(message["rows"], plant.folder).view(EVENT)
    shots = physics.begin(own.name, float(message["tick_s"]), n_shots)
    plant.firing = True
    try:
        with plant.clock.paused():
            started_s = plant.begin(n_shots, period_s)
            counts = await computed(plant, partial(shots.play, rows))
        if counts is None:
            return {"n_shots": 0, "counts": array_to_wire(np.zeros((0, 0), np.int64), plant.folder)}
        fired = await plant.pace(n_shots, period_s, started_s)
        return {"n_shots": fired, "counts": array_to_wire(counts[:fired], plant.folder)}
    finally:
        plant.firing = False


def play_part(plant: Plant, session: Session, message: Mapping[str, Any]) -> dict[str, Any]:
    """Play events of one shot, the first or the next ones, and return what the gates that close have counted.

    What comes next may depend on it: a block of such shots takes its lab time at its end, as one without events.

    Raises
    ------
    DeviceError
        If a block is under way.
    RequestError
        If there are no ions behind the box, or no shot has begun.
    """
    name = session.attached().name
    physics = _ions_behind(plant, name)
    rows = array_from_wire(message["rows"], plant.folder).view(EVENT)
    if message["begins"]:
        physics.parts[name] = physics.begin(name, float(message["tick_s"]), 1)
    if name not in physics.parts:
        raise RequestError(f"{name}: no shot has begun")
    with plant.clock.paused():
        return {"counts": physics.parts[name].play(rows)[0].tolist()}


def _ions_behind(plant: Plant, name: str) -> IonPhysics:
    """Return the ions, if no block is under way; raise RequestError if there are none, DeviceError if one is."""
    physics = plant.physics
    if not isinstance(physics, IonPhysics):
        raise RequestError(f"{name}: there are no ions in this lab")
    if plant.firing:
        raise DeviceError(f"{name}: another block of shots is under way", instrument=name)
    return physics
