"""Says whether a body's instructions, blocks and tables fit together."""

from __future__ import annotations

import numpy as np

from qctl.cext.checks import check
from qctl.program.body import Body
from qctl.program.layout import INSTRUCTION, OPERAND
from qctl.program.opcodes import GATES, OP_BY_NAME, OPCODES, Op
from qctl.program.tables import BlockKind, RegisterKind, SymbolKind

__all__ = ["fault", "row_fault"]

_NONE = np.empty((0, 3), np.int32)
_CALIBRATED = {*GATES, Op.MEASURE, Op.RESET}


def fault(body: Body) -> str:
    """Return what is wrong with a body, or an empty string."""
    return row_fault(body) or _block_fault(body) or _table_fault(body)


def row_fault(body: Body) -> str:
    """Return which instruction is wrong, or names what isn't there, and how; or an empty string."""
    if body.is_sound:
        return ""
    counts = (
        body.n_qubits,
        len(body.bits),
        len(body.ports),
        len(body.expressions),
        len(body.constants),
        len(body.waveforms),
        len(body.captures),
        len(body.registers),
    )
    blocks = (
        np.array([(b.kind, b.first, b.end) for b in body.blocks], np.int32).reshape(-1, 3) if body.blocks else _NONE
    )
    rows = np.ascontiguousarray(body.instructions, INSTRUCTION)
    found = check(rows.view(np.uint8), np.ascontiguousarray(body.operands, OPERAND), blocks, counts)
    if found is None:
        return ""
    i, what = found
    if i == len(rows):
        return f"the program {what}"
    name = OPCODES[Op(int(rows[i]["op"]))].name if int(rows[i]["op"]) in OPCODES else f"0x{int(rows[i]['op']):04x}"
    return f"instruction {i} ({name}) {what}"


def _block_fault(body: Body) -> str:
    """Check the fields of each block against its kind, and that no sweep is inside itself."""
    routines = [b.name for b in body.blocks if b.kind is BlockKind.CALL]
    if len(set(routines)) != len(routines) or "" in routines:
        return "subroutines have no name of their own"
    around: list[tuple[int, int]] = []
    for i, b in enumerate(body.blocks):
        place = f"block {i} ({b.kind.name.lower()})"
        counted = b.kind in (BlockKind.LOOP, BlockKind.WHILE, BlockKind.REPEAT)
        tested = b.kind in (BlockKind.IF, BlockKind.WHILE, BlockKind.REPEAT)
        if b.count < -1 or (b.count >= 0 and not counted):
            return f"{place} has count = {b.count}"
        if b.kind is BlockKind.LOOP and (b.count < 0) == (b.value is None):
            return f"{place} has not one count"
        if b.kind is not BlockKind.LOOP and (b.value is None) == tested:
            return f"{place} has {'no' if tested else 'a'} condition"
        if (b.sweep >= 0) != (b.kind is BlockKind.SWEEP):
            return f"{place} has sweep = {b.sweep}"
        if b.kind is BlockKind.CAL:
            if OP_BY_NAME.get(b.name) not in _CALIBRATED:
                return f"{place} calibrates {b.name!r}, which is no gate"
            if not all(0 <= q < body.n_qubits for q in b.qubits):
                return f"{place} names a qubit that isn't there"
        elif b.qubits or b.params:
            return f"{place} has qubits or params"
        around = [(end, sweep) for end, sweep in around if end > b.first]
        if b.kind is BlockKind.SWEEP:
            if any(sweep == b.sweep for _, sweep in around):
                return f"{place} is inside a block of its own sweep"
            around.append((b.end, b.sweep))
    return ""


def _table_fault(body: Body) -> str:
    ports = {s.name for s in body.ports if s.kind is SymbolKind.PORT}
    for s in body.ports:
        if s.kind is SymbolKind.FRAME and s.parent not in ports:
            return f"frame {s.name!r} is on port {s.parent!r}, which isn't there"
    if any(r.kind is RegisterKind.BIT for r in body.registers):
        return "a register of kind bit must be a symbol"
    axes = {"shot", *(s.name for s in body.sweeps), *(b.name for b in body.blocks if b.kind is BlockKind.LOOP)}
    for c in body.captures:
        for axis in c.axes:
            if axis not in axes:
                return f"capture into {c.slot!r} has the axis {axis!r}, which is no sweep or loop"
        if len(set(c.axes)) != len(c.axes):
            return f"capture into {c.slot!r} has an axis twice"
    return ""
