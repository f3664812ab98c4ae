"""Pulser's devices as lowering needs them, from the capabilities, and as the abstract representation has them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from qctl.instruments.atoms.capabilities import TABLES
from qctl.instruments.capability import Capability, Range

__all__ = ["Channel", "Device", "described", "device_of"]

_NAMES = {
    "pulser-analog": "AnalogDevice",
    "pulser-digitalanalog": "DigitalAnalogDevice",
    "pulser-mock": "MockDevice",
    "qctl-atoms": "AtomRegister",
}
_BASES = {"rydberg": "ground-rydberg", "raman": "digital"}


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel.

    Attributes
    ----------
    name, basis : str
        As Pulser calls them.
    local : bool
        Whether it acts on one atom at a time.
    max_amplitude, max_detuning : float or None
        rad/us; None is without bound.
    clock_ns, min_ns : int
        Lengths are whole multiples of the clock, and at least so long.
    retarget_ns : int
        How long a local channel points at one atom at least.
    """

    name: str
    basis: str
    local: bool
    max_amplitude: float | None
    max_detuning: float | None
    clock_ns: int
    min_ns: int
    retarget_ns: int = 0


@dataclass(frozen=True, slots=True)
class Device:
    """One device; output k of lab.toml is channel k - 1.

    Attributes
    ----------
    name : str
        As Pulser calls it.
    channels : tuple of Channel
    max_atoms : int or None
    min_distance_um, max_radius_um : float or None
        Between atoms, and from their middle.
    max_ns : int or None
        Length of a sequence.
    max_shots : int or None
    bandwidth_mhz : float or None
        Of the modulators, at half the amplitude.
    moves : bool
        Whether tweezers move atoms; their output comes after the channels'.
    """

    name: str
    channels: tuple[Channel, ...]
    max_atoms: int | None
    min_distance_um: float | None
    max_radius_um: float | None
    max_ns: int | None
    max_shots: int | None
    bandwidth_mhz: float | None
    moves: bool = False


@lru_cache(maxsize=16)
def device_of(model: str) -> Device:
    """Return a registered device."""
    table = TABLES[model]
    channels = tuple(_channel(table, name) for name in table.channels if name.partition("_")[0] in _BASES)

    def high(name: str) -> Any:
        found = table.settings.get(name)
        return None if found is None else found.high

    bandwidth_hz = high("bandwidth_hz")
    return Device(
        _NAMES[model], channels, high("atoms"), _number(table.settings["distance_um"].low) or None, high("radius_um"),
        high("sequence_ns"), high("runs"), None if bandwidth_hz is None else bandwidth_hz / 1e6,
        "tweezers" in table.channels,
    )  # fmt: skip


def _channel(table: Capability, name: str) -> Channel:
    found = table.channels[name]
    local = name.endswith("_local")
    least, retarget = found.length.low, table.switch_latency.get("retarget", Range()).low
    detuning = found.frequency or Range()
    return Channel(
        name, _BASES[name.partition("_")[0]], local, _number((found.amplitude or Range()).high), _number(detuning.high),
        int(found.length.step or 1), int(least or 1), int(retarget or 0) if local else 0,
    )  # fmt: skip


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def described(device: Device, level: int) -> dict[str, Any] | str:
    """Return a device as the abstract representation has it; its schema knows only the mock device by name.

    Parameters
    ----------
    device : Device
    level : int
        Principal quantum number of the Rydberg level.
    """
    if device.max_atoms is None:
        return device.name
    channels = [
        {
            "id": channel.name, "basis": channel.basis, "addressing": "Local" if channel.local else "Global",
            "max_abs_detuning": channel.max_detuning, "max_amp": channel.max_amplitude,
            "min_retarget_interval": channel.retarget_ns if channel.local else None,
            "fixed_retarget_t": 0 if channel.local else None, "max_targets": 1 if channel.local else None,
            "clock_period": channel.clock_ns, "min_duration": channel.min_ns, "max_duration": 1 << 26,
            "mod_bandwidth": device.bandwidth_mhz, "eom_config": None,
        }
        for channel in device.channels
    ]  # fmt: skip
    return {
        "name": device.name, "version": "1", "dimensions": 2, "rydberg_level": level,
        "min_atom_distance": device.min_distance_um or 0.0, "max_atom_num": device.max_atoms,
        "max_radial_distance": round(device.max_radius_um or 0.0), "supports_slm_mask": False,
        "max_layout_filling": 0.5, "reusable_channels": False, "pre_calibrated_layouts": [], "channels": channels,
        "dmm_objects": [], "interaction_coeff_xy": None, "is_virtual": False,
    }  # fmt: skip
