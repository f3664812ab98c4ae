"""What is watched while a step runs: events of the server, and instruments that must go on answering."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Sequence

from qctl import wire
from qctl.client import connect
from qctl.client.lab import heard
from qctl.errors import QctlError

__all__ = ["Answering", "Events"]

_SLICE_S = 0.2
_PAUSE_S = 0.02


class Events:
    """Collect the events of a server from now on, in a thread of its own.

    Parameters
    ----------
    address : str
        Of the server.
    """

    def __init__(self, address: str) -> None:
        self._seen: list[tuple[float, wire.Event]] = []
        self._over = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(address,), daemon=True)
        self._thread.start()
        self._ready.wait(5.0)

    def since(self, begin_s: float) -> list[tuple[float, wire.Event]]:
        """Return the events that came since a time of the monotonic clock, with theirs."""
        return [(at_s, event) for at_s, event in list(self._seen) if at_s >= begin_s]

    def close(self) -> None:
        """End."""
        self._over.set()
        self._thread.join(5.0)

    def _work(self, address: str) -> None:
        with contextlib.suppress(QctlError), connect(address) as lab:
            for event in heard(lab, _SLICE_S):
                self._ready.set()  # a subscription needs a moment until it holds
                if event is not None:
                    self._seen.append((time.monotonic(), event))
                if self._over.is_set():
                    return


class Answering:
    """Ask instruments again and again who they are, while something else goes on.

    Parameters
    ----------
    address : str
        Of the server.
    names : sequence of str
        The instruments.
    limit_s : float
        How long an answer may take.
    """

    def __init__(self, address: str, names: Sequence[str], limit_s: float) -> None:
        self._address, self._names, self._limit_s = address, names, limit_s
        self._over = threading.Event()
        self.problems: list[str] = []
        self.longest_s = 0.0
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def close(self) -> list[str]:
        """End after each was asked at least once, and return what was wrong."""
        self._over.set()
        self._thread.join()
        return self.problems

    def _work(self) -> None:
        try:
            with connect(self._address) as lab:
                while not self.problems:
                    for name in self._names:
                        begin_s = time.monotonic()
                        lab.instruments[name].get("identity")
                        took_s = time.monotonic() - begin_s
                        self.longest_s = max(self.longest_s, took_s)
                        if took_s > self._limit_s:
                            text = f"{name} was disturbed: it took {took_s:.3f} s to answer, more than"
                            self.problems.append(f"{text} {self._limit_s:g} s")
                    if self._over.wait(_PAUSE_S):
                        return
        except QctlError as error:
            self.problems.append(f"an instrument was disturbed: {error.message}")
