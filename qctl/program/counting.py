"""Says how deep a circuit is and how many of each instruction it has, as Qiskit counts them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from qctl.cext import depths
from qctl.program.body import Body, Range
from qctl.program.expressions import Expression
from qctl.program.layout import CONTROLS_SHIFT, PORT_BIT, Flag
from qctl.program.opcodes import OPCODES, Op

__all__ = ["count_ops", "depth", "wires"]

_UNCOUNTED = (Op.BARRIER, Op.NOP, Op.END)
_KINDS = np.zeros(512, np.uint8)
for _op, _spec in OPCODES.items():
    if _op < len(_KINDS) and _op not in (*_UNCOUNTED, Op.BEGIN, Op.CALL, Op.SET_BIT):
        _KINDS[_op] = 3 if _op is Op.MEASURE else 2 if _spec.n_qubits == 2 else int(bool(_spec.n_qubits))
_KINDS[[Op.RESET, Op.DELAY]] = 1


def count_ops(body: Body) -> dict[str, int]:
    """Return how often each instruction is there, the most frequent first; blocks count by kind, with their content.

    Gates under generic controls are ``ctrl(2) x``, as in the text assembly.
    """
    rows = body.instructions
    gates = (rows["op"] >= Op.ID) & (rows["op"] <= Op.MS)
    controls = np.where(gates, rows["flags"] >> CONTROLS_SHIFT, 0).astype(np.int64)
    keys, counts = np.unique(rows["op"].astype(np.int64) << 8 | controls, return_counts=True)
    found: dict[str, int] = {}
    for key, count in zip(keys.tolist(), counts.tolist(), strict=True):
        op, n_controls = Op(key >> 8), key & 0xFF
        if op not in (Op.BEGIN, Op.END):
            found[f"ctrl({n_controls}) {OPCODES[op].name}" if n_controls else OPCODES[op].name] = count
    for block in body.blocks:
        name = block.kind.name.lower()
        found[name] = found.get(name, 0) + 1
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def depth(body: Body) -> int:
    """Return the number of instructions on the longest way through qubits and bits.

    Barriers don't count and don't hold anything up; a block counts as one instruction on all that it touches.
    """
    rows = np.ascontiguousarray(body.instructions).view("<u4").reshape(-1, 4)
    operands = np.ascontiguousarray(body.operands, np.uint32)
    n_bits = len(body.bits)
    levels = np.zeros(body.n_qubits + n_bits, np.int64)
    done = 0
    for i, end, touched in _special(body):
        depths.advance(rows, done, i, operands, _KINDS, n_bits, levels)
        if touched:
            places = [k + (body.n_qubits if kind == "c" else 0) for kind, k in touched]
            levels[places] = levels[places].max() + 1
        done = end
    depths.advance(rows, done, len(rows), operands, _KINDS, n_bits, levels)
    return int(levels.max(initial=0))


def _special(body: Body) -> Iterator[tuple[int, int, set[tuple[str, int]]]]:
    """Yield where each block or assignment to a bit begins and ends outside of all blocks, and what it touches."""
    blocks = {child.first - 1: child for child in body.structure().children} if body.blocks else {}
    places = np.flatnonzero(body.instructions["op"] == Op.SET_BIT).tolist()
    end = 0
    for i in sorted({*blocks, *places}):
        if i >= end:
            child = blocks.get(i)
            end = child.end + 1 if child else i + 1
            yield i, end, _inside(body, child) if child else set(wires(body, i))


def wires(body: Body, i: int) -> Iterator[tuple[str, int]]:
    """Return the qubits and bits of an instruction, as ``("q", index)`` and ``("c", index)``."""
    row = body.instructions[i]
    op = Op(int(row["op"]))
    if op in _UNCOUNTED or op in (Op.BEGIN, Op.CALL):
        return
    if int(row["flags"]) & Flag.WIDE:
        yield from (("q", q) for q in body.wide(i)[0] if not q & PORT_BIT)
        return
    spec = OPCODES[op]
    if op is Op.SET_BIT:
        yield "c", int(row["a"])
        yield from _bits(body, body.expressions[int(row["b"])])
    elif op in (Op.MEASURE, Op.RESET, Op.DELAY) or spec.n_qubits:
        yield "q", int(row["a"])
        if op is Op.MEASURE:
            yield "c", int(row["b"])
        elif spec.n_qubits == 2:
            yield "q", int(row["b"])


def _bits(body: Body, value: object) -> Iterator[tuple[str, int]]:
    if isinstance(value, Expression):
        yield from (("c", body.bits.index(name)) for name in value.names("bit"))


def _inside(body: Body, node: Range) -> set[tuple[str, int]]:
    """Return all that a block touches."""
    found = set(_bits(body, body.block(node).value))
    for i in range(node.first, node.end):
        found.update(wires(body, i))
        if int(body.instructions[i]["op"]) == Op.BEGIN:
            found.update(_bits(body, body.blocks[int(body.instructions[i]["a"])].value))
    return found
