"""A pseudo terminal as a serial port: bytes of an emulated controller, with the faults that are set."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import termios
import tty
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from qctl.hil.faults.present import WireFaults
from qctl.hil.instruments.control import Control
from qctl.hil.instruments.emulated import Emulated
from qctl.hil.instruments.servers.faulty_wire import FaultyWire

__all__ = ["ByteBox", "serve_pty"]

_MAX_WAITING = 1 << 20


class ByteBox(Emulated, Protocol):
    """An instrument on a serial line."""

    send: Callable[[bytes], None]
    speed: Callable[[], int]

    def receive(self, data: bytes) -> None:
        """Take bytes from the wire."""


async def serve_pty(box: Any, faults: WireFaults, control: Control, ready: Callable[[str], None]) -> None:
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
    """
    loop = asyncio.get_running_loop()
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    tty.setraw(ours)
    os.set_blocking(ours, False)
    line = _Line(loop, ours)
    wire = FaultyWire(faults, lambda reply, tag: line.write(b"".join(reply)), line.drop)
    box.send = lambda frame: wire.send([frame], 0)
    box.speed = lambda: int(termios.tcgetattr(theirs)[5])
    loop.add_reader(ours, line.read, box.receive)
    try:
        ready(f"ASRL{os.ttyname(theirs)}::INSTR")
        while await control.changed():
            off_s = faults.take("power_cycle")
            if off_s is not None:
                line.deaf = True
                wire.clear()
                done: Awaitable[None] | None = box.power_cycle()
                if done is not None:
                    await done
                await asyncio.sleep(float(off_s))
                line.deaf = False
    finally:
        loop.remove_reader(ours)
        loop.remove_writer(ours)
        control.close()
        os.close(ours)
        os.close(theirs)


class _Line:
    """Our end of the pty; the other end stays open here too, so that a client may come and go."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ours: int) -> None:
        self._loop = loop
        self._ours = ours
        self._waiting = bytearray()
        self._watched = False
        self.deaf = False

    def read(self, take: Callable[[bytes], None]) -> None:
        """Hand on what came in; nothing while the box is off."""
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._ours, 1 << 16)
            if data and not self.deaf:
                take(data)

    def write(self, data: bytes) -> None:
        """Send bytes, later if nobody reads; a line that is full for long drops them."""
        if self.deaf or len(self._waiting) > _MAX_WAITING:
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
