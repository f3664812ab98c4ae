"""Writes that are tried again while the disk takes nothing: it may have room again soon."""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from qctl.errors import ScheduleError

__all__ = ["insist", "is_full"]

_LOG = logging.getLogger(__name__)
_PAUSE_S = 1.0
T = TypeVar("T")


def is_full(problem: ScheduleError) -> bool:
    """Say whether a write failed for lack of room, and not for a reason that stays."""
    return isinstance(problem.__cause__, OSError) and problem.__cause__.errno in (errno.ENOSPC, errno.EDQUOT)


def insist(what: str, write: Callable[[], T], lock: threading.Condition, enough: Callable[[ScheduleError], bool]) -> T:
    """Return what `write` returns, once the disk takes it.

    Parameters
    ----------
    what : str
        For the log: who can't do what.
    write : callable
        Raises ScheduleError while the disk takes nothing.
    lock : Condition
        Waited on between tries, and notified to look at `enough` at once.
    enough : callable of ScheduleError
        Says that trying is over; asked with the lock held.

    Raises
    ------
    ScheduleError
        The last one, when it is over.
    """
    while True:
        try:
            return write()
        except ScheduleError as problem:
            _LOG.error("%s: %s", what, problem.message)
            with lock:
                if enough(problem):
                    raise
                lock.wait(_PAUSE_S)
