"""The compute pool: processes at nice 19 that call one function of a job each; a cancelled call ends its process."""

from __future__ import annotations

import os
import queue
import resource
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any

from qctl.errors import CompileError, InternalError, JobCancelledError, QctlError
from qctl.server.nursery import Nursery, Offspring
from qctl.server.processes import begin_process, import_path

__all__ = ["LONGEST_S", "MOST_BYTES", "Pool"]

_NICE = 19
_SLICE_S = 0.05
LONGEST_S = 300.0
MOST_BYTES = 4 << 30


_Call = tuple[str, Any]
"""Import path of a function, and its argument."""


def _serve(warm: tuple[_Call, ...], most_bytes: int, nice: int, handle: int) -> None:
    """Make the calls that warm it up, say so, and then call what the pipe names until it closes."""
    begin_process(nice=nice)
    connection = Connection(handle)
    resource.setrlimit(resource.RLIMIT_DATA, (most_bytes, most_bytes))
    for path, argument in warm:
        import_path(path)(argument)
    os.nice(_NICE)
    connection.send(None)
    while True:
        try:
            path, argument = connection.recv()
        except (EOFError, OSError):
            return
        try:
            outcome: tuple[bool, Any] = (True, import_path(path)(argument))
        except QctlError as error:
            outcome = (False, error)
        except MemoryError:
            outcome = (False, CompileError(f"the job needs more than {most_bytes / 2**30:g} GiB of memory to compile"))
        except RecursionError:
            outcome = (False, CompileError("the job is nested too deeply to compile"))
        except Exception as problem:
            import logging

            logging.getLogger(__name__).exception("%s failed", path)
            outcome = (False, InternalError(f"{path} failed ({type(problem).__name__}: {problem}); please report it"))
        connection.send(outcome)


class _Worker:
    """One process and the pipe to it."""

    def __init__(self, nursery: Nursery, number: int, warm: tuple[_Call, ...], most_bytes: int, nice: int) -> None:
        self.connection, theirs = Pipe()
        with theirs:
            arguments = (warm, most_bytes, nice)
            self.process: Offspring = nursery.start(f"pool.{number}", _serve, arguments, (theirs.fileno(),))
        self.is_warm = False

    def wait_warm(self) -> None:
        """Return when it takes calls, or has ended."""
        with suppress(EOFError, OSError):
            self.connection.recv()
            self.is_warm = True

    def end(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.join(2.0)


class Pool:
    """Workers that wait for calls; more callers than workers wait their turn.

    Workers are started one after the other: the first is ready sooner if no other takes its processor.

    Parameters
    ----------
    n_workers : int
        Processes.
    warm : tuple of (str, argument)
        Import paths of functions that each worker calls before it takes its first call.
    longest_s : float
        A call that takes longer ends with its process, so that one program can't hold its processor for ever.
    most_bytes : int
        Memory of each worker, so that one program can't have the system kill the server.
    nursery : Nursery, optional
        Where workers are forked; None starts one for them alone.
    """

    def __init__(
        self,
        n_workers: int,
        warm: tuple[_Call, ...] = (),
        longest_s: float = LONGEST_S,
        most_bytes: int = MOST_BYTES,
        nursery: Nursery | None = None,
    ) -> None:
        self._nursery = nursery or Nursery()
        self._warm, self._longest_s, self._most_bytes = warm, longest_s, most_bytes
        self._number = n_workers
        self._lock = threading.Lock()
        # The last one used goes first: what it knows of waveforms and timelines fits the next job best.
        self._idle: queue.LifoQueue[_Worker] = queue.LifoQueue()
        self._all: list[_Worker] = []
        self._closed = False
        self._start(range(n_workers))

    def _start(self, numbers: Iterable[int]) -> None:
        threading.Thread(target=self._add, args=(numbers,), name="pool", daemon=True).start()

    def _add(self, numbers: Iterable[int]) -> None:
        """Start workers; each takes calls once it is warm."""
        for number in numbers:
            with self._lock:
                if self._closed:
                    return
                # The first is what the first job waits for, while the server starts and nobody is answered yet.
                worker = _Worker(self._nursery, number, self._warm, self._most_bytes, _NICE if number else 0)
                self._all.append(worker)
            worker.wait_warm()
            self._idle.put(worker)

    def _replace(self, worker: _Worker) -> None:
        with self._lock:
            self._all.remove(worker)
            self._number += 1
            number = self._number
        worker.end()
        self._start((number,))

    def call(self, path: str, argument: Any, is_cancelled: Callable[[], bool]) -> Any:
        """Return ``path(argument)`` from a worker.

        Raises
        ------
        JobCancelledError
            If `is_cancelled` says so before there is a value; the worker's process is ended.
        CompileError
            If it takes longer or needs more memory than the pool gives.
        QctlError
            What the function raised; InternalError if the worker died.
        """
        worker = self._take(is_cancelled)
        until_s = time.monotonic() + self._longest_s
        try:
            worker.connection.send((path, argument))
            while True:
                if is_cancelled():
                    self._replace(worker)
                    raise JobCancelledError("cancelled while it was compiled")
                if wait([worker.connection], _SLICE_S):
                    break
                if time.monotonic() > until_s:
                    self._replace(worker)
                    raise CompileError(f"the job did not compile within {self._longest_s:g} s, and was given up")
            succeeded, value = worker.connection.recv()
        except (EOFError, OSError) as problem:
            worker.process.join(1.0)
            code = worker.process.exitcode
            self._replace(worker)
            raise InternalError(f"a worker of the compute pool ended with code {code} in {path}") from problem
        self._idle.put(worker)
        if not succeeded:
            raise value
        return value

    def _take(self, is_cancelled: Callable[[], bool]) -> _Worker:
        while True:
            try:
                worker = self._idle.get(timeout=_SLICE_S)
                if worker.process.is_alive() or not worker.is_warm:  # of one that ended too soon the call tells
                    return worker
                self._replace(worker)
            except queue.Empty:
                if is_cancelled():
                    raise JobCancelledError("cancelled before it was compiled") from None

    def close(self) -> None:
        """End all workers."""
        with self._lock:
            self._closed = True
            workers = list(self._all)
        for worker in workers:
            worker.end()
        self._nursery.close()
