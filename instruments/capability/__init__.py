"""What an instrument can do, as data: frozen tables whose every number is a Range with its unit and source.

A table is looked at by its paths: ``channels.output.length`` is the Range that a waveform's samples must lie in. All
of it is data: `qctl.instruments.checker` reads the tables, lowering takes its numbers from them, and the page
docs/instruments.md is written from them.
"""

from qctl.instruments.capability.parts import (
    Channel,
    Clock,
    Conditions,
    Firmware,
    Gap,
    Instructions,
    Loops,
    Memory,
    Reports,
    Restriction,
    Scope,
    Standing,
    Table,
    Upload,
)
from qctl.instruments.capability.range import Number, Range
from qctl.instruments.capability.table import Capability, limit, limits, replaced

__all__ = [
    "Capability",
    "Channel",
    "Clock",
    "Conditions",
    "Firmware",
    "Gap",
    "Instructions",
    "Loops",
    "Memory",
    "Number",
    "Range",
    "Reports",
    "Restriction",
    "Scope",
    "Standing",
    "Table",
    "Upload",
    "limit",
    "limits",
    "replaced",
]
