"""Faults on the wire between an emulated instrument and who talks to it.

Faults are a dictionary, changed at any time through the plant or the control socket:

=============== =============================================================================
silence         true: no reply is sent at all
delay           seconds that every reply waits
late_reply      seconds that the next reply waits; later replies wait behind it
drop            how many of the next replies are dropped
cut             bytes of the next reply that are sent before the connection is closed
corrupt         how many of the next replies have their bytes inverted (all but the last one)
wrong_reply     text that is sent instead of the next reply
power_cycle     seconds for which the box is off: connections end, settings are lost
=============== =============================================================================

``unlocked`` and whatever else the dictionary has is for the box itself. A digitizer shows ``silence`` itself: it
answers, but an acquisition never completes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Any

from qctl.hil.instruments.scpi.session import Buffers

__all__ = ["FaultyWire", "WireFaults"]

_ONCE = ("late_reply", "cut", "wrong_reply", "power_cycle")
_COUNTED = ("drop", "corrupt")


class WireFaults:
    """The present faults of one instrument; what is meant to happen once is used up.

    Attributes
    ----------
    set_faults : dict
        The faults as they were set last.
    """

    def __init__(self) -> None:
        self.set_faults: dict[str, Any] = {}
        self._left: dict[str, Any] = {}
        self.active = False

    def replace(self, faults: dict[str, Any], anew: Collection[str] = ()) -> None:
        """Take a new dictionary; entries that did not change keep what is left of them, but for those of `anew`."""
        left = dict(faults)
        for name, value in faults.items():
            if name not in anew and self.set_faults.get(name) == value and name in (*_ONCE, *_COUNTED):
                if name in self._left:
                    left[name] = self._left[name]
                else:
                    left.pop(name)
        self.set_faults = dict(faults)
        self._left = left
        self.active = bool(left)

    def get(self, name: str) -> Any:
        """Return a lasting fault, or None."""
        return self._left.get(name)

    def take(self, name: str) -> Any:
        """Return a fault that happens once and use it up, or None."""
        if name in _COUNTED and self._left.get(name, 0) > 1:
            self._left[name] -= 1
            return True
        return self._left.pop(name, None)


class FaultyWire:
    """Send the replies of one connection with the faults that are set.

    Parameters
    ----------
    faults : WireFaults
        Faults of the instrument.
    send : callable
        Sends a reply (buffers and tag) without faults.
    close : callable
        Closes the connection.
    """

    def __init__(self, faults: WireFaults, send: Callable[[Buffers, int], None], close: Callable[[], None]) -> None:
        self._faults = faults
        self._send = send
        self._close = close
        self._free_at = 0.0
        self._timers: set[asyncio.TimerHandle] = set()

    def send(self, reply: Buffers, tag: int) -> None:
        """Send a reply, or what the faults make of it."""
        faults = self._faults
        if not faults.active and not self._timers:
            self._send(reply, tag)
            return
        if faults.get("silence") or faults.take("drop"):
            return
        wrong = faults.take("wrong_reply")
        if wrong is not None:
            reply = [str(wrong).encode("latin-1", "replace") + b"\n"]
        if faults.take("corrupt"):
            data = b"".join(reply)
            reply = [bytes(byte ^ 0xFF for byte in data[:-1]) + data[-1:]]
        cut = faults.take("cut")
        wait = float(faults.take("late_reply") or 0) + float(faults.get("delay") or 0)
        loop = asyncio.get_running_loop()
        due = max(loop.time() + wait, self._free_at)
        self._free_at = due
        if due > loop.time():
            self._later(loop, due, reply, tag, cut)
        else:
            self._out(reply, tag, cut)

    def clear(self) -> None:
        """Drop replies that still wait."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._free_at = 0.0

    def _later(self, loop: asyncio.AbstractEventLoop, due: float, reply: Buffers, tag: int, cut: Any) -> None:
        def out() -> None:
            self._timers.discard(timer)
            self._out(reply, tag, cut)

        timer = loop.call_at(due, out)
        self._timers.add(timer)

    def _out(self, reply: Buffers, tag: int, cut: Any) -> None:
        if cut is not None:
            self._send([b"".join(reply)[: int(cut)]], tag)
            self._close()
        else:
            self._send(reply, tag)
