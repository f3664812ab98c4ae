"""Signs of life before a run: no run starts on a link that was cut, or on a clock that is not locked.

They are asked for while the run is still compiled, so that it need not wait for them.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple

from qctl.instruments.links.life import LinkState
from qctl.server.calls import Call
from qctl.server.instrument import InstrumentThread

__all__ = ["Greetings"]

_FRESH_S = 0.25
"""Age up to which a sign of life counts as one of now; what plays is asked for others every `heartbeat_s`."""


class _Greeting(NamedTuple):
    """A sign of life on its way, or come: when it was asked for, and in which session of the link."""

    call: Call
    at_s: float
    session: int

    def counts(self, thread: InstrumentThread) -> bool:
        """Say whether it is one of now, good or bad."""
        same = thread.n_opened == self.session and (thread.state is LinkState.UP or self.call.error is not None)
        return same and time.monotonic() - self.at_s < _FRESH_S


class Greetings:
    """Signs of life that were asked for ahead; of an instrument that was asked again, the latest."""

    def __init__(self) -> None:
        self._ahead: dict[str, _Greeting] = {}

    def ask(self, threads: Iterable[InstrumentThread]) -> None:
        """Ask instruments for a sign of life, and don't wait for it."""
        for thread in threads:
            session, at_s = thread.n_opened, time.monotonic()
            self._ahead[thread.name] = _Greeting(thread.submit(thread.beat), at_s, session)

    def of(self, thread: InstrumentThread) -> Call:
        """Return an instrument's sign of life, asked for now unless one that was asked for ahead still counts."""
        ahead = self._ahead.pop(thread.name, None)
        if ahead is not None and ahead.counts(thread):
            return ahead.call
        return thread.submit(thread.beat)
