"""What qctl's trigger controller can do: limits of its ticks, lines and counts.

Source: docs/firmware-protocol.md, section 4 (capabilities). A controller says its own limits in its capabilities; these
are the protocol's, and those of the controller that lab.toml's design assumes.
"""

from __future__ import annotations

from qctl.instruments.capability import Capability, Channel, Clock, Firmware, Loops, Range, Reports, Standing, Upload

__all__ = ["MODEL", "TABLES", "TICK_HZ"]

MODEL = "qctl-trigger"
TICK_HZ = 1e8
"""The tick that is assumed where lab.toml gives none; the driver refuses a controller with another."""

_PROTOCOL = "docs/firmware-protocol.md, section 4"
_U32 = 2**32 - 1

TABLES = {
    MODEL: Capability(
        model=MODEL,
        title="qctl trigger controller",
        sources=(_PROTOCOL,),
        clocks={"tick": Clock(Range(1, _U32, "Hz", source=_PROTOCOL))},
        channels={
            "line": Channel(
                clock="tick",
                number=Range(1, 8, source=_PROTOCOL),
                length=Range(1, _U32, "ticks", 1, source=_PROTOCOL),
                start=Range(0, _U32, "ticks", 1, source=_PROTOCOL),
            )
        },
        loops=Loops(Range(1, _U32, "shots", source=_PROTOCOL), Range(0, 1, "loops")),
        settings={"period_ticks": Range(100, _U32, "ticks", 1, source=_PROTOCOL)},
        errors=Reports(sync=("error packets with a code",)),
        upload=Upload("qctl packets", "little", "uint32", unit="program"),
        firmware=Firmware(source=_PROTOCOL),
        standing=Standing(3, note="starts the shots of the virtual lab"),
    )
}
