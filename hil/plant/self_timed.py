"""Blocks of shots of a box that times itself: it says what its outputs play, and gets what its inputs integrate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.errors import DeviceError, RequestError
from qctl.hil.physics.readout import Window
from qctl.hil.plant.messages import array_from_wire, array_to_wire
from qctl.hil.plant.rack import Box, Playing, Tone

if TYPE_CHECKING:
    from qctl.hil.plant.service import Plant, Session

__all__ = [
    "Integrating",
    "armed",
    "begin_play",
    "computed",
    "integrated",
    "integration_of",
    "play",
    "playing_of",
    "set_tones",
]

_LONG_SUMS = 200_000


class Integrating(NamedTuple):
    """What one digitizer integrates in each shot: (n_sums, n_inputs, n_samples) weights."""

    box: str
    inputs: tuple[int, ...]
    window: Window
    weights: NDArray[np.float64]


def begin_play(plant: Plant, session: Session, message: dict[str, Any]) -> None:
    """Start a block, and answer when it is over in lab time."""
    plant.aborted.clear()
    session.later(message, play(plant, session, message))


async def play(plant: Plant, session: Session, message: Mapping[str, Any]) -> dict[str, Any]:
    """Play one block of equal shots, and return how many there were and what was integrated in each.

    Raises
    ------
    DeviceError
        If another block is under way.
    RequestError
        If there is no such box or waveform.
    """
    own = session.attached()
    n_shots, period_s = int(message["n_shots"]), float(message["period_s"])
    if n_shots < 1 or not period_s > 0:
        raise RequestError(f"n_shots = {n_shots} and period_s = {period_s} have to be above 0")
    integrations = [integration_of(plant, entry) for entry in message["integrations"]]
    with armed(plant, message, own.name):
        set_tones(plant, (own.name, *session.parts), message.get("tones", {}))
        with plant.clock.paused():
            started_s = plant.begin(n_shots, period_s)
            found = [await integrated(plant, one, n_shots, started_s) for one in integrations]
        fired = await plant.pace(n_shots, period_s, started_s)
        sums = [array_to_wire(np.empty((0, 0)) if one is None else one[:fired], plant.folder) for one in found]
        return {"n_shots": fired if all(one is not None for one in found) else 0, "sums": sums}


@contextmanager
def armed(plant: Plant, message: Mapping[str, Any], name: str, inside: bool = False) -> Iterator[None]:
    """Have the boxes of a message play what it says, meanwhile and alone, or `inside` the block that is under way.

    Raises
    ------
    DeviceError
        If another block is under way.
    """
    if plant.firing and not inside:
        raise DeviceError(f"{name}: another block of shots is under way", instrument=name)
    before, plant.firing = plant.firing, True
    boxes = []
    try:
        boxes = _arm(plant, message)
        yield
    finally:
        for box in boxes:
            box.armed = inside  # of a block that goes on, they wait for its next trigger
        plant.firing = before


def integration_of(plant: Plant, entry: Mapping[str, Any]) -> Integrating:
    """Return what a message says of one integration.

    Raises
    ------
    RequestError
        If its weights are not those of its inputs.
    """
    weights = array_from_wire(entry["weights"], plant.folder)
    inputs = tuple(int(number) for number in entry["inputs"])
    if weights.ndim != 3 or weights.shape[1] != len(inputs) or not weights.size:
        raise RequestError(f"{entry['box']}: weights of shape {weights.shape} for {len(inputs)} inputs")
    window = Window(float(entry["delay_s"]), float(entry["rate_hz"]), weights.shape[2])
    return Integrating(str(entry["box"]), inputs, window, weights.astype(np.float64))


def set_tones(plant: Plant, own: Sequence[str], tones: Mapping[str, Sequence[Any]]) -> None:
    """Set carriers inside a box, which the plant knows by names of their own.

    Raises
    ------
    RequestError
        If one isn't the box's.
    """
    for name, (frequency_hz, power_dbm, on) in tones.items():
        if name not in own or name not in plant.rack.boxes:
            raise RequestError(f"{own[0]} has no carrier {name}")
        plant.rack.boxes[name].tone = Tone(float(frequency_hz), float(power_dbm), bool(on))


def _arm(plant: Plant, message: Mapping[str, Any]) -> list[Box]:
    """Have each box of the message play what it says."""
    boxes = []
    for name, element in message["outputs"].items():
        box = plant.rack.boxes.get(name)
        if box is None:
            raise RequestError(f"there is no box {name}")
        rate_hz = message.get("rates_hz", {}).get(name, message["rate_hz"])
        box.playing, box.rate_hz, box.sequence = playing_of(plant, name, element), float(rate_hz), None
        boxes.append(box)
    for box in boxes:
        box.armed = True
    return boxes


def playing_of(plant: Plant, name: str, element: Mapping[str | int, Any]) -> dict[int, Playing]:
    """Return what a message says that each output of a box plays.

    Raises
    ------
    RequestError
        If the plant doesn't have the samples.
    """
    playing = {
        int(number): Playing(((digest, 1),) if digest is not None else (), *level)
        for number, (digest, *level) in element.items()
    }
    for number, one in playing.items():
        plant.rack.check_steps(f"{name}:{number}", one.steps)
    return playing


async def integrated(plant: Plant, one: Integrating, n_shots: int, now_s: float) -> NDArray[np.float64] | None:
    """Return the sums of each shot, None if the block is aborted before they are known."""
    work = plant.physics.integrating(plant.rack, one.box, one.inputs, one.window, one.weights, n_shots, now_s)
    short = not work.is_long and n_shots * len(one.weights) < _LONG_SUMS
    return work.run() if short else await computed(plant, work.run)


async def computed(plant: Plant, work: Callable[[], NDArray[Any]]) -> NDArray[Any] | None:
    """Return what some work gives in a thread of its own, None if the block is aborted before."""
    computing = asyncio.ensure_future(asyncio.to_thread(work))
    aborted = asyncio.ensure_future(plant.aborted.wait())
    await asyncio.wait((computing, aborted), return_when=asyncio.FIRST_COMPLETED)
    aborted.cancel()
    if not computing.done():
        await asyncio.wait([computing])
        return None
    return computing.result()
