"""Requests that the broker has passed on, and those that are answered when several replies are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from qctl import wire
from qctl.errors import DeviceError, InternalError, QctlError
from qctl.lab import Lab
from qctl.server.access import Session

__all__ = ["KEEPER", "Gather", "Waiting", "ended", "gathered_rows"]

KEEPER = "keeper"


@dataclass(slots=True)
class Gather:
    """A request that is answered when several replies are there."""

    identity: bytes
    request: Any
    n_left: int
    replies: list[Any] = field(default_factory=list)
    error: wire.Error | None = None


@dataclass(slots=True)
class Waiting:
    """A request that was passed on; its reply goes straight back, or into a gather.

    `session` is named where the request may change settings: what its client did by hand is noted when it is done.
    """

    identity: bytes
    request: Any
    peer: str
    gather: Gather | None = None
    session: Session | None = None


def gathered_rows(gather: Gather, lab: Lab, group_of: Mapping[str, str]) -> tuple[dict[str, Any], ...]:
    """Return a row for each instrument in the order of lab.toml; those whose host is down have one too."""
    found = {
        row["name"]: row
        for _, reply in gather.replies
        if isinstance(reply, wire.InstrumentRows)
        for row in reply.instruments
    }
    rows = []
    for name, instrument in lab.instruments.items():
        why = ended(group_of[name], (name,)).message
        row: dict[str, Any] = {"name": name, "model": instrument.model, "address": instrument.address}
        row |= {
            "group": group_of[name],
            "link": "down",
            "identity": "",
            "parameters": [],
            "why": why,
            "since_s": None,
            "last_error": why,
        }
        row |= {"n_retries": 0, "n_lost": 0, "next_try_s": None, "settings": []}
        rows.append(found.get(name) or row)
    return tuple(rows)


def ended(peer: str, names: Sequence[str]) -> QctlError:
    """Return the error for those who wait for a process that ended: the keeper, or the host of some instruments."""
    if peer == KEEPER:
        return InternalError("the keeper ended; it is started again, and jobs that were acknowledged are kept")
    return DeviceError(
        f"the host of {', '.join(names)} (group {peer}) ended; it is started again",
        instrument=names[0] if names else "",
        instruments=list(names),
    )
