"""Shots that a box plays part by part, since what it plays next depends on what it has measured.

A party is a number of shots that have played the same so far. When a part ends, each shot's transmons have been found
in levels by its measurement: shots with the same past and the same levels share a state, from which the next part goes
on. A box asks for parts in batches: what comes out for a shot is drawn once, and waits until the shot gets there.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError
from qctl.hil.physics.lines import Lines, Run
from qctl.hil.physics.readout import Answer, answer_readout
from qctl.hil.physics.shots import draw_levels
from qctl.hil.physics.state import State
from qctl.hil.physics.sums import Weighing
from qctl.hil.plant.messages import array_from_wire, array_to_wire
from qctl.hil.plant.self_timed import Integrating, armed, integration_of

if TYPE_CHECKING:
    from qctl.hil.plant.block import Physics
    from qctl.hil.plant.rack import Rack
    from qctl.hil.plant.service import Plant, Session

__all__ = ["Parties", "begin_steer"]

_KEPT = 512
_EVOLVED = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Party:
    """Shots with the same past.

    Attributes
    ----------
    states : tuple of State
        Those that any shot is in.
    which : (n_shots,) int64
        State of each shot.
    end_s : float
        When they are in these states.
    """

    states: tuple[State, ...]
    which: NDArray[np.int64]
    end_s: float


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
        self._evolved: OrderedDict[tuple[Any, ...], State] = OrderedDict()
        self._projected: OrderedDict[tuple[Any, ...], State] = OrderedDict()
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
        lines = _clipped(physics.wiring.gather(rack, played), before.end_s)
        key = (played.readout, played.readout_lo_hz, one.window, inputs, one.weights.tobytes(), before.end_s)
        if key not in self._weighings:
            found = answer_readout(physics.processor, lines, one.window)
            self._weighings[key] = found, Weighing(found, inputs, one.weights)
            if len(self._weighings) > _KEPT:
                self._weighings.popitem(last=False)
        answer, weighing = self._weighings[key]
        measured = answer.measured()
        stop_s = np.full(len(physics.names), end_s)
        stop_s[list(measured)] = np.maximum(answer.start_s[list(measured)], before.end_s)
        n_shots, n = len(before.which), len(physics.names)
        paths = np.zeros((n_shots, n), np.int32)
        levels = np.zeros((n_shots, n), np.int64)
        evolved: list[State] = []
        for k, state in enumerate(before.states):
            shots = np.flatnonzero(before.which == k)
            after = self._evolve((state, played, before.end_s, end_s, measured), state, before.end_s, lines, stop_s)
            evolved.append(after)
            levels[shots] = draw_levels(after.populations(), len(shots), physics.random)
        for q in range(n):
            paths[:, q] = answer.draw_paths(q, levels[:, q], physics.random)
        sums = weighing.along(paths, physics.random)
        kinds, places = np.unique(
            np.concatenate(
                [before.which[:, None], levels[:, measured], answer.last_levels(paths)[:, measured]], axis=1
            ),
            axis=0,
            return_inverse=True,
        )
        states = tuple(self._found(evolved[row[0]], measured, tuple(row[1:])) for row in kinds.tolist())
        return self._kept(Party(states, places.reshape(-1).astype(np.int64), end_s)), sums

    def _before(self, number: int, members: NDArray[np.int64]) -> Party:
        if not number:
            return Party((self.physics.evolution.at_rest,), np.zeros(len(members), np.int64), 0.0)
        party = self._parties.get(number)
        if party is None or (len(members) and not 0 <= members.min() <= members.max() < len(party.which)):
            raise RequestError(f"there is no party {number} with these shots")
        used, which = np.unique(party.which[members], return_inverse=True)
        return Party(tuple(party.states[k] for k in used.tolist()), which.astype(np.int64), party.end_s)

    def _evolve(
        self, key: tuple[Any, ...], state: State, start_s: float, lines: Lines, stop_s: NDArray[np.float64]
    ) -> State:
        found = self._evolved.get(key)
        if found is None:
            found = self.physics.evolution.run(lines, stop_s, True, (state, start_s))
            self._evolved[key] = found
            if len(self._evolved) > _EVOLVED:
                self._evolved.popitem(last=False)
        return found

    def _found(self, state: State, measured: tuple[int, ...], levels: tuple[int, ...]) -> State:
        """Return the state once transmons were found in the first levels, and left in those behind."""
        key = (state, measured, levels)
        found = self._projected.get(key)
        if found is None:
            n = len(measured)
            before, after = (dict(zip(measured, half, strict=True)) for half in (levels[:n], levels[n:]))
            found = self._projected[key] = state.projected(before, after)
            if len(self._projected) > _EVOLVED:
                self._projected.popitem(last=False)
        return found

    def _kept(self, party: Party) -> int:
        number, self._next = self._next, self._next + 1
        self._parties[number] = party
        if len(self._parties) > _KEPT:
            self._parties.popitem(last=False)
        return number


def _clipped(lines: Lines, start_s: float) -> Lines:
    """Return lines without what they play before a time."""
    start = round(start_s * lines.rate_hz)

    def late(runs: tuple[Run, ...]) -> tuple[Run, ...]:
        kept = [run for run in runs if run.stop > start]
        return tuple(run if run.start >= start else Run(start, run.volts[start - run.start :]) for run in kept)

    if not start:
        return lines
    drive, flux = (tuple(late(runs) for runs in group) for group in (lines.drive, lines.flux))
    return replace(lines, drive=drive, flux=flux, readout=late(lines.readout))


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
    with armed(plant, message, own.name), plant.clock.paused():
        number, sums = plant.parties.play(plant.rack, int(message["party"]), members, one, end_s, plant.clock.now_s())
    return {"party": number, "sums": array_to_wire(sums, plant.folder)}
