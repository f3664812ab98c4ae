"""What qctl's sequencers can at most: the limits of their instructions. Each says its own when it is asked.

Source: docs/firmware-protocol.md, section 7, and docs/firmware-instructions.md.
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

__all__ = ["MODEL", "SYNTHESISER_HZ", "TABLES"]

MODEL = "qctl-sequencer"
SYNTHESISER_HZ = 1e9
"""Clock of the synthesisers that frequency words are counted in."""

_PROTOCOL = "docs/firmware-protocol.md, section 7"
_PAGE = "docs/firmware-instructions.md"
_U32 = 2**32 - 1
_TIME = Range(0, _U32, "ns", 1, source=_PAGE)
_LENGTH = Range(1, _U32, "ns", 1, source=_PAGE)

TABLES = {
    MODEL: Capability(
        model=MODEL,
        title="qctl sequencer",
        sources=(_PROTOCOL, _PAGE),
        clocks={"tick": Clock(Range(1, 1e9, "Hz", source=_PAGE))},
        channels={
            "tone": Channel(
                clock="tick",
                number=Range(1, 16, source=_PAGE),
                length=_LENGTH,
                start=_TIME,
                amplitude=Range(0.0, 1.0, "of full scale", resolution=1 / (2**14 - 1), source=_PAGE),
                frequency=Range(0.0, 400e6, "Hz", resolution=1e9 / 2**32, source=_PAGE),
                phase=Range(0.0, 1.0, "turns", resolution=2.0**-16, source=_PAGE),
                bits=14,
                overlaps=True,
            ),
            "line": Channel(clock="tick", number=Range(1, 16, source=_PAGE), length=_LENGTH, start=_TIME),
            "counter": Channel(clock="tick", number=Range(1, 255, source=_PAGE), length=_LENGTH, start=_TIME),
        },
        instructions=Instructions(Range(1, 65_535, "instructions", source=_PAGE)),
        scope=Scope(records=Range(0, 2**24, "results", source=_PROTOCOL)),
        loops=Loops(Range(1, _U32, "shots", source=_PROTOCOL), Range(0, 255, "loops")),
        restrictions={"tones": Restriction("tones of one output at once", Range(1, 16, "tones", source=_PAGE))},
        settings={"period_ticks": Range(1, _U32, "ticks", 1, source=_PROTOCOL)},
        errors=Reports(sync=("error packets with a code",), async_log=("events that tell faults",)),
        upload=Upload("qctl packets", "little", "8-byte instructions", unit="program"),
        firmware=Firmware(source=_PROTOCOL),
        standing=Standing(3, "QuTiP, for the ions behind the emulator", "times its shots itself"),
    )
}
