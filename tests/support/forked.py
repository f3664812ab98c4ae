"""What the tests of the nursery have forked processes do; importable by name in those."""

from __future__ import annotations

import errno
import multiprocessing
import os
import random
import signal
import sys
import threading
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import numpy as np

from qctl.instruments.registry import MODELS
from qctl.server.nursery import Nursery
from qctl.server.processes import begin_process

__all__ = ["be_killed_after", "fail", "import_drivers", "leave", "tell"]


def tell(question: str, handle: int) -> None:
    """Answer a question about the process in which this runs, then wait for the end of the pipe."""
    begin_process()
    with Connection(handle) as pipe:
        pipe.send(globals()[f"_{question}"]())
        wait([pipe])


def _random() -> Any:
    return random.random(), np.random.random()  # noqa: NPY002


def _descriptors() -> Any:
    return sorted(os.readlink(f"/proc/self/fd/{one}") for one in os.listdir("/proc/self/fd") if _is_open(one))


def _is_open(descriptor: str) -> bool:
    try:
        os.fstat(int(descriptor))
    except OSError as problem:
        assert problem.errno == errno.EBADF
        return False
    return True


def _surroundings() -> Any:
    path = Path("/proc/self/comm").read_text().strip()
    modes = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    process = multiprocessing.current_process()
    names = sorted(thread.name for thread in threading.enumerate())
    return (sys.path, os.getcwd(), process.name, path, process.daemon, modes, blocked, signal.getsignal(17), names)


def _forks() -> Any:
    with Nursery() as own:
        process = own.start("inner", leave, (5,))
        process.join(10)
        return process.exitcode


def _name() -> Any:
    return multiprocessing.current_process().name


def leave(code: int) -> None:
    """End with an exit code."""
    sys.exit(code)


def fail() -> None:
    """End with an error."""
    raise ValueError("on purpose")


def keep_silent(note: str) -> None:
    """Write the process's number into a file, and live until the parent is gone."""
    begin_process()
    Path(note).write_text(str(os.getpid()))
    threading.Event().wait()


def be_killed_after(note: str) -> None:
    """Start a process of an own nursery, say so, and wait to be killed."""
    nursery = Nursery()
    nursery.start("below", keep_silent, (note,))
    print("ready", flush=True)
    threading.Event().wait()


def _imported() -> Any:
    names = [f"qctl.instruments.{model.driver}" for model in MODELS.values() if model.driver]
    return len(os.listdir("/proc/self/task")), [name for name in names if name not in sys.modules]


def import_drivers(_: object) -> None:
    """Import every driver of qctl's own, as labs do that have all models."""
    from qctl.instruments.registry import import_driver

    for model in MODELS.values():
        if model.driver:
            import_driver(model.name)
