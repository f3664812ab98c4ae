"""The life of a link as a pure state machine: what happened and when goes in, its state and what is due come out.

It owns no port and no clock; the same machine is behind every link of the server and behind a VISA link by itself.

======================== =====================================================================================
state                    means
======================== =====================================================================================
opening                  it is opened for the first time
up                       it takes calls
degraded                 an answer did not come in time or the connection broke: what still comes belongs to nobody
reconnecting             it is opened again, and who answers is checked, before anything else is sent
down                     opening it failed; it is tried again, each time after a longer pause
closed                   for good
======================== =====================================================================================

What was under way when a link was lost is never sent again by itself: only who asked knows whether that is safe.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

from qctl.errors import InternalError

__all__ = ["LONGEST_SILENCE", "Happening", "LinkLife", "LinkState", "Patience"]

LONGEST_SILENCE = 6
"""Time-outs for which an answer that did not come in time is waited for, on a line that pairs nothing (`Silence`)."""
_FACTOR = 2.0


class LinkState(StrEnum):
    """Where a link stands; only UP takes calls."""

    OPENING = "opening"
    UP = "up"
    DEGRADED = "degraded"
    RECONNECTING = "reconnecting"
    DOWN = "down"
    CLOSED = "closed"


class Happening(StrEnum):
    """What can happen to a link."""

    TRY = "try"
    OPENED = "opened"
    FAILED = "failed"
    LOST = "lost"
    CLOSED = "closed"


_S, _H = LinkState, Happening
_TRANSITIONS: dict[tuple[LinkState, Happening], LinkState] = {
    (_S.OPENING, _H.TRY): _S.OPENING,
    (_S.DEGRADED, _H.TRY): _S.RECONNECTING,
    (_S.DOWN, _H.TRY): _S.RECONNECTING,
    (_S.RECONNECTING, _H.TRY): _S.RECONNECTING,
    **{(state, _H.OPENED): _S.UP for state in (_S.OPENING, _S.RECONNECTING, _S.DOWN)},
    **{(state, _H.FAILED): _S.DOWN for state in (_S.OPENING, _S.RECONNECTING, _S.DOWN)},
    **{(state, _H.LOST): _S.DEGRADED for state in (_S.UP, _S.DEGRADED)},
    **{(state, _H.CLOSED): _S.CLOSED for state in _S},
}
"""From DOWN it may still come up or fail: an attempt that was given up because it hung may end after all. An attempt
that an interrupt ended is tried again."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How a lost link is tried again, and how often an idle one is asked for a sign of life.

    Attributes
    ----------
    first_s, longest_s : float
        Pause after the first failed attempt; each pause is twice the one before, up to the longest.
    jitter : float
        Share by which each pause is longer or shorter by chance, so that many links don't knock at once.
    tries : int
        Failed attempts after which it is not tried again until somebody asks for it; 0 for no end.
    heartbeat_s : float
        Idle time after which a sign of life is due.
    """

    first_s: float = 0.2
    longest_s: float = 10.0
    jitter: float = 0.2
    tries: int = 0
    heartbeat_s: float = 1.0


class LinkLife:
    """One link's life.

    Parameters
    ----------
    patience : Patience
        Of its lab.toml.
    seed : int or str
        Of the chance in its pauses.
    first : LinkState
        Where it begins: OPENING, or DOWN for one that is opened by the first call.

    Attributes
    ----------
    state : LinkState
        Where it stands.
    since_s : float
        From when on.
    why : str
        What was wrong last; empty while it is up.
    last_error : str
        What was wrong last, kept when it is up again.
    n_retries : int
        Failed attempts since it was up.
    n_lost : int
        How often it was lost.
    n_opened : int
        How often it was opened: what was set up in an earlier session is gone.
    """

    __slots__ = (
        "_heard_s",
        "_patience",
        "_random",
        "_try_s",
        "last_error",
        "n_lost",
        "n_opened",
        "n_retries",
        "since_s",
        "state",
        "why",
    )

    def __init__(
        self, patience: Patience | None = None, seed: int | str = 0, first: LinkState = LinkState.OPENING
    ) -> None:
        self._patience = patience or Patience()
        self._random = random.Random(seed)
        self._try_s: float | None = 0.0
        self._heard_s = 0.0
        self.state = first
        self.since_s = 0.0
        self.why = self.last_error = ""
        self.n_retries = self.n_lost = self.n_opened = 0

    def take(self, happening: Happening, now_s: float, why: str = "") -> bool:
        """Take what happened; return whether the state changed.

        Raises
        ------
        InternalError
            If it can't happen in this state.
        """
        after = _TRANSITIONS.get((self.state, happening))
        if after is None:
            raise InternalError(f"a link that is {self.state} can't be {happening}")
        if happening is Happening.OPENED:
            self.n_opened += 1
            self.n_retries, self.why, self._heard_s = 0, "", now_s
            self._try_s = None
        elif happening is Happening.LOST:
            self.n_lost += after is not self.state
            self._try_s = now_s
        elif happening is Happening.FAILED:
            self.n_retries += 1
            self._try_s = self._next_try_s(now_s)
        elif happening is Happening.CLOSED:
            self._try_s = None
        if why:
            self.why = self.last_error = why
        changed = after is not self.state
        if changed:
            self.state, self.since_s = after, now_s
        return changed

    def can(self, happening: Happening) -> bool:
        """Say whether it can happen in this state."""
        return (self.state, happening) in _TRANSITIONS

    def heard(self, now_s: float) -> None:
        """Note traffic that proves life."""
        self._heard_s = now_s

    def knock(self, now_s: float) -> None:
        """Have it tried at once, and as patiently as at first, whatever has failed before."""
        if self._waits():
            self.n_retries, self._try_s = 0, now_s

    def beat_due_s(self) -> float:
        """Return when a sign of life is due, if nothing is heard before."""
        return self._heard_s + self._patience.heartbeat_s

    @property
    def try_s(self) -> float | None:
        """Return when it is tried again; None while it is up or being opened, and when it is given up."""
        return self._try_s if self._waits() else None

    @property
    def given_up(self) -> bool:
        """Say whether it is not tried again until somebody asks for it."""
        return self._waits() and self._try_s is None

    def _waits(self) -> bool:
        return self.state in (LinkState.DEGRADED, LinkState.DOWN)

    def _next_try_s(self, now_s: float) -> float | None:
        patience = self._patience
        if patience.tries and self.n_retries >= patience.tries:
            return None
        pause_s = patience.first_s
        for _ in range(self.n_retries - 1):
            pause_s *= _FACTOR
            if pause_s >= patience.longest_s:
                break
        pause_s = min(pause_s, patience.longest_s)
        return now_s + pause_s * self._random.uniform(1 - patience.jitter, 1 + patience.jitter)
