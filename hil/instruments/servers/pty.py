"""A pseudo terminal as a serial port: bytes of an emulated controller, with the faults that are set."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import termios
import tty
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from qctl.hil.faults.present import WireFaults
from qctl.hil.instruments.control import Control
from qctl.hil.instruments.emulated import Emulated
from qctl.hil.instruments.servers.faulty_wire import FaultyWire
from qctl.hil.instruments.servers.inlet import Inlet

__all__ = ["ByteBox", "serve_pty"]

_MAX_WAITING = 1 << 20


class ByteBox(Emulated, Protocol):
    """An instrument on a serial line."""

    send: Callable[[bytes], None]
    speed: Callable[[], int]
    trip: Callable[[], None]

    def receive(self, data: bytes) -> None:
        """Take bytes from the wire."""


async def serve_pty(
    box: Any, faults: WireFaults, control: Control, ready: Callable[[str], None], ports: str = ""
) -> None:
    """Serve one instrument on a new pty until cancelled.

    Parameters
    ----------
    box : ByteBox
        The instrument.
    faults : WireFaults
        Its faults on the wire.
    control : Control
        Tells when faults change.
    ready : callable
        Called with ``ASRL/dev/pts/N::INSTR``.
    ports : str
        What the names of the ports begin with at which it comes back when it was unplugged: links to a pty.
    """
    line = _Line(asyncio.get_running_loop(), box.receive, faults, ports)
    wire = FaultyWire(faults, lambda reply, tag: line.write(b"".join(reply)), line.drop)
    box.send = lambda frame: wire.send([frame], 0)
    box.speed = line.speed
    box.trip = faults.trip
    try:
        ready(f"ASRL{line.plug_in()}::INSTR")
        while await control.changed():
            line.watch()
            gone_s, off_s = faults.take("renamed"), faults.take("power_cycle")
            if gone_s is not None:
                line.unplug()
                await asyncio.sleep(float(gone_s))
                line.plug_in(anew=True)
            if off_s is not None:
                line.deaf = True
                wire.clear()
                done: Awaitable[None] | None = box.power_cycle()
                if done is not None:
                    await done
                await asyncio.sleep(float(off_s))
                line.deaf = False
    finally:
        line.unplug()
        control.close()


class _Line:
    """Our end of the pty; the other end stays open here too, so that a client may come and go."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, take: Callable[[bytes], None], faults: WireFaults, ports: str
    ) -> None:
        self._loop, self._take, self._faults, self._ports = loop, take, faults, ports
        self._inlet = Inlet(faults, self.drop)
        self._ours = self._theirs = -1
        self._link: Path | None = None
        self._n_plugged = 0
        self._waiting = bytearray()
        self._watched = self._reading = False
        self.deaf = False

    def plug_in(self, anew: bool = False) -> str:
        """Open a pty and return its name; `anew`, a link to it under another name than before."""
        self._ours, self._theirs = pty.openpty()
        tty.setraw(self._theirs)
        tty.setraw(self._ours)
        os.set_blocking(self._ours, False)
        self._n_plugged += 1
        name = os.ttyname(self._theirs)
        if anew and self._ports:
            self._link = Path(f"{self._ports}{self._n_plugged}")
            self._link.symlink_to(name)
        self.watch()
        return name

    def unplug(self) -> None:
        """Close the pty: whoever has it open sees the port go."""
        if self._ours < 0:
            return
        self._loop.remove_reader(self._ours)
        self._loop.remove_writer(self._ours)
        self._watched = self._reading = False
        self._waiting.clear()
        os.close(self._ours)
        os.close(self._theirs)
        self._ours = -1
        for link in (self._link, Path(self._ports.removesuffix(".port"))):
            if link is not None and link.is_symlink():  # what led to the old name would lead to whoever gets it next
                link.unlink()

    def speed(self) -> int:
        """Return the speed that the client has set."""
        return int(termios.tcgetattr(self._theirs)[5])

    def watch(self) -> None:
        """Read, or stop reading, as the faults say."""
        reading = not self._faults.get("stalled")
        if self._ours < 0 or reading is self._reading:
            return
        self._reading = reading
        if reading:
            self._loop.add_reader(self._ours, self._read)
        else:
            self._loop.remove_reader(self._ours)

    def _read(self) -> None:
        """Hand on what came in; nothing while the box is off."""
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._ours, 1 << 16)
            if data and not self.deaf and (data := self._inlet.feed(data)):
                self._take(data)

    def write(self, data: bytes) -> None:
        """Send bytes, later if nobody reads; a line that is full for long drops them."""
        if self.deaf or self._ours < 0 or len(self._waiting) > _MAX_WAITING:
            return
        self._waiting += data
        self._flush()

    def drop(self) -> None:
        """Forget what waits."""
        self._waiting.clear()

    def _flush(self) -> None:
        try:
            sent = os.write(self._ours, self._waiting)
        except BlockingIOError:
            sent = 0
        del self._waiting[:sent]
        if bool(self._waiting) is self._watched:
            return
        self._watched = not self._watched
        if self._watched:
            self._loop.add_writer(self._ours, self._flush)
        else:
            self._loop.remove_writer(self._ours)
