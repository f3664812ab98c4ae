"""The server as a whole: starts the processes, watches them, runs the broker's loop, ends them in order."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import zmq

from qctl.errors import NotAllowedError, ParseError, RequestError, ScheduleError, WireError
from qctl.lab import parse_lab, whole_lab
from qctl.lab.groups import groups_of
from qctl.lab.snapshot import latest
from qctl.server.broker import KEEPER, Broker
from qctl.server.host import HostPlan, run_host
from qctl.server.keeping import KeeperPlan, run_keeper
from qctl.server.nursery import Nursery, Offspring
from qctl.server.orders import Quit, Ready, Stop
from qctl.server.places import make_places, remove_places
from qctl.server.processes import END_SIGNALS, configure_log
from qctl.server.warming import begin_nursery
from qctl.store.opening import check_database, claim_store
from qctl.wire import Safe, Topic

__all__ = ["Server", "ServerConfig", "check_address", "serve"]

_LOG = logging.getLogger(__name__)
_TICK_MS = 100
_PATIENCE_S = 15.0
_SHORT_LIFE_S, _LONGEST_PAUSE_S = 5.0, 5.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """What a server is started with.

    Attributes
    ----------
    lab : Path
        lab.toml.
    address : str
        Where clients connect; port 0 takes a free one.
    store : Path
        Database, results and calibration snapshots.
    open_device, prepare : str
        Import paths ``module:name`` of what opens instruments and of what compiles jobs.
    n_workers : int
        Processes of the compute pool.
    """

    lab: Path
    address: str = "tcp://127.0.0.1:5650"
    store: Path = Path("qctl-store")
    open_device: str = "qctl.instruments.registry:open_device"
    prepare: str = "qctl.server.prepare:prepare"
    n_workers: int = 2


def check_address(address: str) -> str:
    """Return the address if only this machine can reach it.

    Raises
    ------
    NotAllowedError
        If it is not on loopback: that takes CURVE keys, which this release does not have.
    RequestError
        If it is not of the form ``tcp://127.0.0.1:5650``.
    """
    parts = urlsplit(address)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme != "tcp" or not parts.hostname or port is None:
        raise RequestError(f"{address} is not of the form tcp://127.0.0.1:5650")
    if parts.hostname not in _LOOPBACK:
        raise NotAllowedError(
            f"{address} can be reached from other machines, which takes keys, and this release has none: "
            f"bind to 127.0.0.1 and forward the port with ssh -L {port}:127.0.0.1:{port}"
        )
    return address.replace("localhost", "127.0.0.1")


@dataclass(slots=True)
class _Child:
    """A process, and how to start it again."""

    start: Callable[[int], tuple[Offspring, str]]
    process: Offspring
    generation: int = 0
    ready: bool = False
    started_s: float = 0.0
    pause_s: float = 0.0
    due_s: float | None = None


def _pause_s(child: _Child, now_s: float) -> float:
    """Return how long to wait before a process that ended is started again."""
    if now_s - child.started_s > _SHORT_LIFE_S:
        return 0.0
    return min(_LONGEST_PAUSE_S, 2 * child.pause_s + 0.1)


class Server:
    """The broker's loop and the processes around it.

    Parameters
    ----------
    config : ServerConfig
        Lab, address, store.
    nursery : Nursery, optional
        Where the processes are forked, closed at the server's end; None starts one when they are.
    """

    def __init__(self, config: ServerConfig, nursery: Nursery | None = None) -> None:
        self._nursery = nursery or Nursery()
        address = check_address(config.address)
        self._toml = whole_lab(config.lab)
        self._lab = parse_lab(self._toml, config.lab.name)
        self._config = config
        self._claim = claim_store(config.store.resolve())
        try:
            self._places = make_places(config.store.resolve())
        except BaseException:
            self._claim.release()
            raise
        self._context = zmq.Context()
        self._intake = self._places.endpoint("broker")
        self._groups = groups_of(self._lab)
        self._ending = False
        self._poller = zmq.Poller()
        self._children: dict[str, _Child] = {}
        try:
            self._look_through_store()
            self.broker = Broker(self._context, self._lab, self._toml, address, self._intake, self._groups)
        except BaseException as problem:
            remove_places(self._places)
            self._claim.release()
            if isinstance(problem, zmq.ZMQError):
                raise WireError(f"{address} can't be bound: {problem}") from problem
            raise
        self.broker.on_ready = self._on_ready

    def _look_through_store(self) -> None:
        """Refuse a store that the keeper could not use, while somebody reads what is said."""
        check_database(self._places.database)
        for name in self._lab.processors:
            try:
                latest(self._places.snapshots, name)
            except ParseError as error:
                text = f"{error.message}. Put a copy in its place, or move it away to go on with the one before it"
                raise ScheduleError(text, **error.details) from error

    @property
    def address(self) -> str:
        """Return where clients connect."""
        return self.broker.address

    def stop(self, *_: Any) -> None:
        """End the loop soon; a signal handler."""
        self._ending = True

    def run(self, on_ready: Callable[[str], None]) -> None:
        """Serve until stopped; call `on_ready` with the address when requests are answered."""
        announced = False
        started_s = time.monotonic()
        try:
            if not self._ending:
                self._start_all()
            self._poller.register(self.broker.front, zmq.POLLIN)
            self._poller.register(self.broker.intake, zmq.POLLIN)
            while not self._ending:
                self._turn()
                if not announced and (self._all_ready() or time.monotonic() - started_s > _PATIENCE_S):
                    announced = True
                    on_ready(self.address)
        finally:
            self._end_all()

    def _turn(self) -> None:
        ready = dict(self._poller.poll(_TICK_MS))
        if self.broker.front in ready:
            self.broker.take_requests()
        for peer, socket in list(self.broker.peers.items()):
            if socket in ready:
                self.broker.take_replies(peer)
        if self.broker.intake in ready:
            self.broker.take_events()
        self.broker.expire_leases()
        for name, child in self._children.items():
            if child.due_s is not None:
                self._start_again(name, child)
            elif child.process.sentinel in ready:
                self._bury(name, child)

    # -- processes -------------------------------------------------------------------------------

    def _start_all(self) -> None:
        self._add(KEEPER, self._start_keeper)
        for group in self._groups:
            self._add(group, partial(self._start_host, group))

    def _add(self, name: str, start: Callable[[int], tuple[Offspring, str]]) -> None:
        process, address = start(0)
        self._children[name] = _Child(start, process, started_s=time.monotonic())
        self._join(name, process, address)

    def _join(self, name: str, process: Offspring, address: str) -> None:
        self._poller.register(self.broker.connect(name, address), zmq.POLLIN)
        self._poller.register(process.sentinel, zmq.POLLIN)

    def _start_keeper(self, generation: int) -> tuple[Offspring, str]:
        endpoint = self._places.endpoint(KEEPER, generation)
        plan = KeeperPlan(
            self._toml, self._places, endpoint, self._intake, self._config.prepare, self._config.n_workers
        )
        return self._nursery.start(KEEPER, run_keeper, (plan,), (self._nursery.fileno(),)), endpoint

    def _start_host(self, group: str, generation: int) -> tuple[Offspring, str]:
        endpoint = self._places.endpoint(f"host-{group}", generation)
        plan = HostPlan(
            group, self._groups[group], self._toml, self._places, endpoint, self._intake, self._config.open_device,
            safe_first=generation > 0,
        )  # fmt: skip
        return self._nursery.start(f"host.{group}", run_host, (plan,)), endpoint

    def _bury(self, name: str, child: _Child) -> None:
        """Tell everybody that a process ended; one that ends at once again and again is started ever more slowly."""
        self._poller.unregister(child.process.sentinel)
        socket = self.broker.peers.get(name)
        if socket is not None:
            self.broker.take_replies(name)
            self._poller.unregister(socket)
        child.process.join()
        code = child.process.exitcode
        _LOG.error("the process %s ended with code %s; it is started again", name, code)
        self.broker.disconnect(name)
        for instrument in self._groups.get(name, ()):
            body = {"instrument": instrument, "state": "degraded", "why": f"its host ended with code {code}"}
            self.broker.publish(Topic.LINK, instrument, body)
        if name == KEEPER:
            for group in self._groups:
                self.broker.tell(group, Stop(run=0))
                self.broker.tell(group, Safe())
        now_s = time.monotonic()
        child.pause_s = _pause_s(child, now_s)
        child.due_s = now_s + child.pause_s
        self._start_again(name, child)

    def _start_again(self, name: str, child: _Child) -> None:
        if child.due_s is None or time.monotonic() < child.due_s:
            return
        child.due_s, child.started_s = None, time.monotonic()
        child.generation += 1
        child.process, address = child.start(child.generation)
        self._join(name, child.process, address)

    def _on_ready(self, report: Ready) -> None:
        name = report.process.removeprefix("host.")
        child = self._children.get(name)
        if child is not None and (name == KEEPER or report.body.get("opened")):
            child.ready = True

    def _all_ready(self) -> bool:
        return all(child.ready for child in self._children.values())

    def _end_all(self) -> None:
        for name in self._children:
            self.broker.tell(name, Quit())
        until_s = time.monotonic() + _PATIENCE_S
        for child in self._children.values():
            child.process.join(max(0.1, until_s - time.monotonic()))
            if child.process.is_alive():
                child.process.kill()
                child.process.join(2.0)
        self._nursery.close()
        self.broker.close()
        self._context.term()
        remove_places(self._places)
        self._claim.release()


def serve(config: ServerConfig, on_ready: Callable[[str], None], nursery: Nursery | None = None) -> None:
    """Run a server in this process until SIGTERM, SIGINT or the end of its terminal.

    Parameters
    ----------
    config : ServerConfig
        Lab, address, store.
    on_ready : callable of str
        Called with the address when the server answers.
    nursery : Nursery, optional
        One that was begun earlier for the same lab; it ends with the server.

    Raises
    ------
    QctlError
        If the address, the lab or the store is refused, or the port is taken.
    """
    configure_log()
    asked: list[int] = []
    _on_end_signals(lambda number, _frame: asked.append(number))
    with nursery or begin_nursery(config.lab) as begun:
        server = Server(config, begun)
        _on_end_signals(server.stop)
        if asked:
            server.stop()
        server.run(on_ready)


def _on_end_signals(handler: Callable[[int, Any], Any]) -> None:
    """Have signals that ask for the end handled, but those that nohup has ignored."""
    for number in END_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)
