"""Keeps all traffic with a rack: a proxy before each instrument, a lab.toml that leads through them, and a journal."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from qctl.errors import RequestError
from qctl.hil.faults.present import WireFaults
from qctl.hil.instruments.control import Control
from qctl.hil.instruments.models import shown_by
from qctl.hil.instruments.servers.pty import serve_pty
from qctl.hil.record.journal import Journal
from qctl.hil.record.places import Place, left_out, loopback, parties_of, place_at, places_of, with_addresses
from qctl.hil.record.proxy import PyroProxy, SerialProxy, TcpProxy
from qctl.lab import parse_lab, read_lab

__all__ = ["Recorder", "put_pty", "until_told"]


class Recorder:
    """Proxies before instruments, and the journal that they share.

    Parameters
    ----------
    out : Path
        Folder of the record.
    places : list of Place
        The instruments.
    lab : str
        Text of lab.toml; empty where there is none.
    listen : tuple of (str, int)
        Where the proxy of a single instrument listens; port 0 takes a free one.
    """

    def __init__(
        self, out: Path, places: list[Place], lab: str = "", listen: tuple[str, int] = ("127.0.0.1", 0)
    ) -> None:
        self._out, self._places, self._lab, self._listen = out, places, lab, listen
        self.journal = Journal(out, {one.name: one.head() for one in places}, lab)
        self.addresses: dict[str, str] = {}

    @classmethod
    def of_lab(cls, out: Path, lab: Path) -> tuple[Recorder, list[str]]:
        """Return a recorder of a whole rack, and a sentence for each instrument that it can't stand before.

        Raises
        ------
        RequestError
            If lab.toml is wrong, or no instrument is left.
        """
        text = read_lab(lab)
        described = parse_lab(text, lab.name)
        places = list(places_of(described).values())
        if not places:
            raise RequestError(f"{lab}: there is no instrument whose traffic can be kept")
        return cls(out, places, text), left_out(described)

    @classmethod
    def of_one(cls, out: Path, to: str, listen: str, language: str = "", end: str = "\n") -> Recorder:
        """Return a recorder of one instrument, for software that knows no lab.toml.

        Raises
        ------
        RequestError
            If an address is wrong.
        """
        place = place_at("instrument", "", to, language, end)
        if isinstance(place, str):
            raise RequestError(f"--to: {place}")
        return cls(out, [place], "", loopback(listen))

    async def run(self, ready: Callable[[], None]) -> None:
        """Pass traffic on and keep it until cancelled; `ready` is called when every proxy listens."""
        tcp: list[TcpProxy] = []
        serial: list[SerialProxy] = []
        ptys: list[asyncio.Task[None]] = []
        try:
            for party in parties_of(self._places):
                place = party.first
                if place.path:
                    proxy = SerialProxy(party, self.journal)
                    serial.append(proxy)
                    link = self._out / f"{place.name}.pty"
                    task, self.addresses[place.address] = await put_pty(proxy, link)
                    proxy.listen()
                    ptys.append(task)
                else:
                    tcp.append((PyroProxy if place.language == "pyro" else TcpProxy)(party, self.journal))
                    self.addresses[place.address] = place.moved(*await tcp[-1].open(*self._listen))
            if self._lab:
                (self._out / "recorded.toml").write_text(with_addresses(self._lab, self.addresses))
            ready()
            await asyncio.Event().wait()
        finally:
            for one in tcp:
                await one.close()
            for task in ptys:
                task.cancel()
            await asyncio.gather(*ptys, return_exceptions=True)
            for port in serial:
                port.close()
            for place in self._places:
                (self._out / f"{place.name}.pty").unlink(missing_ok=True)
            self.journal.close()


async def put_pty(box: Any, link: Path) -> tuple[asyncio.Task[None], str]:
    """Put what speaks on a serial line behind a pty, and return what serves it and the address.

    Parameters
    ----------
    box : ByteBox
        What speaks.
    link : Path
        A link to the pty is put here.
    """
    found: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    faults = WireFaults()
    task = asyncio.create_task(serve_pty(box, faults, Control(box, faults, shown_by("pty")), found.set_result))
    waits: set[asyncio.Future[Any]] = {task, found}
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task
    if link.is_symlink():
        link.unlink()
    link.symlink_to(found.result().removeprefix("ASRL").removesuffix("::INSTR"))
    return task, f"ASRL{link.absolute()}::INSTR"


def until_told(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine until it ends, or SIGTERM or Ctrl-C asks for the end."""

    async def run() -> None:
        task = asyncio.ensure_future(work())
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(run())
