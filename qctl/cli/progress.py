"""Show on stderr how far a job is, when it takes over a second and somebody is watching."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from qctl.client import Job, Result

__all__ = ["result_with_progress", "submitted"]

_SLICE_S = 0.25


def submitted(submit: Callable[[], Job]) -> Job:
    """Submit a job and return it; Ctrl-C waits for the job's number, to cancel it, and pressed again waits no more.

    Without that the server would play a job that it was still taking when its client went away.

    Parameters
    ----------
    submit : callable
        Submits the job; ends by itself when nothing answers.
    """
    pressed: list[int] = []

    def press(number: int, frame: Any) -> None:
        if pressed:
            signal.default_int_handler(number, frame)
        pressed.append(number)

    before = signal.signal(signal.SIGINT, press)
    try:
        job = submit()
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        job.cancel()
        signal.raise_signal(signal.SIGINT)
    return job


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
