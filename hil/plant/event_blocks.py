"""Blocks of shots of an event controller: sequences of events become photon counts, by the ions behind it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from qctl.errors import DeviceError, RequestError
from qctl.hil.plant.messages import array_from_wire, array_to_wire
from qctl.hil.plant.self_timed import computed

if TYPE_CHECKING:
    from qctl.hil.plant.service import Plant, Session

__all__ = ["EVENT", "begin_events", "play_events"]

EVENT = np.dtype(
    [("tick", "<u4"), ("channel", "u1"), ("tone", "u1"), ("operation", "u1"), ("zero", "u1"), ("value", "<u8")]
)
"""One event, as the controller has it."""


def begin_events(plant: Plant, session: Session, message: dict[str, Any]) -> None:
    """Start a block, and answer when it is over in lab time."""
    plant.aborted.clear()
    session.later(message, play_events(plant, session, message))


async def play_events(plant: Plant, session: Session, message: Mapping[str, Any]) -> dict[str, Any]:
    """Play one block, and return how many shots there were and what was counted in each.

    Raises
    ------
    DeviceError
        If another block is under way, or the ions can't follow.
    RequestError
        If there are no ions behind the box.
    """
    own = session.attached()
    n_shots, period_s = int(message["n_shots"]), float(message["period_s"])
    if n_shots < 1 or not period_s > 0:
        raise RequestError(f"n_shots = {n_shots} and period_s = {period_s} have to be above 0")
    counting = getattr(plant.physics, "counting", None)
    if counting is None:
        raise RequestError(f"{own.name}: there are no ions in this lab")
    if plant.firing:
        raise DeviceError(f"{own.name}: another block of shots is under way", instrument=own.name)
    rows = array_from_wire(message["rows"], plant.folder).view(EVENT)
    bounds = np.asarray(message["bounds"], np.int64)
    plant.firing = True
    try:
        with plant.clock.paused():
            started_s = plant.begin(n_shots, period_s * (len(bounds) - 1))
            counts = await computed(plant, partial(counting, own.name, rows, bounds, n_shots))
        if counts is None:
            return {"n_shots": 0, "counts": array_to_wire(np.zeros((0, 0), np.int64), plant.folder)}
        fired = await plant.pace(n_shots, period_s * (len(bounds) - 1), started_s)
        return {"n_shots": fired, "counts": array_to_wire(counts[:fired], plant.folder)}
    finally:
        plant.firing = False
