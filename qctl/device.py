"""What the server asks of a device: one Protocol for each kind; drivers need no base class.

A driver is handed an open link and frozen values of the lab; nothing here does I/O on construction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from qctl.program.device_program import DeviceProgram

__all__ = [
    "Advancing",
    "Beating",
    "BulkRead",
    "Device",
    "Following",
    "Parameter",
    "Player",
    "Recorder",
    "Recording",
    "SelfTimed",
    "Synchronised",
    "TriggerSource",
]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One setting or reading of a device, as `instruments list` and snapshots show it.

    Attributes
    ----------
    name : str
        Lower case, ends in its unit (``power_dbm``, ``ch3_voltage_v``).
    label : str
        For people.
    unit : str
        SI symbol as plots show it (``V``, ``Hz``, ``dBm``), or empty.
    kind : type
        float, int, bool or str.
    settable : bool
        Whether `set` takes it.
    """

    name: str
    label: str
    unit: str = ""
    kind: type = float
    settable: bool = True


@dataclass(frozen=True, slots=True)
class Recording:
    """What a digitizer measured in one arm-to-read cycle.

    Attributes
    ----------
    codes : (n_records, n_inputs, n_samples) int16
        ADC codes; one record a shot, or one record in all when the device averaged.
    volts_per_code, offset_v : (n_inputs,) float64
        volts = codes * volts_per_code + offset_v.
    rate_hz : float
        Sample rate.
    n_averaged : int
        Shots averaged into each record (1 for single shots).
    """

    codes: NDArray[np.int16]
    volts_per_code: NDArray[np.float64]
    offset_v: NDArray[np.float64]
    rate_hz: float
    n_averaged: int


@runtime_checkable
class Device(Protocol):
    """What every driver offers."""

    def identify(self) -> str:
        """Return the identity string; its first two comma fields name maker and model."""
        ...

    def parameters(self) -> Sequence[Parameter]:
        """Return what `get` and `set` know."""
        ...

    def get(self, name: str) -> Any:
        """Ask the device for one value."""
        ...

    def set(self, name: str, value: Any) -> None:
        """Check a value against the limits, send it, confirm it."""
        ...

    def safe(self) -> None:
        """Bring every output to the safe state of lab.toml."""
        ...

    def close(self) -> None:
        """Close the link; the device stays as it is."""
        ...


@runtime_checkable
class BulkRead(Protocol):
    """A device that tells all its values at once; snapshots ask for them so."""

    def get_all(self) -> Mapping[str, Any]:
        """Ask the device for every value that it can be asked for, in as few messages as it takes."""
        ...


@runtime_checkable
class Comparing(Protocol):
    """A device that knows how exactly it keeps what is set."""

    def agrees(self, name: str, value: Any, found: Any) -> bool:
        """Say whether a value that is read is the one that was set."""
        ...


@runtime_checkable
class Beating(Protocol):
    """A device that names its sign of life; of others it is `identify`, of those with a reference clock `locked`."""

    def beat(self) -> None:
        """Ask one cheap question that changes nothing."""
        ...


@runtime_checkable
class Degraded(Protocol):
    """A device that may do without something that others of its model have."""

    def lacks(self) -> Sequence[str]:
        """Return what it does without, a sentence each; nothing is asked of it."""
        ...


@runtime_checkable
class Player(Device, Protocol):
    """A device that plays a program's waveforms, once per trigger."""

    def load(self, program: DeviceProgram) -> int:
        """Upload what the device does not hold yet; return the number of waveform bytes sent."""
        ...

    def start(self) -> None:
        """Switch outputs on and wait for triggers at the first point."""
        ...

    def select(self, point: int) -> None:
        """Play this point of the loaded program from the next trigger on."""
        ...

    def stop(self) -> None:
        """Stop playing; leave the program loaded."""
        ...


@runtime_checkable
class Advancing(Player, Protocol):
    """A player that can go from point to point by itself, at the end of each block of triggers."""

    def advances(self) -> bool:
        """Return whether the loaded program does; it is then not told to `select`. No I/O: any thread may ask."""
        ...

    def check_point(self, point: int) -> None:
        """Raise DeviceError unless this point is played at the next trigger."""
        ...


@runtime_checkable
class SelfTimed(Player, Protocol):
    """A player that plays all points in each shot by itself once its trigger source has fired, and may record, too."""

    def finished(self) -> bool:
        """Return whether it has played all shots.

        Raises
        ------
        DeviceError
            If something went wrong, in its own words.
        """
        ...

    def integrated(self) -> Mapping[tuple[str, str], NDArray[np.complex128]]:
        """Return what it measured, in volts, by port and result of the loaded program.

        Each is (n_records, n_columns): a record is a shot, or the only one is the average of all; a column is a capture
        of a shot, in order of time. A value that was not measured is NaN.
        """
        ...


@runtime_checkable
class Following(Protocol):
    """A self-timed player, or what starts some, that can wait for the triggers of another device."""

    def follows(self) -> bool:
        """Return whether the loaded program does: it is started once, and plays a shot at each trigger. No I/O."""
        ...


@runtime_checkable
class Recorder(Device, Protocol):
    """A device that records inputs, one record per trigger."""

    def load(self, program: DeviceProgram) -> int:
        """Set up rate, length, delay, mode and count; return the bytes sent."""
        ...

    def arm(self) -> None:
        """Be ready for the next trigger when this returns."""
        ...

    def read(self, rearm: bool = False) -> Recording | None:
        """Wait until the armed acquisition is complete, and return it; `rearm`: with the device ready for the next.

        None only with `rearm`: the acquisition was not complete yet and is lost. The device is armed again, and what
        it was to record has to be played again.
        """
        ...

    def stop(self) -> None:
        """Abandon an armed acquisition."""
        ...


@runtime_checkable
class TriggerSource(Device, Protocol):
    """A device that fires the triggers of a shot block."""

    def load(self, program: DeviceProgram) -> int:
        """Set up lines, delays, period and count; return the bytes sent."""
        ...

    def fire(self) -> None:
        """Start the loaded block of triggers."""
        ...

    def wait(self, timeout_s: float) -> None:
        """Return when the block has been fired completely."""
        ...

    def stop(self) -> None:
        """Stop firing at the next shot."""
        ...


@runtime_checkable
class Synchronised(Protocol):
    """A device that can say whether it is locked to its reference clock."""

    def locked(self) -> bool:
        """Return True when the device is locked to the reference that lab.toml names."""
        ...
