"""A plant that notes what it is told and returns the records that it was given."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.hil.instruments.plant_link import Levels, NoPlant, Output, Points, Runs, Taken
from qctl.hil.plant.messages import fill_runs

__all__ = ["RecordingPlant"]


class RecordingPlant(NoPlant):
    """Note each call; lab time is set by hand.

    Attributes
    ----------
    calls : list of tuple
        What was told, in order: the verb and its arguments.
    volts : ndarray
        What is recorded.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, ...]] = []
        self.samples: dict[str, NDArray[np.float32]] = {}
        self.volts: NDArray[np.float32] = np.zeros((1, 1, 16), np.float32)
        self.time_s = 0.0

    async def now_s(self) -> float:
        """Return the time that was set."""
        return self.time_s

    async def waveforms(self, waveforms: Mapping[str, tuple[int, Runs]]) -> None:
        """Keep the samples."""
        self.tell_waveforms(waveforms)

    def tell_waveforms(self, waveforms: Mapping[str, tuple[int, Runs]]) -> None:
        """Keep the samples."""
        self.samples |= {digest: fill_runs(n_samples, runs) for digest, (n_samples, runs) in waveforms.items()}

    def tell_outputs(self, element: dict[int, Output], rate_hz: float, armed: bool) -> None:
        """Note what plays."""
        self.calls.append(("outputs", element, rate_hz, armed))

    async def sequence(self, points: Points, levels: Levels, rate_hz: float, position: int | None) -> None:
        """Note the sequence."""
        self.calls.append(("sequence", points, levels, rate_hz, position))
        await super().sequence(points, levels, rate_hz, position)

    def tell_position(self, position: int) -> None:
        """Note where it waits."""
        self.calls.append(("position", position))
        super().tell_position(position)

    def heard(self, output: int) -> list[tuple[NDArray[np.float32], int]]:
        """Return what an output plays at the next trigger: samples, and how often."""
        steps, _ = self._points[self._position]
        return [(self.samples[waveforms[output]], n_times) for waveforms, n_times in steps]

    async def level(self, output: int, volts: float, slew_v_per_s: float = 0.0, part: str = "") -> None:
        """Note the level; of a part, with its name behind."""
        self.calls.append(("level", output, volts, slew_v_per_s, *((part,) if part else ())))

    async def tone(self, frequency_hz: float, power_dbm: float, on: bool) -> None:
        """Note the tone."""
        self.calls.append(("tone", frequency_hz, power_dbm, on))

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
        """Note what is armed, and have what was given taken soon."""
        self.calls.append(("arm", inputs, rate_hz, delay_s, n_samples, n_records, averaged))
        asyncio.get_running_loop().call_soon(taken, self.volts)

    def spent(self, name: str, on: str = "") -> None:
        """Note a fault that is used up."""
        self.calls.append(("spent", name))

    def tell_count(self, **amounts: int) -> None:
        """Note the amounts."""
        self.calls.append(("count", amounts))
