"""Which job a processor plays next: a choice over frozen values; first in, first out."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

__all__ = ["Candidate", "choose"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a choice looks at: a job's number, its processor, and whose it is."""

    job: int
    qpu: str
    client: str = ""


def choose(waiting: Iterable[Candidate], qpu: str, blocked_by: Collection[str] = ()) -> Candidate | None:
    """Return the oldest waiting job for this processor, or None.

    Parameters
    ----------
    waiting : iterable of Candidate
        Jobs in the queue.
    qpu : str
        The processor that is free.
    blocked_by : collection of str
        Sessions that lease an instrument of this processor; jobs of everybody else wait.
    """
    fitting = (item for item in waiting if item.qpu == qpu and all(session == item.client for session in blocked_by))
    return min(fitting, key=lambda item: item.job, default=None)
