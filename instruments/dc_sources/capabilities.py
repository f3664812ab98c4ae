"""What sources of steady voltages can do: range, slew, dwell, lists and currents.

Source: QDevil QDAC-II manual, SCPI command reference; qcodes_contrib_drivers ``QDAC2.py`` (slew, dwell, ranges of
current).
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
    )
}
