"""What RTIO-style hardware of trapped-ion laboratories can do: TTL, DDS and IQ channels, and their times.

Source: ARTIQ ``core.py``, ``test_rtio.py`` (bounds of its own hardware tests), ``ad9910.py``, ``phaser.py``, manual
pages on RTIO; Analog Devices AD9910 data sheet. qctl's own controller is in
`qctl.instruments.qctl_trigger.capabilities`.
"""

from __future__ import annotations

from dataclasses import replace

from qctl.instruments.capability import (
    Capability,
    Channel,
    Clock,
    Conditions,
    Gap,
    Loops,
    Range,
    Reports,
    Restriction,
    Scope,
    Standing,
    Upload,
)

__all__ = ["CRATE", "TABLES"]

CRATE = "artiq-crate"
"""Model of a core device with Urukul AD9910 cards, TTL lines and edge counters, which experiments are written for."""

_CORE, _TESTS, _MANUAL = "ARTIQ core.py", "ARTIQ test_rtio.py", "ARTIQ manual, RTIO"
_DDS, _PHASER = "ARTIQ ad9910.py", "ARTIQ phaser.py"
_REPORTS = Reports(
    sync=("RTIOUnderflow",), async_log=("sequence error", "collision", "busy: read the core's log after each run")
)
_FINE = {"rtio": Clock(Range(1e9, 1e9, "Hz", source=f"machine units of 1 ns, 8 to a coarse cycle: {_CORE}"))}
_TIME = Range(0, 2**63 - 1, "ns", 1, source=f"64-bit machine units: {_CORE}")
_DMA = {
    "dma": Restriction("traces can't be changed: a parameter is baked in, and a new one recorded"),
    "lanes": Restriction("events in flight that are not in order", Range(0, 8, "lanes", source=_MANUAL)),
    "dma-start": Restriction(
        "from the call to the first event of a trace", Range(200, None, "ns", source=f"by handle: {_TESTS}")
    ),
}
_UPLOAD = Upload("kernel or DMA trace as text", "", "int64 times", None, "trace")

TABLES = {
    "rtio-ttl": Capability(
        model="rtio-ttl",
        title="RTIO TTL channels",
        sources=(_CORE, _TESTS, _MANUAL),
        clocks=_FINE,
        channels={
            "line": Channel(
                clock="rtio",
                number=Range(1, 128, source="channels of a crate", unverified="high"),
                length=Range(1, None, "ns", 1, source=_CORE),
                start=_TIME,
            ),
            "counter": Channel(
                clock="rtio",
                number=Range(1, 128, source="channels of a crate", unverified="high"),
                length=Range(1, 2**31 - 1, "ns", 1, source=f"gate of an edge counter: {_MANUAL}", unverified="high"),
                start=_TIME,
            ),
        },
        gaps={
            "edges": Gap("any", "any", Range(480, None, "ns", source=f"sustained, bound of {_TESTS}; 810 ns on Zynq"))
        },
        scope=Scope(records=Range(0, 2**31 - 1, "counts", source=_MANUAL, unverified="high")),
        conditions=Conditions(("kernel on the core device",), None, {}),
        restrictions=_DMA,
        errors=_REPORTS,
        upload=_UPLOAD,
        standing=Standing(),
    ),
    "rtio-ad9910": Capability(
        model="rtio-ad9910",
        title="RTIO Urukul AD9910",
        sources=(_DDS, _TESTS, "AD9910 data sheet"),
        clocks={**_FINE, "dds": Clock(Range(1e9, 1e9, "Hz", source=_DDS), "rtio")},
        channels={
            "tone": Channel(
                clock="rtio",
                number=Range(1, 4, source=_DDS),
                length=Range(1, None, "ns", 1, source=_CORE),
                start=_TIME,
                amplitude=Range(
                    0.0, 1.0, "of full scale", resolution=1 / (2**14 - 1), source=f"ASF of 14 bits: {_DDS}"
                ),
                frequency=Range(
                    0.0, 400e6, "Hz", resolution=1e9 / 2**32, source=f"FTW of 32 bits: {_DDS}", unverified="high"
                ),
                phase=Range(0.0, 1.0, "turns", resolution=2.0**-16, source=f"POW of 16 bits: {_DDS}"),
                bits=14,
            )
        },
        gaps={"update": Gap("set", "set", Range(1000, None, "ns", source=f"1 to 16 us, of an AD9914: {_TESTS}"))},
        settings={
            "profile": Range(0, 7, "", 1, source=_DDS),
            "attenuation_db": Range(0.0, 31.5, "dB", 0.5, source=_DDS),
        },
        restrictions={
            **_DMA,
            "shared-spi": Restriction(
                "the four tones of a card share one SPI bus: their updates come one after the other"
            ),
            "sync": Restriction(
                "updates lie on the DDS's SYNC_CLK for a known phase", Range(0, None, "ns", 4, source=_DDS)
            ),
        },
        errors=_REPORTS,
        upload=_UPLOAD,
        standing=Standing(),
    ),
    "rtio-phaser": Capability(
        model="rtio-phaser",
        title="RTIO Phaser",
        sources=(_PHASER,),
        clocks={**_FINE, "iq": Clock(Range(25e6, 25e6, "Hz", source=_PHASER), "rtio")},
        channels={
            "tone": Channel(
                clock="rtio",
                number=Range(1, 10, source=f"5 oscillators of 2 channels: {_PHASER}"),
                length=Range(320, None, "ns", 320, source=f"frames of 8 samples: {_PHASER}"),
                start=Range(0, 2**63 - 1, "ns", 320, source=_PHASER),
                amplitude=Range(0.0, 1.0, "of full scale", resolution=2.0**-15, source=f"15 bits: {_PHASER}"),
                frequency=Range(-10e6, 10e6, "Hz", resolution=25e6 / 2**32, source=f"20 MHz of passband: {_PHASER}"),
                phase=Range(0.0, 1.0, "turns", resolution=2.0**-16, source=_PHASER),
                bits=14,
                overlaps=True,
            )
        },
        restrictions={
            **_DMA,
            "frame": Restriction("updates land on frames", Range(0, None, "ns", 320, source=_PHASER)),
            "servo": Restriction("samples of the servo", Range(3.788e6, 3.788e6, "Hz", source=_PHASER)),
        },
        errors=_REPORTS,
        upload=_UPLOAD,
        standing=Standing(),
    ),
}

TABLES[CRATE] = Capability(
    model=CRATE,
    title="ARTIQ crate with Urukul AD9910",
    sources=(_CORE, _TESTS, _MANUAL, _DDS, "AD9910 data sheet"),
    clocks=TABLES["rtio-ad9910"].clocks,
    channels={
        "tone": replace(
            TABLES["rtio-ad9910"].channels["tone"],
            number=Range(1, 16, source="outputs of a crate, two synthesisers each", unverified="high"),
            length=Range(8, None, "ns", 1, source=f"two events of a channel in one coarse cycle collide: {_MANUAL}"),
            overlaps=True,
        ),
        **{
            name: replace(
                TABLES["rtio-ttl"].channels[name],
                length=Range(8, 2**31 - 1, "ns", 1, source=_MANUAL, unverified="high"),
            )
            for name in ("line", "counter")
        },
    },
    loops=Loops(Range(1, 2**31 - 1, "shots", source="32-bit loops of a kernel"), Range(0, None, "loops")),
    restrictions={
        **{name: TABLES["rtio-ad9910"].restrictions[name] for name in ("dma", "lanes", "sync")},
        "tones": Restriction("synthesisers combined on one output", Range(1, 2, "tones", source="as lab.toml counts")),
        "spi": Restriction(
            "setting one synthesiser; four on a card wait for each other",
            Range(2664, None, "ns", 8, source=f"set_mu with a tracked phase: {_DDS}, spi2.py"),
        ),
        "pace": Restriction(
            "from event to event, as the processor submits them", Range(1040, None, "ns", source="artiq#298")
        ),
        "slack": Restriction(
            "by which a sequence begins ahead of time, against underflow",
            Range(200_000, None, "ns", source="chosen here; break_realtime takes 125 us"),
        ),
    },
    errors=_REPORTS,
    upload=Upload("experiment file", "", "text", None, "experiment"),
    standing=Standing(None, "ARTIQ's compiler and drivers (`make artiq`)", "not driven: experiments are written"),
)
