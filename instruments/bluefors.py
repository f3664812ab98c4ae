"""Read a Bluefors refrigerator by the Remote API of its first-generation control software; nothing is ever written.

A value whose reading is the empty string, whose status is not SYNCHRONIZED, or that is outdated, is None: no reading is
not zero kelvin. One request tells the whole tree, so a snapshot asks once. On this machine's own loopback the API is
plain HTTP without a key; a key and HTTPS are not offered yet.

Source: Bluefors Remote API (HTTP and WebSocket 49099, HTTPS 49098; ``/values/<path>/?recursion=-1&style=flat``, value
nodes with ``latest_value``: value as text, status, date in ms, outdated) as it shows in github
ClementCollignon/bluefors-api-python, and the paths of temperatures, pressures and flow there.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any

from qctl.device import Parameter
from qctl.errors import DeviceError, DeviceTimeoutError, LimitError, RequestError
from qctl.lab import Instrument, Lab
from qctl.lab.addresses import Address, parse_address

__all__ = ["Bluefors", "open_driver"]

_ROOT = "mapper.bf"
_STAGES = ("t50k", "t4k", "tmagnet", "tstill", "tmixing", "tfse")
_PLACES = {
    **{f"temperatures.{name}": (f"{name}_k", f"Temperature of {name[1:]}", "K") for name in _STAGES},
    **{f"pressures.p{k}": (f"p{k}_bar", f"Pressure {k}", "bar") for k in range(1, 7)},
    "flow": ("flow", "Flow", ""),
}
"""Path below the root → parameter, label, unit. The unit of the flow is the cryostat's own setting."""

_MAX_BYTES = 1 << 24


@dataclass(slots=True)
class Bluefors:
    """One refrigerator.

    Attributes
    ----------
    instrument : Instrument
        Its entry in lab.toml, with an address like ``http://127.0.0.1:49099``.
    connection : http.client.HTTPConnection
        To its control software; opened with the first request.
    """

    instrument: Instrument
    connection: HTTPConnection

    def identify(self) -> str:
        """Return maker and kind, after a request that is answered."""
        found = self._values(f"{_ROOT}.temperatures")
        if not any(f"{_ROOT}.temperatures.{name}" in found for name in _STAGES):
            raise DeviceError(f"{self.instrument.name} has no temperature of {', '.join(_STAGES)} at {_ROOT}")
        return "Bluefors,control software,1st generation,"

    def parameters(self) -> Sequence[Parameter]:
        """Return temperatures, pressures and flow; none can be set."""
        return [Parameter(name, label, unit, float, settable=False) for name, label, unit in _PLACES.values()]

    def get(self, name: str) -> Any:
        """Ask for one value; None if the control software has no present reading of it.

        Raises
        ------
        RequestError
            If there is no such parameter.
        """
        for place, (known, _, _) in _PLACES.items():
            if known == name:
                return _told(known, self._values(f"{_ROOT}.{place}").get(f"{_ROOT}.{place}"))
        raise RequestError(f"{self.instrument.name} has no parameter {name!r}", instrument=self.instrument.name)

    def get_all(self) -> Mapping[str, Any]:
        """Ask for the whole tree at once."""
        found = self._values(_ROOT)
        return {name: _told(name, found.get(f"{_ROOT}.{place}")) for place, (name, _, _) in _PLACES.items()}

    def set(self, name: str, value: Any) -> None:
        """Refuse: this driver only reads."""
        raise LimitError(f"{self.instrument.name}: {name} can't be set; it only reads", instrument=self.instrument.name)

    def safe(self) -> None:
        """Do nothing: a refrigerator that is only read is as safe as before."""

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def _values(self, path: str) -> dict[str, Any]:
        """Return the nodes below a path, by their dotted names."""
        where = f"/values/{path.replace('.', '/')}/?recursion=-1&style=flat"
        name = self.instrument.name
        try:
            self.connection.request("GET", where, headers={"Accept": "application/json"})
            answer = self.connection.getresponse()
            body = self._body(answer)
        except TimeoutError as error:
            self.connection.close()
            raise DeviceTimeoutError(f"{name}: no answer in time to {where}", instrument=name) from error
        except (OSError, HTTPException) as error:
            self.connection.close()
            raise DeviceError(f"{name}: {where}: {error or type(error).__name__}", instrument=name) from error
        if answer.status != 200:
            raise DeviceError(f"{name} answered {answer.status} {answer.reason} to {where}", instrument=name)
        try:
            found = json.loads(body)["data"]
            return {str(key): node for key, node in found.items()}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            text = f"{name} answered {body[:60]!r} where a tree of values was due"
            raise DeviceError(text, instrument=name) from None

    def _body(self, answer: HTTPResponse) -> bytes:
        """Return the body of an answer; what comes in drops, each within the time-out, is a time-out too."""
        name = self.instrument.name
        end_s, body = time.monotonic() + 3 * self.instrument.timeout_s, b""
        while len(body) < _MAX_BYTES and (part := answer.read1(1 << 16)):
            body += part
            if time.monotonic() > end_s:
                self.connection.close()
                raise DeviceTimeoutError(f"{name}: no answer in time but {len(body)} bytes of one", instrument=name)
        answer.close()
        if len(body) >= _MAX_BYTES:
            self.connection.close()
        return body


def _told(name: str, node: Any) -> float | None:
    """Return a value by its parameter: zero kelvin or less is how a thermometer may say that it can't tell."""
    value = _reading(node)
    return None if value is not None and value <= 0 and name.endswith("_k") else value


def _reading(node: Any) -> float | None:
    """Return a present value, or None where there is none: what is no finite number is no reading.

    Raises
    ------
    DeviceError
        If the node is not of the documented form.
    """
    if node is None:
        return None
    try:
        latest = node["content"]["latest_value"]
        text, fresh = latest["value"], latest["status"] == "SYNCHRONIZED" and not latest["outdated"]
        value = float(text) if fresh and text != "" else math.nan
        return value if math.isfinite(value) else None
    except (KeyError, TypeError, ValueError) as error:
        raise DeviceError(f"a value of the refrigerator is not of the known form: {str(node)[:120]}") from error


def open_driver(instrument: Instrument, lab: Lab) -> Bluefors:
    """Open the connection, and see that a tree of temperatures is there.

    Raises
    ------
    RequestError
        If the address is not one of plain HTTP on this machine.
    DeviceError
        If nothing answers, or something else does.
    """
    address = parse_address(instrument.address)
    if not isinstance(address, Address) or address.kind != "http" or instrument.address.lower().startswith("https:"):
        raise RequestError(
            f"instruments.{instrument.name}.address: {instrument.address} is not like http://127.0.0.1:49099"
        )
    if not address.loopback:
        raise RequestError(
            f"instruments.{instrument.name}.address: plain HTTP is for this machine only; reach another one by a tunnel"
        )
    connection = HTTPConnection(address.host, int(address.port), timeout=instrument.timeout_s)
    device = Bluefors(instrument, connection)
    device.identify()
    return device
