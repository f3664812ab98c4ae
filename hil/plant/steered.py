"""Shots that a box plays part by part, since what it plays next depends on what it has measured.

Each part is a stage of its shots. A box asks for parts in batches: what comes out for a shot is drawn once, and waits
until the shot gets there.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError
from qctl.hil.physics.readout import Answer, answer_readout
from qctl.hil.physics.stages import Party, clipped
from qctl.hil.physics.sums import Weighing
from qctl.hil.plant.messages import array_from_wire, array_to_wire
from qctl.hil.plant.self_timed import Integrating, armed, integration_of, set_tones

if TYPE_CHECKING:
    from qctl.hil.plant.block import Physics
    from qctl.hil.plant.rack import Rack
    from qctl.hil.plant.service import Plant, Session

__all__ = ["Parties", "begin_steer"]

_KEPT = 512


class Parties:
    """The parties of a plant.

    Parameters
    ----------
    physics : Physics
        The fridge and its cables.
    """

    def __init__(self, physics: Physics) -> None:
        self.physics = physics
        self._parties: OrderedDict[int, Party] = OrderedDict()
        self._weighings: OrderedDict[tuple[Any, ...], tuple[Answer, Weighing]] = OrderedDict()
        self._next = 1

    def play(
        self, rack: Rack, number: int, members: NDArray[np.int64], one: Integrating, end_s: float, now_s: float
    ) -> tuple[int, NDArray[np.float64]]:
        """Play a part in shots of a party, all from rest if its number is 0.

        Parameters
        ----------
        rack : Rack
            Whose boxes play the part.
        number : int
            Of the party.
        members : (n_shots,) int64
            Which of its shots.
        one : Integrating
            What a digitizer integrates.
        end_s : float
            When the part ends, after the start of the shot.
        now_s : float
            Lab time.

        Returns
        -------
        (int, (n_shots, n_sums) float64)
            The party that these shots are now, and what was integrated.
        """
        physics = self.physics
        before = self._before(number, members)
        played = physics.wiring.look(rack, now_s)
        inputs = physics.inputs_of(one.box, one.inputs)
        gathered = physics.wiring.gather(rack, played)
        lines = clipped(gathered, round(before.end_s * gathered.rate_hz))
        key = (played.readout, played.readout_lo_hz, one.window, inputs, one.weights.tobytes(), before.end_s)
        if key not in self._weighings:
            found = answer_readout(physics.processor, lines, one.window)
            self._weighings[key] = found, Weighing(found, inputs, one.weights)
            if len(self._weighings) > _KEPT:
                self._weighings.popitem(last=False)
        answer, weighing = self._weighings[key]
        party, paths = physics.stages.go(before, played, lines, answer, end_s, physics.random)
        return self._kept(party), weighing.along(paths, physics.random)

    def _before(self, number: int, members: NDArray[np.int64]) -> Party:
        if not number:
            return self.physics.stages.at_rest(len(members))
        party = self._parties.get(number)
        if party is None or (len(members) and not 0 <= members.min() <= members.max() < len(party.which)):
            raise RequestError(f"there is no party {number} with these shots")
        used, which = np.unique(party.which[members], return_inverse=True)
        return Party(tuple(party.states[k] for k in used.tolist()), which.astype(np.int64), party.end_s)

    def _kept(self, party: Party) -> int:
        number, self._next = self._next, self._next + 1
        self._parties[number] = party
        if len(self._parties) > _KEPT:
            self._parties.popitem(last=False)
        return number


def begin_steer(plant: Plant, session: Session, message: Mapping[str, Any]) -> dict[str, Any]:
    """Play a part of shots, and return the party that they are then with what was integrated in each.

    Raises
    ------
    DeviceError
        If another block is under way.
    RequestError
        If there is no such box, waveform or party, or the numbers make no part.
    """
    own = session.attached()
    members = array_from_wire(message["members"], plant.folder).astype(np.int64)
    end_s = float(message["end_s"])
    one = integration_of(plant, message["integration"])
    if not len(members) or not end_s > 0:
        raise RequestError(f"{len(members)} shots until end_s = {end_s}: both have to be above 0")
    inside = any(one.session is session and one.turn is not None for one in plant.following.values())
    with armed(plant, message, own.name, inside), plant.clock.paused():
        set_tones(plant, (own.name, *session.parts), message.get("tones", {}))
        number, sums = plant.parties.play(plant.rack, int(message["party"]), members, one, end_s, plant.clock.now_s())
    return {"party": number, "sums": array_to_wire(sums, plant.folder)}
