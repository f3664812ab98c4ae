"""The nursery: a process that has everything imported, and of which the server's others are forked within milliseconds.

It has no thread, no socket but that of its requests, and no driver's session, and it ends when nobody is left who could
ask. What it forks belongs to the process that asked for it, which hears of its end; ends that one, so does the forked.
"""

from __future__ import annotations

import gc
import logging
import os
import pickle
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import current_process
from multiprocessing.connection import Connection, Pipe, wait
from multiprocessing.process import BaseProcess
from typing import Any

from qctl.errors import InternalError, QctlError
from qctl.server.processes import END_SIGNALS, PARENT, SPAWN, configure_log, import_path, start_process

__all__ = ["Nursery", "Offspring"]

_LOG = logging.getLogger(__name__)
_PATIENCE_S = 60.0
_MOST_HANDED = 8
_COMM_BYTES = 15


class Offspring:
    """A process that the nursery forked for this one.

    Attributes
    ----------
    name : str
    pid : int
    sentinel : int
        Descriptor that is readable once it has ended.
    """

    def __init__(self, name: str, pid: int, said: Connection, life: Connection) -> None:
        self.name, self.pid = name, pid
        self._said, self._life = said, life
        self._code: int | None = None

    @property
    def sentinel(self) -> int:
        """Return the descriptor that is readable once it has ended."""
        return self._said.fileno()

    @property
    def exitcode(self) -> int | None:
        """Return its exit code, negative for a signal; None while it runs, or when the nursery has ended before it."""
        if self._code is None and not self.is_alive():
            with suppress(EOFError, OSError):
                self._code = self._said.recv()
        return self._code

    def is_alive(self) -> bool:
        """Say whether it runs."""
        return self._code is None and not wait([self._said], 0)

    def join(self, timeout_s: float | None = None) -> None:
        """Wait for its end."""
        if self._code is None:
            wait([self._said], timeout_s)

    def kill(self) -> None:
        """End it at once."""
        if self.is_alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


class Nursery:
    """This process's access to the nursery; threads may share it.

    Parameters
    ----------
    warm : tuple of (str, argument)
        Import paths of functions that the nursery calls before its first fork, which import what all need.
    handle : int, optional
        Descriptor of the requests of a nursery that is there already. A new one is started where that has ended.
    """

    def __init__(self, warm: tuple[tuple[str, Any], ...] = (), handle: int | None = None) -> None:
        self._warm = warm
        self._lock = threading.Lock()
        self._process: BaseProcess | None = None
        self._requests = None if handle is None else socket.socket(fileno=handle)

    def begin(self) -> None:
        """Start it, unless it is there; it imports while this process goes on."""
        with self._lock:
            if self._requests is not None:
                return
            for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # read when numpy is loaded, here and there
                os.environ.setdefault(name, "1")
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            process = SPAWN.Process(target=_run_nursery, args=(theirs, self._warm), name="nursery", daemon=True)
            start_process(process)
            theirs.close()
            self._process, self._requests = process, ours

    def __enter__(self) -> Nursery:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fileno(self) -> int:
        """Return the descriptor of the requests, to be handed to a process that starts others itself."""
        self.begin()
        assert self._requests is not None
        return self._requests.fileno()

    def start(
        self, name: str, target: Callable[..., None], arguments: Sequence[Any], handed: Sequence[int] = ()
    ) -> Offspring:
        """Fork a process that calls ``target(*arguments, *handed)``.

        Parameters
        ----------
        name : str
            In the log, and as ``qctl-NAME`` in lists of processes.
        target : callable
            Found in its module by its name.
        arguments : sequence
            Picklable.
        handed : sequence of int
            Descriptors; the process gets its own numbers for the same files.

        Raises
        ------
        InternalError
            If no nursery forks it.
        """
        content = pickle.dumps((name, target, tuple(arguments)))
        for _ in range(2):
            self.begin()
            with suppress(OSError, EOFError):
                if (process := self._ask(name, content, handed)) is not None:
                    return process
            self.close()
        raise InternalError(f"the process {name} can't be started: the nursery ends before it forks it")

    def _ask(self, name: str, content: bytes, handed: Sequence[int]) -> Offspring | None:
        assert self._requests is not None
        their_life, life = Pipe(duplex=False)
        said, their_word = Pipe(duplex=False)
        with their_life, their_word:
            socket.send_fds(self._requests, [b"fork"], [their_life.fileno(), their_word.fileno(), *handed])
        if not said.poll(_PATIENCE_S):
            return None
        pid = said.recv()
        life.send_bytes(content)
        return Offspring(name, pid, said, life)

    def close(self) -> None:
        """End it; what it has forked goes on. The next start has a new one."""
        with self._lock:
            if self._requests is not None:
                self._requests.close()
            if self._process is not None:
                self._process.kill()
                self._process.join()
            self._requests = self._process = None


# -- in the nursery ------------------------------------------------------------------------------


def _run_nursery(requests: socket.socket, warm: tuple[tuple[str, Any], ...]) -> None:
    """Import, fork what is asked for until nobody is left to ask; a forked process goes on with its own work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, END_SIGNALS)
    configure_log()
    _call_itself("nursery")
    for path, argument in warm:
        try:
            import_path(path)(argument)
        except QctlError:  # a file that is wrong, say: who reads it tells of it
            continue
        except Exception as problem:
            _LOG.error(InternalError(f"{path} failed ahead of the first start: {problem!r}; please report it").message)
    gc.collect()
    gc.freeze()  # a collection in a forked process would write on pages that all share
    if n_others := threading.active_count() - 1:  # those of BLAS end by themselves at a fork
        _LOG.warning("the nursery has %d more threads; a lock that one holds stays held in what is forked", n_others)
    born = _fork_until_end(requests)
    if born is not None:
        born()


def _fork_until_end(requests: socket.socket) -> Callable[[], None] | None:
    """Return the work of a forked process in that process, and None in the nursery once all who could ask are gone."""
    heard, wake = os.pipe()
    os.set_blocking(heard, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    living: dict[int, Connection] = {}
    poller = select.poll()
    poller.register(requests, select.POLLIN)
    poller.register(heard, select.POLLIN)
    while True:
        ready = [descriptor for descriptor, _ in poller.poll()]
        if heard in ready:
            with suppress(BlockingIOError):
                os.read(heard, 4096)
            _bury(living)
        if requests.fileno() not in ready:
            continue
        said, handles, _, _ = socket.recv_fds(requests, 16, 2 + _MOST_HANDED)
        if not said:
            return None
        for handle in handles:
            os.set_inheritable(handle, False)
        life, word, *handed = handles
        signal.pthread_sigmask(signal.SIG_BLOCK, END_SIGNALS)
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if not pid:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for connection in living.values():
                connection.close()
            requests.close()
            os.close(heard)
            os.close(wake)
            return lambda: _live(Connection(life), word, handed)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, END_SIGNALS)
        living[pid] = Connection(word)
        with suppress(OSError):
            living[pid].send(pid)
        for handle in (life, *handed):
            os.close(handle)


def _bury(living: dict[int, Connection]) -> None:
    """Tell of each process that has ended, to the one that asked for it."""
    while living:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        connection = living.pop(pid, None)
        if connection is not None:
            with connection, suppress(OSError):
                connection.send(os.waitstatus_to_exitcode(status))


def _live(life: Connection, word: int, handed: list[int]) -> None:
    """Do the work of a forked process; its copy of `word` stays open, and tells of its end where the nursery can't."""
    try:
        name, target, arguments = pickle.loads(life.recv_bytes())
    except EOFError:
        return
    current_process().name = name
    current_process().daemon = False  # as the nursery is; a driver may start processes of its own
    _call_itself(name)
    PARENT.set(life)
    if "numpy.random" in sys.modules:  # the one generator that does not notice a fork by itself
        sys.modules["numpy.random"].seed()
    target(*arguments, *handed)


def _call_itself(name: str) -> None:
    """Show a name in lists of processes."""
    with suppress(OSError), open("/proc/self/comm", "wb") as comm:
        comm.write(f"qctl-{name}".encode()[:_COMM_BYTES])
