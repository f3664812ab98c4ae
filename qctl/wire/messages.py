"""Heads of the wire protocol, one frozen struct for each verb: requests, replies and events."""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import Struct

__all__ = [
    "Accepted",
    "ArrayPart",
    "Calibration",
    "Call",
    "Cancel",
    "Describe",
    "Done",
    "Error",
    "Event",
    "Finished",
    "Get",
    "Head",
    "Hello",
    "InstrumentRows",
    "Instruments",
    "Job",
    "JobRow",
    "JobRows",
    "Jobs",
    "Lab",
    "Lease",
    "Leased",
    "Pending",
    "Ping",
    "Pong",
    "Raw",
    "Reading",
    "Release",
    "Replay",
    "Reply",
    "Request",
    "Result",
    "Safe",
    "Set",
    "Snapshot",
    "Submit",
    "Value",
    "Welcome",
    "WriteSnapshot",
    "Written",
]

Value: TypeAlias = float | int | bool | str | None


class Head(
    Struct, forbid_unknown_fields=True, omit_defaults=True, tag_field="verb", tag=str.lower, frozen=True, kw_only=True
):
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


class Hello(Head, frozen=True):
    """Introduce a client: its name, its release, and the session it resumes, if any."""

    client: str = ""
    release: str = ""
    session: str = ""


class Ping(Head, frozen=True):
    """Ask for a sign of life; answered in the broker. Keeps the session's leases."""


class Describe(Head, frozen=True):
    """Ask for the lab: the text of lab.toml, its processors and instruments."""


class Submit(Head, frozen=True):
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


class Job(Head, frozen=True):
    """Ask for the row of one job."""

    job: int


class Jobs(Head, frozen=True):
    """Ask for the rows of the latest jobs, newest first."""

    limit: int = 50
    state: str = ""


class Result(Head, frozen=True):
    """Ask for a result; the answer is held back for at most `wait_s` until there is one."""

    job: int
    wait_s: float = 0.0


class Cancel(Head, frozen=True):
    """Cancel a job: outputs go to their safe state, finished shots are kept and marked partial.

    `force` cancels another user's job too.
    """

    job: int
    force: bool = False


class Replay(Head, frozen=True):
    """Submit a job again as a new one, with the same programs and options."""

    job: int


class Instruments(Head, frozen=True):
    """Ask for every instrument: model, state of its link, parameters."""


class Get(Head, frozen=True):
    """Ask for a parameter; `cached` takes the last confirmed value, answered in the broker."""

    instrument: str
    parameter: str
    cached: bool = False


class Set(Head, frozen=True):
    """Set parameters, `values[instrument][parameter]`; all limits are checked before the first byte leaves."""

    values: dict[str, dict[str, Value]]


class Call(Head, frozen=True):
    """Call a method that the instrument's driver offers beside get and set."""

    instrument: str
    method: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}


class Raw(Head, frozen=True):
    """Send an instrument's own text; it must be a declared command, unless lab.toml says ``allow_raw = true``.

    A raw buffer is the content of a definite block that ends the message. `timeout_s` may lengthen the wait for the
    answer. An answer that is a definite block comes as a raw buffer, its head included.
    """

    instrument: str
    text: str
    timeout_s: float | None = None


class Snapshot(Head, frozen=True):
    """Ask for an instrument's parameters in the shape of a QCoDeS snapshot; `update` asks the device."""

    instrument: str
    update: bool = False


class Safe(Head, frozen=True):
    """Bring instruments (all, if none is named) to their safe state."""

    instruments: tuple[str, ...] = ()


class Lease(Head, frozen=True):
    """Keep others from setting these instruments for `ttl_s` after the last sign of life."""

    instruments: tuple[str, ...]
    ttl_s: float = 10.0
    take_over: bool = False


class Release(Head, frozen=True):
    """Give leases back; no names means all of this session."""

    instruments: tuple[str, ...] = ()


class Calibration(Head, frozen=True):
    """Ask for a processor's values in effect: design values under the newest snapshot."""

    qpu: str


class WriteSnapshot(Head, frozen=True, tag="write_snapshot"):
    """Write a new numbered calibration snapshot; values not named stay as they are in the newest."""

    qpu: str
    values: dict[str, Any]
    note: str = ""


# -- replies -------------------------------------------------------------------------------------


class Error(Head, frozen=True):
    """Answer with an error; this head's layout is the same in every version of the protocol."""

    code: str
    message: str
    job: int | None = None
    details: dict[str, Any] = {}


class Welcome(Head, frozen=True):
    """Answer to hello: the server's release, the session, and where events are published."""

    release: str
    session: str
    lab: str
    events: str


class Pong(Head, frozen=True):
    """Answer to ping."""


class Done(Head, frozen=True):
    """Say that a request without a value is carried out and confirmed."""


class Lab(Head, frozen=True):
    """Answer to describe."""

    name: str
    toml: str
    processors: dict[str, Any]
    instruments: tuple[str, ...]


class Accepted(Head, frozen=True):
    """Say that the job is durable: a crash of the server does not lose it."""

    job: int


class JobRow(Head, frozen=True, tag="job_row"):
    """One row of the queue."""

    job: dict[str, Any]


class JobRows(Head, frozen=True, tag="job_rows"):
    """Rows of the queue."""

    jobs: tuple[dict[str, Any], ...]


class Pending(Head, frozen=True):
    """Say that there is no result yet."""

    job: int
    state: str


class Finished(Head, frozen=True):
    """Answer to result: the contents of result.json; arrays follow as raw buffers."""

    job: int
    state: str
    result: dict[str, Any]
    arrays: tuple[ArrayPart, ...] = ()


class InstrumentRows(Head, frozen=True, tag="instrument_rows"):
    """Answer to instruments."""

    instruments: tuple[dict[str, Any], ...]


class Reading(Head, frozen=True):
    """Answer to get and call: the value, and when it was confirmed."""

    value: Any
    time_s: float = 0.0


class Leased(Head, frozen=True):
    """Answer to lease: what is held, and until when without a sign of life."""

    instruments: tuple[str, ...]
    expires_s: float


class Written(Head, frozen=True):
    """Answer to write_snapshot: its number."""

    number: int


# -- events --------------------------------------------------------------------------------------


class Event(Head, frozen=True):
    """What is published: a topic such as ``job.12`` or ``link.awg0`` (see `Topic`), and its words."""

    topic: str
    time_s: float
    body: dict[str, Any] = {}


Request: TypeAlias = (
    Hello | Ping | Describe | Submit | Job | Jobs | Result | Cancel | Replay | Instruments | Get | Set | Call | Raw
    | Snapshot | Safe | Lease | Release | Calibration | WriteSnapshot
)  # fmt: skip
Reply: TypeAlias = (
    Error | Welcome | Pong | Done | Lab | Accepted | JobRow | JobRows | Pending | Finished | InstrumentRows | Reading
    | Leased | Written
)  # fmt: skip
