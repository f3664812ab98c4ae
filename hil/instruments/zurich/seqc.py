"""The part of SeqC that emulated sequencers execute: text to a tree.

Source: LabOne user manuals, SeqC reference (HDAWG, SHFSG, SHFQA, UHFQA): playback, waveform, and readout functions,
``repeat``; release 24.07, Flexible feedback processing. Of registers there is one that counts, of feedback what table
entries wait for; conditions, other registers and user functions are not emulated, and refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from qctl.errors import RequestError

__all__ = ["BY_HUB", "FEEDBACK", "Call", "Count", "Counted", "Repeat", "Script", "parse"]

_TOKEN = re.compile(
    r"(?P<space>\s+|//[^\n]*|/\*.*?\*/)|(?P<number>0x[0-9a-fA-F]+|0b[01]+|\d+\.?\d*(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<mark>\+=|[-+*/|&(){};,=])",
    re.S,
)
FEEDBACK = 1 << 12 | 4
"""What stands for the word of the readout channels where an entry of the table is meant."""
BY_HUB = 1 << 12 | 1
"""What stands for the message of a PQSC there; an HDAWG's compiler has other numbers for both."""
_CONSTANTS = {
    "QA_DATA_PROCESSED": FEEDBACK,
    "ZSYNC_DATA_PROCESSED_A": BY_HUB,
    **{f"QA_INT_{k}": 1 << k for k in range(16)},
    **{f"QA_GEN_{k}": 1 << k for k in range(16)},
    "QA_INT_ALL": 0xFFFF,
    "QA_GEN_ALL": 0xFFFF,
}
_CALLS = {
    "playZero": (1, 2),
    "playWave": (1, 16),
    "executeTableEntry": (1, 2),
    "configureFeedbackProcessing": (4, 4),
    "resetOscPhase": (0, 1),
    "waitDigTrigger": (1, 2),
    "waitZSyncTrigger": (0, 0),
    "startQA": (1, 5),
    "setTrigger": (1, 1),
    "assignWaveIndex": (2, 17),
    "waitWave": (0, 0),
    "wait": (1, 1),
}
"""Functions, and how many arguments they take."""
_PLAYS = frozenset(("playZero", "playWave", "executeTableEntry"))
_WAITS = frozenset(("waitDigTrigger", "waitZSyncTrigger"))


@dataclass(frozen=True, slots=True)
class Counted:
    """A whole number more than what the register is at."""

    more: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function that is called; an argument is a number, the name of a waveform, or counted from the register."""

    line: int
    name: str
    arguments: tuple[int | str | Counted, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """The register goes up."""

    by: int


@dataclass(frozen=True, slots=True)
class Repeat:
    """A body that is done so often."""

    times: int
    body: tuple[Call | Repeat | Count, ...]


@dataclass(slots=True)
class Script:
    """A program.

    Attributes
    ----------
    lengths : dict of str to int
        Samples of the waveforms that it declares.
    indices : dict of int to tuple
        By index of the waveform table what was assigned to it: (channels, name) of each waveform.
    body : tuple of Call or Repeat
        In order.
    """

    lengths: dict[str, int] = field(default_factory=dict)
    indices: dict[int, tuple[tuple[tuple[int, ...], str], ...]] = field(default_factory=dict)
    body: tuple[Call | Repeat | Count, ...] = ()

    def raises(self, bit: int) -> bool:
        """Say whether a program raises an AWG trigger before it plays anything, and waits for none."""
        for one in self.body:
            if not isinstance(one, Call) or one.name in _PLAYS or one.name in _WAITS:
                return False
            if one.name == "setTrigger" and isinstance(one.arguments[0], int) and one.arguments[0] >> bit & 1:
                return True
        return False

    @property
    def waits(self) -> bool:
        """Say whether a program waits for a trigger."""
        return any(_calls(self.body, name) for name in _WAITS)

    @property
    def waits_by_zsync(self) -> bool:
        """Say whether a program waits for a PQSC."""
        return _calls(self.body, "waitZSyncTrigger")

    def length_of(self, index: int) -> int | None:
        """Return the samples of an index of the waveform table, or None where nothing was assigned."""
        found = self.indices.get(index)
        return max(self.lengths[name] for _, name in found) if found else None


def _calls(body: Sequence[Call | Repeat | Count], name: str) -> bool:
    return any(
        _calls(one.body, name) if isinstance(one, Repeat) else isinstance(one, Call) and one.name == name
        for one in body
    )


def parse(text: str) -> Script:
    """Return the tree of a program.

    Raises
    ------
    RequestError
        With the line, if the text is not SeqC, or not of the part that is emulated.
    """
    return _Parser(text).script()


class _Parser:
    """A recursive descent over tokens (kind, text, line)."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str, int]] = []
        at, line = 0, 1
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise RequestError(f"line {line}: {text[at]!r} is not SeqC")
            if found.lastgroup != "space":
                self._tokens.append((str(found.lastgroup), found[0], line))
            line += found[0].count("\n")
            at = found.end()
        self._at = 0
        self._script = Script()
        self._numbers: dict[str, float] = dict(_CONSTANTS)
        self._register = ""

    def script(self) -> Script:
        """Read all of it."""
        body: list[Call | Repeat | Count] = []
        while self._at < len(self._tokens):
            body += self._statement()
        self._script.body = tuple(body)
        return self._script

    def _fail(self, words: str) -> NoReturn:
        line = self._tokens[min(self._at, len(self._tokens) - 1)][2] if self._tokens else 1
        raise RequestError(f"line {line}: {words}")

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _token(self) -> tuple[str, str, int]:
        if self._at >= len(self._tokens):
            self._fail("the end where more was expected")
        return self._tokens[self._at]

    def _take(self, wanted: str = "") -> str:
        found = self._peek()
        if not found or (wanted and found != wanted):
            self._fail(f"{found or 'the end'} where {wanted or 'more'} was expected")
        self._at += 1
        return found

    def _statement(self) -> list[Call | Repeat | Count]:
        word = self._peek()
        if word == "repeat":
            self._take()
            self._take("(")
            times = self._whole()
            self._take(")")
            return [Repeat(times, tuple(self._block()))]
        if word == "wave":
            self._take()
            self._wave()
            return []
        if word in ("const", "cvar"):
            self._take()
            name = self._take()
            self._take("=")
            self._numbers[name] = self._sum()
            self._take(";")
            return []
        if word == "var" and not self._register:
            self._take()
            self._register = self._take()
            self._take("=")
            if self._whole():
                self._fail(f"{self._register} does not begin at 0: not emulated")
            self._take(";")
            return []
        if word and word == self._register:
            self._take()
            self._take("+=")
            found = Count(self._whole())
            self._take(";")
            return [found]
        if word in ("var", "while", "for", "if", "do", "switch", "void", "string"):
            self._fail(f"{word} is not emulated")
        return self._call()

    def _block(self) -> list[Call | Repeat | Count]:
        body: list[Call | Repeat | Count] = []
        self._take("{")
        while self._peek() != "}":
            body += self._statement()
        self._take("}")
        return body

    def _wave(self) -> None:
        name = self._take()
        self._take("=")
        kind = self._take()
        if kind not in ("placeholder", "zeros"):
            self._fail(f"wave {name} = {kind}(…) is not emulated; placeholders are")
        self._take("(")
        self._script.lengths[name] = self._whole()
        while self._peek() == ",":
            self._take()
            self._sum()
        self._take(")")
        self._take(";")

    def _call(self) -> list[Call | Repeat | Count]:
        kind, name, line = self._token()
        if kind != "name" or name not in _CALLS:
            self._fail(f"{name} is not a function that is emulated")
        self._take()
        self._take("(")
        arguments: list[int | str | Counted] = []
        while self._peek() != ")":
            arguments.append(self._argument())
            if self._peek() != ")":
                self._take(",")
        self._take(")")
        self._take(";")
        least, most = _CALLS[name]
        if not least <= len(arguments) <= most:
            self._fail(f"{name} takes {least} to {most} arguments, not {len(arguments)}")
        if name == "assignWaveIndex":
            self._assign(arguments)
            return []
        return [Call(line, name, tuple(arguments))]

    def _assign(self, arguments: list[int | str | Counted]) -> None:
        index = arguments[-1]
        if not isinstance(index, int) or not 0 <= index < 16_000:
            self._fail(f"{index} is no index of a waveform")
        found, channels = [], []
        for one in arguments[:-1]:
            if isinstance(one, int):
                channels.append(one)
            elif isinstance(one, str):
                found.append((tuple(channels), one))
                channels = []
        self._script.indices[index] = tuple(found)

    def _argument(self) -> int | str | Counted:
        kind, name, _ = self._token()
        if kind == "name" and name == self._register:
            self._take()
            more = 0
            if self._peek() == "+":
                self._take()
                more = self._whole()
            return Counted(more)
        if kind == "name" and name in self._script.lengths:
            return self._take()
        return self._whole()

    def _whole(self) -> int:
        value = self._sum()
        if value != int(value) or value < 0:
            self._fail(f"{value:g} is no whole number")
        return int(value)

    def _sum(self) -> float:
        return self._chain(lambda: self._chain(self._atom, "*/"), "+-|&")

    def _chain(self, part: Callable[[], float], marks: str) -> float:
        value = part()
        while self._peek() and self._peek() in marks:
            mark, other = self._take(), part()
            if mark in "|&":
                value = float(int(value) | int(other) if mark == "|" else int(value) & int(other))
            elif mark in "+-":
                value += other if mark == "+" else -other
            elif mark == "/" and not other:
                self._fail("division by zero")
            else:
                value = value * other if mark == "*" else value / other
        return value

    def _atom(self) -> float:
        kind, word, _ = self._token()
        self._take()
        if kind == "number":
            return float(int(word, 0)) if word[:2] in ("0x", "0b") else float(word)
        if word == "(":
            value = self._sum()
            self._take(")")
            return value
        if word not in self._numbers:
            self._at -= 1
            self._fail(f"{word} is not known")
        return self._numbers[word]
