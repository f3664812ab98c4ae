"""Exclusive and shared locks of the clients of one instrument.

Source: IVI-6.1 (HiSLIP), section 6.5: AsyncLock and its responses (0 failure, 1 success, 2 success shared, 3 error).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Locks"]

FAILURE, SUCCESS, SHARED, WRONG = 0, 1, 2, 3


@dataclass(eq=False)
class _Wish:
    client: int
    name: str
    answer: Callable[[int], None]
    timer: asyncio.TimerHandle | None = None


class Locks:
    """Who holds which lock, and who waits for one.

    Attributes
    ----------
    exclusive : int or None
        The client with the exclusive lock.
    """

    def __init__(self) -> None:
        self.exclusive: int | None = None
        self._shared: set[int] = set()
        self._name = ""
        self._wishes: list[_Wish] = []

    @property
    def n_holders(self) -> int:
        """How many clients hold a lock."""
        return len(self._shared | ({self.exclusive} if self.exclusive is not None else set()))

    def may_talk(self, client: int) -> bool:
        """Return whether no lock of another client keeps this one out."""
        if self.exclusive is not None:
            return self.exclusive == client
        return not self._shared or client in self._shared

    def request(self, client: int, name: str, timeout_s: float, answer: Callable[[int], None]) -> None:
        """Ask for a lock (shared under `name`, exclusive when it is empty); the answer may come later."""
        wish = _Wish(client, name, answer)
        if (name and client in self._shared) or (not name and self.exclusive == client):
            answer(WRONG)
        elif not self._grant(wish):
            if timeout_s <= 0:
                answer(FAILURE)
                return
            self._wishes.append(wish)
            wish.timer = asyncio.get_running_loop().call_later(timeout_s, self._give_up, wish)

    def release(self, client: int) -> int:
        """Give a lock back and return the code of the response."""
        if self.exclusive == client:
            self.exclusive = None
            code = SUCCESS
        elif client in self._shared:
            self._shared.discard(client)
            code = SHARED
        else:
            return WRONG
        self._serve()
        return code

    def drop(self, client: int) -> None:
        """Forget a client that is gone."""
        for wish in [wish for wish in self._wishes if wish.client == client]:
            if wish.timer is not None:
                wish.timer.cancel()
            self._wishes.remove(wish)
        self._shared.discard(client)
        if self.exclusive == client:
            self.exclusive = None
        self._serve()

    def _grant(self, wish: _Wish) -> bool:
        others = self._shared - {wish.client}
        if self.exclusive not in (None, wish.client):
            return False
        if wish.name:
            if self._shared and self._name != wish.name:
                return False
            self._shared.add(wish.client)
            self._name = wish.name
            wish.answer(SHARED)
        elif others and wish.client not in self._shared:
            return False
        else:
            self.exclusive = wish.client
            wish.answer(SUCCESS)
        return True

    def _serve(self) -> None:
        for wish in list(self._wishes):
            if self._grant(wish):
                self._wishes.remove(wish)
                if wish.timer is not None:
                    wish.timer.cancel()

    def _give_up(self, wish: _Wish) -> None:
        if wish in self._wishes:
            self._wishes.remove(wish)
            wish.answer(FAILURE)
