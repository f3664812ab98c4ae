"""Emulated firmware that takes and answers lines of text: what a board does is a table of values and of words.

It shares nothing with the drivers: ends, echoes, prefixes and checksums are written a second time here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, NamedTuple

from qctl.hil.instruments.board import Board
from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.plant_link import Plant

__all__ = ["Choice", "Level", "LineFirmware", "Reading"]

_LONGEST = 4096


class Level(NamedTuple):
    """A number that is set and read.

    Attributes
    ----------
    first, low, high : float
        After power-up; least and greatest that the firmware takes.
    told : str
        How it is told, with the value in braces.
    """

    first: float
    low: float
    high: float
    told: str = "{}"


class Choice(NamedTuple):
    """One of several words that is set and read."""

    first: str
    words: tuple[str, ...]
    told: str = "{}"


class Reading(NamedTuple):
    """A number that is only read; the fault `readings` gives it another value by name."""

    value: float
    told: str = "{}"


class LineFirmware(Board):
    """One board; every connection talks to the same one."""

    who: ClassVar[tuple[str, str]] = ("ID", "BOARD 1.0 {serial}")
    """What asks for the identity, and the identity."""
    values: ClassVar[Mapping[str, Level | Choice | Reading]] = {}
    """What follows ``SET`` and ``GET`` in a message."""
    says: ClassVar[Mapping[str, str]] = {
        "taken": "OK", "unknown": "ERR 1 unknown command", "word": "ERR 2 bad value", "range": "ERR 3 out of range",
    }  # fmt: skip
    line_end = b"\n"
    answer_end = b"\n"
    prefix = b""
    answer_prefix = b""
    check: Callable[[bytes], bytes] | None = None
    """What is put behind a line, from the line."""
    bad_check = "ERR 9 checksum"
    echo = False

    send: Callable[[bytes], None]

    def __init__(self, config: EmulatorConfig, plant: Plant) -> None:
        super().__init__(config, plant)
        self.counters["lines"] = 0
        self._present: dict[str, float | str] = {}

    def power_cycle(self) -> None:
        """Forget everything, as after a power cut."""
        self._present.clear()
        self._got.clear()

    def receive(self, data: bytes) -> None:
        """Take bytes from the wire, and answer each line."""
        self._got += data
        while (end := self._got.find(self.line_end)) >= 0:
            line = bytes(self._got[:end])
            del self._got[: end + len(self.line_end)]
            self._take(line.strip(b"\r\n"))
        del self._got[:-_LONGEST]

    def _take(self, line: bytes) -> None:
        if not line:
            return
        self.counters["lines"] += 1
        if self.echo:
            self.send(line + self.line_end)
        self._say(self._answered(line))

    def _say(self, text: str) -> None:
        said = text.encode("latin-1")
        end = b"" if self.check is None else type(self).check(said)  # type: ignore[misc]
        self.send(self.answer_prefix + said + end + self.answer_end)

    def _answered(self, line: bytes) -> str:
        if not line.startswith(self.prefix):
            return self.says["unknown"]
        line = line[len(self.prefix) :]
        if self.check is not None:
            bare = line[: -len(type(self).check(b""))]  # type: ignore[misc]
            if bare + type(self).check(bare) != line:  # type: ignore[misc]
                return self.bad_check
            line = bare
        return self.answer(line.decode("latin-1").strip())

    def answer(self, text: str) -> str:
        """Return the answer to a line, both without what stands around them."""
        if text == self.who[0]:
            return self.who[1].format(serial=self.config.serial)
        verb, _, rest = text.partition(" ")
        if verb == "GET" and rest in self.values:
            return self._told(rest)
        name = next((name for name in self.values if rest.startswith(f"{name} ")), "")
        if verb != "SET" or not name:
            return self.says["unknown"]
        return self._set(name, rest[len(name) + 1 :].strip())

    def _told(self, name: str) -> str:
        row = self.values[name]
        if isinstance(row, Reading):
            return row.told.format(float(self.faults.get("readings", {}).get(name, row.value)))
        return row.told.format(self._present.get(name, row.first))

    def _set(self, name: str, argument: str) -> str:
        row = self.values[name]
        if isinstance(row, Choice):
            if argument not in row.words:
                return self.says["word"]
            self._present[name] = argument
            return self.says["taken"]
        if isinstance(row, Reading):
            return self.says["unknown"]
        whole, _, part = argument.lstrip("+-").partition(".")
        if not (whole + part).isdigit():  # as boards read numbers: digits and a point
            return self.says["word"]
        value = float(argument)
        if not row.low <= value <= row.high:
            return self.says["range"]
        self._present[name] = value
        return self.says["taken"]
