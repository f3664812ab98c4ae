"""Lines of a tProcessor v1's assembly: a register that is written, and an event with the registers that it needs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from qctl.instruments.qick.v1_plan import TIME, Plan, writes

__all__ = ["event_lines", "write_lines"]

_POINTER = 7
"""Register of each page that says where its part of data memory is read next; words and time are those before it."""


def event_lines(plan: Plan, k: int) -> Iterator[str]:
    """Yield the instructions of an event of the plan, by its number."""
    found, values = plan.registers, plan.registers.values[0, k].tolist()
    channel = int(found.channel[k])
    for column in np.flatnonzero(found.loaded[k]).tolist():
        if found.read[k, column]:
            yield f"memr {channel}, ${column + 1}, ${_POINTER};"
            yield f"mathi {channel}, ${_POINTER}, ${_POINTER} + 1;"
        elif (at := plan.held.get(values[column])) is not None:
            yield f"memri {channel}, ${column + 1}, {at};"
        else:
            yield from (text for text, _ in write_lines(channel, column + 1, values[column]))
    names = [f"${column + 1}" if used else "$0" for column, used in enumerate(found.used[k].tolist())]
    if found.short[k]:
        yield f"seti {channel}, {channel}, {names[0]}, {values[TIME]};"
    else:
        yield f"set {channel}, {channel}, {', '.join(names)};"


def write_lines(page: int, number: int, value: int) -> Iterator[tuple[str, int]]:
    """Yield the instructions that write a register, each with its cycles."""
    register = f"{page}, ${number}"
    if writes(value) == 1:
        yield f"regwi {register}, {value};", 2
        return
    yield f"regwi {register}, {value >> 2};", 2
    yield f"bitwi {register}, ${number} << 2;", 5
    if value % 4:
        yield f"mathi {register}, ${number} + {value % 4};", 5
