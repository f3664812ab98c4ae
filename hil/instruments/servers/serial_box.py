"""A SCPI box on a serial line: lines of text in and out, and noise for whoever speaks at another speed.

A pty knows the speed that its client has set, and nothing of data bits and parity: those are not judged.
"""

from __future__ import annotations

import asyncio
import termios
from collections.abc import Awaitable, Callable
from typing import Any

from qctl.hil.instruments.scpi.box import Box
from qctl.hil.instruments.scpi.session import Buffers, Session
from qctl.hil.instruments.scpi.stream import Stream

__all__ = ["SerialBox"]

_NOISE = b"\xf8\x80\xfe"


class SerialBox:
    """Put a box behind `serve_pty`.

    Parameters
    ----------
    box : Box
        The instrument.
    baud : int
        The speed that it is set to.
    """

    send: Callable[[bytes], None]
    speed: Callable[[], int]

    def __init__(self, box: Box, baud: int) -> None:
        self._box = box
        self._speed = getattr(termios, f"B{baud}")
        self._stream = Stream()
        self._session = Session(box, self._reply)
        self._flushed: asyncio.Task[None] | None = None
        self.plant = box.plant
        self.counters = box.counters
        self.own_faults = box.own_faults
        self.kind, self.n_outputs, self.n_inputs = box.kind, box.n_outputs, box.n_inputs

    def new_faults(self, faults: dict[str, Any]) -> None:
        """Take the present faults."""
        self._box.new_faults(faults)

    def power_cycle(self) -> Awaitable[None] | None:
        """Forget everything, as after a power cut."""
        self._stream = Stream()
        return self._box.power_cycle()

    def receive(self, data: bytes) -> None:
        """Take bytes from the wire; at a wrong speed they are noise, and are answered with noise."""
        if self.speed() != self._speed:
            self.send(_NOISE)
            return
        messages = self._stream.feed(data)
        if messages:
            self._session.receive(messages)

    def _reply(self, reply: Buffers, tag: int) -> None:
        self.send(b"".join(reply))
