"""Tokens of one line of text assembly, and where they stand."""

from __future__ import annotations

import json
import re
import struct
from fractions import Fraction

import numpy as np

from qctl.errors import ParseError

__all__ = ["Line"]

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>"(?:[^"\\]|\\.)*")
    | (?P<number>nan:[0-9a-fA-F]{16}|inf\b|[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_.]*(?:\[[0-9]+\])*)
    | (?P<sign>[-+*/=,(){}\[\]@$:])
    | (?P<comment>\#.*)
    )""",
    re.VERBOSE,
)


class Line:
    """The tokens of one line, and where they stand."""

    def __init__(self, text: str, line: int) -> None:
        self.line = line
        self.tokens: list[tuple[str, str, int]] = []
        at, end = 0, len(text.rstrip())
        while at < end:
            match = _TOKEN.match(text, at, end)
            if match is None:
                raise ParseError(f"{text[at:end].strip()[:20]!r} is no token", line, at + 1)
            kind = str(match.lastgroup)
            if kind != "comment":
                self.tokens.append((kind, match.group(kind), match.start(kind) + 1))
            at = match.end()
        self.end = end + 1
        self.at = 0

    def fail(self, what: str) -> ParseError:
        """Return the error for what is wrong here."""
        column = self.tokens[self.at][2] if self.at < len(self.tokens) else self.end
        return ParseError(what, self.line, column)

    def peek(self, text: str = "", ahead: int = 0) -> str:
        """Return the next token's text; empty at the end, or if it is not the text asked for."""
        if self.at + ahead >= len(self.tokens):
            return ""
        found = self.tokens[self.at + ahead][1]
        return found if not text or found == text else ""

    def kind(self) -> str:
        """Return the next token's kind: string, number, name, sign or end."""
        return self.tokens[self.at][0] if self.at < len(self.tokens) else "end"

    def take(self, kind: str = "", what: str = "a word") -> str:
        """Take the next token, of one kind if one is given."""
        if self.at >= len(self.tokens) or (kind and self.tokens[self.at][0] != kind):
            raise self.fail(f"{self.peek() or 'the end of the line'!r} stands where {what} is expected")
        self.at += 1
        return self.tokens[self.at - 1][1]

    def accept(self, text: str) -> bool:
        """Take the next token if it is this one."""
        if self.peek(text):
            self.at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        """Take this token or fail."""
        if not self.accept(text):
            raise self.fail(f"{self.peek() or 'the end of the line'!r} stands where {text!r} is expected")

    def name(self) -> str:
        """Take a plain or quoted name."""
        if self.kind() == "string":
            return self.string()
        return self.take("name", "a name")

    def string(self) -> str:
        """Take a quoted text."""
        shown = self.take("string", "a quoted text")
        try:
            found: str = json.loads(shown)
            found.encode()
        except ValueError:
            self.at -= 1
            raise self.fail(f"{shown} is no JSON string") from None
        return found

    def whole(self) -> int:
        """Take a whole number of at most 20 digits."""
        shown = self.take("number", "a whole number")
        if not shown.isdecimal() or len(shown) > 20:
            self.at -= 1
            raise self.fail(f"{shown!r} is no whole number")
        return int(shown)

    def rational(self) -> Fraction:
        """Take a fraction above 0."""
        numerator = self.whole()
        self.expect("/")
        denominator = self.whole()
        if not numerator or not denominator or max(numerator, denominator) >= 2**64:
            raise self.fail(f"{numerator}/{denominator} is no fraction above 0 of 64-bit numbers")
        return Fraction(numerator, denominator)

    def number(self) -> float:
        """Take a float, signed or not."""
        sign = "-" if self.accept("-") else ""
        shown = self.take("number", "a number")
        if shown.startswith("nan:"):
            return float(struct.unpack(">d", bytes.fromhex(shown[4:]))[0])
        return float(sign + shown)

    def numbers(self) -> np.ndarray:
        """Take floats in brackets."""
        self.expect("[")
        found = []
        while not self.accept("]"):
            found.append(self.number())
        array = np.frombuffer(struct.pack(f"<{len(found)}d", *found), "<f8")
        array.setflags(write=False)
        return array

    def names(self) -> list[str]:
        """Take names in brackets."""
        self.expect("[")
        found = []
        while not self.accept("]"):
            found.append(self.name())
        return found
