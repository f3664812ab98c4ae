"""Messages of controllers that play event tables: payload layouts, and the values they carry.

The layouts are docs/firmware-protocol.md, section 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from construct import Bytes, Const, Construct, Int8ul, Int16ul, Int32ul, Int64ul, Struct, Terminated, this

from qctl.firmware_io.fixed import row_dtype

__all__ = [
    "COUNT",
    "EVENT",
    "EVENT_LAYOUTS",
    "GATE",
    "LEVEL",
    "MOST_COUNTS",
    "MOST_EVENTS",
    "MOST_SEQUENCES",
    "SEQUENCE",
    "TONE",
    "Counts",
    "EventCapabilities",
    "Run",
    "WriteEvents",
    "WriteSequences",
    "Written",
]

LEVEL, TONE, GATE = 1, 2, 3
"""What an event's `operation` may be."""


@dataclass(frozen=True, slots=True)
class EventCapabilities:
    """The device's limits."""

    tick_hz: int
    n_outputs: int
    n_tones: int
    n_lines: int
    n_counters: int
    max_payload: int
    min_gap_ticks: int
    max_events: int
    max_sequences: int
    max_counts: int
    max_tick: int
    max_shots: int


@dataclass(frozen=True, slots=True)
class WriteEvents:
    """Events from the first of these numbers on, 16 bytes each."""

    first: int
    count: int
    rows: bytes


@dataclass(frozen=True, slots=True)
class WriteSequences:
    """Sequences from the first of these numbers on: first event and number of events, 8 bytes each."""

    first: int
    count: int
    rows: bytes


@dataclass(frozen=True, slots=True)
class Written:
    """A range of numbers: what was stored, or what is asked for."""

    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Run:
    """What a block plays: sequences from 0 on, one after the other, in each of so many shots."""

    n_sequences: int
    n_shots: int
    period_ticks: int


@dataclass(frozen=True, slots=True)
class Counts:
    """Photons of so many gates, from the first of these numbers on, two bytes each."""

    first: int
    count: int
    rows: bytes


_RESERVED8, _RESERVED16 = Const(0, Int8ul), Const(0, Int16ul)
_RANGE = ("first" / Int32ul, "count" / Int16ul, _RESERVED16)
EVENT_ROW = Struct(
    "tick" / Int32ul, "channel" / Int8ul, "tone" / Int8ul, "operation" / Int8ul, _RESERVED8, "value" / Int64ul
)
SEQUENCE_ROW = Struct("first" / Int32ul, "count" / Int32ul)
COUNT_ROW = Struct("photons" / Int16ul)


def _table(row: Construct) -> Construct:
    """Return the layout of a range of rows, as bytes."""
    return Struct(*_RANGE, "rows" / Bytes(this.count * row.sizeof()), Terminated)


EVENT_LAYOUTS: dict[type[Any], Construct] = {
    EventCapabilities: Struct(
        "tick_hz" / Int32ul,
        "n_outputs" / Int8ul,
        "n_tones" / Int8ul,
        "n_lines" / Int8ul,
        "n_counters" / Int8ul,
        "max_payload" / Int16ul,
        "min_gap_ticks" / Int16ul,
        "max_events" / Int32ul,
        "max_sequences" / Int32ul,
        "max_counts" / Int32ul,
        "max_tick" / Int32ul,
        "max_shots" / Int32ul,
        Terminated,
    ),
    WriteEvents: _table(EVENT_ROW),
    WriteSequences: _table(SEQUENCE_ROW),
    Written: Struct(*_RANGE, Terminated),
    Run: Struct("n_sequences" / Int32ul, "n_shots" / Int32ul, "period_ticks" / Int64ul, Terminated),
    Counts: _table(COUNT_ROW),
}

EVENT, SEQUENCE, COUNT = (row_dtype(row) for row in (EVENT_ROW, SEQUENCE_ROW, COUNT_ROW))
"""Rows of tables, as numpy has them."""
MOST_EVENTS, MOST_SEQUENCES, MOST_COUNTS = ((1024 - 8) // row.itemsize for row in (EVENT, SEQUENCE, COUNT))
"""Rows of one message."""
