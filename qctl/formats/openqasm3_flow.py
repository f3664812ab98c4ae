"""Control flow of an OpenQASM 3 text: if, while and for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import openpulse.ast as ast

from qctl.errors import ParseError
from qctl.formats.conditions import TRUE, is_set
from qctl.formats.openqasm3_classical import Classical
from qctl.formats.openqasm3_expressions import Evaluator
from qctl.formats.openqasm3_parse import place_of
from qctl.formats.openqasm3_scope import Entry
from qctl.formats.openqasm3_values import Bits, as_number, binary
from qctl.program.expressions import Expression
from qctl.program.program import Program

__all__ = ["Flow", "names_assigned_at_run"]

_EXITS = (ast.BreakStatement, ast.EndStatement, ast.ReturnStatement)
_RUN_BLOCKS = (ast.BranchingStatement, ast.WhileLoop, ast.SwitchStatement)


def nodes_of(root: Any) -> Iterator[Any]:
    """Yield every node of a tree, or of a list of trees; parents first, without recursion."""
    todo = [root]
    while todo:
        node = todo.pop()
        if isinstance(node, (list, tuple)):
            todo.extend(node)
        elif isinstance(node, ast.QASMNode):
            yield node
            todo.extend(getattr(node, field.name) for field in dataclasses.fields(node) if field.name != "span")


def _assigned(root: Any) -> Iterator[str]:
    for node in nodes_of(root):
        if isinstance(node, ast.ClassicalAssignment):
            yield node.lvalue.name.name if isinstance(node.lvalue, ast.IndexedIdentifier) else node.lvalue.name


def names_assigned_at_run(statements: list[Any]) -> frozenset[str]:
    """Return the names that blocks of the run assign to: those variables need a register."""
    found: set[str] = set()
    seen: set[int] = set()
    for node in nodes_of(statements):
        if isinstance(node, _RUN_BLOCKS) and id(node) not in seen:
            seen.update(id(inner) for inner in nodes_of(node))
            found.update(_assigned(node))
    return frozenset(found)


class Flow:
    """Turn control flow into blocks, or play it out where it is known before the run.

    Parameters
    ----------
    program, evaluator, classical
        What it emits to, and what it reads values with.
    statements : callable
        Reads a list of statements in the current scope.
    """

    def __init__(
        self, program: Program, evaluator: Evaluator, classical: Classical, statements: Callable[[list[Any]], None]
    ) -> None:
        self.program = program
        self.evaluator = evaluator
        self.classical = classical
        self.statements = statements
        self._loops: list[bool] = []
        """For each loop around: whether it is a block (True) or unrolled."""

    def condition(self, node: Any) -> bool | Expression:
        """Return a condition: a bool if it is known, else an expression."""
        value = self.evaluator.value(node)
        if isinstance(value, Bits):
            return is_set(value.names[0]) if len(value.names) == 1 else binary("!=", value, 0)
        try:
            number = as_number(value)
        except ParseError as error:
            raise ParseError(error.message, *place_of(node)) from None
        return number if isinstance(number, Expression) else bool(number)

    def branch(self, node: ast.BranchingStatement) -> None:
        """Read an if; one on a constant plays out at once."""
        test = self.condition(node.condition)
        if isinstance(test, bool):
            self._scoped(node.if_block if test else node.else_block)
            return
        with self.program.if_(test):
            self._scoped(node.if_block)
        if node.else_block:
            with self.program.else_():
                self._scoped(node.else_block)

    def while_loop(self, node: ast.WhileLoop) -> None:
        """Read a while; one that is known to be false leaves nothing.

        Raises
        ------
        ParseError
            If it is known to be true and has no way out.
        """
        test = self.condition(node.while_condition)
        if test is False:
            return
        if test is True and not any(isinstance(inner, _EXITS) for inner in nodes_of(node.block)):
            text = "this while never ends: its condition is always true, and it has no break"
            raise ParseError(text, *place_of(node))
        self._loops.append(True)
        with self.program.while_(TRUE if test is True else test):
            self._scoped(node.block)
        self._loops.pop()

    def for_loop(self, node: ast.ForInLoop) -> None:
        """Read a for: a LOOP block where the rounds are alike, else one round after the other."""
        values = self._values(node.set_declaration)
        count = _length(values)
        name = node.identifier.name
        self.classical.new_name(name)
        if count > 1 and self._alike(node.block, name):
            self._loops.append(True)
            with self.program.loop(count):
                self._scoped(node.block)
            self._loops.pop()
            return
        self.evaluator.budget.spend(count, *place_of(node))
        self._loops.append(False)
        for value in values:
            with self.evaluator.scope.inner({name: Entry(self.evaluator.convert(value, node.type), node.type)}):
                self.statements(node.block)
        self._loops.pop()

    def break_(self, node: ast.BreakStatement) -> None:
        """Leave the innermost loop."""
        self._check_loop("break")
        self.program.break_()

    def continue_(self, node: ast.ContinueStatement) -> None:
        """Go on with the innermost loop's next round."""
        self._check_loop("continue")
        self.program.continue_()

    def _check_loop(self, word: str) -> None:
        if not self._loops or not self._loops[-1]:
            raise ParseError(f"{word} in a loop that is unrolled is not supported")

    def _scoped(self, nodes: list[Any]) -> None:
        with self.evaluator.scope.inner():
            self.statements(nodes)

    def _values(self, node: Any) -> Sequence[Any]:
        if isinstance(node, ast.RangeDefinition):
            return self.evaluator.range(node)
        if isinstance(node, ast.DiscreteSet):
            found = [self.evaluator.value(item) for item in node.values]
            if any(isinstance(as_number(value), Expression) for value in found):
                raise ParseError("the values of a for loop are not known before the run", *place_of(node))
            return found
        raise ParseError("a for loop over something else than a range or a set is not supported", *place_of(node))

    def _alike(self, block: list[Any], name: str) -> bool:
        """Say whether every round emits the same: it neither reads the loop variable nor changes a known value."""
        for node in nodes_of(block):
            if isinstance(node, ast.Identifier) and node.name == name:
                return False
            if isinstance(node, ast.ClassicalDeclaration) and not isinstance(node.type, ast.BitType):
                return False
        return not any(self._is_known(target) for target in _assigned(block))

    def _is_known(self, name: str) -> bool:
        entry = self.evaluator.scope.find(name)
        return entry is not None and not entry.register and not isinstance(entry.value, Bits)


def _length(values: Sequence[Any]) -> int:
    if isinstance(values, range):
        return max(0, -((values.start - values.stop) // values.step))
    return len(values)
