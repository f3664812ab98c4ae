"""Translate a whole program to a target and write it again as a program: the public `qctl.translate`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from itertools import pairwise
from typing import Any, TypeVar

from qctl.compiler.route import Routed
from qctl.compiler.steps import Step
from qctl.compiler.translate import Target, native_steps, target_of
from qctl.compiler.unroll import steps_between
from qctl.errors import CompileError
from qctl.lab import AtomProcessor, IonProcessor, TransmonProcessor
from qctl.program.body import Body, Range
from qctl.program.layout import PORT_BIT
from qctl.program.opcodes import GATES, Op
from qctl.program.places import KEY as PLACES
from qctl.program.program import Program
from qctl.program.tables import Block, BlockKind, SymbolKind

__all__ = ["translate"]

_STRUCTURE = frozenset((Op.CALL, Op.BREAK, Op.CONTINUE, Op.HALT, Op.ASSIGN, Op.SET_BIT))


AnyProgram = TypeVar("AnyProgram", bound=Program)


def translate(
    program: AnyProgram,
    target: Target | TransmonProcessor | IonProcessor | AtomProcessor,
    level: int = 2,
    seed: int = 1,
) -> AnyProgram:
    """Return a program in a target's native gates, on its qubits and couplers; equal up to a global phase.

    Parameters
    ----------
    program : Program
        Gates; angles may be symbolic.
    target : Target or Processor
        Native gates and coupling graph.
    level : int
        0 keeps the program's numbers as start layout, 1 searches one; 2 and 3 are accepted and act as 1.
    seed : int
        Of layout and routing: same seed, same result.

    Returns
    -------
    Program, or Circuit for a Circuit
        With one qubit for each of the target's; `metadata` has ``layout`` and ``final_layout``, the physical qubit of
        each of the program's qubits before and after. Bits go with their qubits. In a program with blocks both are the
        same, because every block leaves the qubits where they were.

    Raises
    ------
    CompileError
        If the program doesn't fit the target.
    """
    goal = target if isinstance(target, Target) else target_of(target)
    body = program.body
    n = len(goal.graph(body.n_qubits))
    if body.n_qubits > n:
        raise CompileError(f"the program has {body.n_qubits} qubits, the target {n}")
    out = _empty(body, n)
    tree = body.structure()
    options: dict[str, Any] = {"level": level, "seed": seed}
    if tree.children or body.ports or any(op in _STRUCTURE for op in set(body.instructions["op"].tolist())):
        _Rewriting(body, out, goal, options).run(tree)
        layout = final = tuple(range(body.n_qubits))
    else:
        routed = native_steps(steps_between(body, 0, len(body)), body.n_qubits, goal, **options)
        _append(out, body, routed.steps)
        layout, final = routed.layout, routed.final_layout
    out.metadata = {
        **{key: text for key, text in body.metadata.items() if key != PLACES},
        "layout": ",".join(map(str, layout)),
        "final_layout": ",".join(map(str, final)),
    }
    return type(program).from_body(out.body)


def _empty(body: Body, n_qubits: int) -> Program:
    out = Program((), n_qubits, body.bits, tick_s=body.tick_s)
    for symbol in body.ports:
        if symbol.kind is SymbolKind.FRAME:
            out.add_frame(symbol.name, symbol.parent)
        else:
            out.add_port(symbol.name, symbol.clock_hz)
    for register in body.registers:
        out.add_register(register.name, register.kind)
    return out


class _Rewriting:
    """Copies the blocks of a program, and translates what is between them."""

    def __init__(self, body: Body, out: Program, target: Target, options: dict[str, Any]) -> None:
        self.body = body
        self.out = out
        self.target = target
        self.options = {**options, "level": 0}

    def run(self, node: Range) -> None:
        """Write a node's instructions and blocks."""
        at = node.first
        for child in node.children:
            self._line(at, child.first - 1)
            with self._bracket(self.body.block(child)):
                self.run(child)
            at = child.end + 1
        self._line(at, node.end)

    def _line(self, first: int, end: int) -> None:
        ops = self.body.instructions["op"].tolist()
        at = first
        for i in range(first, end + 1):
            if i < end and ops[i] not in _STRUCTURE:
                continue
            if at < i:
                steps = steps_between(self.body, at, i)
                routed = native_steps(steps, self.body.n_qubits, self.target, **self.options)
                _append(self.out, self.body, self._restored(routed))
            if i < end:
                self._structure(i, Op(ops[i]))
            at = i + 1

    def _restored(self, routed: Routed) -> Sequence[Step]:
        """Return a segment with its qubits brought back to where they were."""
        if routed.final_layout == routed.layout:
            return routed.steps
        place = list(routed.final_layout)
        back: list[Step] = []
        graph = self.target.graph(self.body.n_qubits)
        # Bubble along ways that are free of what is already home, one qubit after the other.
        order = _leaves_first(graph)
        for k, home in enumerate(order):
            if home >= len(place) or place[home] == home:
                continue
            for a, b in pairwise(_way(graph, place[home], home, set(order[:k]))):
                back.append(Step(Op.SWAP, (a, b)))
                place = [b if p == a else a if p == b else p for p in place]
        done = native_steps(back, len(graph), self.target, level=0, fixed=False)
        return (*routed.steps, *done.steps)

    def _bracket(self, block: Block) -> AbstractContextManager[Any]:
        out = self.out
        kind = block.kind
        limit = None if block.count < 0 else block.count
        if kind is BlockKind.LOOP:
            return out.loop(block.count if block.count >= 0 else block.value, block.name)  # type: ignore[arg-type]
        if kind is BlockKind.SWEEP:
            sweep = self.body.sweeps[block.sweep]
            return out.sweep(sweep.name, sweep.values, sweep.unit)
        if kind is BlockKind.IF:
            return out.if_(block.value)
        if kind is BlockKind.ELSE:
            return out.else_()
        if kind is BlockKind.WHILE:
            return out.while_(block.value, max_count=limit)
        if kind is BlockKind.REPEAT:
            return out.repeat_until(block.value, max_count=limit)
        if kind is BlockKind.CALL:
            return out.subroutine(block.name)
        if kind is BlockKind.CAL:
            return out.cal(block.name, block.qubits, block.params)
        return out.box(block.name)

    def _structure(self, i: int, op: Op) -> None:
        row = self.body.instructions[i]
        a, b = int(row["a"]), int(row["b"])
        if op is Op.CALL:
            self.out.call(self.body.blocks[a].name)
        elif op is Op.ASSIGN:
            self.out.assign(self.body.registers[a].name, self.body.expressions[b])
        elif op is Op.SET_BIT:
            self.out.set_bit(a, self.body.expressions[b])
        else:
            {Op.BREAK: self.out.break_, Op.CONTINUE: self.out.continue_, Op.HALT: self.out.halt}[op]()


def _leaves_first(graph: Any) -> list[int]:
    """Return the qubits so that removing them in this order leaves the rest connected."""
    seen = [min(graph)]
    for at in seen:
        seen += [other for other in sorted(graph[at]) if other not in seen]
    return seen[::-1]


def _way(graph: Any, start: int, end: int, closed: set[int]) -> list[int]:
    """Return a shortest way from start to end that avoids some qubits."""
    before = {start: start}
    todo = [start]
    for at in todo:
        for other in sorted(graph[at]):
            if other not in before and other not in closed:
                before[other] = at
                todo.append(other)
    way = [end]
    while way[-1] != start:
        way.append(before[way[-1]])
    return way[::-1]


def _append(out: Program, body: Body, steps: Sequence[Step]) -> None:
    """Append steps to a program."""
    names = [symbol.name for symbol in body.ports]
    for step in steps:
        op = step.op
        if op in GATES:
            out.append(op, step.qubits, step.params, step.n_controls)  # type: ignore[arg-type]
        elif op is Op.MEASURE:
            out.measure(step.qubits[0], step.number)
        elif op is Op.RESET:
            out.reset(step.qubits[0])
        elif op is Op.BARRIER:
            out.emit_wide(Op.BARRIER, [*step.qubits, *(PORT_BIT | p for p in step.ports)])
        elif op is Op.DELAY:
            (value,) = step.params
            symbol: int | str = names[step.ports[0]] if step.ports else step.qubits[0]
            out.delay(symbol, value if not hasattr(value, "numerator") else float(value))  # type: ignore[arg-type]
        elif op is Op.PLAY:
            out.play(names[step.ports[0]], body.waveforms[step.number], step.params[0])  # type: ignore[arg-type]
        elif op is Op.CAPTURE:
            row = body.captures[step.number]
            weights = body.waveforms[row.weights] if row.weights >= 0 else None
            bit = row.bit if row.bit >= 0 else None
            out.capture(
                names[step.ports[0]],
                weights,
                row.slot,
                mode=row.mode,
                duration_s=row.duration_s,
                bit=bit,
                axes=row.axes,
            )
        else:
            method = getattr(out, op.name.lower())
            method(names[step.ports[0]], step.params[0])
