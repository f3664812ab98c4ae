"""Boxes that play a shot by themselves at each trigger that another box fires: what each plays is said before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qctl.errors import DeviceError, RequestError
from qctl.hil.plant.messages import array_from_wire, array_to_wire
from qctl.hil.plant.rack import Acquisition, Box, Playing
from qctl.hil.plant.self_timed import Integrating, integrated, integration_of, playing_of, set_tones

if TYPE_CHECKING:
    from qctl.hil.plant.service import Block, Plant, Session

__all__ = ["Follower", "fire_followed", "follow", "followers", "unfollow"]


@dataclass(slots=True)
class Follower:
    """A box that goes on with each trigger.

    Attributes
    ----------
    session : Session
        That gets the answer.
    number : int
        Of the message that is answered.
    box : Box
        The box.
    kinds : list of (dict of int to Playing, list of Integrating)
        What is played and integrated in a shot of each kind.
    order : (n_shots,) int32
        Kind of each shot.
    position : int
        Shots so far.
    """

    session: Session
    number: int
    box: Box
    kinds: list[tuple[dict[int, Playing], list[Integrating]]]
    order: NDArray[np.int32]
    position: int = 0
    _sums: dict[tuple[int, int], list[NDArray[np.float64]]] = field(default_factory=dict)

    def play(self) -> None:
        """Have the box play what its next trigger asks for."""
        if self.position < len(self.order):
            self.box.playing = self.kinds[int(self.order[self.position])][0]

    def take(self, kind: int, which: int, sums: NDArray[np.float64]) -> None:
        """Keep what was integrated in shots of one kind."""
        self._sums.setdefault((kind, which), []).append(sums)

    def answer(self, folder: str) -> dict[str, Any]:
        """Return the message with all sums, by kind and integration."""
        found = [
            [array_to_wire(np.concatenate(self._sums.get((kind, which), [np.empty((0, len(one.weights)))])), folder)
             for which, one in enumerate(integrations)]
            for kind, (_, integrations) in enumerate(self.kinds)
        ]  # fmt: skip
        return {"id": self.number, "sums": found}


def follow(plant: Plant, session: Session, message: Mapping[str, Any]) -> None:
    """Note what a box plays at each trigger; it is answered when all have come.

    Raises
    ------
    RequestError
        If the session doesn't speak for the box, or the plant has not what is to be played.
    """
    name = str(message["box"])
    own = (session.attached().name, *session.parts)
    if name not in own:
        raise RequestError(f"{own[0]} does not speak for {name}")
    box = plant.rack.boxes[name]
    kinds = []
    for outputs, integrations in message["kinds"]:
        kinds.append((playing_of(plant, name, outputs[name]), [integration_of(plant, one) for one in integrations]))
    order = array_from_wire(message["order"], plant.folder).astype(np.int32)
    if not len(order) or int(order.min()) < 0 or int(order.max()) >= len(kinds):
        raise RequestError(f"{name}: {len(order)} shots of {len(kinds)} kinds can't be played")
    set_tones(plant, own, message["tones"])
    unfollow(plant, name)
    box.rate_hz, box.sequence, box.armed = float(message["rate_hz"]), None, True
    found = Follower(session, int(message["id"]), box, kinds, order)
    plant.following[name] = found
    found.play()
    plant.changed()


def unfollow(plant: Plant, name: str) -> None:
    """Forget what a box was to play; whoever waits for its results gets an error."""
    found = plant.following.pop(name, None)
    if found is not None:
        found.box.armed = False
        error = DeviceError(f"{name}: stopped after {found.position} triggers of {len(found.order)}", instrument=name)
        found.session.refuse(found.number, error)


def followers(plant: Plant, block: Block) -> list[Follower]:
    """Return the boxes that go on with the triggers of a block."""
    return [found for name in plant.wired(block) if (found := plant.following.get(name)) is not None]


async def fire_followed(plant: Plant, block: Block, found: Sequence[Follower]) -> dict[str, Any]:
    """Run a block of triggers that boxes go on with; return how many were fired.

    Raises
    ------
    DeviceError
        If there are more triggers than a box has shots, or another box records shots that are not alike.
    """
    recorders = plant.recorders(block)
    n_shots = block.n_shots
    for one in found:
        if one.position + n_shots > len(one.order):
            left = len(one.order) - one.position
            raise DeviceError(f"{one.box.name} has {left} shots left, {n_shots} triggers came", instrument=one.box.name)
    table = np.stack([one.order[one.position : one.position + n_shots] for one in found], axis=1)
    groups, group_of = np.unique(table, axis=0, return_inverse=True)
    if len(groups) > 1 and recorders:
        name = recorders[0].name
        raise DeviceError(f"{name} records a block whose shots are not alike", instrument=name)
    plant.firing = True
    try:
        taken: list[tuple[Acquisition, NDArray[np.float32] | None, int]] = []
        with plant.clock.paused():
            started_s = plant.begin(n_shots, block.period_s)
            ranks = group_of.reshape(-1)
            parts: dict[tuple[int, int, int], list[tuple[NDArray[np.int64], NDArray[np.float64]]]] = {}
            for number, kinds in enumerate(groups.tolist()):
                for one, kind in zip(found, kinds, strict=True):
                    one.box.playing = one.kinds[kind][0]
                taken = [await plant.take(other, n_shots, started_s) for other in recorders]
                where = np.flatnonzero(ranks == number)
                for place, (one, kind) in enumerate(zip(found, kinds, strict=True)):
                    for which, integration in enumerate(one.kinds[kind][1]):
                        sums = await integrated(plant, integration, len(where), started_s)
                        if sums is not None:
                            parts.setdefault((place, kind, which), []).append((where, sums))
            for (place, kind, which), members in parts.items():
                order = np.argsort(np.concatenate([where for where, _ in members]), kind="stable")
                found[place].take(kind, which, np.concatenate([sums for _, sums in members])[order])
        fired = await plant.pace(n_shots, block.period_s, started_s)
    finally:
        plant.firing = False
    for one in found:
        one.position += n_shots
        one.play()
        if one.position == len(one.order):
            one.box.armed = False
            plant.following.pop(one.box.name, None)
            one.session.send(one.answer(plant.folder))
    return {"n_shots": plant.end_block(block, recorders, taken, fired)}
