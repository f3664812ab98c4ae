"""What neutral-atom devices can do: Pulser's device models, and the register server that qctl drives.

Source: pulser 1.9.1, values printed from ``AnalogDevice``, ``DigitalAnalogDevice`` and ``MockDevice``. Durations are
ns, amplitudes and detunings rad/us. Pulser rounds a duration that is off the clock up, with a warning; qctl refuses
it.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import pi

from qctl.instruments.capability import Capability, Channel, Clock, Range, Reports, Restriction, Standing, Upload

__all__ = ["TABLES"]

_PULSER = "pulser 1.9.1"
_SERVER = "docs/atoms.md, version 1"
_ROUNDS = f"{_PULSER}, which rounds up with a warning"


def _channel(amplitude: float | None, detuning: float | None, clock_ns: int = 4, least_ns: int = 16) -> Channel:
    return Channel(
        clock="pulse",
        number=Range(1, 1, source=_PULSER),
        length=Range(least_ns, None, "ns", clock_ns, source=_ROUNDS),
        start=Range(0, None, "ns", clock_ns, source=_PULSER),
        pad="zero",
        amplitude=Range(0.0, amplitude, "rad/us", source=_PULSER),
        frequency=Range(None if detuning is None else -detuning, detuning, "rad/us", source=f"detuning: {_PULSER}"),
        phase=Range(None, None, "rad", source=_PULSER),
    )


def _device(
    name: str,
    channels: Mapping[str, Channel],
    clock_hz: float,
    settings: Mapping[str, Range],
    restrictions: Mapping[str, Restriction],
    latency: Mapping[str, Range],
    wait: Range | None = None,
    source: str = _PULSER,
) -> Capability:
    pulsers = source == _PULSER
    return Capability(
        model=f"pulser-{name.removesuffix('Device').lower()}" if pulsers else "qctl-atoms",
        title=f"Pulser {name}" if pulsers else name,
        sources=(source,),
        clocks={"pulse": Clock(Range(clock_hz, clock_hz, "Hz", source=_PULSER))},
        channels=channels,
        settings=settings,
        switch_latency=latency,
        restrictions=restrictions,
        errors=Reports(sync=("deserialiser",)),
        upload=Upload("abstract representation, version 1", "", "JSON", None, "sequence"),
        wait=wait,
        standing=Standing(
            None if pulsers else 3,
            "Pulser's schema, device rules, sampler and simulation",
            "reached through a register server" if pulsers else "a protocol of qctl's own (docs/atoms.md)",
        ),
    )


_LAYOUT = Restriction("atoms stand on a layout of traps", Range(0.0, 0.5, "of the traps filled", source=_PULSER))
_BEAM = Restriction("one global Rydberg beam", Range(0, 1, "beams", source=_PULSER))


def _register(n: int | None, apart_um: float, radius_um: float | None, source: str = _PULSER) -> dict[str, Range]:
    return {
        "atoms": Range(1, n, "atoms", 1, source=source),
        "distance_um": Range(apart_um, None, "um", source=source),
        "radius_um": Range(0.0, radius_um, "um", source=source),
    }


_RETARGET = {"retarget": Range(220, None, "ns", source=_PULSER)}
_LOCAL = _channel(20 * pi, 40 * pi)
TABLES = {
    table.model: table
    for table in (
        _device(
            "AnalogDevice",
            {"rydberg_global": _channel(4 * pi, 40 * pi)},
            1e9,
            {
                **_register(80, 5.0, 38.0),
                "sequence_ns": Range(0, 6000, "ns", source=_PULSER),
                "runs": Range(1, 2000, "runs", 1, source=_PULSER),
                "bandwidth_hz": Range(0.0, 8e6, "Hz", source=f"of the modulator, with EOM: {_PULSER}"),
            },
            {
                "layout": _LAYOUT,
                "beam": _BEAM,
                "c6": Restriction("C6 / hbar = 865723.02 rad um^6 / us at n = 60"),
                "bandwidth": Restriction("a pulse is reshaped by the modulator's 8 MHz"),
            },
            {},
        ),
        _device(
            "DigitalAnalogDevice",
            {
                "rydberg_global": _channel(5 * pi, 40 * pi),
                "rydberg_local": _LOCAL,
                "raman_local": _LOCAL,
                "dmm_0": _channel(None, 40 * pi),
            },
            1e9,
            _register(100, 4.0, 50.0),
            {
                "layout": _LAYOUT,
                "beam": _BEAM,
                "targets": Restriction("a local beam has one target", Range(1, 1, "atoms", source=_PULSER)),
                "c6": Restriction("C6 / hbar = 5420158.53 rad um^6 / us at n = 70"),
            },
            _RETARGET,
        ),
        _device(
            "MockDevice",
            {
                name: _channel(None, None, 1, 1)
                for name in ("rydberg_global", "rydberg_local", "raman_global", "raman_local", "mw_global", "dmm_0")
            },
            1e9,
            _register(None, 0.0, None),
            {"free": Restriction("an ideal device, for simulation")},
            {"retarget": Range(0, None, "ns", source=_PULSER)},
        ),
        _device(
            "Atom register server",
            {
                "rydberg_global": _channel(5 * pi, 40 * pi, 1),
                "rydberg_local": _channel(20 * pi, 40 * pi, 1),
                "raman_local": _channel(20 * pi, 40 * pi, 1),
                "tweezers": Channel(
                    clock="pulse",
                    number=Range(1, 1, source=_SERVER),
                    length=Range(1000, 400_000, "ns", 1, source=_SERVER),
                    start=Range(0, None, "ns", 1, source=_SERVER),
                    pad="zero",
                ),
            },
            1e9,
            {
                **_register(12, 2.0, 50.0, _SERVER),
                "sequence_ns": Range(0, 1_000_000, "ns", source=_SERVER),
                "runs": Range(1, 100_000, "runs", 1, source=_SERVER),
            },
            {
                "targets": Restriction("a local beam has one target", Range(1, 1, "atoms", source=_SERVER)),
                "basis": Restriction("one measurement for all atoms, at the end: ground-rydberg or digital"),
            },
            _RETARGET,
            source=_SERVER,
        ),
    )
}
