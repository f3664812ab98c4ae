"""What microwave sources can do: frequency, power and phase.

Source: R&S SGS100A SGMA RF Source User Manual (1173.9105); QCoDeS ``RohdeSchwarzSGS100A`` (ranges).
"""

from __future__ import annotations

from qctl.instruments.capability import Capability, Range, Reports, Restriction, Standing, Upload

__all__ = ["TABLES"]

_SOURCE = "QCoDeS RohdeSchwarzSGS100A"

TABLES = {
    "rohde-schwarz-sgs100a": Capability(
        model="rohde-schwarz-sgs100a",
        title="Rohde & Schwarz SGS100A",
        sources=("SGS100A User Manual 1173.9105", _SOURCE),
        settings={
            "frequency_hz": Range(1e6, 12.75e9, "Hz", resolution=0.01, source=_SOURCE),
            "power_dbm": Range(-120, 25, "dBm", resolution=0.01, source=_SOURCE),
            "phase_deg": Range(-360, 360, "°", resolution=0.1, source=_SOURCE),
        },
        restrictions={"lock": Restriction("an unlocked reference stops a run: STATus:QUEStionable:CONDition, bit 5")},
        errors=Reports(sync=("SYSTem:ERRor?",)),
        upload=Upload("numbers in text"),
        standing=Standing(
            1, "QCoDeS against the emulator", "its frequency and power reach the qubit physics; it takes no programs"
        ),
    )
}
