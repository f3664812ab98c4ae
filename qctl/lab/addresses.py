"""Addresses of VISA, data servers and boards: their parts, what makes two the same, which stay on this machine."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

__all__ = ["Address", "parse_address"]

_FORMS = {
    "zhinst": re.compile(r"(?P<board>zhinst(-emulated)?)://(?P<host>[^:/\s]+):(?P<port>\d+/dev\w+)", re.I),
    "qick": re.compile(r"qick://(?P<host>[^:/\s]+):(?P<port>\d+/[\w.-]+)", re.I),
    "http": re.compile(r"https?://(?P<host>[^:/\s]+):(?P<port>\d+)/?", re.I),
    "socket": re.compile(r"TCPIP(?P<board>\d*)::(?P<host>[^:\s]+)::(?P<port>\d+)::SOCKET", re.I),
    "udp": re.compile(r"UDP(?P<board>\d*)::(?P<host>[^:\s]+)::(?P<port>\d+(,\d+)?)::SOCKET", re.I),
    "ethernet": re.compile(r"ETHERNET(?P<board>\d*)::(?P<host>[^:\s]+)::(?P<port>\d+(,\d+)?)::SOCKET", re.I),
    "hislip": re.compile(r"TCPIP(?P<board>\d*)::(?P<host>[^:\s]+)::(?P<port>hislip\d+(,\d+)?)(::INSTR)?", re.I),
    "vxi11": re.compile(
        r"TCPIP(?P<board>\d*)::(?P<host>[^:\s]+)(::(?P<port>(?!hislip|instr$)[A-Z][^:]*))?(::INSTR)?", re.I
    ),
    "serial": re.compile(r"ASRL(?P<host>\d{1,6}|/[^\s:]+|COM\d+)(::INSTR)?", re.I),
    "gpib": re.compile(r"GPIB(?P<board>\d*)::(?P<host>\d{1,2})(::(?P<port>\d{1,5}))?(::INSTR)?", re.I),
    "usb": re.compile(
        r"USB(?P<board>\d*)::(?P<host>(0x)?[0-9A-F]+::(0x)?[0-9A-F]+::[^:\s]+)(::(?P<port>\d+))?(::(INSTR|RAW))?", re.I
    ),
}
_MOST_DIGITS = 12
_UNREACHABLE = {"0.0.0.0": "is no address to connect to", "*": "is no address to connect to"}


@dataclass(frozen=True, slots=True)
class Address:
    """A VISA address, or the beginning of a URL, in parts.

    Attributes
    ----------
    kind : str
        zhinst, qick, http, socket, udp, ethernet (frames in UDP datagrams), hislip, vxi11, serial, gpib or usb.
    host : str
        Host, serial device, bus address or USB identity.
    port : str
        TCP or UDP port (after a comma the one that UDP comes back to), HiSLIP or VXI-11 name, secondary address or USB
        interface; may be empty. Of zhinst the port of the data server, of qick that of the name server, a slash, and
        the device or board.
    board : str
        Number of the interface; 0 when left out. Of zhinst what reaches the data server: zhinst or zhinst-emulated.
    """

    kind: str
    host: str
    port: str
    board: str

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """Return what is equal for two spellings of the same address."""
        host = self.host if self.kind == "serial" else self.host.lower()
        host = "127.0.0.1" if host == "localhost" else host
        defaults = {"hislip": "hislip0,4880", "vxi11": "inst0", "usb": "0"}
        port = self.port.lower() or defaults.get(self.kind, "")
        if self.kind == "hislip" and "," not in port:
            port += ",4880"
        board = self.board if self.kind == "gpib" else "0"
        return (self.kind, host, port, board)

    @property
    def loopback(self) -> bool:
        """Say whether nothing outside this machine is reached by it: a loopback host, or a pseudo-terminal."""
        if self.kind == "serial":
            return self.host.startswith("/dev/pts/")
        if self.host.lower() == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_address(text: str) -> Address | str:
    """Return a VISA address in parts, or a sentence that says what is wrong with it."""
    for kind, form in _FORMS.items():
        match = form.fullmatch(text.strip())
        if match is None:
            continue
        parts = match.groupdict()
        host = parts["host"]
        if kind in ("zhinst", "qick", "http", "socket", "udp", "ethernet", "hislip", "vxi11"):
            if host in _UNREACHABLE:
                return f"{host} {_UNREACHABLE[host]}"
            port = (parts["port"] or "").rpartition(",")[2].partition("/")[0]
            if port.isdigit() and (len(port) > _MOST_DIGITS or not 1 <= int(port) <= 65535):
                return f"{port[:_MOST_DIGITS]}{'…' * (len(port) > _MOST_DIGITS)} is not a TCP port"
        if kind == "gpib" and int(host) > 30:
            return f"{host} is not a GPIB address, they go from 0 to 30"
        return Address(kind, host, parts.get("port") or "", parts.get("board") or "0")
    return f"{text!r} is not a VISA address, such as TCPIP::192.168.0.31::5025::SOCKET"
