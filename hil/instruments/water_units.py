"""Emulated units of a cooling circuit on one RS-485 line: a valve that is set, and a meter that is read.

Source: docs/existing-firmware.md, the units' lists of registers.
"""

from __future__ import annotations

from typing import ClassVar

from qctl.hil.instruments.modbus_firmware import ModbusFirmware

__all__ = ["WaterMeter", "WaterValve"]


class WaterValve(ModbusFirmware):
    """A proportional valve: its opening in tenths of a percent, and where it stands."""

    unit = 3
    holdings: ClassVar[dict[int, int]] = {0: 0}
    inputs: ClassVar[dict[int, int]] = {0: 0, 100: 0x5A17}
    bounds: ClassVar[dict[int, tuple[int, int]]] = {0: (0, 1000)}

    def _put(self, name: str, address: int, value: int) -> None:
        super()._put(name, address, value)
        self._tables["inputs"][0] = self._tables["holdings"][0]


class WaterMeter(ModbusFirmware):
    """A flow meter: flow in hundredths of a litre a minute, and water temperature in tenths of a degree."""

    unit = 4
    inputs: ClassVar[dict[int, int]] = {0: 412, 1: 187, 100: 0x4D02}
