"""Opens the transport that an address of lab.toml names: serial, TCP, UDP, or Ethernet frames in UDP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qctl.errors import RequestError
from qctl.firmware_io.serial_port import SerialPort, device_path
from qctl.firmware_io.socket_ports import DatagramPort, TcpPort
from qctl.lab.addresses import Address, parse_address

if TYPE_CHECKING:
    from qctl.firmware_io.controller import Port

__all__ = ["open_port"]


def open_port(address: str, baud: int = 115_200) -> Port:
    """Return the open port of an address: ASRL, TCPIP with SOCKET, UDP, or ETHERNET (frames in UDP datagrams).

    After a comma behind its port, an address of UDP has the port here that the device sends to.

    Raises
    ------
    RequestError
        If no firmware is reached by such an address.
    DeviceError
        If it can't be opened.
    """
    parts = parse_address(address)
    if isinstance(parts, Address):
        if parts.kind == "serial":
            return SerialPort(device_path(address), baud)
        if parts.kind == "socket":
            return TcpPort(parts.host, int(parts.port))
        if parts.kind in ("udp", "ethernet"):
            port, _, local = parts.port.partition(",")
            return DatagramPort(parts.host, int(port), int(local or 0), parts.kind == "ethernet")
    raise RequestError(
        f"{address!r} reaches no firmware: ASRL/dev/ttyACM0::INSTR, TCPIP::host::port::SOCKET and "
        f"UDP::host::port::SOCKET do"
    )
