"""One client of an emulated Modbus unit on a socket."""

from __future__ import annotations

from qctl.hil.faults.present import WireFaults
from qctl.hil.instruments.modbus_firmware import ModbusFirmware
from qctl.hil.instruments.servers.connection import Connection

__all__ = ["ModbusConnection"]


class ModbusConnection(Connection):
    """One connection by Modbus TCP.

    Parameters
    ----------
    unit : ModbusFirmware
        The unit.
    faults : WireFaults
        Its faults on the wire.
    connections : set
        Where open connections note themselves.
    """

    def __init__(self, unit: ModbusFirmware, faults: WireFaults, connections: set) -> None:
        super().__init__(faults, connections)
        self._unit = unit
        self._got = bytearray()

    def take(self, data: bytes) -> None:
        """Answer every frame that is whole."""
        self._got += data
        if said := self._unit.receive_tcp(self._got):
            self._wire.send([said], 0)
