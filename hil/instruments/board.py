"""What emulated boards have in common that nothing in the plant feels."""

from __future__ import annotations

from typing import Any

from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.plant_link import Plant

__all__ = ["Board"]


class Board:
    """One box with firmware of a lab's own; every connection talks to the same one.

    Parameters
    ----------
    config : EmulatorConfig
        Name and serial number.
    plant : Plant
        Unused: nothing in the plant feels it.
    """

    kind = "box"
    n_outputs = 0
    n_inputs = 0
    own_faults = frozenset({"readings"})

    def __init__(self, config: EmulatorConfig, plant: Plant) -> None:
        self.config, self.plant = config, plant
        self.counters: dict[str, int] = {}
        self.faults: dict[str, Any] = {}
        self._got = bytearray()

    async def flush(self) -> None:
        """Do nothing: there is nothing to tell the plant."""

    def new_faults(self, faults: dict[str, Any]) -> None:
        """Take the present faults; `readings` gives values that are only read other ones."""
        self.faults = dict(faults)
