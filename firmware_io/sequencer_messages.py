"""Messages of sequencers: payload layouts, and the values they carry.

The layouts are docs/firmware-protocol.md, section 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from construct import (
    Bytes,
    Const,
    Construct,
    GreedyBytes,
    Int8ul,
    Int16ul,
    Int32sl,
    Int32ul,
    Int64ul,
    Struct,
    Terminated,
    this,
)  # fmt: skip

from qctl.firmware_io.fixed import row_dtype

__all__ = [
    "FIRMWARE",
    "MOST_BYTES",
    "MOST_RESULTS",
    "MOST_TRACED",
    "NEVER",
    "PROGRAM",
    "RESULT",
    "SEQUENCER_LAYOUTS",
    "SEQUENCER_OPEN",
    "TRACED",
    "Arming",
    "BootStatus",
    "ClockTimes",
    "Faulted",
    "HostTime",
    "Identification",
    "Marked",
    "ObjectHead",
    "Reboot",
    "Received",
    "RegisterRange",
    "Registers",
    "Results",
    "RowRange",
    "SequencerCapabilities",
    "SequencerPayload",
    "Telemetry",
    "TelemetryPeriod",
    "Trace",
    "Watchdog",
    "WindowSize",
    "WriteObject",
]

PROGRAM, FIRMWARE = 1, 2
"""What an object may be."""
NEVER = 0xFFFFFFFF
"""`Arming.max_late_ticks` that no lateness reaches."""
MOST_BYTES = 1020
"""Bytes of an object that one message carries."""


@dataclass(frozen=True, slots=True)
class Identification:
    """Who the sequencer is: schemas of instructions, firmware, features, and how many requests it takes ahead."""

    instruction_lowest: int
    instruction_highest: int
    firmware_major: int
    firmware_minor: int
    firmware_patch: int
    features: int
    window: int
    max_payload: int
    tick_hz: int
    uptime_ms: int


@dataclass(frozen=True, slots=True)
class SequencerCapabilities:
    """The sequencer's limits."""

    tick_hz: int
    n_lines: int
    n_inputs: int
    n_tones: int
    n_counters: int
    n_registers: int
    max_payload: int
    max_instructions: int
    max_results: int
    max_trace: int
    min_gap_ticks: int
    trigger_latency_ticks: int
    max_wait_ticks: int
    max_shots: int
    max_object: int


@dataclass(frozen=True, slots=True)
class ObjectHead:
    """An object that is about to be sent: PROGRAM or FIRMWARE, bytes, and the SHA-256 of all of them."""

    kind: int
    length: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class WriteObject:
    """Bytes of the open object, from an offset on."""

    offset: int
    rows: bytes


@dataclass(frozen=True, slots=True)
class Received:
    """Bytes of the open object that the device holds."""

    received: int


@dataclass(frozen=True, slots=True)
class Arming:
    """What a block is: its number, shots, their period (0: one after the other), and how late events may be."""

    block_number: int
    n_shots: int
    period_ticks: int
    max_late_ticks: int


@dataclass(frozen=True, slots=True)
class RegisterRange:
    """Registers that are asked for."""

    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Registers:
    """Values of registers, four bytes each."""

    first: int
    count: int
    rows: bytes


@dataclass(frozen=True, slots=True)
class RowRange:
    """Which rows of a table are asked for."""

    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Results:
    """Results from the first of these numbers on, four bytes each."""

    first: int
    count: int
    rows: bytes


@dataclass(frozen=True, slots=True)
class Trace:
    """Traced events from the first of these numbers on, 24 bytes each."""

    first: int
    count: int
    rows: bytes


@dataclass(frozen=True, slots=True)
class HostTime:
    """The host's time, any number; the device sends it back."""

    host_ns: int


@dataclass(frozen=True, slots=True)
class ClockTimes:
    """The device's times of a request and of its reply."""

    host_ns: int
    received_tick: int
    sent_tick: int


@dataclass(frozen=True, slots=True)
class Watchdog:
    """Silence after which the device goes to its safe state; 0 never."""

    timeout_ms: int


@dataclass(frozen=True, slots=True)
class TelemetryPeriod:
    """How often the device sends telemetry; 0 never."""

    period_ms: int


@dataclass(frozen=True, slots=True)
class BootStatus:
    """Which image runs, what is in the banks, and why it began; the reasons are those of section 7."""

    bank: int
    pending: int
    confirmed: int
    reset_reason: int
    version_0: int
    version_1: int
    n_boots: int
    n_rolled_back: int


@dataclass(frozen=True, slots=True)
class Reboot:
    """What to start: 0 the same bank, 1 the pending image, 2 the image before."""

    what: int


@dataclass(frozen=True, slots=True)
class Faulted:
    """Why a block ended before its time; the codes are those of section 7."""

    code: int
    instruction: int
    tick: int
    value: int


@dataclass(frozen=True, slots=True)
class Marked:
    """What an instruction `mark` tells."""

    tag: int
    value: int
    tick: int


@dataclass(frozen=True, slots=True)
class Telemetry:
    """How the device does."""

    tick: int
    state: int
    n_dropped: int
    n_repeated: int
    instruction: int
    n_shots: int
    worst_late: int


@dataclass(frozen=True, slots=True)
class WindowSize:
    """How many requests may be outstanding from now on."""

    size: int


SequencerPayload = (
    Identification
    | SequencerCapabilities
    | ObjectHead
    | WriteObject
    | Received
    | Arming
    | RegisterRange
    | Registers
    | RowRange
    | Results
    | Trace
    | HostTime
    | ClockTimes
    | Watchdog
    | TelemetryPeriod
    | BootStatus
    | Reboot
    | Faulted
    | Marked
    | Telemetry
    | WindowSize
)

_RESERVED8, _RESERVED16, _RESERVED32 = Const(0, Int8ul), Const(0, Int16ul), Const(0, Int32ul)
_RANGE = ("first" / Int32ul, "count" / Int16ul, _RESERVED16)
_RESULT_ROW = Struct("value" / Int32sl)
TRACED_ROW = Struct("instruction" / Int32ul, "value" / Int32ul, "scheduled" / Int64ul, "written" / Int64ul)

SEQUENCER_LAYOUTS: dict[type[Any], Construct] = {
    Identification: Struct(
        "instruction_lowest" / Int16ul,
        "instruction_highest" / Int16ul,
        "firmware_major" / Int8ul,
        "firmware_minor" / Int8ul,
        "firmware_patch" / Int16ul,
        "features" / Int32ul,
        "window" / Int8ul,
        _RESERVED8,
        "max_payload" / Int16ul,
        "tick_hz" / Int32ul,
        "uptime_ms" / Int32ul,
        Terminated,
    ),
    SequencerCapabilities: Struct(
        "tick_hz" / Int32ul,
        *(name / Int8ul for name in ("n_lines", "n_inputs", "n_tones", "n_counters", "n_registers")),
        _RESERVED8,
        "max_payload" / Int16ul,
        "max_instructions" / Int32ul,
        "max_results" / Int32ul,
        "max_trace" / Int32ul,
        "min_gap_ticks" / Int32ul,
        "trigger_latency_ticks" / Int32ul,
        "max_wait_ticks" / Int32ul,
        "max_shots" / Int32ul,
        "max_object" / Int32ul,
        _RESERVED32,
        Terminated,
    ),
    ObjectHead: Struct("kind" / Int8ul, _RESERVED8, _RESERVED16, "length" / Int32ul, "sha256" / Bytes(32), Terminated),
    WriteObject: Struct("offset" / Int32ul, "rows" / GreedyBytes),
    Received: Struct("received" / Int32ul, Terminated),
    Arming: Struct(
        "block_number" / Int32ul, "n_shots" / Int32ul, "period_ticks" / Int32ul, "max_late_ticks" / Int32ul, Terminated
    ),
    RegisterRange: Struct("first" / Int8ul, "count" / Int8ul, Terminated),
    Registers: Struct("first" / Int8ul, "count" / Int8ul, "rows" / Bytes(this.count * 4), Terminated),
    RowRange: Struct(*_RANGE, Terminated),
    Results: Struct(*_RANGE, "rows" / Bytes(this.count * _RESULT_ROW.sizeof()), Terminated),
    Trace: Struct(*_RANGE, "rows" / Bytes(this.count * TRACED_ROW.sizeof()), Terminated),
    HostTime: Struct("host_ns" / Int64ul, Terminated),
    ClockTimes: Struct("host_ns" / Int64ul, "received_tick" / Int64ul, "sent_tick" / Int64ul, Terminated),
    Watchdog: Struct("timeout_ms" / Int32ul, Terminated),
    TelemetryPeriod: Struct("period_ms" / Int32ul, Terminated),
    BootStatus: Struct(
        "bank" / Int8ul,
        "pending" / Int8ul,
        "confirmed" / Int8ul,
        "reset_reason" / Int8ul,
        "version_0" / Int32ul,
        "version_1" / Int32ul,
        "n_boots" / Int32ul,
        "n_rolled_back" / Int32ul,
        *(_RESERVED32,) * 3,
        Terminated,
    ),
    Reboot: Struct("what" / Int8ul, Terminated),
    Faulted: Struct(
        "code" / Int8ul, _RESERVED8, _RESERVED16, "instruction" / Int32ul, "tick" / Int64ul, "value" / Int32ul,
        _RESERVED32, Terminated,
    ),
    Marked: Struct("tag" / Int32ul, "value" / Int32sl, "tick" / Int64ul, Terminated),
    Telemetry: Struct(
        "tick" / Int64ul,
        "state" / Int8ul,
        _RESERVED8,
        _RESERVED16,
        "n_dropped" / Int32ul,
        "n_repeated" / Int32ul,
        "instruction" / Int32ul,
        "n_shots" / Int32ul,
        "worst_late" / Int32ul,
        Terminated,
    ),
    WindowSize: Struct("size" / Int8ul, Terminated),
}  # fmt: skip
SEQUENCER_OPEN = (ObjectHead, WriteObject, Registers, Results, Trace)
"""Those that have no fixed size, or hold more than numbers."""

RESULT, TRACED = row_dtype(_RESULT_ROW), row_dtype(TRACED_ROW)
"""Rows of tables, as numpy has them."""
MOST_RESULTS, MOST_TRACED = 254, 42
"""Rows of one reply."""
