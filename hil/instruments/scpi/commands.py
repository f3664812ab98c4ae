"""The command table: SCPI patterns with short and long forms, optional nodes and numeric suffixes.

A pattern is written as manuals write it: ``[SOURce<4>]:VOLTage[:LEVel][:AMPLitude]``. ``<4>`` takes
suffixes 1 to 4, ``<0:3>`` 0 to 3, ``<>`` any; a suffix that is left out is 1, or -1 where they count from 0.

Source: SCPI-99 volume 1, section 6.2.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

from qctl.errors import InternalError
from qctl.hil.instruments.scpi.errors import refusal

__all__ = ["Command", "CommandTable", "Found"]

Handler = Callable[[tuple[int, ...], list[Any]], Any]

_NODE = re.compile(r"(\[?):?(\*?[A-Za-z][A-Za-z0-9_]*)(?:<(\d*(?::\d+)?)>)?(\]?)")
_TOKEN = re.compile(r"[A-Z*][A-Z0-9_]*")
_DIGITS = re.compile(r"([0-9]+)(?=[:?]|$)")
_LONGEST, _MOST_DIGITS = 24, 5
_CACHE_SIZE = 8192


class Command(NamedTuple):
    """A handler and how many arguments it takes."""

    call: Handler
    n_min: int
    n_max: int


class Found(NamedTuple):
    """A command together with the suffixes that were typed."""

    command: Command
    suffixes: tuple[int, ...]


_Limit = tuple[int, int] | None
"""Lowest and highest suffix, the latter 0 where any is taken; None where none is."""


class _Shape(NamedTuple):
    """Headers that are alike but for their suffixes: the place and the bounds of each that was typed."""

    command: Command
    bounds: tuple[tuple[int, int, int], ...]
    suffixes: tuple[int, ...]


@dataclass(slots=True)
class _Node:
    children: dict[str, _Node] = field(default_factory=dict)
    ends: dict[str, tuple[Command, tuple[_Limit, ...], tuple[int, ...]]] = field(default_factory=dict)


class CommandTable:
    """Find the handler of a header as it was typed."""

    def __init__(self) -> None:
        self._root = _Node()
        self._cache: dict[str, Found] = {}
        self._shapes: dict[str, _Shape] = {}
        self.patterns: list[str] = []

    def add(self, pattern: str, call: Handler, n_min: int = 0, n_max: int | None = None) -> None:
        """Add one pattern; with a ``?`` at its end it is a query.

        Raises
        ------
        InternalError
            If the pattern can't be read or is taken.
        """
        kind = "?" if pattern.endswith("?") else ""
        body = pattern.rstrip("?")
        nodes = [match.groups() for match in _NODE.finditer(body)]
        if "".join(match.group(0) for match in _NODE.finditer(body)) != body:
            raise InternalError(f"pattern {pattern!r} can't be read")
        command = Command(call, n_min, n_min if n_max is None else n_max)
        choices = [(True, False) if opening else (True,) for opening, *_ in nodes]
        for chosen in product(*choices):
            self._add_variant(pattern, kind, command, nodes, chosen)
        self.patterns.append(pattern)

    def _add_variant(
        self, pattern: str, kind: str, command: Command, nodes: list[Any], chosen: tuple[bool, ...]
    ) -> None:
        if not any(chosen):
            return
        limits: list[_Limit] = []
        places: list[int] = []
        ends = [self._root]
        place = 0
        for (_, name, suffix, _), used in zip(nodes, chosen, strict=True):
            has_suffix = suffix is not None
            if used:
                short = re.sub(r"[a-z]", "", name)
                new: list[_Node] = []
                for end in ends:
                    node = end.children.get(name.upper()) or end.children.get(short) or _Node()
                    end.children[name.upper()] = node
                    end.children[short] = node
                    new.append(node)
                ends = new
                limits.append(_limit(suffix) if has_suffix else None)
                places.append(place if has_suffix else -1)
            place += has_suffix
        for end in ends:
            old = end.ends.get(kind)
            if old is not None and old[0].call is not command.call:
                raise InternalError(f"pattern {pattern!r} is taken")
            end.ends[kind] = (command, tuple(limits), (*places, place))

    def find(self, header: str) -> Found:
        """Return the command of an absolute header in upper case, without its leading colon.

        Raises
        ------
        RefusedError
            With -113, -114, -101 or -102 in its details.
        """
        found = self._cache.get(header)
        if found is None:
            pieces = _DIGITS.split(header)
            shape = self._shapes.get("<>".join(pieces[::2]))
            found = self._filled(shape, pieces[1::2]) if shape is not None else None
            if found is None:
                found = self._resolve(header)
            if len(self._cache) >= _CACHE_SIZE:
                self._cache.clear()
            self._cache[header] = found
        return found

    def _filled(self, shape: _Shape, digits: list[str]) -> Found | None:
        """Return the command of a shape with these suffixes; None if they are not taken."""
        if len(digits) != len(shape.bounds):
            return None
        suffixes = list(shape.suffixes)
        for text, (place, low, high) in zip(digits, shape.bounds, strict=True):
            if len(text) > _MOST_DIGITS or (number := int(text)) < low or (high and number > high):
                return None
            suffixes[place] = number
        return Found(shape.command, tuple(suffixes))

    def _resolve(self, header: str) -> Found:
        kind = "?" if header.endswith("?") else ""
        tokens = (header[:-1] if kind else header).split(":")
        node = self._root
        digits: list[str] = []
        alike = True
        for token in tokens:
            if not _TOKEN.fullmatch(token):
                raise refusal(-102 if not token else -101, header[:60])
            if len(token) > _LONGEST:
                raise refusal(-112, token[:60])
            child = node.children.get(token)
            suffix = ""
            if child is None:
                base = token.rstrip("0123456789")
                child, suffix = node.children.get(base), token[len(base) :]
                named = any(name[: len(base)] == base and name[len(base) :].isdigit() for name in node.children)
                alike = alike and not named and len(base) + _MOST_DIGITS <= _LONGEST
            elif token[-1].isdigit():
                alike = False  # its digits are of its name
            if child is None:
                raise refusal(-113, header[:60])
            digits.append(suffix)
            node = child
        end = node.ends.get(kind)
        if end is None:
            raise refusal(-113, header[:60])
        command, limits, places = end
        suffixes = [1] * places[-1]
        bounds = []
        for text, limit, place in zip(digits, limits, places, strict=False):
            if not text:
                if limit is not None and limit[0] == 0:
                    suffixes[place] = -1
                continue
            if limit is None:
                raise refusal(-113, header[:60])
            number = int(text)
            if number < limit[0] or (limit[1] and number > limit[1]):
                raise refusal(-114, header[:60])
            suffixes[place] = number
            bounds.append((place, *limit))
        if alike:
            self._shapes["<>".join(_DIGITS.split(header)[::2])] = _Shape(command, tuple(bounds), tuple(suffixes))
        return Found(command, tuple(suffixes))


def _limit(text: str) -> tuple[int, int]:
    low, colon, high = text.partition(":")
    return (int(low), int(high)) if colon else (1, int(low or 0))
