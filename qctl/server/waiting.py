"""Requests that the broker has passed on, and those that are answered when several replies are there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from qctl import wire

__all__ = ["Gather", "Waiting"]


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
    """A request that was passed on; its reply goes straight back, or into a gather."""

    identity: bytes
    request: Any
    peer: str
    gather: Gather | None = None
