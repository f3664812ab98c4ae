"""Processes of a virtual lab: forked from one that has everything imported, and never outliving it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from qctl.errors import DeviceError, InternalError

__all__ = ["END_SIGNALS", "Child", "ToldToEnd", "fork_child", "stop_children"]

_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15
END_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""What asks a lab to end; a closed terminal sends SIGHUP, unless nohup keeps it off."""
_SLICE_S = 0.1


class ToldToEnd(Exception):
    """A blocked signal that asks for the end came while a child was waited for."""


@dataclass(slots=True)
class Child:
    """One forked process.

    Attributes
    ----------
    name : str
        Of the instrument, or ``plant``.
    pid : int
        Process id.
    pipe : int
        What it prints.
    """

    name: str
    pid: int
    pipe: int

    def wait_ready(self, deadline_s: float) -> str:
        """Return the address that the child prints after ``ready``; `deadline_s` is on the monotonic clock.

        Raises
        ------
        DeviceError
            If it ends or stays silent.
        ToldToEnd
            If this process blocks signals that ask for the end, and one of them came.
        """
        said = b""
        while b"\n" not in said:
            if signal.sigpending() & set(END_SIGNALS):
                raise ToldToEnd
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise DeviceError(f"{self.name} is not ready in time", instrument=self.name)
            if not select.select([self.pipe], [], [], min(left_s, _SLICE_S))[0]:
                continue
            part = os.read(self.pipe, 4096)
            if not part:
                raise DeviceError(f"{self.name} ended before it was ready", instrument=self.name)
            said += part
        word, _, address = said.split(b"\n")[0].decode().partition(" ")
        if word != "ready":
            raise DeviceError(f"{self.name} said {word!r} instead of ready", instrument=self.name)
        return address


def fork_child(name: str, work: Callable[[], int]) -> Child:
    """Run `work` in a forked process that is told to end when this one does; its stdout comes back in a pipe.

    What `work` returns is the exit code.
    """
    reader, writer = os.pipe()
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        os.close(writer)
        return Child(name, pid, reader)
    code = 1
    try:
        os.close(reader)
        os.dup2(writer, 1)
        os.setpgid(0, 0)
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        libc.prctl(_PR_SET_NAME, f"qctl-{name}".encode())
        signals = {*END_SIGNALS, signal.SIGCHLD}
        for number in signals:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        code = work() if os.getppid() == parent else 0
    except BaseException as error:
        internal = InternalError(f"{name}: {error!r}")
        os.write(2, f"{internal.message}\n".encode())
    finally:
        os._exit(code)


def stop_children(children: list[Child], patience_s: float = 3.0) -> None:
    """End processes by SIGTERM, and by SIGKILL those that stay longer than `patience_s`; close their pipes."""
    left = {child.pid for child in children}
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    deadline_s = time.monotonic() + patience_s
    while left and time.monotonic() < deadline_s:
        for pid in list(left):
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(pid, os.WNOHANG)[0] == 0:
                    continue
            left.discard(pid)
        if left:
            signal.sigtimedwait({signal.SIGCHLD}, 0.05)
    for pid in left:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    for child in children:
        os.close(child.pipe)
