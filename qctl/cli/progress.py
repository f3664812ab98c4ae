"""Show on stderr how far a job is, when it takes over a second and somebody is watching."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator

from qctl.client import Job, Result

__all__ = ["result_with_progress", "saying_what_became"]


@contextlib.contextmanager
def saying_what_became(who: str) -> Iterator[None]:
    """On Ctrl-C print the notes that the client left about its job, which the parser of the command line drops."""
    try:
        yield
    except KeyboardInterrupt as stop:
        for note in getattr(stop, "__notes__", ()):
            sys.stderr.write(f"{who}: {note}\n")
        raise


def result_with_progress(job: Job, quiet: bool) -> Result:
    """Wait for a job and return its result; as with `Job.result`, Ctrl-C cancels it.

    Parameters
    ----------
    job : Job
        The job.
    quiet : bool
        Show nothing.
    """
    begin_s, shown = time.monotonic(), False

    def show(state: str) -> None:
        nonlocal shown
        waited_s = time.monotonic() - begin_s
        if waited_s > 1:
            shown = True
            sys.stderr.write(f"\rjob {job.id}: {state}, {waited_s:.0f} s ")
            sys.stderr.flush()

    try:
        return job.result(on_wait=show if not quiet and sys.stderr.isatty() else None)
    finally:
        if shown:
            sys.stderr.write("\r\x1b[K")
