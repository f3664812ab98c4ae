"""Finds an instrument again whose link was lost: where it was or at another port, and no other one."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
from serial.tools import list_ports

from qctl.device import Device
from qctl.errors import DeviceError, QctlError
from qctl.lab import Instrument
from qctl.lab.addresses import Address, parse_address

__all__ = ["Finder", "usb_identity"]


def usb_identity(path: str) -> tuple[int, int, str] | None:
    """Return vendor, product and serial number of the USB device behind a serial port; None if it has no number."""
    for port in list_ports.comports(include_links=True):
        if os.path.realpath(port.device) == os.path.realpath(path) and port.serial_number:
            return port.vid, port.pid, port.serial_number
    return None


class _Note(msgspec.Struct, frozen=True):
    """Who was found by which server, where, and where lab.toml has it."""

    server: str
    listed: str
    address: str
    identity: str


class Finder:
    """Opens one instrument, and sees that it is the one that it was before.

    Parameters
    ----------
    instrument : Instrument
        Its entry in lab.toml.
    open_at : callable
        Opens the device of an entry; tried with other addresses when its serial port has changed its name.
    note : Path, optional
        Where it is noted who was found and where, for those that come after. A host that is started anew by the same
        server takes no other one. A server that is started anew looks for that one first, and takes whatever answers
        at the address of lab.toml where it is not found, as it may have been changed meanwhile.
    server : str
        What tells this server from those before it.
    """

    def __init__(
        self,
        instrument: Instrument,
        open_at: Callable[[Instrument], Device],
        note: Path | None = None,
        server: str = "",
    ) -> None:
        self._instrument = instrument
        self._open_at = open_at
        self._note, self._server = note, server
        self._usb: tuple[int, int, str] | None = None
        self.address = instrument.address
        self.identity = ""
        self._sought, self._last_address = "", ""
        if note is not None and note.exists():
            with suppress(msgspec.MsgspecError, UnicodeDecodeError):
                last = msgspec.json.decode(note.read_bytes(), type=_Note)
                if last.server == server:
                    self.address, self.identity = last.address, last.identity
                elif last.listed == instrument.address:
                    self._last_address, self._sought = last.address, last.identity

    def __call__(self) -> Device:
        """Return the open device.

        Raises
        ------
        DeviceError
            If it does not answer anywhere, or another one does.
        """
        try:
            return self._opened()
        except DeviceError:
            if not self._sought:
                raise
        sought, self._sought = self._sought, ""
        try:
            return self._opened()
        except DeviceError:
            self._sought = sought
            raise

    def _opened(self) -> Device:
        """Return the device, open at the first address at which the right one answers."""
        first: QctlError | None = None
        for address in self._addresses():
            device: Device | None = None
            try:
                device = self._open_at(msgspec.structs.replace(self._instrument, address=address))
                self._check(device.identify())
            except BaseException as error:
                if device is not None:
                    with suppress(Exception):
                        device.close()
                if not isinstance(error, DeviceError):
                    raise
                first = first or error
            else:
                self._found(address)
                return device
        assert first is not None
        raise first

    def forget(self) -> None:
        """Take whatever answers next as the instrument that is meant."""
        self.identity = self._sought = ""

    def _check(self, identity: str) -> None:
        name, before = self._instrument.name, self.identity or self._sought
        if before and identity != before:
            text = f"{name} answers as {identity!r} since reconnecting, before as {before!r}; if it was changed"
            raise DeviceError(f"{text} on purpose: qctl instruments call {name} reconnect", instrument=name)
        self.identity = identity

    def _found(self, address: str) -> None:
        self.address = address
        path = _serial_path(address)
        if path and self._usb is None:
            self._usb = usb_identity(path)
        self._sought = ""
        if self._note is not None:
            part = self._note.with_suffix(".part")
            note = _Note(self._server, self._instrument.address, address, self.identity)
            part.write_bytes(msgspec.json.encode(note))
            part.replace(self._note)

    def _addresses(self) -> Iterator[str]:
        """Yield where it may be, the likeliest first: by the number of its USB plug, then where lab.toml allows."""
        yield self.address
        if self.address != self._instrument.address:
            yield self._instrument.address
        if not _serial_path(self.address) or not (self.identity or self._sought):  # nobody knows whom to look for
            return
        tried = {os.path.realpath(_serial_path(self.address))}
        if self._sought and os.path.realpath(_serial_path(self._last_address)) not in tried:
            tried.add(os.path.realpath(_serial_path(self._last_address)))
            yield self._last_address
        paths = [p.device for p in list_ports.comports() if self._usb and (p.vid, p.pid, p.serial_number) == self._usb]
        for path in [*paths, *sorted(glob.glob(self._instrument.also_at))]:
            if os.path.realpath(path) not in tried:
                tried.add(os.path.realpath(path))
                yield f"ASRL{path}::INSTR"


def _serial_path(address: str) -> str:
    """Return the device file of a serial address; empty for any other."""
    found = parse_address(address)
    return found.host if isinstance(found, Address) and found.kind == "serial" and found.host.startswith("/") else ""
