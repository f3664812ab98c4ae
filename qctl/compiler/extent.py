"""How large a program is: its points, and how often each instruction comes in one of them, counted by its blocks."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from math import prod

from qctl.program.body import Body
from qctl.program.opcodes import Op
from qctl.program.tables import Block, BlockKind, Sweep

__all__ = ["Peeled", "counted"]

_JUMPS = frozenset((Op.BREAK, Op.CONTINUE))


@dataclass(frozen=True, slots=True, eq=False)
class Peeled:
    """A program without what is around all of it.

    Attributes
    ----------
    axes : tuple of Sweep
        Sweeps and named loops, outermost first: their values make the points.
    n_repeats : int
        Count of the unnamed loops: they multiply the shots.
    ranges : tuple of (int, int)
        First instruction, and the one after the last, of what each point plays.
    """

    axes: tuple[Sweep, ...]
    n_repeats: int
    ranges: tuple[tuple[int, int], ...]

    @property
    def n_points(self) -> int:
        """Return the number of points."""
        return prod(len(axis.values) for axis in self.axes)


def counted(body: Body, peeled: Peeled) -> Counter[int]:
    """Return how often each opcode comes in one point at least, loops multiplied out.

    Decisions count nothing, nor does a loop that may end early, nor anything in a program that may halt: this is a
    bound from below.
    """
    rows = body.instructions["op"].tolist(), body.instructions["a"].tolist()
    jumps = [i for i, op in enumerate(rows[0]) if op in _JUMPS]
    found: Counter[int] = Counter()
    if Op.HALT not in rows[0]:
        for first, end in peeled.ranges:
            found += _Counting(body, rows, jumps).count(first, end)
    return found


class _Counting:
    """The state of one count."""

    def __init__(self, body: Body, rows: tuple[list[int], list[int]], jumps: list[int]) -> None:
        self.body, self.rows, self.jumps = body, rows, jumps
        self.known: dict[int, Counter[int]] = {}

    def count(self, first: int, end: int) -> Counter[int]:
        """Count the instructions of a range."""
        found: Counter[int] = Counter()
        ops, blocks = self.rows
        i = first
        while i < end:
            found[ops[i]] += 1
            if ops[i] == Op.BEGIN:
                block = self.body.blocks[blocks[i]]
                n = self._rounds(block)
                if n and bisect_left(self.jumps, i) == bisect_left(self.jumps, block.end):
                    for op, times in self.count(i + 1, block.end).items():
                        found[op] += n * times
                i = block.end
            elif ops[i] == Op.CALL:
                found.update(self._called(blocks[i]))
            i += 1
        return found

    def _called(self, number: int) -> Counter[int]:
        """Count a subroutine; one that calls itself counts nothing within itself."""
        if number not in self.known:
            self.known[number] = Counter()
            block = self.body.blocks[number]
            self.known[number] = self.count(block.first + 1, block.end)
        return self.known[number]

    def _rounds(self, block: Block) -> int:
        """Return how often a block is played at least; 0 where that is not known."""
        if block.kind is BlockKind.SWEEP:
            return len(self.body.sweeps[block.sweep].values)
        if block.kind is BlockKind.LOOP:
            return max(block.count, 0)
        return int(block.kind is BlockKind.BOX)
