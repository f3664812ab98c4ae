"""Translate a whole program to a target and write it again as a program: the public `qctl.translate`."""

from __future__ import annotations

from dataclasses import replace
from typing import TypedDict, TypeVar

import numpy as np
from numpy.typing import NDArray

from qctl.compiler.measured import translated_rows
from qctl.compiler.target import Target, target_of
from qctl.compiler.translate import Native
from qctl.errors import CompileError
from qctl.lab import AtomProcessor, IonProcessor, TransmonProcessor
from qctl.program.body import Body
from qctl.program.expressions import Expression
from qctl.program.layout import CONSTANT, EXPRESSION_BIT, INSTRUCTION, OPERAND, Flag
from qctl.program.opcodes import Op
from qctl.program.places import KEY as PLACES
from qctl.program.program import Program, expect_program
from qctl.program.tables import Symbol, SymbolKind

__all__ = ["translate"]

_TURNS = (Op.RXX, Op.RZZ, Op.RZX)
"""Rows of these name a constant."""
_STRUCTURE = (Op.BEGIN, Op.END, Op.CALL, Op.BREAK, Op.CONTINUE, Op.HALT, Op.ASSIGN, Op.SET_BIT)


class _Options(TypedDict):
    seed: int
    approximation: float
    time_limit_s: float | None
    threads: int


AnyProgram = TypeVar("AnyProgram", bound=Program)


def translate(
    program: AnyProgram,
    target: Target | TransmonProcessor | IonProcessor | AtomProcessor,
    level: int = 2,
    seed: int = 1,
    *,
    approximation: float = 0.0,
    time_limit_s: float | None = None,
    threads: int = 1,
) -> AnyProgram:
    """Return a program in a target's native gates, on its qubits and couplers; equal up to a global phase.

    Parameters
    ----------
    program : Program
        Gates; angles may be symbolic.
    target : Target or Processor
        Native gates and coupling graph.
    level : int
        0 keeps the program's numbers as start layout; 1 searches one, 2 tries several, 3 many.
    seed : int
        Of layout and routing: same seed, same result, on every machine.
    approximation : float
        Average gate infidelity, from 0 to below 1, that each two-qubit block may lose to become a shorter one or none.
        0 keeps all angles.
    time_limit_s : float, optional
        Time after which no new layout is tried. There is always a valid result, of one pass at least; which one
        depends on the machine if time runs out.
    threads : int
        Threads that try layouts at the same time; the result is the same for any number.

    Returns
    -------
    Program, or Circuit for a Circuit
        With one qubit for each of the target's; `metadata` has ``layout`` and ``final_layout``, the physical qubit of
        each of the program's qubits before and after. Bits go with their qubits. In a program with blocks both are the
        same, because every block leaves the qubits where they were. ``infidelity`` is there if something was
        approximated, the sum over all blocks; ``expected_success`` if the target has rates.

    Raises
    ------
    CompileError
        If the program doesn't fit the target.
    RequestError
        If an option is out of its range.
    """
    goal = target if isinstance(target, Target) else target_of(target)
    body = expect_program(program).body
    n = goal.size(body.n_qubits)
    if body.n_qubits > n:
        raise CompileError(f"the program has {body.n_qubits} qubits, the target {n}")
    ops = body.instructions["op"]
    marks = np.flatnonzero(np.isin(ops, _STRUCTURE)).tolist()
    whole = not marks and not body.ports
    out = _Rows(body)
    at = 0
    layout = final = tuple(range(body.n_qubits))
    starts: dict[int, int] = {}
    infidelity = 0.0
    success: float | None = None
    options: _Options = {
        "seed": seed,
        "approximation": approximation,
        "time_limit_s": time_limit_s,
        "threads": threads,
    }
    for mark in [*marks, len(body)]:
        if at < mark or whole:
            source = (body.instructions[at:mark], body.operands, body.constants, body.n_qubits, goal)
            made, success = translated_rows(*source, level=level if whole else 0, home=not whole, **options)
            out.add(made)
            infidelity += made.infidelity
            if whole:
                layout, final = made.layout, made.final_layout
        if mark < len(body):
            starts[mark] = out.n_rows
            out.keep(body.instructions[mark : mark + 1])
        at = mark + 1
    symbols = (
        *(Symbol(SymbolKind.QUBIT, f"q[{k}]") for k in range(n)),
        *(symbol for symbol in body.symbols if symbol.kind is not SymbolKind.QUBIT),
    )
    blocks = (replace(block, first=starts[block.first], end=starts[block.end]) for block in body.blocks)
    metadata = {
        **{key: text for key, text in body.metadata.items() if key != PLACES},
        "layout": ",".join(map(str, layout)),
        "final_layout": ",".join(map(str, final)),
        **({"infidelity": repr(infidelity)} if infidelity else {}),
        **({"expected_success": repr(success)} if success is not None else {}),
    }
    rows, words, numbers = out.arrays()
    return type(program).from_body(
        replace(
            body,
            symbols=symbols,
            instructions=rows,
            operands=words,
            constants=numbers,
            expressions=tuple(out.expressions),
            blocks=tuple(blocks),
            metadata=metadata,
        )
    )


class _Rows:
    """The instructions of the result, as they are put together; the source's constants stay where it has pulses."""

    def __init__(self, body: Body) -> None:
        self.expressions = [*body.expressions]
        self._numbers = {expression: k for k, expression in enumerate(body.expressions)}
        self._rows: list[NDArray] = []
        self._words: list[NDArray[np.uint32]] = []
        self._constants: list[NDArray[np.float64]] = [body.constants] if body.ports else []
        self.n_rows = self._n_words = 0
        self._n_constants = len(body.constants) if body.ports else 0

    def keep(self, rows: NDArray) -> None:
        """Append rows as they stand."""
        self._rows.append(rows)
        self.n_rows += len(rows)

    def add(self, made: Native) -> None:
        """Append a straight line."""
        rows, words = made.rows, made.words
        if made.symbols or self._n_words or (len(made.numbers) and self._n_constants):
            rows, words = rows.copy(), words.copy()
            index = np.array([self._expression(times, k) for times, k in made.symbols], np.uint32)
            gates = rows["op"] >= Op.ID
            gates &= rows["op"] <= Op.MS
            wide = (rows["flags"] & Flag.WIDE) != 0
            for i in np.flatnonzero(gates & wide).tolist():
                start = int(rows["a"][i] + rows["b"][i])
                for k in range(start, start + int(rows["c"][i])):
                    symbolic = words[k] & EXPRESSION_BIT
                    words[k] = (
                        EXPRESSION_BIT | index[words[k] ^ EXPRESSION_BIT]
                        if symbolic
                        else (words[k] + self._n_constants)
                    )
            turns = ~wide & np.isin(rows["op"], _TURNS)
            rows["c"][turns] += self._n_constants
            symbolic = gates & ((rows["flags"] & Flag.EXPR) != 0)
            rows["b"][symbolic] = index[rows["b"][symbolic]]
            rows["a"][wide] += self._n_words
        self.keep(rows)
        self._words.append(words)
        self._n_words += len(words)
        self._constants.append(made.numbers)
        self._n_constants += len(made.numbers)

    def _expression(self, times: float, k: int) -> int:
        """Return the index of a multiple of an expression."""
        if times == 1:
            return k
        made: Expression = times * self.expressions[k]
        index = self._numbers.setdefault(made, len(self.expressions))
        if index == len(self.expressions):
            self.expressions.append(made)
        return index

    def arrays(self) -> tuple[NDArray, NDArray[np.uint32], NDArray[np.float64]]:
        """Return the rows, operand words and constants."""
        return (
            np.concatenate([np.empty(0, INSTRUCTION), *self._rows]),
            np.concatenate([np.empty(0, OPERAND), *self._words]),
            np.concatenate([np.empty(0, CONSTANT), *self._constants]),
        )
