"""What the asyncio client returns for things that are opened and closed: `await` it, or use it in `async with`."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

__all__ = ["Opening"]

T = TypeVar("T", bound=AbstractAsyncContextManager[Any, Any])


class Opening(Coroutine[Any, Any, T], AbstractAsyncContextManager[T, None]):
    """A coroutine that opens something; an ``async with`` block opens it and closes it at its end.

    Parameters
    ----------
    opening : coroutine
        Returns what is opened, which closes itself as an asynchronous context manager.
    """

    def __init__(self, opening: Coroutine[Any, Any, T]) -> None:
        self._opening = opening
        self._opened: T | None = None

    def __await__(self) -> Generator[Any, Any, T]:
        return self._opening.__await__()

    def send(self, value: Any) -> Any:
        """Go on, as a coroutine does."""
        return self._opening.send(value)

    def throw(self, *problem: Any) -> Any:
        """Raise something where the opening waits."""
        return self._opening.throw(*problem)

    def close(self) -> None:
        """Give the opening up."""
        self._opening.close()

    async def __aenter__(self) -> T:
        self._opened = await self._opening
        entered: T = await self._opened.__aenter__()
        return entered

    async def __aexit__(self, *problem: Any) -> None:
        if self._opened is not None:
            await self._opened.__aexit__(*problem)
