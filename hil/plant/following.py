"""Boxes that play a shot by themselves at each trigger that another box fires: what each plays is said before."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qctl.errors import DeviceError, RequestError
from qctl.hil.plant.messages import array_from_wire, array_to_wire
from qctl.hil.plant.rack import Box, Playing
from qctl.hil.plant.self_timed import Integrating, integrated, integration_of, playing_of, set_tones

if TYPE_CHECKING:
    from qctl.hil.plant.service import Plant, Session

__all__ = [
    "Alike",
    "Follower",
    "Sums",
    "alike",
    "are_known",
    "check_followers",
    "count_left",
    "end_turn",
    "follow",
    "followers",
    "pass_shots",
    "unfollow",
]

Sums = tuple["Follower", int, int, NDArray[np.int64], NDArray[np.float64]]
"""Whose, of which kind and integration, in which shots of the block, and what was integrated in each."""


@dataclass(slots=True, eq=False)
class Follower:
    """Boxes of a session that go on with each trigger together.

    Attributes
    ----------
    session : Session
        That gets the answer.
    number : int
        Of the message that is answered.
    boxes : list of Box
        The boxes.
    kinds : list of (dict of str to dict of int to Playing, list of Integrating, bool)
        What each box plays and what is integrated in a shot of each kind, and whether the session steers such shots.
    order : (n_shots,) int32
        Kind of each shot.
    busy_s : float
        How long after a trigger the boxes can't take the next one.
    position : int
        Shots so far.
    turn : Future or None
        While the session steers shots: done with whether it could.
    """

    session: Session
    number: int
    boxes: list[Box]
    kinds: list[tuple[dict[str, dict[int, Playing]], list[Integrating], bool]]
    order: NDArray[np.int32]
    busy_s: float
    position: int = 0
    turn: asyncio.Future[bool] | None = None
    _sums: dict[tuple[int, int], list[NDArray[np.float64]]] = field(default_factory=dict)

    @property
    def n_left(self) -> int:
        """Return how many triggers are still waited for."""
        return len(self.order) - self.position

    def play(self, kind: int) -> None:
        """Have the boxes play shots of a kind."""
        outputs = self.kinds[kind][0]
        for box in self.boxes:
            box.playing = outputs[box.name]

    def play_next(self) -> None:
        """Have the boxes play what their next trigger asks for; none where no more comes."""
        if self.n_left:
            self.play(int(self.order[self.position]))
        else:
            self.release()

    def release(self) -> None:
        """Let the boxes play nothing more."""
        for box in self.boxes:
            box.armed, box.playing = False, {}

    def coming(self, n_shots: int) -> NDArray[np.int32]:
        """Return the kinds of the next shots."""
        return self.order[self.position : self.position + n_shots]

    @property
    def integrates(self) -> bool:
        """Say whether anything is integrated in the next shot."""
        _, integrations, steered = self.kinds[int(self.order[self.position])]
        return steered or bool(integrations)

    async def steer(self, plant: Plant, kind: int, n_shots: int) -> None:
        """Have the session play so many shots of a kind part by part, and keep what it finds.

        Raises
        ------
        DeviceError
            If it can't.
        """
        self.turn = asyncio.get_running_loop().create_future()
        name = self.boxes[0].name
        try:
            self.session.send({"steer": name, "kind": kind, "n_shots": n_shots})
            aborted = asyncio.ensure_future(plant.aborted.wait())
            await asyncio.wait((self.turn, aborted), return_when=asyncio.FIRST_COMPLETED)
            aborted.cancel()
            if self.turn.done() and not self.turn.result():
                raise DeviceError(f"{name} can't play shots by what it measures", instrument=name)
        finally:
            self.turn = None

    def take(self, kind: int, which: int, sums: NDArray[np.float64]) -> None:
        """Keep what was integrated in shots of one kind."""
        self._sums.setdefault((kind, which), []).append(sums)

    def answer(self, folder: str) -> dict[str, Any]:
        """Return the message with all sums, by kind and integration."""
        found = [
            [array_to_wire(np.concatenate(self._sums.get((kind, which), [np.empty((0, len(one.weights)))])), folder)
             for which, one in enumerate(integrations)]
            for kind, (_, integrations, _) in enumerate(self.kinds)
        ]  # fmt: skip
        return {"id": self.number, "sums": found}


@dataclass(frozen=True, slots=True, eq=False)
class Alike:
    """Shots of a block in which every follower plays one kind.

    Attributes
    ----------
    kinds : list of int
        That of each follower.
    shots : (n,) int64
        Which shots of the block.
    """

    kinds: list[int]
    shots: NDArray[np.int64]

    def play(self, found: Sequence[Follower]) -> None:
        """Have all followers play these shots."""
        for one, kind in zip(found, self.kinds, strict=True):
            one.play(kind)

    async def integrate(self, plant: Plant, found: Sequence[Follower], now_s: float) -> list[Sums]:
        """Return what the followers integrate while they play these shots."""
        sums = []
        for one, kind in zip(found, self.kinds, strict=True):
            if one.kinds[kind][2]:
                await one.steer(plant, kind, len(self.shots))
            for which, integration in enumerate(one.kinds[kind][1]):
                seen = await integrated(plant, integration, len(self.shots), now_s)
                if seen is not None:
                    sums.append((one, kind, which, self.shots, seen))
        return sums


def follow(plant: Plant, session: Session, message: Mapping[str, Any]) -> None:
    """Note what boxes play at each trigger; it is answered when all have come.

    Raises
    ------
    RequestError
        If the session doesn't speak for a box, or the plant has not what is to be played.
    """
    own = (session.attached().name, *session.parts)
    names = [str(name) for name in message["boxes"]]
    for name in names:
        if name not in own:
            raise RequestError(f"{own[0]} does not speak for {name}")
    kinds = []
    for outputs, integrations, steered in message["kinds"]:
        playing = {name: playing_of(plant, name, outputs.get(name, {})) for name in names}
        kinds.append((playing, [integration_of(plant, one) for one in integrations], bool(steered)))
    order = array_from_wire(message["order"], plant.folder).astype(np.int32)
    if not names or not len(order) or int(order.min()) < 0 or int(order.max()) >= len(kinds):
        raise RequestError(f"{', '.join(names)}: {len(order)} shots of {len(kinds)} kinds can't be played")
    set_tones(plant, own, message["tones"])
    boxes = [plant.rack.boxes[name] for name in names]
    for box in boxes:
        unfollow(plant, box.name)
        box.rate_hz, box.sequence, box.armed = float(message["rate_hz"]), None, True
    found = Follower(session, int(message["id"]), boxes, kinds, order, float(message["busy_s"]))
    plant.following |= dict.fromkeys(names, found)
    found.play_next()
    plant.changed()


def unfollow(plant: Plant, name: str) -> None:
    """Forget what a box was to play, and those with it; whoever waits for the results gets an error."""
    found = plant.following.get(name)
    if found is None:
        return
    _forget(plant, found)
    found.release()
    error = DeviceError(f"{name}: stopped after {found.position} triggers of {len(found.order)}", instrument=name)
    found.session.refuse(found.number, error)


def _forget(plant: Plant, found: Follower) -> None:
    for box in found.boxes:
        plant.following.pop(box.name, None)


def count_left(plant: Plant, session: Session, message: dict[str, Any]) -> dict[str, Any]:
    """Return how many triggers the boxes of a session still wait for."""
    found = [plant.following.get(name) for name in (session.attached().name, *session.parts)]
    return {"n_left": max((one.n_left for one in found if one is not None), default=0)}


def end_turn(plant: Plant, session: Session, message: Mapping[str, Any]) -> dict[str, Any]:
    """Note that a session has steered its shots, or that it could not."""
    one = plant.following.get(str(message["box"]))
    if one is not None and one.session is session and one.turn is not None and not one.turn.done():
        one.turn.set_result(bool(message["done"]))
    return {}


def followers(plant: Plant, names: Sequence[str]) -> list[Follower]:
    """Return who goes on with triggers that reach these boxes."""
    if not plant.following:
        return []
    found = [one for name in names if (one := plant.following.get(name)) is not None]
    return list(dict.fromkeys(found))


def check_followers(found: Sequence[Follower], n_shots: int, period_s: float) -> None:
    """Refuse a block of triggers that boxes can't go on with.

    Raises
    ------
    DeviceError
        If there are more triggers than a box has shots, or they come too fast for it.
    """
    for one in found:
        name = one.boxes[0].name
        if one.busy_s > period_s:
            text = f"{name} is busy for {one.busy_s:.9g} s, triggers come every {period_s:.9g} s: it would miss them"
            raise DeviceError(text, instrument=name)
        if one.n_left < n_shots:
            raise DeviceError(f"{name} has {one.n_left} shots left, {n_shots} triggers came", instrument=name)


def alike(found: Sequence[Follower], n_shots: int, recorders: Sequence[Box] = ()) -> list[Alike]:
    """Return the next shots by what the followers play in them; without any all are alike.

    Raises
    ------
    DeviceError
        If they are not alike, and a box records them.
    """
    coming = [one.coming(n_shots) for one in found]
    if recorders and any(
        one.kinds[k][2] for one, kinds in zip(found, coming, strict=True) for k in set(kinds.tolist())
    ):
        name = recorders[0].name
        raise DeviceError(f"{name} records a block whose shots another box plays by what it measures", instrument=name)
    if all((kinds == kinds[0]).all() for kinds in coming):
        return [Alike([int(kinds[0]) for kinds in coming], np.arange(n_shots))]
    if recorders:
        name = recorders[0].name
        raise DeviceError(f"{name} records a block whose shots are not alike", instrument=name)
    groups, ranks = np.unique(np.stack(coming, axis=1), axis=0, return_inverse=True)
    ranks = ranks.reshape(-1)
    return [Alike(kinds, np.flatnonzero(ranks == number)) for number, kinds in enumerate(groups.tolist())]


def are_known(found: Sequence[Follower], n_shots: int) -> bool:
    """Say whether the followers play what is looked ahead at in all of the next shots, and integrate nothing."""
    return all((one.coming(n_shots) == one.order[one.position]).all() and not one.integrates for one in found)


def pass_shots(plant: Plant, found: Sequence[Follower], sums: Sequence[Sums], n_fired: int) -> bool:
    """Count the triggers that boxes have had, and keep what was seen; say whether any plays something else now."""
    parts: dict[tuple[int, int, int], list[tuple[NDArray[np.int64], NDArray[np.float64]]]] = {}
    for one, kind, which, shots, seen in sums:
        if one not in found:
            continue  # it was told to stop meanwhile
        parts.setdefault((found.index(one), kind, which), []).append((shots, seen))
    for (place, kind, which), members in parts.items():
        shots = np.concatenate([where for where, _ in members])
        order = np.argsort(shots, kind="stable")
        order = order[shots[order] < n_fired]
        found[place].take(kind, which, np.concatenate([seen for _, seen in members])[order])
    moved = False
    for one in found:
        before = int(one.order[one.position])
        one.position += n_fired
        one.play_next()
        moved |= not one.n_left or int(one.order[one.position]) != before
        if not one.n_left:
            _forget(plant, one)
            one.session.send(one.answer(plant.folder))
    return moved
