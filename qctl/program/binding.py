"""Puts numbers in the place of a program's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from qctl.errors import RequestError
from qctl.program.body import Body
from qctl.program.expressions import Expression, Value, constant_value
from qctl.program.layout import EXPRESSION_BIT, NONE, Flag
from qctl.program.opcodes import GATES, Op

__all__ = ["bind"]


def bind(body: Body, values: Mapping[str, float]) -> Body:
    """Return a body whose parameters of these names are numbers.

    What has no other leaf left becomes a constant or an immediate.

    Raises
    ------
    RequestError
        If a name is no parameter, or a value or result is not a finite number.
    """
    for name, number in values.items():
        if name not in body.parameters:
            raise RequestError(f"parameter = {name!r} is none of {list(body.parameters)}")
        constant_value(number, name)
    new = [e.substitute(values) for e in body.expressions]
    for old, value in zip(body.expressions, new, strict=True):
        if isinstance(value, float):
            constant_value(value, str(old))

    rows, words = body.instructions.copy(), body.operands.copy()
    table: dict[Expression, int] = {}
    moved = np.zeros(len(new), np.uint32)
    fixed = np.array([isinstance(v, float) for v in new], bool)
    numbers = np.array([v if isinstance(v, float) else 0.0 for v in new], np.float64)
    kept_whole = set(rows["b"][np.isin(rows["op"], (Op.ASSIGN, Op.SET_BIT))].tolist())
    for i, value in enumerate(new):
        if isinstance(value, Expression) or i in kept_whole:
            whole = value if isinstance(value, Expression) else Expression((("const", value),))
            moved[i] = table.setdefault(whole, len(table))

    symbolic = (rows["flags"] & Flag.EXPR) != 0
    assigned = np.isin(rows["op"], (Op.ASSIGN, Op.SET_BIT))
    to_number = symbolic & ~assigned
    to_number[to_number] = fixed[rows["b"][to_number]]
    rest = symbolic & ~to_number
    rows["b"][rest] = moved[rows["b"][rest]]
    bits = numbers[rows["b"][to_number]].view(np.uint32).reshape(-1, 2)
    rows["flags"][to_number] ^= np.uint16(Flag.EXPR | Flag.IMM)
    rows["b"][to_number], rows["c"][to_number] = bits[:, 0], bits[:, 1]

    constants = [body.constants]
    n_constants = len(body.constants)
    for array, places in ((words, _value_places(rows)), (rows["c"], _value_rows(rows))):
        places = places[array[places] & EXPRESSION_BIT != 0]
        index = array[places] & np.uint32(~EXPRESSION_BIT & 0xFFFFFFFF)
        known = fixed[index]
        array[places[~known]] = moved[index[~known]] | np.uint32(EXPRESSION_BIT)
        array[places[known]] = n_constants + np.arange(known.sum(), dtype=np.uint32)
        constants.append(numbers[index[known]])
        n_constants += int(known.sum())

    def bound(value: Value | None) -> Value | None:
        return value.substitute(values) if isinstance(value, Expression) else value

    blocks = tuple(replace(b, value=bound(b.value)) for b in body.blocks)
    waveforms = tuple(
        replace(w, params=tuple(map(_sure, map(bound, w.params))), amp=_sure(bound(w.amp))) for w in body.waveforms
    )
    captures = tuple(replace(c, duration_s=bound(c.duration_s)) for c in body.captures)
    return replace(
        body,
        instructions=rows,
        operands=words,
        constants=np.concatenate(constants),
        expressions=tuple(table),
        parameters=tuple(p for p in body.parameters if p not in values),
        blocks=blocks,
        waveforms=waveforms,
        captures=captures,
    )


def _sure(value: Value | None) -> Value:
    assert value is not None
    return value


def _value_places(rows: np.ndarray) -> np.ndarray:
    """Return the places of value words in the operand list."""
    wide = rows[(rows["flags"] & Flag.WIDE) != 0]
    counts = wide["c"].astype(np.int64)
    starts = wide["a"].astype(np.int64) + wide["b"]
    return np.repeat(starts - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())


def _value_rows(rows: np.ndarray) -> np.ndarray:
    """Return the rows whose field c is a value word."""
    ops = [Op.PLAY, *(op for op, spec in GATES.items() if (spec.n_qubits, spec.n_params) == (2, 1))]
    return np.flatnonzero(np.isin(rows["op"], ops) & ((rows["flags"] & Flag.WIDE) == 0) & (rows["c"] != NONE))
