"""Walks the blocks of a program with a whole party of branches or shots at once, parting them where outcomes differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from qctl.errors import RequestError
from qctl.program.body import Body, Range
from qctl.program.expressions import Expression, Value
from qctl.program.opcodes import GATES, Op
from qctl.program.tables import BlockKind

__all__ = ["MOST_ROUNDS", "Engine", "late_measurements", "play"]

MOST_ROUNDS = 100_000
"""Rounds after which a loop without a count is refused."""

STRAIGHT = {Op.BARRIER, Op.DELAY, Op.NOP, Op.MEASURE, Op.RESET}
P = TypeVar("P")


class Engine(Protocol[P]):
    """What plays the straight parts; a party is all branches or shots that are at the same place of the program."""

    def straight(self, party: P, rows: Sequence[int]) -> P:
        """Play instructions without control flow."""

    def part(self, party: P, value: Value, test: Callable[[float], bool]) -> tuple[P, P]:
        """Return those whose value passes the test, and the others."""

    def join(self, parties: Sequence[P]) -> P:
        """Return several parties as one."""

    def empty(self, party: P) -> bool:
        """Say whether nobody is left."""

    def assign(self, party: P, row: int) -> P:
        """Play an assignment to a register or a bit."""


def play(body: Body, engine: Engine[P], party: P, skip: frozenset[int] = frozenset()) -> P:
    """Play a whole program.

    Parameters
    ----------
    body : Body
    engine : Engine
    party : P
        At the program's start.
    skip : frozenset of int
        Instructions that are not played.

    Returns
    -------
    P
        Everybody at the program's end, those who halted included.

    Raises
    ------
    RequestError
        If a loop doesn't end, or the program has a sweep.
    """
    walk = _Walk(body, engine, skip)
    tree = body.structure()
    walk.subroutines = {child.block: child for child in tree.children}
    return engine.join([walk.range(tree, party), *walk.halted])


class _Walk(Generic[P]):
    """One walk: who halted, and who left the innermost loop's round."""

    def __init__(self, body: Body, engine: Engine[P], skip: frozenset[int]) -> None:
        self.body, self.engine, self.skip = body, engine, skip
        self.subroutines: dict[int, Range] = {}
        self.halted: list[P] = []
        self.broken: list[P] = []
        self.continued: list[P] = []

    def range(self, node: Range, party: P) -> P:
        """Play a block's inside and return who comes to its end."""
        children = {child.first - 1: child for child in node.children}
        rows: list[int] = []
        i = node.first
        while i < node.end:
            op = int(self.body.instructions[i]["op"])
            if i in children or not (op >= Op.ID or op in STRAIGHT):
                party = self._straight(party, rows)
                rows = []
            if i in children:
                child, other = children[i], children.get(children[i].end + 1)
                if other is not None and self.body.block(other).kind is not BlockKind.ELSE:
                    other = None
                party = self._block(child, party, other)
                i = (other or child).end
            elif op >= Op.ID or op in STRAIGHT:
                if i not in self.skip:
                    rows.append(i)
            else:
                party = self._word(Op(op), i, party)
            i += 1
        return self._straight(party, rows)

    def _straight(self, party: P, rows: list[int]) -> P:
        return self.engine.straight(party, rows) if rows and not self.engine.empty(party) else party

    def _word(self, op: Op, i: int, party: P) -> P:
        if op is Op.CALL:
            return self.range(self.subroutines[int(self.body.instructions[i]["a"])], party)
        if op in (Op.ASSIGN, Op.SET_BIT):
            return self.engine.assign(party, i)
        if op is Op.HALT:
            self.halted.append(party)
        elif op is Op.BREAK:
            self.broken.append(party)
        else:
            self.continued.append(party)
        return self.engine.join([])

    def _block(self, node: Range, party: P, other: Range | None) -> P:
        """Play a block, with the ELSE block that follows it if there is one."""
        block = self.body.block(node)
        if block.kind in (BlockKind.CALL, BlockKind.CAL):
            return party
        if block.kind is BlockKind.SWEEP:
            raise RequestError("a sweep has no single state: simulate each of its points")
        if block.kind is BlockKind.BOX:
            return self.range(node, party)
        if block.kind is BlockKind.IF:
            inside, outside = self.engine.part(party, block.value or 0.0, bool)
            inside = inside if self.engine.empty(inside) else self.range(node, inside)
            if other is not None and not self.engine.empty(outside):
                outside = self.range(other, outside)
            return self.engine.join([inside, outside])
        return self._rounds(node, party)

    def _rounds(self, node: Range, party: P) -> P:
        """Play a loop until nobody is left in it."""
        block = self.body.block(node)
        value: Value = block.value if block.value is not None else 0.0
        outer, self.broken = self.broken, []
        outer_continued = self.continued
        out: list[P] = []
        done = 0
        while not self.engine.empty(party):
            if block.kind is BlockKind.LOOP and block.count < 0:
                party, leaving = self.engine.part(party, value, lambda most: done < int(most))  # noqa: B023
                out.append(leaving)
            elif block.kind is BlockKind.WHILE:
                party, leaving = self.engine.part(party, value, bool)
                out.append(leaving)
            if self.engine.empty(party) or 0 <= block.count <= done:
                break
            if block.count < 0 and block.kind is not BlockKind.LOOP and done >= MOST_ROUNDS:
                raise RequestError(f"a loop has not ended after {MOST_ROUNDS} rounds")
            self.continued = []
            party = self.engine.join([self.range(node, party), *self.continued])
            done += 1
            if block.kind is BlockKind.REPEAT:
                leaving, party = self.engine.part(party, value, bool)
                out.append(leaving)
        found = self.engine.join([party, *out, *self.broken])
        self.broken, self.continued = outer, outer_continued
        return found


def late_measurements(body: Body) -> dict[int, int]:
    """Return bit → instruction of the measurements that can wait until the end: nothing later asks for their outcome.

    They stand outside of all branches and loops, nothing but barriers follows on their qubit, and their bit is
    neither read nor written again.
    """
    ops = body.instructions["op"]
    if (ops == Op.HALT).any():
        return {}
    asked = {name for block in body.blocks if isinstance(block.value, Expression) for name in block.value.names("bit")}
    asked |= {name for expression in body.expressions for name in expression.names("bit")}
    found: dict[int, int] = {}
    touched: set[int] = set()
    written: set[int] = set()
    depth = 0
    for i in range(len(body.instructions) - 1, -1, -1):
        row = body.instructions[i]
        op = Op(int(row["op"]))
        if op is Op.MEASURE:
            qubit, bit = int(row["a"]), int(row["b"])
            if depth == 0 and qubit not in touched and bit not in written and body.bits[bit] not in asked:
                found[bit] = i
            touched.add(qubit)
            written.add(bit)
        elif op >= Op.ID and op in GATES:
            touched.update(body.gate(i)[1])
        elif op in (Op.RESET, Op.DELAY):
            touched.add(int(row["a"]))
        elif op is Op.SET_BIT:
            written.add(int(row["a"]))
        elif op is Op.CALL:
            touched.update(range(body.n_qubits))
            written.update(range(len(body.bits)))
        elif op in (Op.BEGIN, Op.END):
            box = body.blocks[int(row["a"])].kind is BlockKind.BOX
            depth += 0 if box else 1 if op is Op.END else -1
    return found
