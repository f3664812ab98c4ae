"""Several emulated Modbus units behind one serial line, as on RS-485: all of them hear it, each answers for itself.

Faults that are set on the line hit all of them, faults of a unit's own only what it hears and says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from qctl.errors import RequestError
from qctl.hil.faults.present import WireFaults
from qctl.hil.instruments.board import Board
from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.modbus_firmware import ModbusFirmware
from qctl.hil.instruments.models import emulated_by
from qctl.hil.instruments.plant_link import Parts, Plant
from qctl.hil.instruments.servers.faulty_wire import FaultyWire
from qctl.hil.instruments.servers.inlet import Inlet

__all__ = ["ModbusUnits"]

_OFF_S = 0.5


class ModbusUnits(Board):
    """A line and what is on it.

    Parameters
    ----------
    config : EmulatorConfig
        Its `modules`, as ``number=name:model,…``, go before what the class names.
    plant : Plant
        Tells the faults.
    """

    units: ClassVar[Mapping[str, type[ModbusFirmware]]] = {}
    """By name; each class has a number of its own."""

    def __init__(self, config: EmulatorConfig, plant: Plant) -> None:
        super().__init__(config, plant)
        kinds = {name: (kind.unit, kind) for name, kind in self.units.items()}
        for entry in filter(None, config.modules.split(",")):
            number, _, rest = entry.partition("=")
            name, _, model = rest.partition(":")
            kinds[name] = (int(number), _kind_of(model))
        if len({number for number, _ in kinds.values()}) < len(kinds):
            raise RequestError(f"{config.name}: two of {', '.join(kinds)} have the same unit number")
        self.on_line = {
            name: _Unit(kind(EmulatorConfig(config.model, name, f"{config.serial}{number:02d}"), plant), number, self)
            for name, (number, kind) in kinds.items()
        }
        self.own_faults = frozenset(self.on_line)

    send: Callable[[bytes], None]

    @property
    def parts(self) -> Parts:
        """Return what the plant has to know of the units."""
        return {name: (unit.box.kind, 0, 0) for name, unit in self.on_line.items()}

    def receive(self, data: bytes) -> None:
        """Have every unit hear it."""
        for unit in self.on_line.values():
            unit.hear(data)

    def new_faults(self, faults: dict[str, Any]) -> None:
        """Take the present faults; those of a unit stand under its name."""
        super().new_faults(faults)
        for name, unit in self.on_line.items():
            unit.take(faults.get(name, {}))

    def power_cycle(self) -> None:
        """Have all of them forget everything."""
        for unit in self.on_line.values():
            unit.box.power_cycle()


class _Unit:
    """One unit, with a wire of its own to the line."""

    def __init__(self, box: ModbusFirmware, number: int, line: ModbusUnits) -> None:
        self.box, self._plant, self._deaf = box, line.plant, False
        self._faults = WireFaults()
        self._faults.on_spent = self._spent
        self._faults.on_trip = lambda: self._go_off(_OFF_S)
        self._inlet = Inlet(self._faults, lambda: None)
        self._wire = FaultyWire(self._faults, lambda reply, tag: line.send(b"".join(reply)), lambda: None)
        box.unit = number
        box.send = self._say

    def hear(self, data: bytes) -> None:
        """Take bytes from the line, unless it is off or reads nothing: on a line that others share, nothing is kept."""
        if not self._deaf and not self._faults.get("stalled") and (data := self._inlet.feed(data)):
            self.box.receive(data)

    def take(self, faults: dict[str, Any]) -> None:
        """Take its faults."""
        own = self.box.own_faults
        self._faults.replace({name: value for name, value in faults.items() if name not in own})
        self.box.new_faults(faults)
        off_s = self._faults.take("power_cycle")
        if off_s is not None:
            self._go_off(float(off_s))

    def _say(self, frame: bytes) -> None:
        self._wire.send([frame], 0)

    def _go_off(self, off_s: float) -> None:
        self._faults.down = False
        self._deaf = True
        self._wire.clear()
        self.box.power_cycle()
        asyncio.get_running_loop().call_later(off_s, self._come_back)

    def _come_back(self) -> None:
        self._deaf = False

    def _spent(self, name: str) -> None:
        """Tell that a fault is used up; the same one may be set again."""
        self._faults.set_faults.pop(name, None)
        self._plant.spent(name, self.box.config.name)


def _kind_of(model: str) -> type[ModbusFirmware]:
    kind, _ = emulated_by(model)
    if not (isinstance(kind, type) and issubclass(kind, ModbusFirmware)):
        raise RequestError(f"{model} is no Modbus unit, and only these stand on a line together")
    return kind
