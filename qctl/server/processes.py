"""What each process of the server does first: end with its parent, leave Ctrl-C to it, log one JSON line an event."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextvars import ContextVar
from importlib import import_module
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NoReturn

from qctl.errors import RequestError

__all__ = [
    "END_SIGNALS",
    "JOB",
    "PARENT",
    "SPAWN",
    "begin_process",
    "configure_log",
    "end_process",
    "import_path",
    "start_process",
]

SPAWN = multiprocessing.get_context("spawn")
END_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""What asks a server to end; a closed terminal sends SIGHUP to all of its processes at once."""
JOB: ContextVar[int] = ContextVar("job", default=0)
PARENT: ContextVar[Connection | None] = ContextVar("parent", default=None)
"""What is readable once the process that asked for this one is gone."""


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {"time_s": round(record.created, 6), "level": record.levelname.lower()}
        line |= {"process": multiprocessing.current_process().name, "event": record.getMessage()}
        if job := JOB.get():
            line["job"] = job
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configure_log(level: int = logging.WARNING) -> None:
    """Send log entries to stderr, one JSON line each."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)


def start_process(process: BaseProcess) -> None:
    """Start a process that hears no signal before `begin_process`: a terminal sends them to those that import, too."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, END_SIGNALS)
    try:
        resource_tracker.ensure_running()  # lives under the hold, or SIGHUP would end it; lifts it in part
        signal.pthread_sigmask(signal.SIG_BLOCK, END_SIGNALS)
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def begin_process(on_orphan: Callable[[], None] | None = None, nice: int = 0) -> None:
    """Set up a process of the server: signals left to the parent, a lower priority if asked, an end with the parent.

    Parameters
    ----------
    on_orphan : callable, optional
        Called in a thread when the parent is gone; it must end the process itself. None ends it at once.
    nice : int
        Added to the process's niceness.
    """
    for number in END_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, END_SIGNALS)
    configure_log()
    if nice:
        os.nice(nice)
    parent = PARENT.get()
    if parent is None:
        return

    def watch() -> None:
        wait([parent])
        if on_orphan is None:
            os._exit(1)
        on_orphan()

    threading.Thread(target=watch, name="parent", daemon=True).start()


def end_process() -> NoReturn:
    """End a process that has done all it had to: drivers by others leave threads that Python would wait for."""
    for left in multiprocessing.active_children():
        left.terminate()
    sys.stderr.flush()
    os._exit(0)


def import_path(path: str) -> Any:
    """Return what ``package.module:name`` names.

    Raises
    ------
    RequestError
        If there is no such module or name.
    """
    module, _, name = path.partition(":")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError) as problem:
        raise RequestError(f"{path} can't be imported: {problem}") from problem
