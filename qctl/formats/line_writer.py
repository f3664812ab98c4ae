"""The walk over a program's blocks that writers of program texts share; straight runs are written by a kernel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from qctl.cext.gate_lines import GateLines
from qctl.errors import RequestError
from qctl.formats.limits import MAX_STEPS
from qctl.program.body import Body, Range
from qctl.program.opcodes import OPCODES
from qctl.program.tables import BlockKind

__all__ = ["LineWriter"]


class LineWriter(ABC):
    """Write a program line by line; a language says how opcodes are spelled and what it does with all else.

    Parameters
    ----------
    body : Body
    qubits, bits : sequence of str
        What the text calls each of them.
    comma, angles_last, pi
        As `qctl.cext.gate_lines.GateLines` takes them.
    """

    def __init__(
        self,
        body: Body,
        qubits: Sequence[str],
        bits: Sequence[str],
        *,
        comma: str,
        angles_last: bool = False,
        pi: bool = True,
    ) -> None:
        self.body = body
        self.otherwise: Range | None = None  # the else block of the if block that is written
        self.lines = GateLines(
            np.ascontiguousarray(body.instructions).view(np.uint8),
            np.ascontiguousarray(body.operands),
            np.ascontiguousarray(body.constants),
            qubits,
            bits,
            max(OPCODES) + 1,
            comma=comma,
            angles_last=angles_last,
            pi=pi,
        )

    def block(self, node: Range) -> None:
        """Write what is inside a block."""
        i = node.first
        for child, after in zip(node.children, (*node.children[1:], None), strict=False):
            self.rows(i, child.first - 1)
            has_else = after is not None and self.body.block(after).kind is BlockKind.ELSE
            self.otherwise = after if has_else else None
            self.nested(child)
            i = child.end + 1
        self.rows(i, node.end)

    def rows(self, first: int, end: int) -> None:
        """Write instructions `first` … `end` - 1, none of which begins or ends a block."""
        while (first := self.lines.write(first, end)) < end:
            self.one(first)
            first += 1

    def repeated(self, node: Range, count: int) -> None:
        """Write a loop's block as often as it plays.

        Raises
        ------
        RequestError
            If that is more lines than a text may have.
        """
        mark = self.lines.mark()
        self.block(node)
        if mark[1] + (self.lines.mark()[1] - mark[1]) * count > MAX_STEPS:
            raise RequestError(f"the loop of {count} rounds makes more than {MAX_STEPS} lines")
        self.lines.repeat(mark, count)

    @abstractmethod
    def nested(self, node: Range) -> None:
        """Write a block inside of another one."""

    @abstractmethod
    def one(self, i: int) -> None:
        """Write an instruction that the kernel leaves, or refuse it."""
