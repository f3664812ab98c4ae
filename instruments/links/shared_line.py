"""A line that several instruments share: who is on it, and their turns in the order of asking; the last closes it."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition, Lock
from typing import Any, TypeVar

from qctl.errors import RequestError
from qctl.instruments.links.silence import serial_path
from qctl.lab.addresses import Address, parse_address

__all__ = ["SharedLine", "join_line", "place_of_line"]


class SharedLine(ABC):
    """One port, and whoever shares it.

    Parameters
    ----------
    address : str
        VISA address of a serial line or of a socket.
    settings : tuple
        How it is spoken to: who says otherwise can't share it.

    Raises
    ------
    RequestError
        If the address is neither.
    """

    def __init__(self, address: str, settings: tuple[Any, ...]) -> None:
        self.n_users = 0
        self.key = _key(address)
        self.settings = settings
        self._turn = Condition()
        self._n_come = self._n_gone = 0
        self._given_up: set[int] = set()

    @abstractmethod
    def open(self) -> None:
        """Open the port, if it is not open.

        Raises
        ------
        PortClosedError
            If it can't be opened.
        """

    @abstractmethod
    def shut(self) -> None:
        """Close the port."""

    def leave(self) -> None:
        """Note that one of those who share it is gone; with the last one the port is closed."""
        with _LINES_LOCK:
            self.n_users -= 1
            if not self.n_users:
                _LINES.pop(self.key, None)
                self.shut()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for those who came before, and have the line for oneself inside."""
        self._begin_turn()
        try:
            yield
        finally:
            self._end_turn()

    def _begin_turn(self) -> None:
        with self._turn:
            mine, self._n_come = self._n_come, self._n_come + 1
            try:
                self._turn.wait_for(lambda: self._n_gone == mine)
            except BaseException:  # Ctrl-C in a script: those behind it have their turns all the same
                self._given_up.add(mine)
                self._pass_on()
                raise

    def _end_turn(self) -> None:
        with self._turn:
            self._n_gone += 1
            self._pass_on()

    def _pass_on(self) -> None:
        while self._n_gone in self._given_up:
            self._given_up.remove(self._n_gone)
            self._n_gone += 1
        self._turn.notify_all()


_LINES: dict[tuple[str, ...], SharedLine] = {}
_LINES_LOCK = Lock()
_Line = TypeVar("_Line", bound=SharedLine)


def join_line(kind: type[_Line], address: str, settings: tuple[Any, ...], make: Callable[[], _Line]) -> _Line:
    """Return the open line of a kind at an address, which all there share; each `leave`s it.

    Parameters
    ----------
    kind : type
        What speaks on it.
    address : str
        VISA address.
    settings : tuple
        How it is spoken to.
    make : callable
        Makes the line, where there is none yet.

    Raises
    ------
    PortClosedError
        If it can't be opened.
    RequestError
        If it is open already with other settings, or for something else.
    """
    with _LINES_LOCK:
        found = _LINES.get(_key(address)) or make()
        if type(found) is not kind or found.settings != settings:
            raise RequestError(f"{address} is open already with another baud, parity or timeout_s")
        line = found
        line.n_users += 1
        _LINES[line.key] = line
    try:
        line.open()
    except BaseException:
        line.leave()
        raise
    return line


def place_of_line(address: str) -> Address:
    """Return a serial line or a socket in parts.

    Raises
    ------
    RequestError
        If the address is neither.
    """
    place = parse_address(address)
    if not isinstance(place, Address) or place.kind not in ("serial", "socket"):
        raise RequestError(f"{address} is neither a serial line nor a socket, which several can share")
    return place


def _key(address: str) -> tuple[str, ...]:
    """Return what is the same for all names of one line."""
    place = place_of_line(address)
    return ("serial", os.path.realpath(serial_path(place))) if place.kind == "serial" else place.identity
