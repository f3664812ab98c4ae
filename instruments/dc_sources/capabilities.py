"""What sources of steady voltages can do: range, slew, dwell, lists and currents.

Source: QDevil QDAC-II manual, SCPI command reference; qcodes_contrib_drivers ``QDAC2.py`` (slew, dwell, ranges of
current); the package ``spirack`` 0.2.21 (D5a, S4g) and Qblox's SPI rack driver in ``qblox_instruments`` 1.4.1.
"""

from __future__ import annotations

from qctl.instruments.capability import (
    Capability,
    Channel,
    Clock,
    Loops,
    Range,
    Reports,
    Restriction,
    Standing,
    Table,
    Upload,
)

__all__ = ["TABLES"]

_DRIVER, _MANUAL = "qcodes_contrib_drivers QDAC2", "QDAC-II manual"
_RACK, _QBLOX, _HOST = "spirack 0.2.21", "qblox_instruments 1.4.1", "steps of 10 ms that the host times"
_RACK_JUDGE = "spirack and qblox_instruments against the emulator, spirack's bytes against the driver's"
_RACK_RESTRICTIONS = {
    "slew": Restriction("the host moves outputs in steps, none above the slew in 50 ms"),
    "lock": Restriction(f"writes are locked after the controller was switched on, outputs kept: {_RACK}"),
}
_CURRENT = Range(-0.05, 0.05, "A", resolution=0.05 / 2**18, source=f"range_a of lab.toml, 50 mA as built: {_RACK}")

TABLES = {
    "qdevil-qdac2": Capability(
        model="qdevil-qdac2",
        title="QDevil QDAC-II",
        sources=(_MANUAL, _DRIVER),
        clocks={"tick": Clock(Range(1e6, 1e6, "Hz", source=_MANUAL, unverified="all"))},
        channels={
            "output": Channel(
                clock="tick",
                number=Range(1, 24, source=_DRIVER),
                length=Range(1, 3_600_000_000, "us", 1, source=f"dwell: {_DRIVER}"),
                amplitude=Range(
                    -10.0,
                    10.0,
                    "V",
                    resolution=2e-5,
                    source=f"high range; the box says its own by SOURce:RANGe:HIGH:MAX?: {_MANUAL}",
                    unverified="all",
                ),
            )
        },
        table=Table(Range(0, 65_536, "entries", source=f"LIST:VOLTage: {_MANUAL}"), ("voltage", "dwell")),
        loops=Loops(Range(1, 2**31 - 1, "times", source="LIST:COUNt", unverified="high"), None, ("voltage",)),
        settings={
            "voltage_v": Range(-10, 10, "V", resolution=2e-5, source=_MANUAL, unverified="all"),
            "slew_v_per_s": Range(0.01, 2e7, "V/s", source=_DRIVER),
            "dwell_s": Range(1e-6, 3600, "s", source=_DRIVER),
        },
        restrictions={
            "low-range": Restriction("the low range is ±2 V", Range(-2.0, 2.0, "V", source=_MANUAL, unverified="all")),
            "current": Restriction("ranges of current: 200 nA and 10 mA"),
        },
        errors=Reports(sync=("SYSTem:ERRor:ALL?",)),
        upload=Upload("numbers in text", "", "", None, "list"),
        standing=Standing(
            1, "QCoDeS against the emulator", "its voltages reach the qubit physics; it takes no programs"
        ),
    ),
    "qblox-d5a": Capability(
        model="qblox-d5a",
        title="SPI rack D5a, voltages",
        sources=(_RACK, _QBLOX),
        settings={
            "output": Range(1, 16, source=_RACK),
            "module": Range(1, 15, source=_RACK),
            "voltage_v": Range(-8, 8, "V", resolution=4 / 2**18, source=f"finest in the span of ±2 V: {_RACK}"),
            "slew_v_per_s": Range(1e-6, 1e9, "V/s", source=_HOST),
        },
        restrictions={
            "span": Restriction("0 to 4 V, ±4 V and ±2 V of 18 bits; the upper end is one code below"),
            "high-span": Restriction(f"0 to 8 V and ±8 V need a supply of 12 V: {_QBLOX}"),
            **_RACK_RESTRICTIONS,
        },
        upload=Upload("words of 32 bits", "", "big"),
        standing=Standing(1, _RACK_JUDGE, "its voltages reach the qubit physics; it takes no programs"),
    ),
    "qblox-s4g": Capability(
        model="qblox-s4g",
        title="SPI rack S4g, currents",
        sources=(_RACK, _QBLOX),
        settings={
            "output": Range(1, 4, source=_RACK),
            "module": Range(1, 15, source=_RACK),
            "current_a": _CURRENT,
            "slew_a_per_s": Range(1e-9, 1e6, "A/s", source=_HOST),
        },
        restrictions={
            "span": Restriction("0 to range, ±range and ±range/2 of 18 bits; the upper end is one code below"),
            **_RACK_RESTRICTIONS,
        },
        upload=Upload("words of 32 bits", "", "big"),
        standing=Standing(1, _RACK_JUDGE, "its currents reach the qubit physics; it takes no programs"),
    ),
}
