"""Messages between the server's own processes; they travel like those of clients and are never seen by one."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from qctl.wire import Error, Head, Value

__all__ = [
    "ORDERS",
    "REPORTS",
    "BatchOrder",
    "CancelBy",
    "Hosts",
    "Leases",
    "Load",
    "Play",
    "Played",
    "Playing",
    "Quit",
    "Ready",
    "ReplayBy",
    "Stop",
    "SumsPart",
    "TracePart",
]


class Load(Struct, frozen=True):
    """One device's program; its waveforms are a file in the shared folder, named after their digests."""

    instrument: str
    model: str
    body: bytes
    digests: tuple[str, ...]
    n_points: int


class BatchOrder(Struct, frozen=True):
    """What one host plays in one go."""

    programs: tuple[Load, ...]
    n_points: int
    first_point: int
    n_shots: int
    averaged: bool
    period_s: float


class Play(Head, frozen=True):
    """Keeper to host: play a batch. `settings` are made first where they changed since the last run.

    `hold` keeps clients from setting these instruments until `Stop` of the run: a batch of another group plays on them.
    `clocks` are instruments that must be locked to their references, sources before what follows them.
    """

    run: int
    job: int
    batch: BatchOrder
    settings: dict[str, dict[str, Value]] = msgspec.field(default_factory=dict)
    hold: bool = False
    clocks: tuple[str, ...] = ()


class Stop(Head, frozen=True):
    """Keeper to host: end the run after the current exchange with each instrument, and hold nothing for it."""

    run: int


class Quit(Head, frozen=True):
    """Broker to a process: end; `safe` brings outputs to their safe state first."""

    safe: bool = True


class Hosts(Head, frozen=True):
    """Broker to keeper: which address each host answers at now; a host that died has none."""

    addresses: dict[str, str]


class Leases(Head, frozen=True):
    """Broker to keeper: who holds which instrument, and which of its parameters the holder set by hand."""

    held: dict[str, str]
    kept: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)


class CancelBy(Head, frozen=True):
    """Broker to keeper: a client's cancel, with the name of its session, which no client can forge."""

    job: int
    force: bool
    client: str


class KnownSnapshot(Head, frozen=True):
    """Broker to host: an instrument's parameters with (value, seconds since 1970) of those that are known."""

    instrument: str
    values: dict[str, tuple[Value, float]]


class ReplayBy(Head, frozen=True):
    """Broker to keeper: a client's replay, with the name of its session."""

    job: int
    client: str


class TracePart(Struct, frozen=True):
    """What one recorder measured in a batch: int16 codes in a shared file.

    `shape` is (n_points, n_records, n_inputs, n_samples); the file is the reader's to remove.
    """

    instrument: str
    path: str
    shape: tuple[int, int, int, int]
    volts_per_code: tuple[float, ...]
    offset_v: tuple[float, ...]
    rate_hz: float
    n_averaged: int


class SumsPart(Struct, frozen=True):
    """What one recorder that integrates by itself measured in a batch: complex128 volts in a shared file.

    `results` are (port, result, n_records, n_columns), one behind the other; the file is the reader's to remove.
    """

    instrument: str
    path: str
    results: tuple[tuple[str, str, int, int], ...]


class Played(Head, frozen=True):
    """Host to keeper: how far a batch came, what was recorded, and how long each stage took."""

    run: int
    n_points: int
    traces: tuple[TracePart, ...]
    sent_bytes: dict[str, int]
    stages_s: dict[str, float]
    per_point: dict[str, float]
    stopped: bool = False
    error: Error | None = None
    sums: tuple[SumsPart, ...] = ()


class Playing(Head, frozen=True):
    """Host to keeper, before Played: all is uploaded, and the batch plays."""

    run: int


class Ready(Head, frozen=True):
    """A process to the broker: it answers now."""

    process: str
    body: dict[str, Any] = msgspec.field(default_factory=dict)


ORDERS = msgspec.msgpack.Decoder(Play | Stop | Quit | Hosts | Leases | CancelBy | ReplayBy | KnownSnapshot)
REPORTS = msgspec.msgpack.Decoder(Played | Playing | Ready)
