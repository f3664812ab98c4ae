"""Emulated water chiller: a setpoint, a mode, a pump, temperature and flow, by Modbus.

Source: docs/existing-firmware.md, the chiller's list of registers.
"""

from __future__ import annotations

import struct
from typing import ClassVar

from qctl.hil.instruments.modbus_firmware import ModbusFirmware

__all__ = ["Chiller"]

_FLOW = dict(enumerate(struct.unpack(">HH", struct.pack(">f", 7.25)), start=2))


class Chiller(ModbusFirmware):
    """The chiller as it stands in the built-in lab."""

    unit = 17
    coils: ClassVar[dict[int, int]] = {0: 0}
    discretes: ClassVar[dict[int, int]] = {0: 0}
    holdings: ClassVar[dict[int, int]] = {0: 200, 1: 0}
    inputs: ClassVar[dict[int, int]] = {0: 213, 1: 0xFFFB, **_FLOW}
    bounds: ClassVar[dict[int, tuple[int, int]]] = {0: (50, 350), 1: (0, 2)}
    objects = ("Cool Water Ltd", "CW-40 {serial}", "2.7")
