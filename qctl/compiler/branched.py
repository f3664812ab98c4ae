"""Conditions of a sequence once it is timed: of plays, and of results that are taken in some shots only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from qctl.compiler.rows import Rows
from qctl.program.conditions import Condition
from qctl.program.layout import NONE
from qctl.program.opcodes import Op
from qctl.program.timeline import CaptureSpec

__all__ = ["conditions_of", "kept_of"]


def conditions_of(
    rows: Rows, play_rows: NDArray[np.int32], capture_rows: NDArray[np.int32]
) -> tuple[Condition | None, ...]:  # fmt: skip
    """Return the condition of each play of a sequence that is alone in its rows, over numbers of its captures."""
    if not rows.conditions:
        return ()
    columns = {row: k for k, row in enumerate(capture_rows.tolist())}
    numbers = {event: columns[row] for event, row in rows.events.items()}
    known = {row: when.renumbered(numbers) for row, when in rows.conditions.items()}
    return tuple(known.get(row) for row in play_rows.tolist())


def kept_of(
    rows: Rows, specs: Sequence[CaptureSpec], capture_rows: NDArray[np.int32]
) -> tuple[CaptureSpec, ...]:  # fmt: skip
    """Return what is captured, of which results that are taken in some shots only leave a bit to those before them."""
    columns = {row: k for k, row in enumerate(capture_rows.tolist())}
    numbers = {event: columns[row] for event, row in rows.events.items()}
    keeps = {columns[rows.events[event]]: when.renumbered(numbers) for event, when in rows.kept.items()}
    found: list[CaptureSpec] = list(specs)
    settled: set[int] = set()
    for row, k in sorted(columns.items(), key=lambda pair: -pair[1]):
        bit = int(rows.rows[row]["b"]) if int(rows.rows[row]["op"]) == Op.MEASURE else specs[k].bit
        bit = -1 if bit == NONE or bit in settled else bit
        found[k] = replace(specs[k], bit=bit, keeps=keeps.get(k))
        if k not in keeps and bit >= 0:
            settled.add(bit)
    return tuple(found)
