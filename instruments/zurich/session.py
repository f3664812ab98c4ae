"""A session with a data server through the vendor's Python client, or what stands in for it: lab.toml's address says.

Source: zhinst-core 26.7: ``ziDAQServer`` (``connectDevice``, ``set`` with a list as one transaction, ``setVector``,
``get`` with ``flat=True``), its errors, ``compile_seqc``. Addresses are ``zhinst://host:8004/dev1234``;
``zhinst-emulated://`` is an emulated data server, reached by a module with the same names. Nothing else differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from qctl.errors import DeviceError, DeviceTimeoutError, QctlError, RefusedError, RequestError
from qctl.lab import Instrument
from qctl.lab.addresses import Address, parse_address

__all__ = ["Session", "open_session"]

_CLIENTS = {"zhinst": "zhinst.core", "zhinst-emulated": "qctl.hil.labone.core"}
_API_LEVEL = 6
_INTERFACE = "1GbE"
_CLOSE = 1e-6
_LOST = ("onnection", "Could not connect")
Setting = tuple[str, Any]


@dataclass(slots=True)
class Session:
    """A device behind a data server; paths are below the device, without a leading slash.

    Attributes
    ----------
    name : str
        The instrument's in lab.toml.
    device : str
        Such as dev1234.
    server : ziDAQServer
        The vendor's client.
    compile_seqc : callable
        The vendor's compiler.
    """

    name: str
    device: str
    server: Any
    compile_seqc: Callable[..., tuple[bytes, Mapping[str, Any]]]

    def set(self, settings: Sequence[Setting]) -> None:
        """Set nodes in one transaction.

        Raises
        ------
        RefusedError
            If the data server refuses one, in its words.
        DeviceError
            If it is gone.
        """
        if settings:
            pairs = [(f"/{self.device}/{path}", value) for path, value in settings]
            self._call(lambda: self.server.set(pairs))

    def set_vector(self, path: str, value: Any) -> None:
        """Set a node to a vector; return when the device has it."""
        self._call(lambda: self.server.setVector(f"/{self.device}/{path}", value))

    def get(self, paths: Iterable[str]) -> dict[str, Any]:
        """Return nodes by path, with one request: numbers, texts, and arrays of vectors."""
        asked = ",".join(f"/{self.device}/{path}" for path in paths)
        found = self._call(lambda: self.server.get(asked, flat=True, settingsonly=False, excludevectors=False))
        return {path: _value(entry) for path, entry in self._below(found).items()}

    def identity(self) -> str:
        """Return maker, model, serial number and firmware."""
        found = self.get(["features/devtype", "features/serial", "system/fwrevision"])
        return f"Zurich Instruments,{','.join(str(value) for value in found.values())}"

    def expect(self, model: str) -> None:
        """Refuse a device whose model does not begin with a word.

        Raises
        ------
        DeviceError
            If it is another one.
        """
        identity = self.identity()
        if not identity.split(",")[1].upper().startswith(model):
            raise DeviceError(f"{self.name}: {self.device} is a {identity}, not a {model}")

    def confirm(self, settings: Sequence[Setting]) -> None:
        """Read settings back: a data server coerces what is out of a node's range, and says nothing.

        Raises
        ------
        RefusedError
            If one reads otherwise.
        """
        if not settings:
            return
        found = self.get(dict(settings))
        for path, value in settings:
            got = found.get(path)
            if got is None or abs(got - value) > _CLOSE * max(abs(value), 1.0):
                text = f"{self.name}: {path} was set to {value:.9g} but reads {got}"
                raise RefusedError(text, instrument=self.name)

    def settings(self) -> dict[str, Any]:
        """Return all settings of the device, with one request."""
        asked = f"/{self.device}/*"
        found = self._call(lambda: self.server.get(asked, flat=True, settingsonly=True, excludevectors=True))
        return {path: _value(entry) for path, entry in self._below(found).items()}

    def text(self, path: str) -> str:
        """Return a node that is a text."""
        return str(self._call(lambda: self.server.getString(f"/{self.device}/{path}")))

    def number(self, path: str) -> float:
        """Return a node that is a number."""
        return float(self._call(lambda: self.server.getDouble(f"/{self.device}/{path}")))

    def integer(self, path: str) -> int:
        """Return a node that is a whole number."""
        return int(self._call(lambda: self.server.getInt(f"/{self.device}/{path}")))

    def compiled(self, text: str, device_type: str, options: str, index: int, **more: Any) -> bytes:
        """Return the ELF file of a program.

        Raises
        ------
        RefusedError
            If the compiler has anything to say: what it extends or clips isn't what was meant.
        """
        try:
            elf, extra = self.compile_seqc(text, device_type, options, index, **more)
        except RuntimeError as error:
            raise RefusedError(f"{self.name}: the compiler says: {error}", instrument=self.name) from error
        if extra.get("messages"):
            raise RefusedError(f"{self.name}: the compiler says: {extra['messages']}", instrument=self.name)
        return bytes(elf)

    def close(self) -> None:
        """End the session; the device stays connected to its data server."""
        disconnect = getattr(self.server, "disconnect", None)
        if disconnect is not None:
            disconnect()

    def _below(self, found: Mapping[str, Any]) -> dict[str, Any]:
        head = f"/{self.device}/"
        return {path.lower().removeprefix(head): entry for path, entry in found.items()}

    def _call(self, function: Callable[[], Any]) -> Any:
        try:
            return function()
        except RuntimeError as error:
            raise _translated(error, self.name) from error


def _translated(error: RuntimeError, name: str) -> QctlError:
    """Return what one of the client's errors means."""
    text = f"{name}: the data server says: {error}"
    if isinstance(error, TimeoutError):
        return DeviceTimeoutError(text, instrument=name)
    if isinstance(error, ConnectionError) or any(words in str(error) for words in _LOST):
        return DeviceError(text, instrument=name)
    return RefusedError(text, instrument=name, words=str(error))


def _value(entry: Any) -> Any:
    """Return the newest value in what ``get`` has of one node."""
    if isinstance(entry, Mapping):
        value = entry["value"][-1]
        return value.item() if isinstance(value, np.generic) else value
    return entry[-1]["vector"]


def open_session(instrument: Instrument) -> Session:
    """Connect to the data server of an instrument, and have that connect to the device.

    Raises
    ------
    RequestError
        If the address is none of a data server's, or the vendor's client is not installed.
    DeviceError
        If the data server doesn't answer, or doesn't see the device.
    """
    name, address = instrument.name, parse_address(instrument.address)
    if not isinstance(address, Address) or address.kind != "zhinst":
        raise RequestError(f"{name}: {instrument.address} is no address of a data server: zhinst://host:8004/dev1234")
    try:
        client = import_module(_CLIENTS[address.board.lower()])
    except ImportError as error:
        raise RequestError(f"{name}: {error}; its client comes with: pip install 'qctl[zurich]'") from error
    port, _, device = address.port.partition("/")
    try:
        server = client.ziDAQServer(address.host, int(port), _API_LEVEL)
        server.connectDevice(device.lower(), _INTERFACE)
    except RuntimeError as error:
        raise DeviceError(f"{name}: {instrument.address} can't be opened: {error}", instrument=name) from error
    return Session(name, device.lower(), server, client.compile_seqc)
