"""Where instruments are reached: an address as what a proxy or a stand-in needs of it, and a lab.toml with new ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from qctl.errors import RequestError
from qctl.lab import Instrument, Lab
from qctl.lab.addresses import Address, parse_address

__all__ = [
    "Party",
    "Place",
    "left_out",
    "loopback",
    "parties_of",
    "place_at",
    "place_of_head",
    "places_of",
    "with_addresses",
]

_USUAL = {
    "qctl-trigger": "firmware",
    "qctl-sequencer": "firmware",
    "line-firmware": "lines",
    "modbus-firmware": "modbus",
}
"""What models speak on a serial line or a socket; all others there speak text."""
_UNSPOKEN = ("qblox-d5a", "qblox-s4g")
"""Modules of an SPI rack: nothing in its bytes says where a message ends."""
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
    end : str
        What ends a message, of the language ``lines``.
    unit : int
        Its number, of Modbus; several units may share an address.
    """

    name: str
    model: str
    address: str
    language: str
    path: str = ""
    host: str = ""
    port: int = 0
    end: str = "\n"
    unit: int | None = None

    def head(self) -> dict[str, str]:
        """Return what a record says of the instrument; `place_of_head` reads it."""
        said = {"model": self.model, "language": self.language, "address": self.address}
        said |= {"end": self.end} if self.language == "lines" else {}
        return said | ({} if self.unit is None else {"unit": str(self.unit)})

    def moved(self, host: str, port: int) -> str:
        """Return the address of the same kind of instrument behind another host and port."""
        if self.language == "hislip":
            return f"TCPIP::{host}::hislip0,{port}::INSTR"
        if self.language == "pyro":
            return f"qick://{host}:{port}/{self.address.rpartition('/')[2]}"
        return f"http://{host}:{port}" if self.language == "http" else f"TCPIP::{host}::{port}::SOCKET"


@dataclass(frozen=True, slots=True)
class Party:
    """The instruments behind one address: one, or the units of one Modbus line.

    Attributes
    ----------
    places : tuple of Place
        Each with a unit of its own where there are several.
    """

    places: tuple[Place, ...]

    @property
    def first(self) -> Place:
        """Return the one that the others are reached like."""
        return self.places[0]

    def named(self, said: bytes) -> str:
        """Return the instrument that a message is to; the first where its unit is none of theirs."""
        place = 6 if self.first.language == "modbus-tcp" else 0
        unit = said[place] if len(self.places) > 1 and len(said) > place else None
        return next((one.name for one in self.places if unit is not None and one.unit == unit), self.first.name)


def parties_of(places: Iterable[Place]) -> list[Party]:
    """Return instruments by address."""
    found: dict[str, tuple[Place, ...]] = {}
    for one in places:
        found[one.address] = (*found.get(one.address, ()), one)
    return [Party(those) for those in found.values()]


def place_at(
    name: str, model: str, address: str, language: str = "", end: str = "\n", unit: int | None = None
) -> Place | str:
    """Return how an instrument is reached, or a sentence that says why its traffic can't be kept.

    Parameters
    ----------
    name, model, address : str
        As in lab.toml; the address may be ``tcp://host:port`` too.
    language : str
        What is spoken there; told by address and model where it is empty.
    end, unit
        As of `Place`.
    """
    found = _place_at(name, model, address, language)
    return replace(found, end=end, unit=unit) if isinstance(found, Place) else found


def _place_at(name: str, model: str, address: str, language: str) -> Place | str:
    if address.startswith("tcp://"):
        try:
            parts = urlsplit(address)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or not port:
            return f"{address!r} is not of the form tcp://host:port, with a port up to 65535"
        return Place(name, model, address, language or "text", "", host, port)
    found = parse_address(address)
    if not isinstance(found, Address):
        return found
    if model in _UNSPOKEN:
        return f"{name} is behind the controller of an SPI rack ({address}), which no proxy here speaks"
    usual = _USUAL.get(model, "text")
    match found.kind:
        case "socket":
            usual += "-tcp" if usual == "modbus" else ""
            return Place(name, model, address, language or usual, "", found.host, int(found.port))
        case "qick":
            names = int(found.port.partition("/")[0])
            return Place(name, model, address, language or "pyro", "", found.host, names)
        case "http" if not address.lower().startswith("https"):
            return Place(name, model, address, language or "http", "", found.host, int(found.port))
        case "hislip":
            port = int(found.port.rpartition(",")[2]) if "," in found.port else _PORT_OF_HISLIP
            return Place(name, model, address, language or "hislip", "", found.host, port)
        case "serial":
            path = f"/dev/ttyS{int(found.host) - 1}" if found.host.isdigit() else found.host
            return Place(name, model, address, language or usual, path)
    return f"{name} is reached by {found.kind} ({address}), which no proxy here speaks"


def place_of_head(name: str, head: Mapping[str, str]) -> Place:
    """Return how a recorded instrument was reached.

    Raises
    ------
    RequestError
        If no such instrument could be.
    """
    unit = int(head["unit"]) if "unit" in head else None
    place = place_at(name, head["model"], head["address"], head["language"], head.get("end", "\n"), unit)
    if not isinstance(place, Place):
        raise RequestError(f"the record's instrument {name}: {place}")
    return place


def _place_in(instrument: Instrument) -> Place | str:
    end = instrument.lines.end if instrument.lines else "\n"
    unit = instrument.modbus.unit if instrument.modbus else None
    return place_at(instrument.name, instrument.model, instrument.address, "", end, unit)


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
    found = {name: _place_in(one) for name, one in lab.instruments.items()}
    return {name: place for name, place in found.items() if isinstance(place, Place)}


def left_out(lab: Lab) -> list[str]:
    """Return a sentence for each instrument of a lab whose traffic can't be kept."""
    found = (_place_in(one) for one in lab.instruments.values())
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
    quoted: dict[str, str] = {}
    for old, new in addresses.items():
        found = [f"{mark}{old}{mark}" for mark in "\"'" if f"{mark}{old}{mark}" in text]
        if not found:
            raise RequestError(f"lab.toml: the address {old} is not written as a plain text in quotes")
        quoted |= dict.fromkeys(found, f'"{new}"')
    if not quoted:
        return text
    # All at once: a new address may be the old one of another instrument.
    return re.sub("|".join(map(re.escape, quoted)), lambda found: quoted[found[0]], text)
