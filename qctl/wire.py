"""Messages of the wire protocol as bytes: `[magic + version, msgpack head, *raw buffers]`; no sockets here.

Every head is a msgpack map whose key ``verb`` names it and whose key ``id`` pairs a reply with its
request. The byte tables and test vectors are in docs/wire.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from qctl.errors import InternalError, QctlError, VersionError, WireError, error_from_wire

__all__ = [
    "EVENTS",
    "MAGIC",
    "MAX_HEAD_BYTES",
    "REPLIES",
    "REQUESTS",
    "WIRE_VERSION",
    "ArrayPart",
    "Parts",
    "array_from_part",
    "check_magic",
    "check_release",
    "error_reply",
    "internal_error",
    "pack",
    "raise_error",
    "unpack_event",
    "unpack_reply",
    "unpack_request",
]

WIRE_VERSION = 1
MAGIC = b"qctl" + bytes([WIRE_VERSION])
MAX_HEAD_BYTES = 1 << 20

Parts: TypeAlias = Sequence[Any]
Value: TypeAlias = float | int | bool | str | None


class Head(Struct, forbid_unknown_fields=True, omit_defaults=True, tag_field="verb", tag=str.lower, frozen=True, kw_only=True):
    """What every head has: the number that pairs a reply with its request."""

    id: int = 0


class ArrayPart(Struct, forbid_unknown_fields=True, frozen=True):
    """Say what the raw buffer in part `part` of the message (0 = first after the head) holds.

    `kind` is what the array is (``iq``, ``records``, ``states``), `slot` whose; `dtype` is a numpy
    type string with its byte order (``<c16``), the layout is C order.
    """

    kind: str
    slot: str
    dtype: str
    shape: tuple[int, ...]
    part: int


# -- requests ------------------------------------------------------------------------------------


class Hello(Head):
    """Introduce a client: its name, its release, and the session it resumes, if any."""

    client: str = ""
    release: str = ""
    session: str = ""


class Ping(Head):
    """Ask for a sign of life; answered in the broker. Keeps the session's leases."""


class Describe(Head):
    """Ask for the lab: the text of lab.toml, its processors and instruments."""


class Submit(Head):
    """Submit a job; each raw buffer is one program in the format that `formats` names in turn.

    `key` makes the submission idempotent: the same key from the same client is the same job.
    `averaged` None lets the program decide; `level` is the compiler's.
    """

    formats: tuple[str, ...]
    shots: int = 1000
    qpu: str = ""
    seed: int | None = None
    level: int = 2
    averaged: bool | None = None
    keep_records: bool = False
    name: str = ""
    key: str = ""


class Job(Head):
    """Ask for the row of one job."""

    job: int


class Jobs(Head):
    """Ask for the rows of the latest jobs, newest first."""

    limit: int = 50
    state: str = ""


class Result(Head):
    """Ask for a result; the answer is held back for at most `wait_s` until there is one."""

    job: int
    wait_s: float = 0.0


class Cancel(Head):
    """Cancel a job: outputs go to their safe state, finished shots are kept and marked partial."""

    job: int


class Replay(Head):
    """Submit a job again as a new one, with the same programs and options."""

    job: int


class Instruments(Head):
    """Ask for every instrument: model, state of its link, parameters."""


class Get(Head):
    """Ask for a parameter; `cached` takes the last confirmed value, answered in the broker."""

    instrument: str
    parameter: str
    cached: bool = False


class Set(Head):
    """Set parameters, `values[instrument][parameter]`; all limits are checked before the first byte leaves."""

    values: dict[str, dict[str, Value]]


class Call(Head):
    """Call a method that the instrument's driver offers beside get and set."""

    instrument: str
    method: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}


class Raw(Head):
    """Send an instrument's own text; it must be a declared command, unless lab.toml says ``allow_raw = true``."""

    instrument: str
    text: str


class Snapshot(Head):
    """Ask for an instrument's parameters in the shape of a QCoDeS snapshot; `update` asks the device."""

    instrument: str
    update: bool = False


class Safe(Head):
    """Bring instruments (all, if none is named) to their safe state."""

    instruments: tuple[str, ...] = ()


class Lease(Head):
    """Keep others from setting these instruments for `ttl_s` after the last sign of life."""

    instruments: tuple[str, ...]
    ttl_s: float = 10.0
    take_over: bool = False


class Release(Head):
    """Give leases back; no names means all of this session."""

    instruments: tuple[str, ...] = ()


class Calibration(Head):
    """Ask for a processor's values in effect: design values under the newest snapshot."""

    qpu: str


class WriteSnapshot(Head, tag="write_snapshot"):
    """Write a new numbered calibration snapshot; values not named stay as they are in the newest."""

    qpu: str
    values: dict[str, Any]
    note: str = ""


# -- replies -------------------------------------------------------------------------------------


class Error(Head):
    """Answer with an error; this head's layout is the same in every version of the protocol."""

    code: str
    message: str
    job: int | None = None
    details: dict[str, Any] = {}


class Welcome(Head):
    """Answer to hello: the server's release, the session, and where events are published."""

    release: str
    session: str
    lab: str
    events: str


class Pong(Head):
    """Answer to ping."""


class Done(Head):
    """Say that a request without a value is carried out and confirmed."""


class Lab(Head):
    """Answer to describe."""

    name: str
    toml: str
    processors: dict[str, Any]
    instruments: tuple[str, ...]


class Accepted(Head):
    """Say that the job is durable: a crash of the server does not lose it."""

    job: int


class JobRow(Head, tag="job_row"):
    """One row of the queue."""

    job: dict[str, Any]


class JobRows(Head, tag="job_rows"):
    """Rows of the queue."""

    jobs: tuple[dict[str, Any], ...]


class Pending(Head):
    """Say that there is no result yet."""

    job: int
    state: str


class Finished(Head):
    """Answer to result: the contents of result.json; arrays follow as raw buffers."""

    job: int
    state: str
    result: dict[str, Any]
    arrays: tuple[ArrayPart, ...] = ()


class InstrumentRows(Head, tag="instrument_rows"):
    """Answer to instruments."""

    instruments: tuple[dict[str, Any], ...]


class Reading(Head):
    """Answer to get and call: the value, and when it was confirmed."""

    value: Any
    time_s: float = 0.0


class Leased(Head):
    """Answer to lease: what is held, and until when without a sign of life."""

    instruments: tuple[str, ...]
    expires_s: float


class Written(Head):
    """Answer to write_snapshot: its number."""

    number: int


# -- events --------------------------------------------------------------------------------------


class Event(Head):
    """What is published: a topic such as ``job.12`` or ``link.awg0``, and its words."""

    topic: str
    time_s: float
    body: dict[str, Any] = {}


Request: TypeAlias = (
    Hello | Ping | Describe | Submit | Job | Jobs | Result | Cancel | Replay | Instruments | Get | Set | Call | Raw | Snapshot
    | Safe | Lease | Release | Calibration | WriteSnapshot
)  # fmt: skip
Reply: TypeAlias = (
    Error | Welcome | Pong | Done | Lab | Accepted | JobRow | JobRows | Pending | Finished | InstrumentRows | Reading
    | Leased | Written
)  # fmt: skip
REQUESTS = msgspec.msgpack.Decoder(Request)
REPLIES = msgspec.msgpack.Decoder(Reply)
EVENTS = msgspec.msgpack.Decoder(Event)
_ENCODER = msgspec.msgpack.Encoder()


def pack(head: Struct, buffers: Sequence[Any] = ()) -> list[Any]:
    """Return the parts of a message; buffers are handed on without a copy."""
    return [MAGIC, _ENCODER.encode(head), *buffers]


def check_magic(part: Any, peer: str = "the peer") -> None:
    """Refuse a first part that is not qctl's, or not this version's.

    Raises
    ------
    VersionError
        If it is qctl's, in another version; names both and the remedy.
    WireError
        If it is anything else.
    """
    magic = bytes(part)
    if magic == MAGIC:
        return
    if len(magic) == 5 and magic.startswith(b"qctl"):
        older = "this side" if magic[4] > WIRE_VERSION else peer
        raise VersionError(
            f"this side speaks version {WIRE_VERSION} of qctl's wire protocol and {peer} version {magic[4]}: "
            f"update qctl at {older}",
            ours=WIRE_VERSION,
            theirs=magic[4],
        )
    raise WireError(f"the first part is {magic[:8]!r} ({len(magic)} bytes) and not {MAGIC!r}")


def check_release(client: str, server: str) -> None:
    """Refuse releases that don't fit: major and minor number must be equal.

    Raises
    ------
    VersionError
        Naming both sides and the remedy in one sentence.
    """
    if client.split(".")[:2] != server.split(".")[:2]:
        raise VersionError(
            f"the client is qctl {client or 'of unknown release'} and the server qctl {server}, which do not fit: "
            f"install qctl {server} where the client runs, or restart the server with the client's release",
            client=client,
            server=server,
        )


def _unpack(parts: Parts, decoder: msgspec.msgpack.Decoder[Any], peer: str) -> tuple[Any, Parts]:
    if len(parts) < 2:
        raise WireError(f"a message has at least 2 parts, this one has {len(parts)}")
    check_magic(parts[0], peer)
    head = memoryview(parts[1])
    if head.nbytes > MAX_HEAD_BYTES:
        raise WireError(f"the head is {head.nbytes} bytes, over {MAX_HEAD_BYTES}")
    try:
        return decoder.decode(head), parts[2:]
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
        raise WireError(f"the head can't be read: {problem}") from problem


def unpack_request(parts: Parts) -> tuple[Any, Parts]:
    """Return the request and the raw buffers of a message that a client sent."""
    return _unpack(parts, REQUESTS, "the client")


def unpack_reply(parts: Parts) -> tuple[Any, Parts]:
    """Return the reply and the raw buffers of a message that a server sent."""
    return _unpack(parts, REPLIES, "the server")


def unpack_event(parts: Parts) -> Event:
    """Return the event in `[topic, magic, head]`."""
    event: Event = _unpack(parts[1:], EVENTS, "the server")[0]
    return event


def error_reply(error: QctlError, request_id: int = 0, job: int | None = None) -> Error:
    """Return the error as code, message, job and details; never a traceback, never a class name."""
    details = {str(key): value for key, value in error.details.items()}
    try:
        _ENCODER.encode(details)
    except (TypeError, OverflowError):
        details = {key: str(value) for key, value in details.items()}
    if job is None:
        job = details.get("job")
    return Error(id=request_id, code=error.code, message=error.message, job=job, details=details)


def raise_error(reply: Error) -> None:
    """Raise the error that a reply names, with the job among its details."""
    details = dict(reply.details)
    if reply.job is not None:
        details["job"] = reply.job
    raise error_from_wire(reply.code, reply.message, details)


def array_from_part(description: ArrayPart, buffers: Parts) -> NDArray[Any]:
    """Return the array that a raw buffer holds, as a view of the buffer.

    Raises
    ------
    WireError
        If the buffer is missing or its size is not what dtype and shape say.
    """
    if not 0 <= description.part < len(buffers):
        raise WireError(f"array {description.slot!r} is in part {description.part} of {len(buffers)}")
    buffer = memoryview(buffers[description.part])
    try:
        dtype = np.dtype(description.dtype)
    except TypeError as problem:
        raise WireError(f"array {description.slot!r} has the unknown dtype {description.dtype!r}") from problem
    n_bytes = dtype.itemsize * int(np.prod(description.shape, dtype=object))
    if dtype.hasobject or buffer.nbytes != n_bytes:
        raise WireError(f"array {description.slot!r} needs {n_bytes} bytes, its part has {buffer.nbytes}")
    return np.frombuffer(buffer, dtype).reshape(description.shape)


def internal_error(problem: BaseException, where: str) -> InternalError:
    """Return the InternalError that a peer is told of when a request ends in a bug."""
    return InternalError(f"{where} failed inside qctl ({type(problem).__name__}: {problem}); please report it")
