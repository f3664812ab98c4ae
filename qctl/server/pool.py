"""The compute pool: processes at nice 19 that call one function of a job each; a cancelled call ends its process."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from qctl.errors import InternalError, JobCancelledError, QctlError
from qctl.server.processes import SPAWN, begin_process, import_path

__all__ = ["Pool"]

_NICE = 19
_SLICE_S = 0.05


def _serve(connection: Connection, warm: tuple[str, ...]) -> None:
    """Call what the pipe names until it closes."""
    begin_process(nice=_NICE)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    for path in warm:
        import_path(path)
    while True:
        try:
            path, argument = connection.recv()
        except (EOFError, OSError):
            return
        try:
            outcome: tuple[bool, Any] = (True, import_path(path)(argument))
        except QctlError as error:
            outcome = (False, error)
        except Exception as problem:
            import logging

            logging.getLogger(__name__).exception("%s failed", path)
            outcome = (False, InternalError(f"{path} failed ({type(problem).__name__}: {problem}); please report it"))
        connection.send(outcome)


class _Worker:
    """One process and the pipe to it."""

    def __init__(self, number: int, warm: tuple[str, ...]) -> None:
        self.connection, theirs = SPAWN.Pipe()
        self.process: BaseProcess = SPAWN.Process(
            target=_serve, args=(theirs, warm), name=f"pool.{number}", daemon=True
        )
        self.process.start()
        theirs.close()

    def end(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.join(2.0)


class Pool:
    """Workers that wait for calls; more callers than workers wait their turn.

    Parameters
    ----------
    n_workers : int
        Processes.
    warm : tuple of str
        Import paths that each worker imports before its first call.
    """

    def __init__(self, n_workers: int, warm: tuple[str, ...] = ()) -> None:
        self._warm = warm
        self._number = n_workers
        self._lock = threading.Lock()
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._all: list[_Worker] = []
        for number in range(n_workers):
            self._add(number)

    def _add(self, number: int) -> None:
        worker = _Worker(number, self._warm)
        with self._lock:
            self._all.append(worker)
        self._idle.put(worker)

    def _replace(self, worker: _Worker) -> None:
        with self._lock:
            self._all.remove(worker)
            self._number += 1
            number = self._number
        worker.end()
        self._add(number)

    def call(self, path: str, argument: Any, is_cancelled: Callable[[], bool]) -> Any:
        """Return ``path(argument)`` from a worker.

        Raises
        ------
        JobCancelledError
            If `is_cancelled` says so before there is a value; the worker's process is ended.
        QctlError
            What the function raised; InternalError if the worker died.
        """
        worker = self._take(is_cancelled)
        try:
            worker.connection.send((path, argument))
            while True:
                if is_cancelled():
                    self._replace(worker)
                    raise JobCancelledError("cancelled while it was compiled")
                if wait([worker.connection], _SLICE_S):
                    break
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
                return self._idle.get(timeout=_SLICE_S)
            except queue.Empty:
                if is_cancelled():
                    raise JobCancelledError("cancelled before it was compiled") from None

    def close(self) -> None:
        """End all workers."""
        for worker in list(self._all):
            worker.end()
