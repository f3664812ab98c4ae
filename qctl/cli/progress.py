"""Show on stderr how far a job is, when it takes over a second and somebody is watching."""

from __future__ import annotations

import sys
import time

from qctl.client import Job, Result

__all__ = ["result_with_progress"]

_SLICE_S = 0.25


def result_with_progress(job: Job, quiet: bool) -> Result:
    """Wait for a job and return its result; Ctrl-C cancels it and raises KeyboardInterrupt.

    Parameters
    ----------
    job : Job
        The job.
    quiet : bool
        Show nothing.
    """
    from qctl.errors import ScheduleError

    begin_s, shown = time.monotonic(), False
    shows = not quiet and sys.stderr.isatty()
    try:
        while True:
            try:
                return job.result(_SLICE_S if shows else None)
            except ScheduleError as error:
                if "state" not in error.details:
                    raise
                waited_s = time.monotonic() - begin_s
                if shows and waited_s > 1:
                    shown = True
                    sys.stderr.write(f"\rjob {job.id}: {error.details['state']}, {waited_s:.0f} s ")
                    sys.stderr.flush()
    except KeyboardInterrupt:
        job.cancel()
        raise
    finally:
        if shown:
            sys.stderr.write("\r\x1b[K")
