"""Shots that a box has lined up: its program waits for triggers, and plays the next one at each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qctl.errors import DeviceError, RequestError
from qctl.hil.plant.rack import Box, Playing

if TYPE_CHECKING:
    from qctl.hil.plant.service import Plant, Session

__all__ = ["LinedUp", "check_shots", "count_left", "line_up", "pass_shots"]


@dataclass(slots=True)
class LinedUp:
    """What a box plays at the coming triggers.

    Attributes
    ----------
    kinds : list of (playing, int)
        What each output plays, and at how many triggers one after the other.
    busy_s : float
        How long after a trigger the box can't take the next one.
    place, n_left : int
        The kind that comes next, and how many triggers it has left.
    """

    kinds: list[tuple[dict[int, Playing], int]]
    busy_s: float
    place: int = 0
    n_left: int = 0

    @property
    def n_shots(self) -> int:
        """Return how many triggers are left in all."""
        return self.n_left + sum(n for _, n in self.kinds[self.place + 1 :])


def line_up(plant: Plant, session: Session, message: dict[str, Any]) -> None:
    """Take what boxes of a session play at the coming triggers; nothing disarms a box."""
    own = {session.attached().name, *session.parts}
    for name, kinds in message["boxes"].items():
        box = plant.rack.boxes.get(name)
        if box is None or name not in own:
            raise RequestError(f"{name} is no box of {session.attached().name}")
        found = []
        for outputs, n_shots in kinds:
            playing = {
                int(number): Playing(((digest, 1),) if digest is not None else (), *level)
                for number, (digest, *level) in outputs.items()
            }
            for number, one in playing.items():
                plant.rack.check_steps(f"{name}:{number}", one.steps)
            found.append((playing, int(n_shots)))
        box.rate_hz, box.sequence = float(message["rate_hz"]), None
        box.lined_up = LinedUp(found, float(message["busy_s"]), 0, found[0][1]) if found else None
        box.armed, box.playing = bool(found), found[0][0] if found else {}
    plant.changed()


def count_left(plant: Plant, session: Session, message: dict[str, Any]) -> dict[str, Any]:
    """Return how many triggers the boxes of a session still wait for."""
    boxes = [plant.rack.boxes[name] for name in (session.attached().name, *session.parts)]
    return {"n_left": max((box.lined_up.n_shots for box in boxes if box.lined_up is not None), default=0)}


def check_shots(boxes: Iterable[Box], n_shots: int, period_s: float) -> None:
    """Refuse a block of shots that a box has not lined up as it is fired.

    Raises
    ------
    DeviceError
        If triggers come too fast for a box, or its shots in the block are not alike.
    """
    for box in boxes:
        if box.lined_up is None:
            continue
        if box.lined_up.busy_s > period_s:
            text = f"{box.name} is busy for {box.lined_up.busy_s:.9g} s, triggers come every {period_s:.9g} s"
            raise DeviceError(f"{text}: it would miss them", instrument=box.name)
        if box.lined_up.n_left < n_shots:
            text = f"{box.name} has lined up {box.lined_up.n_left} shots that are alike, {n_shots} are fired"
            raise DeviceError(f"{text}: the virtual lab can't evolve that", instrument=box.name)


def pass_shots(boxes: Iterable[Box], n_shots: int) -> bool:
    """Count the triggers that boxes have had; say whether any plays something else at the next one."""
    moved = False
    for box in boxes:
        line = box.lined_up
        if line is None:
            continue
        line.n_left -= n_shots
        if line.n_left > 0:
            continue
        moved = True
        line.place += 1
        if line.place < len(line.kinds):
            box.playing, line.n_left = line.kinds[line.place]
        else:
            box.lined_up, box.armed, box.playing = None, False, {}
    return moved
