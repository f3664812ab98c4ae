"""Drive the S4g of an SPI rack: four currents of 18 bits.

Source: the package `spirack` 0.2.21 (`S4g_module`): which chip and DAC an output has, spans in parts of the largest
current, which is a matter of the module's resistors.
"""

from __future__ import annotations

from qctl.instruments.capability import limit
from qctl.instruments.dc_sources.capabilities import TABLES
from qctl.instruments.spi_rack.kind import Kind, Lead, commands_of
from qctl.instruments.spi_rack.ltc2758 import SPANS
from qctl.instruments.spi_rack.module import RackModule, rack_declaration
from qctl.lab import Instrument

__all__ = ["COMMANDS", "S4G", "S4gModule", "open_driver"]

_TABLE = TABLES["qblox-s4g"]


def _leads(instrument: Instrument) -> dict[int, Lead]:
    """Return how lab.toml has each output led."""
    return {
        number: Lead(one.range_a, *one.limits_a, one.slew_a_per_s, one.safe_a)
        for number, one in instrument.current.items()
    }


_KIND = Kind(
    "S4g",
    "current_a",
    "present_a",
    "slew_a_per_s",
    "A",
    tuple((n // 2, n % 2 << 1) for n in (7, 6, 3, 2)),
    {"UNI": SPANS[0], "BI": SPANS[2], "BI_HALF": SPANS[4]},
    _leads,
)
COMMANDS = commands_of(_KIND, limit(_TABLE, "settings.current_a").limits, limit(_TABLE, "settings.slew_a_per_s").limits)


class S4gModule(RackModule):
    """A source of four currents; output 1 of lab.toml is the module's first, DAC 0 of its vendor's driver."""

    __slots__ = ()
    KIND = _KIND
    LAB_LINES = (
        "module = number    # that is set on it",
        "current.1 = { range_a = 0.05, limits_a = [lowest, highest], slew_a_per_s = fastest, safe_a = 0.0 }"
        "    # each output in use",
    )


S4G = rack_declaration(COMMANDS, S4gModule)
open_driver = S4G.open
