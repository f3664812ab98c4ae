"""Appends one circuit to another: on chosen qubits and bits, several times, with its parameters and branches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from qctl.cext.splice import Maps, append_mapped
from qctl.errors import RequestError
from qctl.program.expressions import Expression, Value
from qctl.program.layout import Flag
from qctl.program.opcodes import OPCODES, Op
from qctl.program.program import Program
from qctl.program.room import refuse_beyond
from qctl.program.tables import BlockKind

__all__ = ["extend", "identity", "refuse_ports"]

_KINDS = {BlockKind.LOOP, BlockKind.IF, BlockKind.ELSE, BlockKind.WHILE, BlockKind.REPEAT, BlockKind.BOX}
"""Blocks that may be appended; the others are named once in a program."""


def extend(
    target: Program,
    source: Program,
    qubits: Sequence[int | str] | None = None,
    bits: Sequence[int | str] | None = None,
    n_times: int = 1,
) -> None:
    """Append a circuit to a program.

    Parameters
    ----------
    target, source : Program
        They may be the same one.
    qubits, bits : sequence of int or str, optional
        Of the target, one for each of the source; by default those of the same index.
    n_times : int

    Raises
    ------
    RequestError
        If the source has pulses, subroutines or open blocks, or the qubits or bits don't fit.
    """
    _refuse(target, source)
    onto = _indices("qubit", qubits, source.n_qubits, target.n_qubits, lambda q: target.refuse_qubit(-1, q))
    into = _indices("bit", bits, source.n_bits, target.n_bits, target.bit_index)
    registers = _registers(target, source)
    names = dict(zip(source.bits, (target.bits[i] for i in into), strict=True)) if source._expressions else {}

    def placed(value: Expression) -> Expression:
        return _renamed(value, names)

    def place(index: int, negative: bool) -> int:
        return target.expression_index(placed(source._expressions[index]))

    rows, words, numbers = source.counts()
    had = target.counts()
    refuse_beyond(
        had[0] + n_times * rows,
        had[1] + n_times * words,
        had[2] + n_times * numbers,
        f"a circuit of {rows} instructions, {n_times} times,",
    )
    n_rows, blocks, before = len(source), list(source._blocks), len(target._blocks)
    maps = Maps(onto, into, registers, len(source._expressions), place, before, len(blocks))
    starts = [len(target) + k * n_rows for k in range(n_times if blocks else 0)]
    append_mapped(target, source, maps, n_times)
    for start in starts:
        for block in blocks:
            value: Value | None = block.value
            if isinstance(value, Expression):
                value = placed(value)
                target.expression_index(value)
            target._blocks.append(replace(block, first=block.first + start, end=block.end + start, value=value))


def identity(n: int) -> NDArray[np.uint32]:
    """Return the indices 0 … n - 1."""
    return np.arange(n, dtype=np.uint32)


def refuse_ports(source: Program) -> None:
    """Raise RequestError if a program has ports: they can't be placed on another program's qubits."""
    if source.ports:
        raise RequestError(
            f"the program has the ports {', '.join(source.ports)}; what is composed acts on qubits alone"
        )


def _refuse(target: Program, source: Program) -> None:
    if source._open:
        raise RequestError("the circuit to append has an open block")
    rows = source.body.instructions
    if len(rows) and rows["op"].max() > Op.MS:
        i = int(np.argmax(rows["op"] > Op.MS))
        raise RequestError(
            f"instruction {i} ({OPCODES[Op(int(rows['op'][i]))].name}) is of a pulse program, not a circuit"
        )
    for i, block in enumerate(source._blocks):
        if block.kind not in _KINDS:
            raise RequestError(f"block {i} ({block.kind.name.lower()}) can't be appended to another program")
    if source.tick_s != target.tick_s and (rows["flags"] & Flag.TICKS).any():
        raise RequestError(f"tick_s = {source.tick_s} is not that of the program appended to, {target.tick_s}")
    refuse_ports(source)


def _indices(
    what: str, given: Sequence[int | str] | None, n: int, n_target: int, find: Callable[[int | str], int]
) -> NDArray[np.uint32]:
    """Return the target's index of each symbol of the source."""
    if given is None:
        if n > n_target:
            raise RequestError(f"the circuit to append has {n} {what}s, the program appended to has {n_target}")
        return identity(n)
    found = [find(value) for value in given]
    if len(found) != n:
        raise RequestError(f"{len(found)} {what}s are given for the {n} of the circuit to append")
    if len(set(found)) != n:
        twice = next(i for k, i in enumerate(found) if i in found[:k])
        raise RequestError(f"{what} = {twice} is given twice")
    return np.array(found, np.uint32)


def _registers(target: Program, source: Program) -> NDArray[np.uint32]:
    """Return the index of each register, one of the same name where there is one."""
    kinds = {r.name: r.kind for r in target._registers}
    for register in source._registers:
        if register.name not in kinds:
            target.add_register(register.name, register.kind)
        elif kinds[register.name] is not register.kind:
            raise RequestError(
                f"register {register.name!r} is {register.kind.name} here, {kinds[register.name].name} there"
            )
    return np.array([target.register_index(r.name) for r in source._registers], np.uint32)


def _renamed(value: Expression, bits: dict[str, str]) -> Expression:
    """Return an expression with other names for its bits."""
    if not any(word == "bit" for word, _ in value.code):
        return value
    return Expression(tuple((word, bits[str(x)] if word == "bit" else x) for word, x in value.code))
