"""What drivers of qctl's own controllers have in common: the session, its status and reference, and blocks of shots.

Source: docs/firmware-protocol.md, protocol version 1, sections 3 to 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.device import Parameter
from qctl.errors import DeviceError, RefusedError, RequestError
from qctl.firmware_io.controller import Controller
from qctl.firmware_io.messages import Fire, Kind, Reference, Status
from qctl.instruments.all_points import plays_all
from qctl.instruments.qctl_sequencer.body import Photons
from qctl.lab import Instrument

__all__ = ["REASONS", "STATUS_PARAMETERS", "ControlledDevice", "SelfTimedDevice", "photons_by_port"]

_EXTERNAL_LOCKED = 1
REASONS = {0: "complete", 1: "stopped", 2: "fault"}
"""Why a block ended."""
STATUS_PARAMETERS = (
    Parameter("state", "State (0 idle, 1 firing)", "", int, False),
    Parameter("reference_locked", "Locked to the external reference", "", bool, False),
    Parameter("n_fired", "Shots fired of the present or last block", "", int, False),
)


@dataclass(slots=True)
class ControlledDevice:
    """A device that speaks the firmware protocol and plays blocks of shots.

    Attributes
    ----------
    controller : Controller
        The packets.
    instrument : Instrument
        Its entry in lab.toml.
    """

    controller: Controller
    instrument: Instrument
    _generation: int = -1
    _block_number: int = 0
    _body: Any = None

    def identify(self) -> str:
        """Return the identity string."""
        self.controller.open()
        return self.controller.identity

    def beat(self) -> None:
        """Ask for the status."""
        self.controller.call(Kind.STATUS)

    def locked(self) -> bool:
        """Return True when the device is locked to the reference that lab.toml names."""
        status: Status = self.controller.call(Kind.STATUS)
        return status.reference == (_EXTERNAL_LOCKED if self.instrument.reference == "external" else 0)

    def stop(self) -> None:
        """Stop at the next shot; leave the program loaded."""
        self.controller.call(Kind.STOP)

    def close(self) -> None:
        """Close the link; the device stays as it is."""
        self.controller.close()

    def _told(self, name: str) -> Any:
        """Return a value of the device's status."""
        status: Status = self.controller.call(Kind.STATUS)
        if name == "reference_locked":
            return status.reference == _EXTERNAL_LOCKED
        if name in ("state", "n_fired"):
            return getattr(status, name)
        raise RequestError(f"{self.controller.name} has no parameter {name!r}", instrument=self.controller.name)

    def _set_reference(self) -> None:
        """Set the reference that lab.toml names, if it names one."""
        if self.instrument.reference is not None:
            self._echoed(Kind.SET_REFERENCE, Reference(int(self.instrument.reference == "external")))

    def _echoed(self, kind: Kind, value: Any, wanted: Any = None) -> Any:
        """Send something; the device answers with what it stored: the same, if nothing else is `wanted`."""
        expected = value if wanted is None else wanted
        stored = self.controller.call(kind, value)
        if stored != expected:
            raise RefusedError(
                f"{self.controller.name} stored {stored} instead of {expected}", instrument=self.controller.name
            )
        return stored

    def _loaded(self) -> Any:
        """Return the program that the device holds in this session."""
        name = self.controller.name
        if self._body is None:
            raise RequestError(f"{name}: no program is loaded", instrument=name)
        self.controller.open()
        if self.controller.generation != self._generation:
            raise DeviceError(
                f"{name}: the session was reopened since the program was loaded; load it again", instrument=name
            )
        return self._body

    def _number_block(self) -> int:
        """Give the block that is about to begin a number of its own."""
        self._block_number = self._block_number % (2**32 - 1) + 1
        return self._block_number

    def _fire_block(self) -> None:
        """Start a block of the loaded program; one round trip."""
        self._loaded()
        self.controller.call(Kind.FIRE, Fire(self._number_block()))

    def _status_of_block(self) -> Status:
        """Return the device's status, which is about the block that was started last."""
        name = self.controller.name
        status: Status = self.controller.call(Kind.STATUS)
        if status.block_number != self._block_number:
            raise DeviceError(f"{name} plays block {status.block_number}, not {self._block_number}", instrument=name)
        return status

    def _can(self) -> Any:
        """Return what the device says that it can."""
        self.controller.open()
        return self.controller.capabilities


@dataclass(slots=True)
class SelfTimedDevice(ControlledDevice):
    """A device that plays all points of a program by itself, and is set by programs alone."""

    def set(self, name: str, value: Any) -> None:
        """Refuse: nothing is set but by programs."""
        raise RequestError(f"{self.controller.name}: {name!r} can't be set", instrument=self.controller.name)

    def select(self, point: int) -> None:
        """Refuse: all points are played in each shot."""
        raise plays_all(self.controller.name, point)


def photons_by_port(
    counts: NDArray[Any], photons: Sequence[Photons], averaged: bool
) -> dict[tuple[str, str], NDArray[np.complex128]]:
    """Return the counts of each result, by port and slot: (n_records, n_columns).

    Parameters
    ----------
    counts : (n_shots, n_counts) of whole numbers
    photons : sequence of Photons
        Whose the columns are.
    averaged : bool
        Whether the mean over the shots is the one record.
    """
    table = counts.astype(np.complex128)
    if averaged:
        table = table.mean(axis=0, keepdims=True)
    return {(one.port, one.slot): np.ascontiguousarray(table[:, list(one.columns)]) for one in photons}
