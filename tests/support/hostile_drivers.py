"""QCoDeS drivers that do what a driver must not: hang, exit, print, fork, walk away, return what can't be sent."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from qcodes.instrument import Instrument

__all__ = ["Dies", "Exits", "Hostile", "Lingers", "NeverOpens"]

RELEASED = threading.Event()
"""Ends what hangs, so that no thread outlives its test."""


class Odd(int):
    """A number that no decoder knows."""


def _loop() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


ANSWERS: dict[str, Any] = {
    "surrogate": lambda: "\ud800 V",
    "loop": _loop,
    "huge": lambda: 1 << 100,
    "odd": lambda: Odd(7),
    "thing": lambda: object(),
    "exit": lambda: (_ for _ in ()).throw(SystemExit(3)),
    "interrupt": lambda: (_ for _ in ()).throw(KeyboardInterrupt()),
    "print": lambda: print("x" * 3_000_000),
    "raw_print": lambda: os.write(1, b"noise\n"),
    "walk": lambda: os.chdir("/"),
    "fork": lambda: os.fork(),
    "hang": lambda: RELEASED.wait(60),
    "nan": lambda: float("nan"),
}


class Hostile(Instrument):
    """One parameter for each misdeed, and some that can be set."""

    def __init__(self, name: str, address: str) -> None:
        super().__init__(name)
        for key, answer in ANSWERS.items():
            self.add_parameter(key, get_cmd=answer)
        self.sent: list[tuple[str, Any]] = []
        for key in ("level", "word", "gate"):
            self.add_parameter(key, get_cmd=None, set_cmd=lambda value, key=key: self._take(key, value))

    def _take(self, key: str, value: Any) -> None:
        self.sent.append((key, value))
        if key == "gate":
            raise ValueError("the gate is stuck")

    def get_idn(self) -> dict[str, str | None]:
        """Say who it is."""
        return {"vendor": "ACME", "model": "Hostile", "serial": "1", "firmware": "1"}


class Exits(Hostile):
    """Leaves the program when it is made."""

    def __init__(self, name: str, address: str) -> None:
        raise SystemExit("no licence")


class NeverOpens(Hostile):
    """Waits for its instrument for ever."""

    def __init__(self, name: str, address: str) -> None:
        RELEASED.wait(60)
        super().__init__(name, address)


class Dies(Hostile):
    """Takes its process along."""

    def __init__(self, name: str, address: str) -> None:
        os._exit(3)


class Lingers(Hostile):
    """Has a thread that outlives its host's work, and then writes so to a file."""

    def __init__(self, name: str, address: str, file: str) -> None:
        super().__init__(name, address)
        threading.Thread(target=self._linger, args=(Path(file),), daemon=False).start()

    def _linger(self, file: Path) -> None:
        threading.main_thread().join()
        file.write_text("still here")
