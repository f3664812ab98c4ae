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
from qctl.hil.record.places import Party
from qctl.hil.record.pyro import Pyro, called, leads_to, led_to

__all__ = ["PyroProxy", "SerialProxy", "TcpProxy"]

_PIECE = 1 << 18
_Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Notes:
    """Write down what one connection carries; an answer is that of the instrument that was spoken to last."""

    def __init__(self, party: Party, journal: Journal) -> None:
        self._party, self._journal = party, journal
        self._cutter = cutter_of(party.first.language, party.first.end)
        self._last = party.first.name

    def put_all(self, event: str) -> None:
        """Write down what happened to the connection."""
        for one in self._party.places:
            self._journal.put(one.name, event)

    def sent(self, data: bytes) -> bytes:
        """Take bytes on their way to the instrument, and return them."""
        for message in self._cutter.sent(data):
            self._last = self._party.named(message)
            self._journal.put(self._last, "sent", message)
        return data

    def received(self, data: bytes) -> bytes:
        """Take bytes on their way back, and return them."""
        for message in self._cutter.received(data):
            self._journal.put(self._last, "received", message)
        return data


class TcpProxy:
    """One listening socket; each connection to it is one to the instrument.

    Parameters
    ----------
    party : Party
        The instrument, or those that share its socket.
    journal : Journal
        Where messages are kept.
    """

    def __init__(self, party: Party, journal: Journal) -> None:
        self._party, self._journal = party, journal
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
        first = self._party.first
        there, back = await asyncio.open_connection(first.host, first.port)
        await self._join((reader, writer), (there, back), _Notes(self._party, self._journal))

    async def _join(self, mine: _Ends, its: _Ends, notes: _Notes) -> None:
        """Pass on what either end of a connection says until one of them closes."""
        (reader, writer), (there, back) = mine, its
        for end in (writer, back):
            end.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        notes.put_all("opened")
        ways = [
            asyncio.ensure_future(self._pass(reader, back, notes.sent)),
            asyncio.ensure_future(self._pass(there, writer, notes.received)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            back.close()
            notes.put_all("closed")

    @staticmethod
    async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, note: Callable[[bytes], bytes]) -> None:
        """Pass bytes on until one end closes; what is said is in the journal before the instrument can answer it."""
        while data := await reader.read(_PIECE):
            writer.write(note(data))
            await writer.drain()


class PyroProxy(TcpProxy):
    """A proxy before a board's name server and the board, which may be at another port: both are led through it."""

    _at = ("", 0)

    async def open(self, host: str = "127.0.0.1", port: int = 0) -> tuple[str, int]:
        """Listen, and return host and port."""
        self._at = await super().open(host, port)
        self._known: dict[str, tuple[str, int]] = {}
        return self._at

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        early = b""
        while not (messages := Pyro().sent(early)):
            data = await reader.read(_PIECE)
            if not data:
                return
            early += data
        first = self._party.first
        target = self._known.get(called(messages[0])[0], (first.host, first.port))
        there, back = await asyncio.open_connection(*target)
        notes = _PyroNotes(self._party, self._journal, self._at, self._known)
        back.write(notes.sent(early))
        await self._join((reader, writer), (there, back), notes)


class _PyroNotes(_Notes):
    """The notes of one connection to a name server or a board; where boards are is learned on the way."""

    def __init__(self, party: Party, journal: Journal, at: tuple[str, int], known: dict[str, tuple[str, int]]) -> None:
        super().__init__(party, journal)
        self._at, self._known = at, known

    def received(self, data: bytes) -> bytes:
        """Take bytes on their way back, and return them leading through the proxy."""
        passed = b""
        for message in self._cutter.received(data):
            self._journal.put(self._last, "received", message)
            if found := leads_to(message):
                self._known[found[0]] = found[1:]
                message = led_to(message, *self._at)
            passed += message
        return passed


class SerialProxy:
    """What stands on a pty for the instrument whose own serial port is behind it, at the speed that is set here.

    Parameters
    ----------
    party, journal
        As of `TcpProxy`.

    Raises
    ------
    RequestError
        If the instrument's port can't be opened.
    """

    send: Callable[[bytes], None]
    speed: Callable[[], int]
    own_faults: frozenset[str] = frozenset()

    def __init__(self, party: Party, journal: Journal) -> None:
        self._notes, first = _Notes(party, journal), party.first
        self.plant: Any = NoPlant()
        self.counters: dict[str, int] = {}
        try:
            self._port = serial.Serial(first.path, timeout=0, write_timeout=1.0, exclusive=True)
        except (OSError, ValueError) as error:
            raise RequestError(f"{first.name}: {first.path} can't be opened: {error}") from error

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
        self._notes.sent(data)
        try:
            self._port.write(data)
        except OSError:  # pyserial's own errors are such: unplugged, or it takes nothing
            self._notes.put_all("closed")

    def _back(self) -> None:
        try:
            data = os.read(self._port.fileno(), _PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:  # unplugged
            asyncio.get_running_loop().remove_reader(self._port.fileno())
            self._notes.put_all("closed")
            return
        self._notes.received(data)
        self.send(data)


_BAUDS = {getattr(termios, f"B{baud}"): baud for baud in (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 921600)}
