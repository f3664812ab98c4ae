"""The states of a job, as a table: what may follow what, and what a restart makes of each."""

from __future__ import annotations

from enum import StrEnum

from qctl.errors import InternalError

__all__ = ["AFTER_RESTART", "FINAL", "NEXT", "JobState", "check_step"]


class JobState(StrEnum):
    """Where a job is on its way."""

    QUEUED = "queued"
    COMPILING = "compiling"
    COMPILED = "compiled"
    UPLOADING = "uploading"
    PLAYING = "playing"
    READING = "reading"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


_Q, _C, _K, _U, _P, _R, _D, _X, _F, _I = JobState
NEXT: dict[JobState, frozenset[JobState]] = {
    _Q: frozenset({_C, _X, _F}),
    _C: frozenset({_K, _Q, _X, _F}),
    _K: frozenset({_U, _Q, _X, _F}),
    _U: frozenset({_P, _R, _X, _F, _I}),
    _P: frozenset({_U, _R, _X, _F, _I}),
    _R: frozenset({_U, _P, _D, _X, _F, _I}),
    _D: frozenset(),
    _X: frozenset(),
    _F: frozenset(),
    _I: frozenset(),
}
FINAL = frozenset(state for state, following in NEXT.items() if not following)

# A job that may have touched an output is never replayed by itself; one that did not goes back to the queue.
AFTER_RESTART: dict[JobState, JobState] = {_C: _Q, _K: _Q, _U: _I, _P: _I, _R: _I}


def check_step(job: int, old: JobState, new: JobState) -> None:
    """Refuse a step that the table does not have.

    Raises
    ------
    InternalError
        If `new` can't follow `old`.
    """
    if new != old and new not in NEXT[old]:
        raise InternalError(f"job {job} can't go from {old} to {new}", job=job)
