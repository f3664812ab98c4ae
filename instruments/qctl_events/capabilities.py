"""What qctl's event controller can do: its channels, its tables, and how close events may be.

Source: docs/firmware-protocol.md, section 6.
"""

from __future__ import annotations

from qctl.instruments.capability import (
    Capability,
    Channel,
    Clock,
    Firmware,
    Instructions,
    Loops,
    Range,
    Reports,
    Restriction,
    Scope,
    Standing,
    Upload,
)

__all__ = ["GATE", "LEVEL", "MODEL", "TABLES", "TICK_HZ", "TONE"]

MODEL = "qctl-events"
TICK_HZ = 1e9
"""The tick that is compiled for; the driver refuses a controller with another."""
LEVEL, TONE, GATE = 1, 2, 3
"""Operations of events: a TTL line's level, a tone's words, a counter's gate."""

_PROTOCOL = "docs/firmware-protocol.md, section 6"
_U32 = 2**32 - 1
_TIME = Range(0, _U32, "ns", 1, source=_PROTOCOL)

TABLES = {
    MODEL: Capability(
        model=MODEL,
        title="qctl event controller",
        sources=(_PROTOCOL,),
        clocks={"tick": Clock(Range(1e9, 1e9, "Hz", source=_PROTOCOL))},
        channels={
            "tone": Channel(
                clock="tick",
                number=Range(1, 32, source=_PROTOCOL),
                length=Range(8, _U32, "ns", 1, source=_PROTOCOL),
                start=_TIME,
                amplitude=Range(0.0, 1.0, "of full scale", resolution=1 / (2**14 - 1), source=_PROTOCOL),
                frequency=Range(0.0, 400e6, "Hz", resolution=1e9 / 2**32, source=_PROTOCOL),
                phase=Range(0.0, 1.0, "turns", resolution=2.0**-16, source=_PROTOCOL),
                bits=14,
                overlaps=True,
            ),
            "line": Channel(
                clock="tick",
                number=Range(1, 32, source=_PROTOCOL),
                length=Range(8, _U32, "ns", 1, source=_PROTOCOL),
                start=_TIME,
            ),
            "counter": Channel(
                clock="tick",
                number=Range(1, 32, source=_PROTOCOL),
                length=Range(8, _U32, "ns", 1, source=_PROTOCOL),
                start=_TIME,
            ),
        },
        instructions=Instructions(Range(1, 2**18, "events", source=_PROTOCOL)),
        sequence=Range(1, 2**16, "sequences", source=_PROTOCOL),
        scope=Scope(records=Range(0, 2**24, "counts", source=_PROTOCOL)),
        loops=Loops(Range(1, _U32, "shots", source=_PROTOCOL), Range(0, 1, "loops")),
        restrictions={
            "tones": Restriction("tones of one output at once", Range(1, 2, "tones", source=_PROTOCOL)),
            "gap": Restriction("from one event of a channel to the next", Range(8, None, "ns", source=_PROTOCOL)),
        },
        settings={"period_ns": Range(1, 2**63 - 1, "ns", 1, source=_PROTOCOL)},
        errors=Reports(sync=("error packets with a code",)),
        upload=Upload("qctl packets", "little", "16-byte events", unit="event"),
        firmware=Firmware(source=_PROTOCOL),
        standing=Standing(3, "QuTiP, for the ions behind the emulator", "times its shots itself"),
    )
}
