"""What events are about: the beginnings of their topics."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Topic"]


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
