"""An emulated QICK board: its Pyro server with a name server of its own, and its runs, on the plant.

The Pyro server runs in threads behind a port of loopback; clients reach it through the emulator's own port, where
faults on the wire are. A client must be able to unpickle, and so must this process, which
is part of a virtual lab on loopback.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable
from functools import partial
from typing import Any

from qctl.errors import InternalError, QctlError, RequestError
from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.plant_link import Parts, Plant
from qctl.hil.instruments.qick.memory import Memory
from qctl.hil.instruments.qick.playing import Run, prepared
from qctl.hil.instruments.qick.soc import Soc
from qctl.hil.instruments.qick.soccfg import board_config
from qctl.hil.instruments.qick.steering import play_steered, reads

__all__ = ["NAME", "QickBoard"]

_LOG = logging.getLogger(__name__)
NAME = "myqick"
"""What a board is called at its name server, unless told otherwise: qick's default."""
_PATIENCE_S = 10.0


class QickBoard:
    """The board; its configuration lists generators whose lines are joined to another's as ``4=3,…``, from 1."""

    kind = "awg"
    n_inputs = 2
    own_faults = frozenset({"unlocked"})

    def __init__(self, config: EmulatorConfig, plant: Plant) -> None:
        self.config, self.plant = config, plant
        self.counters: dict[str, int] = {}
        self.faults: dict[str, Any] = {}
        self.memory = Memory(board_config(config.model))
        self.n_outputs = 2 * len(self.memory.config["gens"])
        self.joined: dict[int, int] = {}
        for entry in filter(None, config.modules.split(",")):
            number, _, other = entry.partition("=")
            self.joined[int(number) - 1] = int(other) - 1
        self.soc = Soc(self.memory, self)
        self.inner: tuple[str, int] = ("", 0)
        self._loop = asyncio.get_running_loop()
        self._run: Run | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def parts(self) -> Parts:
        """Return the carriers that the plant knows the generators' lines by."""
        return {f"{self.config.name}.g{k + 1}": ("source", 0, 0) for k in range(len(self.memory.config["gens"]))}

    async def flush(self) -> None:
        """Do nothing: nothing is set that has to reach the plant."""

    def announce(self, host: str, port: int) -> str:
        """Start the Pyro server, reached at `host` and `port`, and return the board's address.

        Raises
        ------
        RequestError
            If Pyro4 is not installed.
        """
        try:
            import Pyro4
            import Pyro4.naming
        except ImportError as error:
            raise RequestError(f"{self.config.name}: {error}; it comes with: pip install 'qctl[qick]'") from error
        Pyro4.config.REQUIRE_EXPOSE = False
        Pyro4.config.SERIALIZERS_ACCEPTED = {"pickle"}
        Pyro4.config.SERIALIZER = "pickle"
        Pyro4.config.PICKLE_PROTOCOL_VERSION = 4
        _, daemon, _ = Pyro4.naming.startNS("127.0.0.1", 0, enableBroadcast=False, nathost=host, natport=port)
        daemon.nameserver.register(NAME, daemon.register(self.soc, NAME))
        inner_host, _, inner_port = daemon.locationStr.rpartition(":")
        self.inner = (inner_host, int(inner_port))
        threading.Thread(target=daemon.requestLoop, name="pyro", daemon=True).start()
        return f"qick://{host}:{port}/{NAME}"

    def new_faults(self, faults: dict[str, Any]) -> None:
        """Take the present faults."""
        self.faults = faults

    def power_cycle(self) -> Awaitable[None] | None:
        """Forget everything, as after a power cut."""
        self.memory.reset()
        return self._halted()

    # what the server's threads ask ------------------------------------------------------------------

    def count(self, **amounts: int) -> None:
        """Count what was done."""
        self._loop.call_soon_threadsafe(self._count, amounts)

    def _count(self, amounts: dict[str, int]) -> None:
        for name, amount in amounts.items():
            self.counters[name] = self.counters.get(name, 0) + amount
        self.plant.tell_count(**amounts)

    def locked(self) -> bool:
        """Say whether the clocks are locked."""
        return not self.faults.get("unlocked")

    def begin(self) -> None:
        """Start the program."""
        asyncio.run_coroutine_threadsafe(self._begin(), self._loop).result(_PATIENCE_S)

    def halt(self) -> None:
        """Stop the program; return when it has stopped."""
        asyncio.run_coroutine_threadsafe(self._halted(), self._loop).result(_PATIENCE_S)

    async def _begin(self) -> None:
        await self._halted()
        self._task = asyncio.get_running_loop().create_task(self._play())

    async def _halted(self) -> None:
        task = self._task
        if task is None or task.done():
            return
        if self._run is None:  # nothing plays yet: what is being worked out is left to itself
            self._task = None
            return
        self._run.stopped = True
        await self.plant.abort()
        await asyncio.wait([task], timeout=_PATIENCE_S)

    async def _play(self) -> None:
        run, error, me = None, "", asyncio.current_task()
        try:
            run = await asyncio.to_thread(prepared, self.config.name, self.memory, self.joined)
            if self._task is not me:
                return
            self._run = run
            if run.done.n_late:
                self._count({"late_events": run.done.n_late})
                _LOG.error("%s: %d events were late", self.config.name, run.done.n_late)
            if reads(run):
                again = partial(prepared, self.config.name, self.memory, self.joined)
                run = self._run = await play_steered(run, again, self.plant)
            else:
                await run.play(self.plant)
        except QctlError as problem:
            error = problem.message
        except Exception as problem:  # nobody waits for this task: its end is to be seen by who asks for results
            _LOG.exception("%s: a run failed", self.config.name)
            error = InternalError(f"{self.config.name}: {type(problem).__name__}: {problem}").message
        if self._task is not me:
            return
        if error:
            self.soc._ended(None, {}, {}, error)
        elif run is not None and not run.stopped:
            self.soc._ended(run.done, run.sums, run.traces, "")
        self._run = None
