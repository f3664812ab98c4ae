"""What an emulator needs of the plant, and a plant of nothing for emulators that stand alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from qctl.hil.plant.client import Ended, Parts, Taken
from qctl.hil.plant.light import Exposure
from qctl.hil.plant.messages import Levels, Points, Runs
from qctl.hil.plant.shot import Integration, Kind, Output
from qctl.hil.plant.timed_client import Steer

__all__ = [
    "Ended",
    "Exposure",
    "Integration",
    "Kind",
    "Levels",
    "NoPlant",
    "Output",
    "Parts",
    "Plant",
    "Points",
    "Runs",
    "Steer",
    "Taken",
]


class Plant(Protocol):
    """The part of `qctl.hil.plant.client.PlantClient` that emulators use."""

    faults: dict[str, Any]
    anew: set[str]
    fault_changed: asyncio.Event
    closed: asyncio.Event

    async def hello(self, kind: str, n_outputs: int, n_inputs: int, parts: Parts | None = None) -> None:
        """Attach as a box, and for its parts."""

    async def now_s(self) -> float:
        """Return lab time."""
        ...

    async def waveforms(self, waveforms: Mapping[str, tuple[int, Runs]]) -> None:
        """Hand over many at once: by hash the length and the stretches that are not silent."""

    def tell_waveforms(self, waveforms: Mapping[str, tuple[int, Runs]]) -> None:
        """Do the same without waiting for an answer."""

    def tell_outputs(self, element: dict[int, Output], rate_hz: float, armed: bool) -> None:
        """Say what each output plays at every trigger fired later, without waiting for an answer."""

    async def sequence(self, points: Points, levels: Levels, rate_hz: float, position: int | None) -> None:
        """Say what each sequence element that waits plays at a trigger, and where events lead from it."""

    def tell_position(self, position: int) -> None:
        """Say at which element of its sequence the box waits, without waiting for an answer."""

    def tell_event(self) -> None:
        """Say that the box itself made an event, without waiting for an answer."""

    async def position(self) -> int:
        """Return the element of its sequence at which the box waits: events may have moved it."""
        ...

    async def level(self, output: int, volts: float, slew_v_per_s: float = 0.0, part: str = "") -> None:
        """Drive a DC output, or one of a part, to a voltage."""

    async def tone(self, frequency_hz: float, power_dbm: float, on: bool) -> None:
        """Set the continuous wave of a source."""

    def arm(
        self,
        inputs: list[int],
        rate_hz: float,
        delay_s: float,
        n_samples: int,
        n_records: int,
        averaged: bool,
        taken: Taken,
    ) -> None:
        """Arm one acquisition, which takes every trigger fired later; `taken` gets its volts."""

    async def disarm(self) -> None:
        """Abandon the armed acquisition."""

    async def fire(self, line: int, n_shots: int, period_s: float, once: Sequence[int] = ()) -> int:
        """Fire a block of triggers, then each line of `once` one time; return the shots fired."""
        ...

    def begin_block(self, line: int, n_shots: int, period_s: float, once: Sequence[int], ended: Ended) -> None:
        """Do the same without waiting; `ended` gets the shots fired."""

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
        """Play a block of equal shots that the box times itself; return how many, and what was integrated in each."""
        ...

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
        """Say what boxes play and integrate at each trigger that another box fires; the sums come with the last."""
        ...

    def tell_unfollow(self, box: str) -> None:
        """Say that a box goes on with triggers no more."""

    async def wires(self) -> dict[str, str]:
        """Return the trigger wires that reach this box and its parts."""
        ...

    async def expose(self, exposure: Exposure) -> tuple[int, NDArray[np.uint16]]:
        """Play a block of equal shots on atoms; return how many, and what the camera counts of each trap."""
        ...

    async def events(
        self, rows: NDArray[Any], tick_s: float, n_shots: int, period_s: float
    ) -> tuple[int, NDArray[np.int64]]:
        """Play the events of a shot in each of so many; return how many, and the photons of each gate."""
        ...

    async def events_of_part(self, rows: NDArray[Any], tick_s: float, begins: bool) -> list[int]:
        """Play events of one shot, the first or the next ones; return the photons of each gate that closes."""
        ...

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
        ...

    async def fired(self) -> int:
        """Return how many shots of the block under way have been fired by now."""
        ...

    async def abort(self) -> None:
        """End the block of triggers that is under way."""

    async def reference(self, locked: bool) -> None:
        """Say whether the box is locked to its reference clock."""

    def spent(self, name: str, on: str = "") -> None:
        """Say that a fault of this box, or of one of its parts, is used up."""

    def tell_count(self, **amounts: int) -> None:
        """Add to this box's counters."""

    async def ask(self, verb: str, **content: Any) -> dict[str, Any]:
        """Ask anything else that the plant knows."""
        ...


class NoPlant:
    """Take everything, and answer records with noise at once; for tests of drivers."""

    def __init__(self, seed: int = 1) -> None:
        self.faults: dict[str, Any] = {}
        self.anew: set[str] = set()
        self.fault_changed = asyncio.Event()
        self.closed = asyncio.Event()
        self._random = np.random.default_rng(seed)
        self._abort = asyncio.Event()
        self._block = (0.0, 0, 1.0)
        self._firing: asyncio.Task[int] | None = None
        self._points: Points = {}
        self._position = 1

    async def hello(self, kind: str, n_outputs: int, n_inputs: int, parts: Parts | None = None) -> None:
        """Take the greeting."""

    async def now_s(self) -> float:
        """Return wall time: without a plant there is no lab time."""
        return time.time()

    async def waveforms(self, waveforms: Mapping[str, tuple[int, Runs]]) -> None:
        """Forget the samples."""

    def tell_waveforms(self, waveforms: Mapping[str, tuple[int, Runs]]) -> None:
        """Forget the samples."""

    def tell_outputs(self, element: dict[int, Output], rate_hz: float, armed: bool) -> None:
        """Forget what plays."""

    async def sequence(self, points: Points, levels: Levels, rate_hz: float, position: int | None) -> None:
        """Keep the jumps and the position."""
        self._points = points
        self._position = self._position if position is None else position

    def tell_position(self, position: int) -> None:
        """Keep the position."""
        self._position = position

    def tell_event(self) -> None:
        """Follow the jump of the present element."""
        self._position = self._points[self._position][1] or self._position

    async def position(self) -> int:
        """Return the position that was told."""
        return self._position

    async def level(self, output: int, volts: float, slew_v_per_s: float = 0.0, part: str = "") -> None:
        """Forget the level."""

    async def tone(self, frequency_hz: float, power_dbm: float, on: bool) -> None:
        """Forget the tone."""

    def arm(
        self,
        inputs: list[int],
        rate_hz: float,
        delay_s: float,
        n_samples: int,
        n_records: int,
        averaged: bool,
        taken: Taken,
    ) -> None:
        """Have 1 mV of noise taken soon, (n_records or 1, n_inputs, n_samples) in volts."""
        shape = (1 if averaged else n_records, len(inputs), n_samples)
        volts = self._random.standard_normal(shape, dtype=np.float32) * np.float32(1e-3)
        asyncio.get_running_loop().call_soon(taken, volts)

    async def disarm(self) -> None:
        """Do nothing."""

    async def fire(self, line: int, n_shots: int, period_s: float, once: Sequence[int] = ()) -> int:
        """Wait as long as the shots take, or until `abort`; return how many there were."""
        self._abort.clear()
        start_s = time.monotonic()
        self._block = (start_s, n_shots, period_s)
        try:
            await asyncio.wait_for(self._abort.wait(), n_shots * period_s)
        except TimeoutError:
            return n_shots
        return min(n_shots, int((time.monotonic() - start_s) / period_s) + 1)

    def begin_block(self, line: int, n_shots: int, period_s: float, once: Sequence[int], ended: Ended) -> None:
        """Do the same without waiting."""
        self._firing = asyncio.get_running_loop().create_task(self.fire(line, n_shots, period_s, once))
        self._firing.add_done_callback(lambda task: None if task.cancelled() else ended(task.result()))

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
        """Integrate as if each input saw 0.1 V, with 1 mV of noise on each sum; time does not pass."""
        sums = []
        for one in integrations:
            steady = 0.1 * one.weights.sum(axis=(1, 2))
            sums.append(steady + 1e-3 * self._random.standard_normal((n_shots, len(steady))))
        return n_shots, sums

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
        """Have the triggers come at once, and integrate as `play`."""
        done = asyncio.get_running_loop().create_future()
        found = []
        for number, kind in enumerate(kinds):
            found.append((await self.play({}, kind.integrations, rate_hz, int((order == number).sum()), 1.0))[1])
        done.set_result(found)
        return done

    def tell_unfollow(self, box: str) -> None:
        """Forget it."""

    async def wires(self) -> dict[str, str]:
        """Return none."""
        return {}

    async def expose(self, exposure: Exposure) -> tuple[int, NDArray[np.uint16]]:
        """Show all atoms: 600 photons of each, with their noise; time does not pass."""
        shape = exposure.n_shots, len(exposure.positions_m)
        return exposure.n_shots, self._random.poisson(600.0, shape).astype(np.uint16)

    async def events(
        self, rows: NDArray[Any], tick_s: float, n_shots: int, period_s: float
    ) -> tuple[int, NDArray[np.int64]]:
        """Count as if each gate saw five photons on average; lasts as long as the shots take, or until `abort`."""
        n_gates = int(((rows["operation"] == 3) & (rows["level"] == 0)).sum())
        fired = await self.fire(0, n_shots, period_s)
        return fired, self._random.poisson(5.0, (fired, n_gates))

    async def events_of_part(self, rows: NDArray[Any], tick_s: float, begins: bool) -> list[int]:
        """Count as `events` does; time does not pass."""
        n_gates = int(((rows["operation"] == 3) & (rows["level"] == 0)).sum())
        return [int(count) for count in self._random.poisson(5.0, n_gates)]

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
        """Integrate as `play` does."""
        _, (sums,) = await self.play(outputs, [integration], rate_hz, len(members), 1.0)
        return party + 1, sums

    async def fired(self) -> int:
        """Return how many shots would have been fired by now."""
        start_s, n_shots, period_s = self._block
        return min(n_shots, int((time.monotonic() - start_s) / period_s))

    async def abort(self) -> None:
        """End `fire`."""
        self._abort.set()

    async def reference(self, locked: bool) -> None:
        """Forget it."""

    def spent(self, name: str, on: str = "") -> None:
        """Say that a fault of this box, or of one of its parts, is used up."""

    def tell_count(self, **amounts: int) -> None:
        """Forget the amounts."""

    async def ask(self, verb: str, **content: Any) -> dict[str, Any]:
        """Know nothing: no trigger is waited for."""
        return {"n_left": 0}
