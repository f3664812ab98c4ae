"""A device's tree of nodes: types, bounds, rounding, what can't be written, and paths with wildcards.

Source: LabOne programming manual, Node tree and data server: paths are case-insensitive; a number outside a node's
range is coerced into it without an error; unknown paths, nodes that can only be read, and values of another type are
refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Refusal", "Rule", "Tree", "expanded"]


class Refusal(Exception):
    """What a data server refuses, by the name of its client's error."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind, self.text = kind, text


@dataclass(frozen=True, slots=True)
class Rule:
    """What one node takes.

    Attributes
    ----------
    kind : str
        int, double, complex, string or vector.
    value : object
        After a power cycle.
    low, high, step : float
        Bounds and resolution of a number; 0 has none.
    choices : tuple of float
        All that it can be; the next one that is not smaller is taken.
    writable : bool
        Whether it can be set.
    setting : bool
        Whether it is a setting, and not a reading or a command.
    """

    kind: str
    value: Any = 0
    low: float = -np.inf
    high: float = np.inf
    step: float = 0.0
    choices: tuple[float, ...] = ()
    writable: bool = True
    setting: bool = True

    def taken(self, path: str, value: Any) -> Any:
        """Return what becomes of a value that is set.

        Raises
        ------
        Refusal
            If the node can't be set, or not to a value of this type.
        """
        if not self.writable:
            raise Refusal("ReadOnlyError", f"Node {path} is read-only")
        if self.kind == "vector":
            if isinstance(value, str):
                return value
            if isinstance(value, np.ndarray):
                return value
            raise Refusal("InvalidArgumentError", f"Node {path} takes a vector")
        if self.kind == "string":
            if not isinstance(value, str):
                raise Refusal("InvalidArgumentError", f"Node {path} takes a string")
            return value
        if self.kind == "complex" and isinstance(value, int | float | complex) and value == value:
            return complex(value)
        if isinstance(value, str) or not isinstance(value, int | float) or value != value:
            raise Refusal("InvalidArgumentError", f"Node {path} takes a number, not {value!r}")
        number = float(value)
        if self.choices:
            fits = [choice for choice in self.choices if choice >= number * (1 - 1e-6)]
            number = min(fits) if fits else max(self.choices)
        number = min(max(number, self.low), self.high)
        if self.step:
            number = self.step * round(number / self.step)
        return round(number) if self.kind == "int" else number


def expanded(table: Mapping[str, Rule]) -> dict[str, Rule]:
    """Return a table whose paths may have ``{n}`` (0 … n-1) with one entry for each node."""
    found: dict[str, Rule] = {}
    for path, rule in table.items():
        for one in _numbered(path):
            found[one] = rule
    return found


def _numbered(path: str) -> Iterator[str]:
    match = re.search(r"\{(\d+)\}", path)
    if match is None:
        yield path
        return
    for k in range(int(match[1])):
        yield from _numbered(path[: match.start()] + str(k) + path[match.end() :])


class Tree:
    """The nodes of one device.

    Parameters
    ----------
    device : str
        Such as dev12001.
    rules : mapping of str to Rule
        By path below the device, without a leading slash.
    many : mapping of str to (Rule, int)
        Nodes of which there are too many to hold: the path before the number, and how many.
    """

    def __init__(self, device: str, rules: Mapping[str, Rule], many: Mapping[str, tuple[Rule, int]]) -> None:
        self.device, self._rules, self._many = device, dict(rules), dict(many)
        self._values: dict[str, Any] = {}

    def clear(self) -> None:
        """Forget all that was set."""
        self._values.clear()

    def _rule(self, path: str) -> Rule:
        rule = self._rules.get(path)
        if rule is not None:
            return rule
        head, _, number = path.rpartition("/")
        found = self._many.get(head)
        if found is not None and number.isdigit() and int(number) < found[1]:
            return found[0]
        raise Refusal("NotFoundError", f"No node matches path /{self.device}/{path}")

    def value(self, path: str) -> Any:
        """Return a node's value."""
        rule = self._rule(path)
        return self._values.get(path, rule.value)

    def put(self, path: str, value: Any) -> None:
        """Change a node from inside, whatever its rule says."""
        self._values[path] = value

    def matching(self, pattern: str, settings_only: bool = False, vectors: bool = True) -> list[str]:
        """Return the paths that a pattern names: a node, a branch, or either with ``*`` for a name in it.

        Raises
        ------
        Refusal
            If there are none.
        """
        pattern = pattern.strip("/")
        if "*" not in pattern and (pattern in self._rules or pattern.rpartition("/")[0] in self._many):
            self._rule(pattern)
            return [pattern]
        form = re.compile(
            "".join("[^/]*" if c == "*" else re.escape(c) for c in pattern) + "(/.*)?" if pattern else ".*"
        )
        found = [
            path
            for path, rule in self._rules.items()
            if form.fullmatch(path) and (vectors or rule.kind != "vector") and (rule.setting or not settings_only)
        ]
        if not found:
            raise Refusal("NotFoundError", f"No node matches path /{self.device}/{pattern}")
        return found

    def set(self, path: str, value: Any) -> Any:
        """Set a node, and return what it is then."""
        taken = self._rule(path).taken(f"/{self.device}/{path}", value)
        self._values[path] = taken
        return taken
