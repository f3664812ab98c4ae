"""Signs of life of a client that holds leases: one thread, as often as the shortest lease needs, while there is any."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

import zmq

from qctl.client.link import PING_EVERY_S, Link
from qctl.errors import QctlError

__all__ = ["Heartbeat"]


class Heartbeat:
    """Ping while leases are held.

    Parameters
    ----------
    ping : callable
        Tells the server that the client is there.
    link : Link
        Told how often it pings while an answer is awaited.
    """

    def __init__(self, ping: Callable[[], Any], link: Link) -> None:
        self._ping, self._link = ping, link
        self._changed = threading.Condition()
        self._ttl_s: dict[str, float] = {}
        self._beating = False

    def add(self, instruments: Iterable[str], ttl_s: float) -> None:
        """Keep these leases alive too."""
        with self._changed:
            self._ttl_s |= dict.fromkeys(instruments, ttl_s)
            self._notice()
            if not self._beating:
                self._beating = True
                threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def remove(self, instruments: Iterable[str] = ()) -> bool:
        """Let these leases go, or all when none is named; return whether there were any."""
        with self._changed:
            held = bool(self._ttl_s)
            for name in list(instruments) or list(self._ttl_s):
                self._ttl_s.pop(name, None)
            self._notice()
            return held

    def _notice(self) -> None:
        self._link.ping_every_s = min(PING_EVERY_S, self._pause_s())
        self._changed.notify_all()

    def _pause_s(self) -> float:
        return min(self._ttl_s.values(), default=3 * PING_EVERY_S) / 3

    def _beat(self) -> None:
        while True:
            with self._changed:
                if not self._ttl_s:
                    self._beating = False
                    return
                if self._changed.wait(self._pause_s()):
                    continue
            try:
                self._ping()
            except (QctlError, zmq.ZMQError):
                continue  # whatever the answer was, the leases are to be kept as long as they are not given back
