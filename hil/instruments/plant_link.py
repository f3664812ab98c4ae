"""What an emulator needs of the plant, and a plant of nothing for emulators that stand alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["NoPlant", "Output", "Plant"]


class Output(NamedTuple):
    """What one output plays at each of the next triggers.

    Attributes
    ----------
    digest : str or None
        Content name of a waveform sent before; None plays nothing.
    amplitude_vpp, offset_v : float
        Analog settings in volts into 50 ohm.
    on : bool
        Whether the output relay is closed.
    """

    digest: str | None
    amplitude_vpp: float
    offset_v: float
    on: bool


class Plant(Protocol):
    """The part of `qctl.hil.plant.client.PlantClient` that emulators use."""

    faults: dict[str, Any]

    async def hello(self, kind: str, n_outputs: int, n_inputs: int) -> Any: ...
    def now_s(self) -> float: ...
    async def waveform(self, digest: str, samples: NDArray[np.float32]) -> Any: ...
    async def outputs(self, element: dict[int, Any], rate_hz: float, armed: bool) -> Any: ...
    async def level(self, output: int, volts: float, slew_v_per_s: float) -> Any: ...
    async def tone(self, frequency_hz: float, power_dbm: float, on: bool) -> Any: ...
    async def arm_record(
        self, inputs: Sequence[int], rate_hz: float, delay_s: float, n_samples: int, n_records: int, averaged: bool
    ) -> Any: ...
    async def record(self, timeout: float) -> NDArray[np.float32]: ...
    async def fire(self, line: int, n_shots: int, period_s: float) -> Any: ...
    async def abort(self) -> Any: ...


class NoPlant:
    """Take everything, and answer records with noise at once; for tests of drivers."""

    def __init__(self, seed: int = 1) -> None:
        self.faults: dict[str, Any] = {}
        self._random = np.random.default_rng(seed)
        self._shape = (1, 0, 0)

    async def hello(self, kind: str, n_outputs: int, n_inputs: int) -> None:
        """Take the greeting."""

    def now_s(self) -> float:
        """Return wall time: without a plant there is no lab time."""
        return time.time()

    async def waveform(self, digest: str, samples: NDArray[np.float32]) -> None:
        """Forget the samples."""

    async def outputs(self, element: dict[int, Any], rate_hz: float, armed: bool) -> None:
        """Forget what plays."""

    async def level(self, output: int, volts: float, slew_v_per_s: float) -> None:
        """Forget the level."""

    async def tone(self, frequency_hz: float, power_dbm: float, on: bool) -> None:
        """Forget the tone."""

    async def arm_record(
        self, inputs: Sequence[int], rate_hz: float, delay_s: float, n_samples: int, n_records: int, averaged: bool
    ) -> None:
        """Remember the shape of the next record."""
        self._shape = (1 if averaged else n_records, len(inputs), n_samples)

    async def record(self, timeout: float) -> NDArray[np.float32]:
        """Return 1 mV of noise, (n_records, n_inputs, n_samples) in volts."""
        return self._random.standard_normal(self._shape, dtype=np.float32) * np.float32(1e-3)

    async def fire(self, line: int, n_shots: int, period_s: float) -> None:
        """Wait as long as the shots would take."""
        await asyncio.sleep(n_shots * period_s)

    async def abort(self) -> None:
        """Do nothing."""
