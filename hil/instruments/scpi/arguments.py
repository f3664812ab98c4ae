"""Reads the arguments of a command: numbers with units, booleans, choices, strings, channel lists, blocks.

Source: IEEE 488.2-1992, 7.7; SCPI-99 volume 1, section 7.
"""

from __future__ import annotations

import math
import re

from qctl.hil.instruments.scpi.errors import refusal
from qctl.hil.instruments.scpi.stream import BLOCK

__all__ = ["Argument", "block", "boolean", "channels", "choice", "integer", "number", "split", "string"]

Argument = str | bytearray

_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:\s*[eE]\s*[+-]?\d{1,9})?)\s*([A-Za-z/%]*)$")
_BASES = {"#H": 16, "#Q": 8, "#B": 2}
_SCALES = {"": 1.0, "T": 1e12, "G": 1e9, "MA": 1e6, "K": 1e3, "M": 1e-3, "U": 1e-6, "N": 1e-9, "P": 1e-12}
_UNITS = ("DBM", "HZ", "V", "S", "A", "OHM", "VPP", "DB", "PCT", "%", "DEG", "SA/S", "V/S")


def split(text: str, blocks: list[bytearray]) -> list[Argument]:
    """Return the arguments of a unit; quotes, brackets and blocks are kept whole."""
    if text.isalnum() or (text[-1] == '"' == text[0] and text.count('"') == 2):
        return [text]
    pieces = text.split(",")
    if "'" in text or "(" in text or (text.count('"') != pieces[0].count('"') or text.count('"') % 2):
        pieces, start, quote, depth = [], 0, "", 0
        for place, char in enumerate(text):
            if quote:
                quote = "" if char == quote else quote
            elif char in "\"'":
                quote = char
            elif char == "(":
                depth += 1
            elif char == ")":
                depth -= 1
            elif char == "," and depth <= 0:
                pieces.append(text[start:place])
                start = place + 1
        if quote:
            raise refusal(-151, text[:60])
        pieces.append(text[start:])
    found: list[Argument] = []
    for piece in pieces:
        word = piece.strip()
        if word == BLOCK:
            found.append(blocks.pop(0))
        elif not word:
            raise refusal(-103 if len(pieces) > 1 else -109, text[:60])
        else:
            found.append(word)
    return found


def _word(argument: Argument) -> str:
    if not isinstance(argument, str):
        raise refusal(-168)
    return argument


def number(argument: Argument, low: float = -math.inf, high: float = math.inf, default: float = 0.0) -> float:
    """Return a number in base units; MIN, MAX and DEF stand for the bounds and the default.

    Raises
    ------
    RefusedError
        With -222 outside the bounds, -121, -104 or -131 when it can't be read.
    """
    word = _word(argument)
    try:
        value = float(word)
    except ValueError:
        value = _spelled(word, low, high, default)
    if not low <= value <= high:
        raise refusal(-222, word[:60])
    return value


def _spelled(word: str, low: float, high: float, default: float) -> float:
    upper = word.upper()
    named = {"MIN": low, "MINIMUM": low, "MAX": high, "MAXIMUM": high, "DEF": default, "DEFAULT": default}
    if upper in named:
        return named[upper]
    if upper[:2] in _BASES:
        try:
            return float(int(upper[2:], _BASES[upper[:2]]))
        except ValueError:
            raise refusal(-121, word[:60]) from None
    match = _NUMBER.match(word)
    if match is None:
        raise refusal(-121 if upper[:1] in "+-.0123456789" else -104, word[:60])
    unit = match.group(2).upper()
    value = float(match.group(1).replace(" ", ""))
    if not unit:
        return value
    for known in _UNITS:
        if unit.endswith(known):
            prefix = unit[: -len(known)]
            if known in ("HZ", "OHM") and prefix == "M":
                prefix = "MA"
            if prefix in _SCALES:
                return value * _SCALES[prefix]
    raise refusal(-131, word[:60])


def integer(argument: Argument, low: float = -math.inf, high: float = math.inf, default: int = 0) -> int:
    """Return a whole number; a fraction is rounded, as instruments do."""
    if type(argument) is str and argument.isdecimal() and low <= (whole := int(argument)) <= high:
        return whole
    value = number(argument, low, high, default)
    if not math.isfinite(value):
        raise refusal(-222, _word(argument)[:60])
    return round(value)


def boolean(argument: Argument) -> bool:
    """Return ON, OFF or a number as a truth value."""
    word = _word(argument).upper()
    if word in ("ON", "1"):
        return True
    if word in ("OFF", "0"):
        return False
    return round(number(argument, -1e9, 1e9)) != 0


def choice(argument: Argument, choices: dict[str, str]) -> str:
    """Return the short form of a word.

    Parameters
    ----------
    argument : str
        What was typed.
    choices : dict
        Every accepted spelling in upper case, and what it means (see `spellings`).
    """
    found = choices.get(_word(argument).upper())
    if found is None:
        raise refusal(-224, _word(argument)[:60])
    return found


def spellings(words: str) -> dict[str, str]:
    """Return every spelling of ``INTernal|EXTernal`` with its short form."""
    found = {}
    for word in words.split("|"):
        short = re.sub(r"[a-z]", "", word)
        found[word.upper()] = short
        found[short] = short
    return found


def string(argument: Argument) -> str:
    """Return the text between quotes."""
    word = _word(argument)
    quote = word[0]
    if len(word) < 2 or quote not in "\"'" or word[-1] != quote:
        raise refusal(-104, word[:60])
    inside = word[1:-1]
    return inside.replace(quote * 2, quote) if quote in inside else inside


def block(argument: Argument) -> bytearray:
    """Return the bytes of a block."""
    if isinstance(argument, str):
        raise refusal(-161 if argument.startswith("#") else -104, argument[:60])
    return argument


def channels(argument: Argument, last: int) -> list[int]:
    """Return the numbers of a channel list such as ``(@1,3:5)``."""
    word = _word(argument).replace(" ", "")
    if not (word.startswith("(@") and word.endswith(")")):
        raise refusal(-104, word[:60])
    found: list[int] = []
    for piece in word[2:-1].split(","):
        ends = piece.split(":")
        if len(ends) > 2 or not all(end.isdigit() and len(end) < 6 for end in ends):
            raise refusal(-102, word[:60])
        first, stop = int(ends[0]), int(ends[-1])
        if not (1 <= first <= last and 1 <= stop <= last):
            raise refusal(-222, word[:60])
        found.extend(range(first, stop + 1) if first <= stop else range(first, stop - 1, -1))
    return found
