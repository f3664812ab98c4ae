"""Split OpenQASM 2 text into tokens that know their place."""

from __future__ import annotations

import re
from bisect import bisect_right

from qctl.errors import ParseError
from qctl.formats.limits import MAX_TEXT_CHARACTERS

__all__ = ["END", "Tokens"]

END = "end of file"
"""The text of the token after the last one."""

_TOKEN = re.compile(
    r"(?P<skip>(?:[ \t\r\n\f\v]|//[^\n]*)+)"
    r"|(?P<number>(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|[0-9]+)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<string>\"[^\"\r\n]*\"|'[^'\r\n]*')"
    r"|(?P<sign>==|->|[;,()\[\]{}+\-*/^])"
)
_MAX_INTEGER_DIGITS = 310
_SHOWN = 40


class Tokens:
    """Walk through the tokens of a text.

    Parameters
    ----------
    text : str
        The whole file.

    Raises
    ------
    ParseError
        For a character that starts no token, and for a text longer than `MAX_TEXT_CHARACTERS`.
    """

    __slots__ = ("_line_starts", "index", "source", "starts", "texts")

    def __init__(self, text: str) -> None:
        if len(text) > MAX_TEXT_CHARACTERS:
            raise ParseError(f"the text has {len(text)} characters, more than {MAX_TEXT_CHARACTERS}")
        self.source = text
        self.index = 0
        self.texts: list[str] = []
        self.starts: list[int] = []
        self._line_starts: list[int] = []
        position = 0
        texts, starts, match_at = self.texts, self.starts, _TOKEN.match
        while match := match_at(text, position):
            if match.lastgroup != "skip":
                texts.append(match.group())
                starts.append(position)
            position = match.end()
        starts.append(position)
        texts.append(END)
        if position < len(text):
            raise self.error(f"unexpected character {text[position]!r}", len(starts) - 1)

    def place(self, index: int | None = None) -> tuple[int, int]:
        """Return line and column, both from 1, of a token (the next one by default)."""
        if not self._line_starts:
            self._line_starts = [0, *(match.end() for match in re.finditer(r"\n", self.source))]
        start = self.starts[self.index if index is None else index]
        line = bisect_right(self._line_starts, start)
        return line, start - self._line_starts[line - 1] + 1

    def error(self, message: str, index: int | None = None) -> ParseError:
        """Return a ParseError that points to a token (the next one by default)."""
        return ParseError(message, *self.place(index))

    def shown(self) -> str:
        """Return the next token as an error message shows it."""
        text = self.texts[self.index]
        return text if text is END else repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")

    @property
    def next(self) -> str:
        """Return the text of the next token without taking it."""
        return self.texts[self.index]

    def take(self) -> str:
        """Take the next token; the end of the file can be taken for ever."""
        text = self.texts[self.index]
        if text is not END:
            self.index += 1
        return text

    def accept(self, text: str) -> bool:
        """Take the next token if it is `text`."""
        if self.texts[self.index] == text and text is not END:
            self.index += 1
            return True
        return False

    def expect(self, text: str) -> None:
        """Take `text` or raise ParseError."""
        if self.texts[self.index] != text:
            raise self.error(f"expected {text!r}, found {self.shown()}")
        self.index += 1

    def name(self, what: str) -> str:
        """Take an identifier; `what` says in the error what it would have named."""
        text = self.texts[self.index]
        if text is END or not (text[0].isalpha() or text[0] == "_"):
            raise self.error(f"expected {what}, found {self.shown()}")
        self.index += 1
        return text

    def integer(self, what: str) -> int:
        """Take a non-negative integer."""
        text = self.texts[self.index]
        if not text.isdecimal():
            raise self.error(f"expected {what}, found {self.shown()}")
        if len(text) > _MAX_INTEGER_DIGITS:
            raise self.error(f"{what} has {len(text)} digits, more than {_MAX_INTEGER_DIGITS}")
        self.index += 1
        return int(text)
