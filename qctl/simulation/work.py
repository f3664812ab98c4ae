"""How many gates a program plays, for estimates of time."""

from __future__ import annotations

import numpy as np

from qctl.program.body import Body
from qctl.program.opcodes import GATES
from qctl.program.tables import BlockKind

__all__ = ["gates_played"]

_FIRST, _LAST = int(min(GATES)), int(max(GATES))


def gates_played(body: Body) -> float:
    """Return how many gates are played; a loop with a count counts as often, any other block once."""
    ops = body.instructions["op"]
    are_gates = (ops >= _FIRST) & (ops <= _LAST)
    loops = [block for block in body.blocks if block.kind is BlockKind.LOOP and block.count >= 0]
    if not loops:
        return float(np.count_nonzero(are_gates))
    times = np.ones(len(ops))
    for block in loops:
        times[block.first : block.end] *= block.count
    return float(times[are_gates].sum())
