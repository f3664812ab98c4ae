"""Proxies that stand before one instrument, pass every byte on as it comes, and keep what was said in a journal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import termios
from collections.abc import Callable
from typing import Any

import serial

from qctl.errors import RequestError
from qctl.hil.instruments.plant_link import NoPlant
from qctl.hil.record.journal import Journal
from qctl.hil.record.languages import cutter_of

__all__ = ["SerialProxy", "TcpProxy"]

_PIECE = 1 << 18


class TcpProxy:
    """One listening socket; each connection to it is one to the instrument.

    Parameters
    ----------
    name : str
        The instrument.
    language : str
        What is spoken, of `LANGUAGES`.
    target : tuple of (str, int)
        Host and port of the instrument.
    journal : Journal
        Where messages are kept.
    """

    def __init__(self, name: str, language: str, target: tuple[str, int], journal: Journal) -> None:
        self.name, self._language, self._target, self._journal = name, language, target, journal
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, host: str = "127.0.0.1", port: int = 0) -> tuple[str, int]:
        """Listen, and return host and port."""
        self._server = await asyncio.start_server(self._serve, host, port)
        found = self._server.sockets[0].getsockname()
        return str(found[0]), int(found[1])

    async def close(self) -> None:
        """Stop listening and end all connections."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await self._carry(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._target)
        for end in (writer, back):
            end.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        cutter = cutter_of(self._language)
        self._journal.put(self.name, "opened")
        ways = [
            asyncio.ensure_future(self._pass(reader, back, "sent", cutter.sent)),
            asyncio.ensure_future(self._pass(there, writer, "received", cutter.received)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            back.close()
            self._journal.put(self.name, "closed")

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        event: str,
        cut: Callable[[bytes], list[bytes]],
    ) -> None:
        """Pass bytes on until one end closes; what is said is in the journal before the instrument can answer it."""
        while data := await reader.read(_PIECE):
            for message in cut(data):
                self._journal.put(self.name, event, message)
            writer.write(data)
            await writer.drain()


class SerialProxy:
    """What stands on a pty for the instrument whose own serial port is behind it, at the speed that is set here.

    Parameters
    ----------
    name, language, journal
        As of `TcpProxy`.
    path : str
        Device file of the instrument.

    Raises
    ------
    RequestError
        If the instrument's port can't be opened.
    """

    send: Callable[[bytes], None]
    speed: Callable[[], int]
    own_faults: frozenset[str] = frozenset()

    def __init__(self, name: str, language: str, path: str, journal: Journal) -> None:
        self.name, self._journal, self._cutter = name, journal, cutter_of(language)
        self.plant: Any = NoPlant()
        self.counters: dict[str, int] = {}
        try:
            self._port = serial.Serial(path, timeout=0, write_timeout=1.0, exclusive=True)
        except (OSError, ValueError) as error:
            raise RequestError(f"{name}: {path} can't be opened: {error}") from error

    def listen(self) -> None:
        """Take what the instrument says, from now on."""
        asyncio.get_running_loop().add_reader(self._port.fileno(), self._back)

    def close(self) -> None:
        """Close the instrument's port."""
        asyncio.get_running_loop().remove_reader(self._port.fileno())
        self._port.close()

    def new_faults(self, faults: dict[str, Any]) -> None:
        """Have none."""

    def power_cycle(self) -> None:
        """Stay on."""

    def receive(self, data: bytes) -> None:
        """Pass on what the program says."""
        baud = _BAUDS.get(self.speed())
        if baud and baud != self._port.baudrate:
            self._port.baudrate = baud
        for message in self._cutter.sent(data):
            self._journal.put(self.name, "sent", message)
        try:
            self._port.write(data)
        except OSError:  # pyserial's own errors are such: unplugged, or it takes nothing
            self._journal.put(self.name, "closed")

    def _back(self) -> None:
        try:
            data = os.read(self._port.fileno(), _PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:  # unplugged
            asyncio.get_running_loop().remove_reader(self._port.fileno())
            self._journal.put(self.name, "closed")
            return
        for message in self._cutter.received(data):
            self._journal.put(self.name, "received", message)
        self.send(data)


_BAUDS = {getattr(termios, f"B{baud}"): baud for baud in (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 921600)}
