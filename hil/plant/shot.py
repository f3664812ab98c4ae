"""What a box plays and integrates in one shot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Integration", "Kind", "Output"]


@dataclass(frozen=True, slots=True)
class Output:
    """What one output plays at the next triggers.

    Attributes
    ----------
    digest : str or None
        Name of samples handed over by `PlantClient.waveforms`; None plays nothing (0 V).
    amplitude_vpp : float
        Peak-to-peak volts into 50 ohm of samples that go from -1 to 1.
    offset_v : float
        Volts added while the waveform plays.
    on : bool
        Whether the output is switched on.
    """

    digest: str | None
    amplitude_vpp: float
    offset_v: float = 0.0
    on: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Integration:
    """What a digitizer integrates in each shot.

    Attributes
    ----------
    box : str
        The digitizer.
    inputs : tuple of int
        Its inputs, from 1.
    rate_hz, delay_s : float
        Samples per second, and the time of the first one.
    weights : (n_sums, n_inputs, n_samples) float64
        What each sample counts in each sum.
    """

    box: str
    inputs: tuple[int, ...]
    rate_hz: float
    delay_s: float
    weights: NDArray[np.float64]


class Kind(NamedTuple):
    """What a shot plays, by box and number of the output, and what is integrated in it.

    One that is `steered` is played by the box itself, part by part, when its trigger comes.
    """

    outputs: Mapping[str, Mapping[int, Output]]
    integrations: tuple[Integration, ...]
    steered: bool = False
