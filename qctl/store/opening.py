"""A store before it is used: claimed by one server alone, its database opened and read once."""

from __future__ import annotations

import contextlib
import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from qctl.errors import ScheduleError
from qctl.store.queue import Queue

__all__ = ["Claim", "check_database", "claim_store"]


@dataclass(slots=True)
class Claim:
    """The right to write a store, until it is released or the process ends, however it ends."""

    descriptor: int

    def release(self) -> None:
        """Let another server have the store."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
        self.descriptor = -1


def claim_store(store: Path) -> Claim:
    """Make the folder of a store, and keep other servers from it: two would play each job twice.

    Raises
    ------
    ScheduleError
        If a server has it, or it can't be written.
    """
    try:
        store.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(store / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as problem:
        raise ScheduleError(f"the store {store} can't be written: {problem}") from problem
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "of unknown number"
        os.close(descriptor)
        if isinstance(problem, BlockingIOError):
            text = (
                f"the store {store} is in use by the server in process {holder}: end that, or name another by --store"
            )
            raise ScheduleError(text) from problem
        raise ScheduleError(f"the store {store} can't be locked: {problem}") from problem
    with contextlib.suppress(OSError):  # who it is only helps people; a full disk is told of where it matters
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return Claim(descriptor)


def check_database(path: Path) -> None:
    """Open a store's database, make it if there is none, and read what a start needs.

    Raises
    ------
    ScheduleError
        If it can't be opened, read or written; nothing was changed.
    VersionError
        If another release of qctl wrote it.
    """
    queue = Queue(path)
    try:
        queue.unfinished()
        queue.next_run()
    finally:
        queue.close()
