"""The capability table of one model, and the paths of what is in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from qctl.errors import RequestError
from qctl.instruments.capability.parts import (
    Channel,
    Clock,
    Conditions,
    Firmware,
    Gap,
    Instructions,
    Loops,
    Memory,
    Reports,
    Restriction,
    Scope,
    Standing,
    Table,
    Upload,
)
from qctl.instruments.capability.range import Range

__all__ = ["Capability", "limit", "limits", "replaced"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """The table of one model; what it does not have is empty."""

    model: str
    title: str
    sources: tuple[str, ...]
    clocks: Mapping[str, Clock] = field(default_factory=dict)
    channels: Mapping[str, Channel] = field(default_factory=dict)
    gaps: Mapping[str, Gap] = field(default_factory=dict)
    waveforms: Memory | None = None
    weights: Memory | None = None
    instructions: Instructions | None = None
    table: Table | None = None
    sequence: Range | None = None
    bins: Range | None = None
    acquisitions: Range | None = None
    scope: Scope | None = None
    loops: Loops | None = None
    conditions: Conditions | None = None
    wait: Range | None = None
    markers: Range | None = None
    sequencers: Range | None = None
    settings: Mapping[str, Range] = field(default_factory=dict)
    switch_latency: Mapping[str, Range] = field(default_factory=dict)
    restrictions: Mapping[str, Restriction] = field(default_factory=dict)
    errors: Reports = field(default_factory=Reports)
    upload: Upload | None = None
    firmware: Firmware = field(default_factory=Firmware)
    standing: Standing = field(default_factory=Standing)


def limits(table: Any, path: str = "") -> Iterator[tuple[str, Range]]:
    """Walk a table and yield the path of every Range in it."""
    if isinstance(table, Range):
        yield path, table
        return
    if isinstance(table, Mapping):
        parts = list(table.items())
    elif dataclasses.is_dataclass(table):
        parts = [(one.name, getattr(table, one.name)) for one in dataclasses.fields(table)]
    else:
        return
    for name, part in parts:
        yield from limits(part, f"{path}.{name}".lstrip("."))


def limit(table: Any, path: str) -> Range:
    """Return the Range at a path.

    Raises
    ------
    RequestError
        If the table has none there.
    """
    known = _known.get((id(table), path))
    if known is not None and known[0] is table:
        return known[1]
    found = table
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else getattr(found, name, None)
    if not isinstance(found, Range):
        raise RequestError(f"{getattr(table, 'model', 'the table')} has no limit {path!r}")
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    if isinstance(table, Capability):
        _known[id(table), path] = table, found
    return found


_known: dict[tuple[int, str], tuple[Any, Range]] = {}
_MOST_KNOWN = 10_000


def replaced(table: Any, path: str, **changes: Any) -> Any:
    """Return a table in which the Range at a path has other numbers, as a board's own configuration may say.

    Raises
    ------
    RequestError
        If the table has no Range there.
    """
    first, _, rest = path.partition(".")
    part = table.get(first) if isinstance(table, Mapping) else getattr(table, first, None)
    if rest:
        part = replaced(part, rest, **changes)
    elif isinstance(part, Range):
        part = dataclasses.replace(part, **changes)
    else:
        raise RequestError(f"the table has no limit {path!r}")
    return {**table, first: part} if isinstance(table, Mapping) else dataclasses.replace(table, **{first: part})
