"""Messages of the firmware link: payload layouts, and the values they carry.

The layouts are docs/firmware-protocol.md, section 4; those of section 7 have a file of their own.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from construct import Const, Construct, ConstructError, Int8ul, Int16ul, Int32ul, PascalString, Struct, Terminated

from qctl.errors import WireError
from qctl.firmware_io import sequencer_messages as sequencer
from qctl.firmware_io.fixed import FixedLayout
from qctl.firmware_io.kinds import ErrorCode, Kind

__all__ = [
    "EACH_SHOT",
    "OFF",
    "ONCE_A_BLOCK",
    "PROTOCOL_VERSIONS",
    "Block",
    "Capabilities",
    "Done",
    "ErrorCode",
    "ErrorReply",
    "Fire",
    "Hello",
    "HelloReply",
    "Kind",
    "Line",
    "LineNumber",
    "NoPayload",
    "Payload",
    "Reference",
    "Status",
    "Stopped",
    "decode_event",
    "decode_note",
    "decode_reply",
    "encode_payload",
]

PROTOCOL_VERSIONS = (1, 1)
"""Lowest and highest protocol version that this host speaks."""
OFF, EACH_SHOT, ONCE_A_BLOCK = range(3)
"""What `Line.mode` may be."""


@dataclass(frozen=True, slots=True)
class NoPayload:
    """Nothing beside the kind."""


@dataclass(frozen=True, slots=True)
class Hello:
    """Versions that the host speaks."""

    lowest: int
    highest: int


@dataclass(frozen=True, slots=True)
class HelloReply:
    """Versions that the device speaks, the one it chose (0 for none), and who it is."""

    lowest: int
    highest: int
    chosen: int
    identity: str


@dataclass(frozen=True, slots=True)
class Line:
    """The pulses of one line: EACH_SHOT from the start of the shot, ONCE_A_BLOCK from the end of its last period."""

    line: int
    mode: int
    delay_ticks: int
    width_ticks: int


@dataclass(frozen=True, slots=True)
class LineNumber:
    """A line, from 1."""

    line: int


@dataclass(frozen=True, slots=True)
class Block:
    """Shots of a block and their period in ticks."""

    period_ticks: int
    n_shots: int


@dataclass(frozen=True, slots=True)
class Fire:
    """The number that the host gives a block."""

    block_number: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """Shots fired of the present or last block."""

    n_fired: int


@dataclass(frozen=True, slots=True)
class Reference:
    """Source of the clock: 0 internal, 1 external."""

    source: int


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The device's limits."""

    tick_hz: int
    n_lines: int
    max_payload: int
    max_delay_ticks: int
    min_width_ticks: int
    max_width_ticks: int
    min_period_ticks: int
    max_period_ticks: int
    max_shots: int


@dataclass(frozen=True, slots=True)
class Status:
    """State 0 idle, 1 firing; reference 0 internal, 1 external and locked, 2 external and not locked."""

    state: int
    reference: int
    last_error: int
    block_number: int
    n_fired: int
    n_shots: int


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a block; reason 0 complete, 1 stopped, 2 fault."""

    block_number: int
    n_fired: int
    reason: int


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """Why a request was refused."""

    request_kind: int
    code: int
    text: str


Payload = (
    NoPayload
    | Hello
    | HelloReply
    | Line
    | LineNumber
    | Block
    | Fire
    | Stopped
    | Reference
    | Capabilities
    | Status
    | Done
    | ErrorReply
    | sequencer.SequencerPayload
)

_RESERVED8 = Const(0, Int8ul)
_RESERVED16 = Const(0, Int16ul)
_TEXT = PascalString(Int8ul, "ascii")

LAYOUTS: dict[type[Any], Construct] = {
    NoPayload: Struct(Terminated),
    Hello: Struct("lowest" / Int16ul, "highest" / Int16ul, Terminated),
    HelloReply: Struct("lowest" / Int16ul, "highest" / Int16ul, "chosen" / Int16ul, "identity" / _TEXT, Terminated),
    Line: Struct(
        "line" / Int8ul,
        "mode" / Int8ul,
        _RESERVED16,
        "delay_ticks" / Int32ul,
        "width_ticks" / Int32ul,
        Terminated,
    ),
    LineNumber: Struct("line" / Int8ul, Terminated),
    Block: Struct("period_ticks" / Int32ul, "n_shots" / Int32ul, Terminated),
    Fire: Struct("block_number" / Int32ul, Terminated),
    Stopped: Struct("n_fired" / Int32ul, Terminated),
    Reference: Struct("source" / Int8ul, Terminated),
    Capabilities: Struct(
        "tick_hz" / Int32ul,
        "n_lines" / Int8ul,
        _RESERVED8,
        "max_payload" / Int16ul,
        "max_delay_ticks" / Int32ul,
        "min_width_ticks" / Int32ul,
        "max_width_ticks" / Int32ul,
        "min_period_ticks" / Int32ul,
        "max_period_ticks" / Int32ul,
        "max_shots" / Int32ul,
        Terminated,
    ),
    Status: Struct(
        "state" / Int8ul,
        "reference" / Int8ul,
        "last_error" / Int16ul,
        "block_number" / Int32ul,
        "n_fired" / Int32ul,
        "n_shots" / Int32ul,
        Terminated,
    ),
    Done: Struct("block_number" / Int32ul, "n_fired" / Int32ul, "reason" / Int8ul, _RESERVED8, _RESERVED16, Terminated),
    ErrorReply: Struct("request_kind" / Int8ul, "code" / Int8ul, "text" / _TEXT, Terminated),
    **sequencer.SEQUENCER_LAYOUTS,
}

REPLIES: dict[Kind, type[Any]] = {
    Kind.HELLO: HelloReply,
    Kind.CAPABILITIES: Capabilities,
    Kind.SET_LINE: Line,
    Kind.SET_BLOCK: Block,
    Kind.FIRE: Fire,
    Kind.STOP: Stopped,
    Kind.STATUS: Status,
    Kind.SAFE: NoPayload,
    Kind.GET_LINE: Line,
    Kind.GET_BLOCK: Block,
    Kind.SET_REFERENCE: Reference,
    Kind.IDENTIFY: sequencer.Identification,
    Kind.SEQUENCER_CAPABILITIES: sequencer.SequencerCapabilities,
    Kind.OPEN_OBJECT: sequencer.Received,
    Kind.WRITE_OBJECT: sequencer.Received,
    Kind.CLOSE_OBJECT: sequencer.Received,
    Kind.ARM: sequencer.Arming,
    Kind.START: Fire,
    Kind.TRIGGER: NoPayload,
    Kind.STOP_NOW: Stopped,
    Kind.READ_REGISTERS: sequencer.Registers,
    Kind.READ_RESULTS: sequencer.Results,
    Kind.READ_TRACE: sequencer.Trace,
    Kind.CLOCK: sequencer.ClockTimes,
    Kind.SET_WATCHDOG: sequencer.Watchdog,
    Kind.SET_TELEMETRY: sequencer.TelemetryPeriod,
    Kind.BOOT_STATUS: sequencer.BootStatus,
    Kind.REBOOT: NoPayload,
    Kind.CONFIRM: NoPayload,
}
EVENTS: dict[int, type[Any]] = {Kind.DONE: Done, Kind.FAULTED: sequencer.Faulted, Kind.MARKED: sequencer.Marked}
NOTES: dict[int, type[Any]] = {
    Kind.GAP: NoPayload,
    Kind.TELEMETRY: sequencer.Telemetry,
    Kind.WINDOW: sequencer.WindowSize,
}
_OPEN = (HelloReply, ErrorReply, *sequencer.SEQUENCER_OPEN)
FIXED: dict[type[Any], FixedLayout] = {
    kind: FixedLayout.of(layout) for kind, layout in LAYOUTS.items() if kind not in _OPEN
}
"""All but the layouts with text or tables, which have no fixed size."""


def encode_payload(value: Payload) -> bytes:
    """Return a value's bytes.

    Raises
    ------
    WireError
        If a number does not fit its field.
    """
    if isinstance(value, sequencer.WriteObject) and 0 <= value.offset < 1 << 32:
        return value.offset.to_bytes(4, "little") + value.rows  # as its layout says, for a million of them
    fixed = FIXED.get(type(value))
    if fixed is not None:
        return fixed.build(*[getattr(value, name) for name in fixed.names])
    try:
        built: bytes = LAYOUTS[type(value)].build(asdict(value))
    except ConstructError as error:
        raise WireError(f"{value} does not fit its layout: {error}") from error
    return built


def _decode(kind: type[Any], payload: bytes) -> Any:
    fixed = FIXED.get(kind)
    if fixed is not None:
        try:
            return kind(*fixed.parse(payload))
        except WireError as error:
            raise WireError(f"{len(payload)} bytes are no {kind.__name__}: {error.message}") from error
    try:
        parsed = LAYOUTS[kind].parse(payload)
    except (ConstructError, UnicodeDecodeError) as error:
        raise WireError(f"{len(payload)} bytes are no {kind.__name__}: {error}") from error
    return kind(**{name: parsed[name] for name in kind.__dataclass_fields__})


def decode_reply(request: Kind, kind: int, payload: bytes) -> Any:
    """Return the value of a reply: what the request asks for, or an ErrorReply.

    Raises
    ------
    WireError
        If it is neither.
    """
    if kind == Kind.ERROR:
        return _decode(ErrorReply, payload)
    if kind != request + 0x80:
        raise WireError(f"a reply of kind {kind:#04x} to a request of kind {request:#04x}")
    return _decode(REPLIES[request], payload)


def decode_event(kind: int, payload: bytes) -> Any:
    """Return the value of an event, or None for a kind that this host does not know.

    Raises
    ------
    WireError
        If the payload is none.
    """
    event = EVENTS.get(kind)
    return None if event is None else _decode(event, payload)


def decode_note(kind: int, payload: bytes) -> Any:
    """Return the value of a note, or None for a kind that this host does not know.

    Raises
    ------
    WireError
        If the payload is none.
    """
    note = NOTES.get(kind)
    return None if note is None else _decode(note, payload)
