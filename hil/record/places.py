"""Where instruments are reached: an address as what a proxy or a stand-in needs of it, and a lab.toml with new ones."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from qctl.errors import RequestError
from qctl.lab import Lab
from qctl.lab.addresses import Address, parse_address

__all__ = ["Place", "left_out", "loopback", "place_at", "places_of", "with_addresses"]

_FIRMWARE = ("qctl-trigger", "qctl-sequencer")
"""Models that speak the firmware link on a serial line or a socket; all others there speak text."""
_DESCRIBED = ("line-firmware", "modbus-firmware")
_PORT_OF_HISLIP = 4880


@dataclass(frozen=True, slots=True)
class Place:
    """How one instrument is reached.

    Attributes
    ----------
    name, model, address : str
        As in lab.toml.
    language : str
        What is spoken, of `qctl.hil.record.languages.LANGUAGES`.
    path : str
        Device file of a serial port; empty for a socket.
    host : str
        Of a socket.
    port : int
        Of a socket.
    """

    name: str
    model: str
    address: str
    language: str
    path: str = ""
    host: str = ""
    port: int = 0

    def moved(self, host: str, port: int) -> str:
        """Return the address of the same kind of instrument behind another host and port."""
        if self.language == "hislip":
            return f"TCPIP::{host}::hislip0,{port}::INSTR"
        return f"http://{host}:{port}" if self.language == "http" else f"TCPIP::{host}::{port}::SOCKET"


def place_at(name: str, model: str, address: str, language: str = "") -> Place | str:
    """Return how an instrument is reached, or a sentence that says why its traffic can't be kept.

    Parameters
    ----------
    name, model, address : str
        As in lab.toml; the address may be ``tcp://host:port`` too.
    language : str
        What is spoken there; told by address and model where it is empty.
    """
    parts = urlsplit(address)
    if parts.scheme == "tcp":
        if not parts.hostname or not parts.port:
            return f"{address!r} is not of the form tcp://host:port"
        return Place(name, model, address, language or "text", "", parts.hostname, parts.port)
    if model in _DESCRIBED and not language:
        return f"{name} speaks as only its own lab.toml says ({model}), which no proxy here cuts into messages"
    found = parse_address(address)
    if not isinstance(found, Address):
        return found
    usual = "firmware" if model in _FIRMWARE else "text"
    match found.kind:
        case "socket":
            return Place(name, model, address, language or usual, "", found.host, int(found.port))
        case "http" if not address.lower().startswith("https"):
            return Place(name, model, address, language or "http", "", found.host, int(found.port))
        case "hislip":
            port = int(found.port.rpartition(",")[2]) if "," in found.port else _PORT_OF_HISLIP
            return Place(name, model, address, language or "hislip", "", found.host, port)
        case "serial":
            path = f"/dev/ttyS{int(found.host) - 1}" if found.host.isdigit() else found.host
            return Place(name, model, address, language or usual, path)
    return f"{name} is reached by {found.kind} ({address}), which no proxy here speaks"


def loopback(listen: str) -> tuple[str, int]:
    """Return host and port of an address to listen on, which must be of this machine alone.

    Raises
    ------
    RequestError
        If it is not.
    """
    host, colon, port = listen.removeprefix("tcp://").rpartition(":")
    if not (colon and port.isascii() and port.isdigit()) or int(port) > 65535:
        raise RequestError(f"--listen: {listen!r} is not of the form 127.0.0.1:5025, with a port up to 65535")
    if host not in ("", "127.0.0.1", "localhost", "::1"):
        raise RequestError(f"--listen: {host} is not of this machine alone; traffic is kept on loopback only")
    return host or "127.0.0.1", int(port)


def places_of(lab: Lab) -> dict[str, Place]:
    """Return the instruments of a lab whose traffic can be kept."""
    found = {name: place_at(name, one.model, one.address) for name, one in lab.instruments.items()}
    return {name: place for name, place in found.items() if isinstance(place, Place)}


def left_out(lab: Lab) -> list[str]:
    """Return a sentence for each instrument of a lab whose traffic can't be kept."""
    found = (place_at(name, one.model, one.address) for name, one in lab.instruments.items())
    return [place for place in found if isinstance(place, str)]


def with_addresses(text: str, addresses: dict[str, str]) -> str:
    """Return the text of lab.toml with other addresses.

    Parameters
    ----------
    text : str
        Of lab.toml.
    addresses : dict of str to str
        Old address → new one.

    Raises
    ------
    RequestError
        If an address is not written as a plain text in quotes.
    """
    for old, new in addresses.items():
        quoted = next((f"{mark}{old}{mark}" for mark in "\"'" if f"{mark}{old}{mark}" in text), "")
        if not quoted:
            raise RequestError(f"lab.toml: the address {old} is not written as a plain text in quotes")
        text = text.replace(quoted, f'"{new}"')
    return text
