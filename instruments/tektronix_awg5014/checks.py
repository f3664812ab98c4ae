"""Check an AWG5014C program against the box's and the lab's limits, before a byte leaves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from qctl.instruments.capability import limit
from qctl.instruments.step_checks import check_steps
from qctl.instruments.steps import Channel
from qctl.instruments.tektronix_awg5014 import capabilities as can
from qctl.instruments.tektronix_awg5014.body import AwgBody
from qctl.lab import Instrument

__all__ = ["check_program"]

_WORD = np.dtype("<u2")
_DATA_BITS = np.uint16(0x3FFF)
_EVERY_CODE = np.array([0, 0x3FFF], np.uint16)


def check_program(body: AwgBody, blobs: Mapping[str, NDArray[np.generic]], instrument: Instrument) -> None:
    """Raise unless the program fits the box and every voltage it plays is within the outputs' limits.

    Raises
    ------
    LimitError
        With the value, the bound and the output.
    RequestError
        If the program contradicts itself.
    """
    table = can.TABLES[can.MODEL]
    level = limit(table, "settings.trigger_level_v").limits
    level.check(body.trigger_level_v, f"{instrument.name}: trigger_level_v")
    check_steps(body, blobs, instrument, table, _WORD, _span)


def _span(channel: Channel, words: NDArray[np.generic] | None) -> tuple[float, float]:
    """Return the lowest and highest voltage of a waveform, or of all codes."""
    codes = _EVERY_CODE
    if words is not None:
        found = words.astype(_WORD, copy=False) & _DATA_BITS
        codes = np.array([found.min(), found.max()], np.uint16)
    low, high = can.code_voltages(channel.amplitude_vpp, channel.offset_v, codes)
    return float(low), float(high)
