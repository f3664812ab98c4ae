"""The tables of docs/instruments.md, written from the capability tables and the registry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from qctl.instruments.capability import Capability, Number, Range, limits
from qctl.instruments.limit_words import NAMES, resource_of
from qctl.instruments.registry import MODELS, capabilities

__all__ = ["limits_of", "overview", "page"]

_LEVELS = (
    "canned answers",
    "protocol and state",
    "samples out",
    "lowered program on qubit physics",
)


def page() -> str:
    """Return the overview of all instruments, and after it the limits of each, as Markdown."""
    tables = capabilities()
    parts = [overview(tables.values()), *(limits_of(table) for table in tables.values())]
    return "\n\n".join(parts)


def overview(tables: Iterable[Capability]) -> str:
    """Return one row for each instrument: whether it is compiled for, driven and emulated, and who judges it."""
    lines = [
        "| instrument | model | compiled for | driven | emulated | judged by | |",
        "|---|---|---|---|---|---|---|",
    ]
    for table in tables:
        model = MODELS.get(table.model)
        compiled = "yes" if model and model.family else ("takes no programs" if model else "no")
        driven = "yes" if model and model.driver else "no"
        level = table.standing.level
        emulated = "no" if level is None else f"{level}: {_LEVELS[level]}"
        doubts = sum(bool(one.unverified) for _, one in limits(table))
        note = [table.standing.note] if table.standing.note else []
        note += [f"unverified limits: {doubts}"] if doubts else []
        judge = table.standing.judge or "–"
        lines.append(
            f"| [{table.title}](#{_anchor(table.title)}) | `{table.model}` | {compiled} | {driven} | {emulated} "
            f"| {judge} | {'; '.join(note)} |"
        )
    return "\n".join(lines)


def _anchor(title: str) -> str:
    kept = "".join(one for one in title.lower() if one.isalnum() or one in " -_")
    return kept.replace(" ", "-")


def limits_of(table: Capability) -> str:
    """Return the section of one instrument: every limit with its unit, its source and its doubts."""
    lines = [f"### {table.title}", "", "| limit | from | to | unit | grid | source |", "|---|---|---|---|---|---|"]
    for path, one in limits(table):
        lines.append(_row(path, one))
    for path, words in _words(table):
        lines.append(f"| `{path}` | | | | | {words} |")
    return "\n".join(lines)


def _row(path: str, one: Range) -> str:
    low, high = (_number(x) for x in (one.low, one.high))
    grid = f"multiples of {_number(one.step)}" if one.step is not None and one.step != 1 else ""
    grid = f"rounded to {_number(one.resolution)}" if one.resolution is not None else grid
    grid = f"{len(one.choices)} values" if len(one.choices) > 1 else grid
    doubt = one.unverified.replace("low", "from").replace("high", "to").replace("step", "grid")
    told = f"{one.source}; **unverified: {doubt}**" if doubt else one.source
    name = f" ({resource_of(path)})" if path in NAMES else ""
    return f"| `{path}`{name} | {low} | {high} | {one.unit} | {grid} | {told} |"


def _number(value: Number | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{float(value):.10g}"


def _words(table: Capability) -> Iterator[tuple[str, str]]:
    """Yield what is no number: padding, restrictions, how faults are told, upload, firmware."""
    for name, channel in table.channels.items():
        fill = {"zero": ", or filled up with zeros where asked for", "hold": ", or with its last value where asked for"}
        yield f"channels.{name}.pad", f"a length off the grid is refused{fill.get(channel.pad, '')}"
    if table.instructions is not None and table.instructions.cost:
        costs = ", ".join(f"{name} {cost}" for name, cost in table.instructions.cost.items())
        yield "instructions.cost", f"{costs}: {table.instructions.source}"
    if table.table is not None and table.table.fields:
        schema = f"; schema {table.table.schema}" if table.table.schema else ""
        yield "table.fields", ", ".join(table.table.fields) + schema
    if table.loops is not None and table.loops.sweeps:
        yield "loops.sweeps", ", ".join(table.loops.sweeps)
    if table.conditions is not None:
        yield "conditions.sources", ", ".join(table.conditions.sources)
    for name, one in table.restrictions.items():
        yield f"restrictions.{name}", one.words
    told = [f"at once: {', '.join(table.errors.sync)}"] if table.errors.sync else []
    told += [f"in a log: {', '.join(table.errors.async_log)}"] if table.errors.async_log else []
    if told:
        yield "errors", "; ".join(told)
    if table.upload is not None:
        held = f"held by {table.upload.unit}" if table.upload.unit else ""
        form = (table.upload.block, table.upload.dtype, table.upload.byte_order, held)
        yield "upload", ", ".join(part for part in form if part)
    ends = (("from", table.firmware.low), ("to", table.firmware.high))
    known = " ".join(f"{word} {version}" for word, version in ends if version)
    if known:
        yield "firmware", f"{known}: {table.firmware.source}"
    yield "sources", ", ".join(table.sources)
