"""What the devices of Pulser 1.9.1 can do: channels with their limits, clock, register; each as the library prints it.

Source: pulser-core 1.9.1, `pulser.devices` (AnalogDevice, DigitalAnalogDevice, MockDevice).
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CHANNELS", "DEVICES", "Channel", "Device"]


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel.

    Attributes
    ----------
    name : str
        Key of the device's channels.
    basis : str
        ``ground-rydberg`` or ``digital``.
    local : bool
        Whether it acts on one atom at a time.
    max_amplitude, max_detuning : float or None
        rad/us; None is without bound.
    clock_ns, min_ns : int
        Lengths are whole multiples of the clock, and at least so long.
    retarget_ns : int
        How long a local channel points at one atom at least.
    bandwidth_mhz : float or None
        Of the modulator, at half the amplitude.
    """

    name: str
    basis: str
    local: bool
    max_amplitude: float | None
    max_detuning: float | None
    clock_ns: int
    min_ns: int
    retarget_ns: int = 0
    bandwidth_mhz: float | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """One device.

    Attributes
    ----------
    name : str
        As Pulser calls it.
    channels : tuple of Channel
        Output k of lab.toml is channel k - 1.
    max_atoms : int or None
    min_distance_m, max_radius_m : float or None
        Between atoms, and from their middle.
    max_ns : int or None
        Length of a sequence.
    max_shots : int or None
    """

    name: str
    channels: tuple[Channel, ...]
    max_atoms: int | None = None
    min_distance_m: float | None = None
    max_radius_m: float | None = None
    max_ns: int | None = None
    max_shots: int | None = None


_DETUNING = 125.66370614359172
_LOCAL = 62.83185307179586

DEVICES = {
    "pulser-analog": Device(
        "AnalogDevice",
        (Channel("rydberg_global", "ground-rydberg", False, 12.566370614359172, _DETUNING, 4, 16, 0, 8),),
        80,
        5e-6,
        38e-6,
        6000,
        2000,
    ),
    "pulser-digital-analog": Device(
        "DigitalAnalogDevice",
        (
            Channel("rydberg_global", "ground-rydberg", False, 15.707963267948966, _DETUNING, 4, 16),
            Channel("rydberg_local", "ground-rydberg", True, _LOCAL, _DETUNING, 4, 16, 220),
            Channel("raman_local", "digital", True, _LOCAL, _DETUNING, 4, 16, 220),
        ),
        100,
        4e-6,
        50e-6,
    ),
    "pulser-mock": Device(
        "MockDevice",
        (
            Channel("rydberg_global", "ground-rydberg", False, None, None, 1, 1),
            Channel("rydberg_local", "ground-rydberg", True, None, None, 1, 1),
            Channel("raman_local", "digital", True, None, None, 1, 1),
            Channel("raman_global", "digital", False, None, None, 1, 1),
        ),
    ),
}
CHANNELS = {name: tuple(channel.name for channel in device.channels) for name, device in DEVICES.items()}
"""Names of each model's channels, in the order of the outputs."""
