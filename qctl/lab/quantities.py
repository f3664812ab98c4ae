"""The kinds of number that lab.toml holds: each with its unit, its plausible range and what to say outside it.

The ranges catch unit mistakes (``frequency_hz = 4.7``), not bad taste: whatever a laboratory has ever built is inside.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

__all__ = [
    "AmperesA",
    "AmplitudeV",
    "AngleRad",
    "AnharmonicityHz",
    "AttenuationDb",
    "ClockHz",
    "Count",
    "DelayS",
    "FrequencyHz",
    "HzPerM",
    "IntervalS",
    "LengthM",
    "LengthS",
    "LifetimeS",
    "NonNegative",
    "OffsetHz",
    "PeriodS",
    "PowerDbm",
    "Probability",
    "PulseS",
    "RateHz",
    "SlewAPerS",
    "SlewVPerS",
    "VoltsV",
    "VppV",
]


def _within(low: float, high: float, hint: str) -> Meta:
    """Return the annotation of a number in [low, high]; the hint is shown for numbers outside."""
    return Meta(ge=low, le=high, extra={"hint": hint})


FrequencyHz = Annotated[float, _within(1e6, 1e16, "frequencies are in hertz: 4.7 GHz is 4.7e9")]
OffsetHz = Annotated[float, _within(-1e12, 1e12, "frequencies are in hertz: 5 MHz is 5e6")]
AnharmonicityHz = Annotated[float, _within(-5e9, 5e9, "frequencies are in hertz: -220 MHz is -2.2e8")]
HzPerM = Annotated[float, _within(-1e16, 1e16, "scales are in hertz a metre: 1 MHz for 5 um is 2e11")]
RateHz = Annotated[float, _within(0, 1e12, "frequencies are in hertz: 4.5 MHz is 4.5e6")]
ClockHz = Annotated[float, _within(1e3, 1e12, "clock rates are in hertz: 1.2 GSa/s is 1.2e9")]
PulseS = Annotated[float, _within(1e-12, 1e-3, "times are in seconds: 20 ns is 2e-8")]
PeriodS = Annotated[float, _within(1e-7, 100, "times are in seconds: 200 us is 2e-4")]
LengthS = Annotated[float, _within(1e-12, 1, "times are in seconds: 20 ns is 2e-8")]
IntervalS = Annotated[float, _within(0, 1, "times are in seconds: 5 ns is 5e-9")]
DelayS = Annotated[float, _within(-1e-2, 1e-2, "times are in seconds: 100 ns is 1e-7")]
LifetimeS = Annotated[float, _within(1e-9, 1e6, "times are in seconds: 30 us is 3e-5")]
AmplitudeV = Annotated[float, _within(0, 100, "amplitudes are peak volts: 150 mV is 0.15")]
VoltsV = Annotated[float, _within(-1000, 1000, "voltages are in volts: 150 mV is 0.15")]
AmperesA = Annotated[float, _within(-100, 100, "currents are in amperes: 5 mA is 5e-3")]
VppV = Annotated[float, _within(1e-6, 1000, "peak-to-peak amplitudes are in volts: 500 mV is 0.5")]
SlewVPerS = Annotated[float, _within(1e-6, 1e9, "slew rates are in volts per second, above 0")]
SlewAPerS = Annotated[float, _within(1e-9, 1e6, "slew rates are in amperes per second, above 0")]
AttenuationDb = Annotated[float, _within(0, 200, "attenuations are in dB, 0 or above")]
PowerDbm = Annotated[float, _within(-200, 70, "powers are in dBm")]
AngleRad = Annotated[float, _within(-12.6, 12.6, "angles are in radians: 90 degrees is 1.5707963")]
LengthM = Annotated[float, _within(-1, 1, "lengths are in metres: 5 um is 5e-6")]
NonNegative = Annotated[float, _within(0, 1e12, "it can't be below 0")]
Probability = Annotated[float, _within(0, 1, "it is a probability: 3 % is 0.03")]
Count = Annotated[int, _within(0, 2**31 - 1, "it is a count")]
