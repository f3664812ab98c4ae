"""What events are about: the beginnings of their topics."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

__all__ = ["BODIES", "Topic"]


class Topic(StrEnum):
    """The first word of a topic; a dot and what it is about follow. docs/wire.md has the bodies."""

    JOB = "job"
    PROGRESS = "progress"
    LINK = "link"
    LOCK = "lock"
    VALUE = "value"
    LEASE = "lease"
    CALIBRATION = "calibration"
    ENDED = "ended"
    SAFE = "safe"


BODIES: Mapping[Topic, tuple[str, ...]] = {
    Topic.JOB: ("job", "state", "qpu"),
    Topic.PROGRESS: ("job", "stage", "batch_points", "first_point"),
    Topic.LINK: (
        "instrument", "state", "link", "why", "since_s", "last_error", "n_retries", "n_lost", "next_try_s",
        "settings", "lacks",
    ),
    Topic.LOCK: ("instrument", "locked"),
    Topic.VALUE: ("instrument", "parameter", "value"),
    Topic.LEASE: ("instrument", "what", "holder"),
    Topic.CALIBRATION: ("qpu", "number"),
    Topic.ENDED: ("job",),
    Topic.SAFE: ("group", "why"),
}  # fmt: skip
"""What the body of each event may have."""
