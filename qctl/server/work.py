"""A job on its way through a lane, what lanes share, and the name under which a compiled job is kept."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import zmq

from qctl.lab import Lab
from qctl.lab.snapshot import Snapshot
from qctl.server.hosts import HostAddresses
from qctl.server.orders import Leases
from qctl.server.places import Places
from qctl.server.pool import Pool
from qctl.server.prepare import Prepared, PrepareRequest
from qctl.store.folders import Stored
from qctl.store.queue import Entry, Queue
from qctl.wire import Topic

__all__ = ["CompiledJobs", "LaneParts", "Work", "cache_key"]

_CACHED_EACH = 64


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

    def described(self) -> dict[str, Any]:
        """Return what a result says of its job."""
        row = self.entry.row
        return {
            "qpu": self.entry.qpu,
            "snapshot": self.snapshot.number if self.snapshot else 0,
            "shots": self.entry.shots,
            "name": row["name"],
            "submitted_s": row["submitted_s"],
            "finished_s": time.time(),
        }

    def timings(self) -> dict[str, float]:
        """Return the seconds of each stage."""
        marks = {f"{key}_s": value for key, value in self.marks.items() if key not in ("begin", "prepared")}
        return marks | {"prepare_s": self.marks["prepared"] - self.marks["begin"]}


class CompiledJobs:
    """What all lanes have compiled, so that a job that comes again is only played; any thread may ask."""

    def __init__(self, n_each: int = _CACHED_EACH) -> None:
        self._n_each = n_each
        self._lock = threading.Lock()
        self._known: dict[str, OrderedDict[bytes, Prepared]] = {}

    def get(self, qpu: str, key: bytes) -> Prepared | None:
        """Return what was compiled for a processor under this key."""
        with self._lock:
            known = self._known.get(qpu)
            return known.get(key) if known is not None else None

    def put(self, qpu: str, key: bytes, prepared: Prepared) -> None:
        """Keep this as the latest of its processor, and let go of the one that was used longest ago."""
        with self._lock:
            known = self._known.setdefault(qpu, OrderedDict())
            known[key] = prepared
            known.move_to_end(key)
            if len(known) > self._n_each:
                known.popitem(last=False)

    def digests(self) -> set[tuple[str, ...]]:
        """Return the waveforms of all device programs that may be played again, on any processor."""
        with self._lock:
            kept = [one for known in self._known.values() for one in known.values()]
        return {load.digests for one in kept for batch in one.batches for load in batch.programs}


@dataclass(frozen=True, slots=True)
class LaneParts:
    """What a lane works with; `leases` returns one frozen value, which is to be read once for a decision."""

    lab: Lab
    lab_toml: str
    places: Places
    queue: Queue
    pool: Pool
    prepare: str
    addresses: HostAddresses
    context: zmq.Context[Any]
    publish: Callable[[Topic, object, dict[str, Any]], None]
    ended: Callable[[int, Stored | None, dict[str, Any] | None], None]
    next_run: Callable[[], int]
    leases: Callable[[], Leases]
    compiled: CompiledJobs


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
