"""Stands in for a rack from its record: sockets and ptys that answer as recorded, and a lab.toml that reaches them."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qctl.errors import DeviceError, RequestError
from qctl.hil.faults.present import WireFaults
from qctl.hil.instruments.plant_link import NoPlant
from qctl.hil.instruments.scpi.session import Buffers
from qctl.hil.instruments.scpi.status import Status
from qctl.hil.instruments.scpi.stream import Message
from qctl.hil.instruments.servers.connection import Connection
from qctl.hil.instruments.servers.hislip import HislipServer
from qctl.hil.instruments.servers.http import HttpConnection
from qctl.hil.record.journal import Record
from qctl.hil.record.languages import cutter_of, whole
from qctl.hil.record.places import Party, parties_of, place_of_head, with_addresses
from qctl.hil.record.recorder import put_pty
from qctl.hil.record.scripts import PyroScript, script_of
from qctl.lab import parse_lab

__all__ = ["DIFFERENCE", "StandIn"]

DIFFERENCE = "difference: "
"""What stands before each sentence about a command that differs, in what `qctl hil replay` prints."""


class StandIn:
    """A rack that is played from a record.

    Parameters
    ----------
    record : Record
        What was recorded.
    strict : bool
        Whether commands must come as recorded; the first that does not ends everything.
    say : callable
        Takes the sentence about each command that differs.

    Attributes
    ----------
    addresses : dict of str to str
        Where each instrument is reached.
    differences : list of str
        What differed.
    """

    def __init__(self, record: Record, strict: bool, say: Callable[[str], None]) -> None:
        self._record, self._strict, self._say = record, strict, say
        rack = parse_lab(record.lab).instruments if record.lab else {}
        self._parties = parties_of(place_of_head(name, head) for name, head in record.instruments.items())
        self.scripts = {
            name: script_of(name, head["language"], record.turns[name], strict, rack.get(name))
            for name, head in record.instruments.items()
        }
        self.addresses: dict[str, str] = {}
        self.differences: list[str] = []
        self._over = asyncio.Event()

    @property
    def n_left(self) -> int:
        """Return how many recorded commands never came."""
        return sum(script.n_left for script in self.scripts.values())

    async def run(
        self, out: Path | None, ready: Callable[[], None], listen: tuple[str, int] = ("127.0.0.1", 0)
    ) -> None:
        """Answer until cancelled, or until a strict replay has a difference.

        Parameters
        ----------
        out : Path or None
            Where the lab.toml goes that reaches the instruments, if the record has one.
        ready : callable
            Called when every one listens.
        listen : tuple of (str, int)
            Where the only instrument of a record without a lab listens.
        """
        folder = Path(tempfile.mkdtemp(prefix="qctl-replay-"))
        servers: list[asyncio.Server] = []
        ptys: list[asyncio.Task[None]] = []
        old: dict[str, str] = {}
        try:
            for party in self._parties:
                place = party.first
                if place.path:
                    task, address = await put_pty(_OnLine(self, party), folder / place.name)
                    ptys.append(task)
                else:
                    server = await asyncio.get_running_loop().create_server(self._answering(party), *listen)
                    servers.append(server)
                    reached = server.sockets[0].getsockname()[:2]
                    address = place.moved(*reached)
                    script = self.scripts[place.name]
                    if isinstance(script, PyroScript):
                        script.reached = reached
                self.addresses |= {one.name: address for one in party.places}
                old[place.address] = address
            if out is not None and self._record.lab:
                try:
                    out.parent.mkdir(parents=True, exist_ok=True)
                    out.write_text(with_addresses(self._record.lab, old))
                except OSError as error:
                    raise RequestError(f"{out}: {error.strerror or error}") from error
            ready()
            await self._over.wait()
        finally:
            for server in servers:
                server.close()
            for task in ptys:
                task.cancel()
            await asyncio.gather(*ptys, return_exceptions=True)
            shutil.rmtree(folder, ignore_errors=True)

    def answers(self, name: str, said: bytes) -> list[bytes] | None:
        """Return what was answered to a message; None when it differs from the record, and the link is to be ended."""
        if self._over.is_set():
            return None
        try:
            return self.scripts[name].answers(said)
        except DeviceError as error:
            self.differences.append(error.message)
            self._say(error.message)
            if self._strict:
                self._over.set()
            return None

    def _answering(self, party: Party) -> Callable[[], asyncio.Protocol]:
        connections: set[Any] = set()
        place = party.first
        if place.language == "hislip":
            return _Hislip(self, place.name, connections)
        if place.language == "http":
            return lambda: HttpConnection(_Pages(self, place.name), WireFaults(), connections)
        return lambda: _OnSocket(self, party, connections)


class _OnSocket(Connection):
    """One connection to a raw socket."""

    def __init__(self, rack: StandIn, party: Party, connections: set[Any]) -> None:
        super().__init__(WireFaults(), connections)
        self._rack, self._party = rack, party
        self._cutter = cutter_of(party.first.language, party.first.end)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport, and greet."""
        super().connection_made(transport)
        if greeting := self._rack.scripts[self._party.first.name].greeting:
            self._outbox.write(greeting)

    def take(self, data: bytes) -> None:
        """Answer every message that is whole."""
        for said in self._cutter.sent(data):
            answers = self._rack.answers(self._party.named(said), said)
            if answers is None:
                self.close()
                return
            for answer in answers:
                self._outbox.write(answer)


class _OnLine:
    """What stands on a serial line."""

    send: Callable[[bytes], None]
    speed: Callable[[], int]
    own_faults: frozenset[str] = frozenset()

    def __init__(self, rack: StandIn, party: Party) -> None:
        self._rack, self._party = rack, party
        self._cutter = cutter_of(party.first.language, party.first.end)
        self.plant: Any = NoPlant()
        self.counters: dict[str, int] = {}

    def new_faults(self, faults: dict[str, Any]) -> None:
        """Have none."""

    def power_cycle(self) -> None:
        """Stay on."""

    def receive(self, data: bytes) -> None:
        """Answer every message that is whole; to one that differs nothing is said."""
        for said in self._cutter.sent(data):
            for answer in self._rack.answers(self._party.named(said), said) or ():
                self.send(answer)


class _Pages:
    """What stands behind HTTP."""

    own_faults: frozenset[str] = frozenset()

    def __init__(self, rack: StandIn, name: str) -> None:
        self._rack, self._name = rack, name
        self.plant: Any = NoPlant()
        self.counters: dict[str, int] = {}

    def new_faults(self, faults: dict[str, Any]) -> None:
        """Have none."""

    def power_cycle(self) -> None:
        """Stay on."""

    def answer(self, method: str, target: str) -> tuple[int, bytes]:
        """Return the recorded status and body."""
        answers = self._rack.answers(self._name, f"{method} {target}\n".encode("latin-1"))
        if not answers:
            return 404, b"{}"
        status, _, body = answers[0].partition(b"\n")
        return int(status), body


class _Hislip(HislipServer):
    """A HiSLIP server whose clients talk to a record."""

    def __init__(self, rack: StandIn, name: str, connections: set[Any]) -> None:
        self.status = Status()
        self._rack, self._name = rack, name
        super().__init__(self, WireFaults(), connections)  # type: ignore[arg-type]

    def clear(self) -> None:
        """Do what a device clear does beside emptying the buffers."""

    def open(self, sync: Any) -> Any:
        """Begin a client on its synchronous channel."""
        client = super().open(sync)
        client.session = _Session(self._rack, self._name, client)  # type: ignore[assignment]
        return client


class _Session:
    """What runs the messages of one HiSLIP client."""

    def __init__(self, rack: StandIn, name: str, client: Any) -> None:
        self._rack, self._name, self._client = rack, name, client

    def receive(self, messages: list[Message], tag: int = 0) -> None:
        """Answer whole messages."""
        for message in messages:
            answers = self._rack.answers(self._name, whole(message))
            if answers is None:
                self._client.close()
                return
            pieces: Buffers = list(answers)
            if pieces:
                self._client.reply(pieces, tag)

    def clear(self) -> None:
        """Have nothing that waits."""
