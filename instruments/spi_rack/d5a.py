"""Drive the D5a of an SPI rack: 16 voltages of 18 bits.

Source: the package `spirack` 0.2.21 (`D5a_module`): two outputs of each LTC2758, spans by their numbers; Qblox's SPI
rack driver `qblox_instruments` 1.4.1: spans of 8 V need a rack with a supply of 12 V.
"""

from __future__ import annotations

from qctl.instruments.capability import limit
from qctl.instruments.dc_sources.capabilities import TABLES
from qctl.instruments.dc_sources.outputs import slew_and_safe
from qctl.instruments.spi_rack.kind import Kind, Lead, commands_of
from qctl.instruments.spi_rack.ltc2758 import SPANS
from qctl.instruments.spi_rack.module import RackModule, rack_declaration
from qctl.lab import Instrument

__all__ = ["COMMANDS", "D5A", "D5aModule", "open_driver"]

_FULL_V = 4.0
_TABLE = TABLES["qblox-d5a"]


def _leads(instrument: Instrument) -> dict[int, Lead]:
    """Return how lab.toml has each output led."""
    return {
        number: Lead(_FULL_V, *output.limits_v, *slew_and_safe(instrument, number))
        for number, output in instrument.output.items()
    }


_KIND = Kind(
    "D5a",
    "voltage_v",
    "present_v",
    "slew_v_per_s",
    "V",
    tuple((n // 2, n % 2 << 1) for n in range(16)),
    dict(zip(("UNI_4V", "UNI_8V", "BI_4V", "BI_8V", "BI_2V"), SPANS, strict=False)),
    _leads,
)
COMMANDS = commands_of(_KIND, limit(_TABLE, "settings.voltage_v").limits, limit(_TABLE, "settings.slew_v_per_s").limits)


class D5aModule(RackModule):
    """A source of 16 voltages; output 1 of lab.toml is the module's first, DAC 0 of its vendor's driver."""

    __slots__ = ()
    KIND = _KIND
    LAB_LINES = (
        "module = number    # that is set on it",
        "output.1 = { limits_v = [lowest, highest], slew_v_per_s = fastest, safe_v = 0.0 }    # each output in use",
    )


D5A = rack_declaration(COMMANDS, D5aModule)
open_driver = D5A.open
