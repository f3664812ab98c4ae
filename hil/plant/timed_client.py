"""What an instrument that times its own shots asks of the plant: blocks of equal shots, and what is seen in them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qctl.hil.plant.light import Exposure
from qctl.hil.plant.messages import array_from_wire, array_to_wire, elements_of
from qctl.hil.plant.shot import Integration, Kind, Output

__all__ = ["SelfTimedPlays", "Steer"]

Steer = Callable[[int, int], Awaitable[None]]
"""What plays so many shots of a kind part by part: (kind, n_shots)."""


class SelfTimedPlays:
    """The part of `PlantClient` that is about blocks of shots; what it asks by is there."""

    if TYPE_CHECKING:
        _folder: str
        _steers: dict[str, Steer]

        async def _ask(self, verb: str, **content: Any) -> dict[str, Any]: ...

        def _tell(self, verb: str, **content: Any) -> None: ...

    async def play(
        self,
        outputs: Mapping[str, Mapping[int, Output]],
        integrations: Sequence[Integration],
        rate_hz: float,
        n_shots: int,
        period_s: float,
        rates_hz: Mapping[str, float] = MappingProxyType({}),
        tones: Mapping[str, tuple[float, float, bool]] = MappingProxyType({}),
    ) -> tuple[int, list[NDArray[np.float64]]]:
        """Play a block of equal shots that this box times itself.

        Parameters
        ----------
        outputs : mapping of str to mapping of int to Output
            By box and number; those of other boxes go on as they are.
        integrations : sequence of Integration
            What is integrated in each shot.
        rate_hz : float
            Of the samples.
        n_shots, period_s : int, float
            How many shots, and how long each takes in lab time.
        rates_hz : mapping of str to float
            Of boxes with other rates.
        tones : mapping of str to (frequency_hz, power_dbm, on)
            Carriers inside the boxes, by names of parts of this one.

        Returns
        -------
        (int, list of (n_shots, n_sums) float64)
            The shots that were played until the end, or `abort`; the sums of each integration, in volts.

        Raises
        ------
        DeviceError
            If another block is under way.
        """
        wire, given, _ = self._kind(Kind(outputs, tuple(integrations)))
        content = {"outputs": wire, "integrations": given, "rate_hz": rate_hz, "rates_hz": dict(rates_hz)}
        content["tones"] = dict(tones)
        reply = await self._ask("play", **content, n_shots=n_shots, period_s=period_s)
        return int(reply["n_shots"]), [array_from_wire(sums, self._folder) for sums in reply["sums"]]

    def _kind(self, kind: Kind) -> tuple[dict[str, Any], list[dict[str, Any]], bool]:
        return elements_of(kind.outputs), [self._wire(one) for one in kind.integrations], kind.steered

    async def follow(
        self,
        boxes: Sequence[str],
        kinds: Sequence[Kind],
        order: NDArray[np.int64],
        rate_hz: float,
        tones: Mapping[str, tuple[float, float, bool]] = MappingProxyType({}),
        busy_s: float = 0.0,
        steer: Steer | None = None,
    ) -> asyncio.Future[list[list[NDArray[np.float64]]]]:
        """Say what boxes play and integrate together at each trigger that another box fires.

        Parameters
        ----------
        boxes : sequence of str
            Which of those that this one speaks for.
        kinds : sequence of Kind
            Of shots; each plays on these boxes alone.
        order : (n_shots,) int64
            Kind of the shot of each trigger.
        rate_hz, tones
            As of `play`.
        busy_s : float
            How long after a trigger they can't take the next one.
        steer : function, optional
            Plays shots of kinds that are steered, given the kind and how many; the first box is known by it.

        Returns
        -------
        Future of list of list of (n, n_sums) float64
            When the last trigger has come: by kind and integration, the sums of its shots in order.
        """
        wire = [self._kind(kind) for kind in kinds]
        content = {"kinds": wire, "order": array_to_wire(order.astype(np.int32), self._folder), "rate_hz": rate_hz}
        content |= {"boxes": list(boxes), "tones": dict(tones), "busy_s": busy_s}
        if steer is not None:
            self._steers[boxes[0]] = steer
        asked = asyncio.ensure_future(self._ask("follow", **content))

        async def found() -> list[list[NDArray[np.float64]]]:
            sums = (await asked)["sums"]
            return [[array_from_wire(one, self._folder) for one in integrations] for integrations in sums]

        await asyncio.sleep(0)
        await self._ask("now")  # what comes after it comes after what was said
        return asyncio.ensure_future(found())

    async def _take_turn(self, box: str, kind: int, n_shots: int) -> None:
        """Play shots that the plant leaves to a box, and say that it is done."""
        done = False
        try:
            await self._steers[box](kind, n_shots)
            done = True
        finally:
            self._tell("end_turn", box=box, done=done)

    def tell_unfollow(self, box: str) -> None:
        """Say that a box goes on with triggers no more."""
        self._tell("unfollow", box=box)

    async def wires(self) -> dict[str, str]:
        """Return the trigger wires that reach this box and its parts: box to "trig0:1"."""
        return dict((await self._ask("wires"))["wires"])

    async def expose(self, exposure: Exposure) -> tuple[int, NDArray[np.uint16]]:
        """Play a block of equal shots on atoms; return the shots until its end, and the photons of each trap."""
        reply = await self._ask("expose", **exposure.to_wire(self._folder))
        return int(reply["n_shots"]), array_from_wire(reply["photons"], self._folder)

    async def events(
        self, rows: NDArray[Any], tick_s: float, n_shots: int, period_s: float
    ) -> tuple[int, NDArray[np.int64]]:
        """Play the events of a shot in each of so many shots that this box times itself.

        `rows` are (n,) EVENTs of `qctl.hil.plant.event_blocks`. Returns the shots that were played, and the photons of
        each gate in the order in which they close: (n_shots, n_counts) int64.
        """
        content = {"rows": array_to_wire(rows.view(np.uint8), self._folder), "tick_s": tick_s}
        reply = await self._ask("events", **content, n_shots=n_shots, period_s=period_s)
        return int(reply["n_shots"]), array_from_wire(reply["counts"], self._folder)

    async def events_of_part(self, rows: NDArray[Any], tick_s: float, begins: bool) -> list[int]:
        """Play events of one shot, the first or the next ones; return the photons of each gate that closes."""
        content = {"rows": array_to_wire(rows.view(np.uint8), self._folder), "tick_s": tick_s}
        return [int(count) for count in (await self._ask("events_of_part", **content, begins=begins))["counts"]]

    async def steer(
        self,
        outputs: Mapping[str, Mapping[int, Output]],
        integration: Integration,
        rate_hz: float,
        party: int,
        members: NDArray[np.int64],
        end_s: float,
        rates_hz: Mapping[str, float] = MappingProxyType({}),
        tones: Mapping[str, tuple[float, float, bool]] = MappingProxyType({}),
    ) -> tuple[int, NDArray[np.float64]]:
        """Play a part of shots that the box steers; return the party that they are then, and the sums of each."""
        content = {"outputs": elements_of(outputs), "integration": self._wire(integration), "rate_hz": rate_hz}
        content |= {"rates_hz": dict(rates_hz), "tones": dict(tones)}
        given = array_to_wire(members, self._folder)
        reply = await self._ask("steer", **content, party=party, members=given, end_s=end_s)
        return int(reply["party"]), array_from_wire(reply["sums"], self._folder)

    def _wire(self, one: Integration) -> dict[str, Any]:
        weights = array_to_wire(one.weights, self._folder)
        return {
            "box": one.box,
            "inputs": one.inputs,
            "rate_hz": one.rate_hz,
            "delay_s": one.delay_s,
            "weights": weights,
        }
