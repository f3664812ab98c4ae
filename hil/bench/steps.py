"""What a scenario may do and expect: one frozen value for each kind of step, told apart by its key `do`."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

__all__ = [
    "Calibrate",
    "Call",
    "Chance",
    "Clear",
    "EventWanted",
    "Expect",
    "Fault",
    "Get",
    "Kill",
    "Raw",
    "Restart",
    "Run",
    "Set",
    "Step",
    "Value",
    "Wait",
]

Value: TypeAlias = bool | int | float | str
Seconds = Annotated[float, Meta(ge=0, le=86_400, extra={"hint": "times are in seconds"})]
Times = Annotated[int, Meta(ge=1, le=1_000_000)]
Probability = Annotated[float, Meta(ge=0, le=1)]
LinkState = Literal["up", "degraded", "down", "opening", "reconnecting", "closed"]


class Chance(Struct, frozen=True, forbid_unknown_fields=True):
    """How often a bit string comes: within `sigma` standard deviations of `p`, or between `min` and `max`."""

    p: Probability | None = None
    sigma: Annotated[float, Meta(ge=0.1, le=100)] = 5.0
    min: Probability = 0.0
    max: Probability = 1.0


class EventWanted(Struct, frozen=True, forbid_unknown_fields=True):
    """An event of the server: its topic, what it holds, such as ``state = "up"``, and parts of its texts (`words`)."""

    topic: str
    holds: dict[str, Value] = {}
    words: dict[str, str] = {}


class Expect(Struct, frozen=True, forbid_unknown_fields=True):
    """What must be after a step, and while it lasts; what is left out is not judged.

    Attributes
    ----------
    value, min, max, unit
        Of what the step returns; `unit` is the parameter's, as its driver says.
    error, words
        Code of the error that must come, and what its message must have. Without `error` none may come.
    chance
        By bit string.
    link, event, within_s
        States that links must have, and an event that must be published, at the latest so long after the step's begin.
    takes_s
        Longest time of the step.
    undisturbed, undisturbed_s
        Instruments that answer all the while, each within so long.
    """

    value: Value | None = None
    min: float | None = None
    max: float | None = None
    unit: str | None = None
    error: str | None = None
    words: str = ""
    chance: dict[str, Chance] = {}
    link: dict[str, LinkState] = {}
    event: EventWanted | None = None
    within_s: Seconds = 10.0
    takes_s: Seconds | None = None
    undisturbed: tuple[str, ...] = ()
    undisturbed_s: Seconds = 1.0


class _Any(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every step has."""

    name: str = ""
    repeat: Times = 1
    expect: Expect = Expect()


class Set(_Any, frozen=True, tag_field="do", tag="set"):
    """Set a parameter; the server confirms it."""

    instrument: str
    parameter: str
    value: Value


class Get(_Any, frozen=True, tag_field="do", tag="get"):
    """Ask for a parameter."""

    instrument: str
    parameter: str


class Call(_Any, frozen=True, tag_field="do", tag="call"):
    """Call a method of a driver."""

    instrument: str
    method: str
    arguments: tuple[str, ...] = ()


class Raw(_Any, frozen=True, tag_field="do", tag="raw"):
    """Send an instrument's own text, and take its answer if it is a query."""

    instrument: str
    text: str


class Run(_Any, frozen=True, tag_field="do", tag="run"):
    """Run a circuit or a pulse program: OpenQASM text, or a file beside the scenario; it is waited for so long."""

    program: str = ""
    file: str = ""
    shots: Times = 1000
    seed: int | None = None
    qpu: str = ""
    timeout_s: Seconds = 300.0


class Calibrate(_Any, frozen=True, tag_field="do", tag="calibrate"):
    """Tune up by measurements: some nodes, or all."""

    nodes: tuple[str, ...] = ()
    qpu: str = ""


class Wait(_Any, frozen=True, tag_field="do", tag="wait"):
    """Wait so long, or, with an expected link or event, until it is there; events count from the step before on."""

    seconds: Seconds = 0.0


class Fault(_Any, frozen=True, tag_field="do", tag="fault"):
    """Set a fault, as `qctl hil fault set` does; virtual labs only."""

    fault: str
    on: str | None = None
    value: Value | None = None


class Clear(_Any, frozen=True, tag_field="do", tag="clear"):
    """Clear faults: all, those of a name, of a place, or both; virtual labs only."""

    fault: str | None = None
    on: str | None = None


class Kill(_Any, frozen=True, tag_field="do", tag="kill"):
    """Kill the process of an emulated instrument, or the server (``what = "server"``), by SIGKILL."""

    what: str


class Restart(_Any, frozen=True, tag_field="do", tag="restart"):
    """End the server in order and start it anew, with the same store."""


Step: TypeAlias = Set | Get | Call | Raw | Run | Calibrate | Wait | Fault | Clear | Kill | Restart
