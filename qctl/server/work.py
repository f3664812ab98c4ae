"""A job on its way through a lane, what lanes share, and the name under which a compiled job is kept."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import zmq

from qctl.lab import Lab
from qctl.lab.snapshot import Snapshot
from qctl.server.hosts import HostAddresses
from qctl.server.places import Places
from qctl.server.pool import Pool
from qctl.server.prepare import Prepared, PrepareRequest
from qctl.store.queue import Entry, Queue

__all__ = ["LaneParts", "Work", "cache_key"]


@dataclass(slots=True)
class Work:
    """A job on its way: whether it was cancelled, what was compiled, and when each stage ended."""

    entry: Entry
    cancelled: threading.Event = field(default_factory=threading.Event)
    prepared: Prepared | None = None
    snapshot: Snapshot | None = None
    marks: dict[str, float] = field(default_factory=dict)

    @property
    def job(self) -> int:
        """Return the job's number."""
        return self.entry.job


@dataclass(frozen=True, slots=True)
class LaneParts:
    """What a lane works with."""

    lab: Lab
    lab_toml: str
    places: Places
    queue: Queue
    pool: Pool
    prepare: str
    addresses: HostAddresses
    context: zmq.Context[Any]
    publish: Callable[[str, dict[str, Any]], None]
    ended: Callable[[int], None]
    next_run: Callable[[], int]
    leases: dict[str, str]
    kept: dict[str, tuple[str, ...]]


def cache_key(request: PrepareRequest) -> bytes:
    """Return the hash of all that decides what a job plays."""
    digest = hashlib.sha256()
    for kind, content in request.programs:
        digest.update(f"{kind}:{len(content)}:".encode())
        digest.update(content)
    snapshot = request.snapshot
    rest = (snapshot.number if snapshot else 0, request.shots, request.seed, request.level, request.averaged)
    digest.update(repr(rest).encode())
    return digest.digest()
