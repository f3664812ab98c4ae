"""The asyncio client: the same calls as the sync one, many of them under way at once over one socket."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

import msgspec
import zmq
import zmq.asyncio

from qctl import wire
from qctl.client import calls
from qctl.client.lab import DEFAULT_ADDRESS, nested
from qctl.client.link import GREET_AFTER_S, LAST_WORDS_S, PING_EVERY_S
from qctl.client.opening import Opening
from qctl.client.reach import WAIT_S, check_listening, gone, silent
from qctl.client.result import Result
from qctl.client.sockets import Sockets
from qctl.errors import QctlError, ScheduleError, WireError
from qctl.lab import Lab as LabDescription
from qctl.lab import parse_lab

__all__ = ["Instrument", "Job", "Lab", "Lease", "connect"]


class Job:
    """One job of a lab; made by `Lab.run` and `Lab.job`."""

    def __init__(self, lab: Lab, number: int) -> None:
        self._lab = lab
        self.id = number

    async def row(self) -> dict[str, Any]:
        """Ask for the job's row: state, times, error."""
        found: dict[str, Any] = await self._lab.carry(calls.row(self.id))
        return found

    async def result(
        self,
        timeout_s: float | None = None,
        partial: bool = False,
        on_wait: Callable[[str], object] | None = None,
    ) -> Result:
        """Wait for the result; see the sync client.

        A task that is cancelled while it waits, by Ctrl-C, a task group or `asyncio.timeout`, cancels the job, and then
        goes on with its CancelledError. `timeout_s` and `asyncio.shield` leave the job running.
        """
        found: Result = await self._lab.carry(calls.result(self.id, timeout_s, partial, on_wait))
        return found

    async def cancel(self, force: bool = False) -> None:
        """Cancel the job; see the sync client."""
        await self._lab.carry(calls.cancel(self.id, force))


class Instrument:
    """One instrument of a lab, as its driver's parameters."""

    def __init__(self, lab: Lab, name: str) -> None:
        self._lab = lab
        self.name = name

    async def get(self, parameter: str, cached: bool = False) -> Any:
        """Ask for a value; `cached` takes the last confirmed one from the broker."""
        return await self._lab.carry(calls.get(self.name, parameter, cached))

    async def set(self, parameter: str, value: Any) -> None:
        """Set a value within its limits; return when the instrument has confirmed it."""
        await self._lab.carry(calls.set_many({self.name: {parameter: value}}))

    async def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method that the driver offers beside get and set."""
        return await self._lab.carry(calls.call(self.name, method, args, kwargs))

    async def snapshot(self, update: bool = True) -> dict[str, Any]:
        """Return all parameters in the shape of a QCoDeS snapshot."""
        found: dict[str, Any] = await self._lab.carry(calls.snapshot(self.name, update))
        return found


class Lease:
    """Instruments that a client holds; the end of an ``async with`` block gives them back.

    Attributes
    ----------
    instruments : tuple of str
        Their names.
    expires_s : float
        When the lease ends without a sign of life, in seconds since the Unix epoch.
    """

    def __init__(self, lab: Lab, instruments: tuple[str, ...], expires_s: float) -> None:
        self._lab = lab
        self.instruments, self.expires_s = instruments, expires_s

    async def release(self) -> None:
        """Give the instruments back."""
        await self._lab.release(*self.instruments)

    async def __aenter__(self) -> Lease:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.release()


class Lab:
    """A connection to a server; made by `connect`."""

    def __init__(self, address: str, timeout_s: float, wait_s: float) -> None:
        self.address = address
        self._timeout_s, self._wait_s = timeout_s, wait_s
        self._sockets = Sockets(self, zmq.asyncio.Context())
        self._number = 0
        self._waiting: dict[int, asyncio.Future[calls.Answer]] = {}
        self._socket: zmq.asyncio.Socket | None = None
        self._monitor: Any = None
        self._tasks: list[asyncio.Task[None]] = []
        self._opening = asyncio.Lock()
        self._session = self._events = ""
        self._used_s = 0.0
        self._greeted = False
        self._ttl_s: dict[str, float] = {}
        self._leases_changed = asyncio.Event()
        self._beating: asyncio.Task[None] | None = None
        self._described: wire.Lab | None = None

    async def _ready(self) -> None:
        """See to a connected socket whose session the server knows."""
        if self._greeted and time.monotonic() - self._used_s < GREET_AFTER_S:
            return
        async with self._opening:
            if self._socket is None:
                await asyncio.to_thread(check_listening, self.address, self._wait_s, self._timeout_s)
                self._wait_s = min(self._wait_s, WAIT_S)
                self._socket = self._sockets.open(zmq.DEALER)
                self._monitor = self._sockets.watch(self._socket)
                self._socket.connect(self.address)
                self._tasks = [
                    asyncio.create_task(work)
                    for work in (self._read(self._socket), self._watch(self._monitor), self._ping_while_waiting())
                ]
            elif self._greeted and time.monotonic() - self._used_s < GREET_AFTER_S:
                return
            self._greeted = False
            try:
                call = calls.hello(self._session)
                call.send(await self._ask(next(call)))
            except StopIteration as end:
                self._session, self._events = end.value.session, end.value.events
                self._greeted = True
            except QctlError as problem:
                self._drop(WireError(problem.message))
                raise
            except BaseException:  # a call that was cancelled must not leave a socket of nobody's
                self._drop(gone(self.address))
                raise

    def _drop(self, error: WireError) -> None:
        """Close the socket and fail what waits; the next call opens another."""
        self._greeted = False
        socket, self._socket = self._socket, None
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            if task is not asyncio.current_task():
                task.cancel()
        if socket is not None:
            socket.disable_monitor()
            self._sockets.close(self._monitor)
            self._sockets.close(socket)
        self._fail_all(error)

    async def _watch(self, monitor: zmq.asyncio.Socket) -> None:
        await monitor.recv_multipart()
        await asyncio.sleep(LAST_WORDS_S)
        self._drop(gone(self.address))

    async def _ping_while_waiting(self) -> None:
        while True:
            await asyncio.sleep(PING_EVERY_S)
            if self._waiting:
                try:
                    await self._ask(calls.Exchange(wire.Ping()))
                except WireError as error:
                    self._drop(error)
                    return

    async def _read(self, socket: zmq.asyncio.Socket) -> None:
        while True:
            parts = await socket.recv_multipart()
            self._used_s = time.monotonic()
            try:
                reply, buffers = wire.unpack_reply(parts)
            except WireError as error:
                self._fail_all(error)
                continue
            future = self._waiting.get(reply.id)
            if future is not None and not future.done():
                future.set_result((reply, buffers))
            elif reply.id == 0 and isinstance(reply, wire.Error):
                self._fail_all(WireError(reply.message))

    def _fail_all(self, error: WireError) -> None:
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(error)

    async def carry(self, call: calls.Call) -> Any:
        """Carry a call's requests to the server, and return its value; the call hears of cancelled tasks too."""
        try:
            exchange = next(call)
            while True:
                try:
                    await self._ready()
                    answer = await self._ask(exchange)
                except BaseException as problem:
                    exchange = call.throw(problem)
                else:
                    exchange = call.send(answer)
        except StopIteration as end:
            return end.value

    async def _ask(self, exchange: calls.Exchange) -> calls.Answer:
        if self._socket is None:
            raise gone(self.address)
        self._number += 1
        number = self._number
        future: asyncio.Future[calls.Answer] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            request = msgspec.structs.replace(exchange.request, id=number)
            await self._socket.send_multipart(wire.pack(request, exchange.buffers))
            longest_s = self._timeout_s + exchange.extra_s
            try:
                reply, buffers = await asyncio.wait_for(future, longest_s)
            except TimeoutError:
                raise silent(self.address, longest_s) from None
        finally:
            del self._waiting[number]
        if isinstance(reply, wire.Error):
            wire.raise_error(reply)
        return reply, buffers

    async def run(
        self,
        program: Any,
        shots: int = 1000,
        qpu: str = "",
        seed: int | None = None,
        level: int = 2,
        averaged: bool | None = None,
        keep_records: bool = False,
        name: str = "",
    ) -> Job:
        """Submit a job; return when it is durable. See the sync client for the parameters."""
        call = calls.run(program, shots, qpu, seed, level, averaged, keep_records, name)
        return Job(self, await self.carry(call))

    async def job(self, number: int) -> Job:
        """Return a job by its number."""
        await self.carry(calls.row(number))
        return Job(self, number)

    async def jobs(self, limit: int = 50, state: str = "") -> list[dict[str, Any]]:
        """Return the rows of the latest jobs, newest first."""
        found: list[dict[str, Any]] = await self.carry(calls.rows(limit, state))
        return found

    async def ping(self) -> float:
        """Return the seconds of a round trip to the broker."""
        return float(await self.carry(calls.ping()))

    async def description(self) -> LabDescription:
        """Return lab.toml as the server reads it."""
        if self._described is None:
            self._described = await self.carry(calls.describe())
        return parse_lab(self._described.toml)

    def instrument(self, name: str) -> Instrument:
        """Return an instrument by name."""
        return Instrument(self, name)

    async def instrument_rows(self) -> list[dict[str, Any]]:
        """Ask for model, address, link and parameters of every instrument."""
        found: list[dict[str, Any]] = await self.carry(calls.instruments())
        return found

    async def set_many(self, values: Mapping[str, Any]) -> None:
        """Set parameters of several instruments; all limits are checked before the first is sent."""
        await self.carry(calls.set_many(nested(values)))

    async def safe(self, *instruments: str) -> None:
        """Bring instruments, or all, to their safe state."""
        await self.carry(calls.safe(instruments))

    def lease(self, instruments: str | Iterable[str], ttl_s: float = 10.0, take_over: bool = False) -> Opening[Lease]:
        """Keep others from setting instruments: ``async with lab.lease("dc0"):``, or await it and release it.

        A task keeps the lease meanwhile. See the sync client for the parameters.
        """
        names = (instruments,) if isinstance(instruments, str) else tuple(instruments)
        return Opening(self._lease(names, ttl_s, take_over))

    async def _lease(self, names: tuple[str, ...], ttl_s: float, take_over: bool) -> Lease:
        expires_s = float(await self.carry(calls.lease(names, ttl_s, take_over)))
        self._ttl_s |= dict.fromkeys(names, ttl_s)
        self._leases_changed.set()
        if self._beating is None or self._beating.done():
            self._beating = asyncio.create_task(self._beat())
        return Lease(self, names, expires_s)

    async def _beat(self) -> None:
        """Ping as often as the shortest lease needs, while there is any."""
        while self._ttl_s:
            self._leases_changed.clear()
            try:
                await asyncio.wait_for(self._leases_changed.wait(), min(self._ttl_s.values()) / 3)
            except TimeoutError:
                with contextlib.suppress(QctlError):
                    await self.ping()

    async def release(self, *instruments: str) -> None:
        """End leases, or all of this client."""
        for name in instruments or tuple(self._ttl_s):
            self._ttl_s.pop(name, None)
        self._leases_changed.set()
        await self.carry(calls.give_back(instruments))

    async def calibration(self, qpu: str) -> Any:
        """Return a processor's values in effect."""
        return await self.carry(calls.calibration(qpu))

    async def write_snapshot(self, qpu: str, values: Mapping[str, Any], note: str = "") -> int:
        """Write a numbered calibration snapshot; return its number."""
        return int(await self.carry(calls.write_snapshot(qpu, values, note)))

    async def events(self, *topics: str) -> AsyncIterator[wire.Event]:
        """Yield events as they are published; topics are beginnings, none means all."""
        await self._ready()
        socket = self._sockets.open(zmq.SUB)
        for topic in topics or ("",):
            socket.subscribe(topic)
        socket.connect(self._events)
        try:
            while True:
                yield wire.unpack_event(await socket.recv_multipart())
        finally:
            self._sockets.close(socket)

    async def close(self) -> None:
        """End this client's leases and close the connection."""
        try:
            if self._ttl_s:
                with contextlib.suppress(WireError, ScheduleError):
                    await self.release()
        finally:
            if self._beating is not None:
                self._beating.cancel()
            self._drop(gone(self.address))
            self._sockets.close_all()

    async def __aenter__(self) -> Lab:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def connect(address: str = DEFAULT_ADDRESS, timeout_s: float = 10.0, wait_s: float = WAIT_S) -> Opening[Lab]:
    """Connect to a server: ``async with connect() as lab:``, or ``lab = await connect()`` and close it yourself.

    Parameters and errors are those of the sync client.
    """
    return Opening(_connect(address, timeout_s, wait_s))


async def _connect(address: str, timeout_s: float, wait_s: float) -> Lab:
    lab = Lab(address, timeout_s, wait_s)
    try:
        await lab.ping()
    except BaseException:
        await lab.close()
        raise
    return lab
