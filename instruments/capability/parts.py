"""The parts that a capability table is made of: clocks, channels, memories, loops, conditions and the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from qctl.instruments.capability.range import Range

__all__ = [
    "Channel",
    "Clock",
    "Conditions",
    "Firmware",
    "Gap",
    "Instructions",
    "Loops",
    "Memory",
    "Reports",
    "Restriction",
    "Scope",
    "Standing",
    "Table",
    "Upload",
]

Pad = Literal["zero", "hold", "refuse"]


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock domain: its rate in Hz and what it is locked to (``reference`` 10 MHz, or another clock's name)."""

    hz: Range
    reference: str = "reference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """What one kind of connector or channel plays or records.

    Attributes
    ----------
    clock : str
        Domain whose ticks `start` and `length` are counted in.
    number : Range
        Numbers of such channels, from 1.
    length : Range
        Ticks of one waveform, pulse or record.
    start : Range
        Where one may start, in ticks after the trigger.
    pad : str
        What fills a waveform up to the grid, where that is asked for: zeros, its last value, or nothing may.
    amplitude, frequency, phase : Range, optional
        Of what is played; the resolution is that of the instrument's words.
    bits : int
        Of the converter; 0 where it has none.
    overlaps : bool
        Whether two pulses of one channel may be on at the same time.
    """

    clock: str
    number: Range
    length: Range
    start: Range = field(default_factory=lambda: Range(0, None, "ticks", 1))
    pad: Pad = "refuse"
    amplitude: Range | None = None
    frequency: Range | None = None
    phase: Range | None = None
    bits: int = 0
    overlaps: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """Shortest time between two operations of one line, in ticks; ``any`` is every operation."""

    before: str
    after: str
    ticks: Range
    since: Literal["start", "end"] = "start"


@dataclass(frozen=True, slots=True)
class Memory:
    """A memory of samples: how many entries, how many samples altogether, and who shares it."""

    count: Range | None = None
    samples: Range | None = None
    shared_by: str = ""


@dataclass(frozen=True, slots=True)
class Instructions:
    """A program memory, what each operation costs the processor in ticks, and how far it begins ahead of time zero."""

    count: Range
    cost: Mapping[str, int] = field(default_factory=dict)
    ahead: Range | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table that programs pick entries of: its size, what an entry sets, and its schema's version."""

    entries: Range
    fields: tuple[str, ...] = ()
    schema: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """Raw records: samples of all together, records of one acquisition, and shots of one average."""

    samples: Range | None = None
    records: Range | None = None
    averages: Range | None = None


@dataclass(frozen=True, slots=True)
class Loops:
    """Loops that the hardware plays: count, depth, and what it can sweep by itself."""

    count: Range
    depth: Range | None = None
    sweeps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Conditions:
    """What may steer a program: sources, addresses, and the time from measurement to effect, in ticks."""

    sources: tuple[str, ...]
    addresses: Range | None = None
    latency: Mapping[str, Range] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Restriction:
    """Something that fits no other field: in words, and as a number where it is one."""

    words: str
    range: Range | None = None


@dataclass(frozen=True, slots=True)
class Reports:
    """How faults are told: at once, or in a log that must be read after a run."""

    sync: tuple[str, ...] = ()
    async_log: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Upload:
    """How words travel: block form, byte order, type, bytes of one block, and the unit that is held by content."""

    block: str
    byte_order: str = ""
    dtype: str = ""
    size: Range | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Firmware:
    """Versions that the numbers hold for, both included; empty where there is no bound."""

    low: str = ""
    high: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far qctl is with an instrument, as docs/instruments.md says it; the registry knows drivers and lowering.

    Attributes
    ----------
    level : int or None
        Of the emulator: 0 canned answers, 1 protocol and state, 2 samples out, 3 lowered program on qubit physics; None
        where there is none.
    judge : str
        Independent software that accepts or plays what is made for it.
    note : str
        What else must be said.
    """

    level: int | None = None
    judge: str = ""
    note: str = ""
