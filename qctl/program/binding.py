"""Puts numbers in the place of parameters: of some in any program, of all at C speed in a circuit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from qctl.cext.binding import Binding
from qctl.errors import RequestError
from qctl.program.body import Body
from qctl.program.expressions import Expression, Value, constant_value
from qctl.program.layout import EXPRESSION_BIT, NONE, Flag
from qctl.program.opcodes import GATES, Op
from qctl.program.sections import TOKENS

__all__ = ["bind", "ready_binding", "values_in_order"]

_WORDS = {word: number for number, word in enumerate(TOKENS)}
_PLAIN_NUMBERS = {float, int, np.float64}


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


def ready_binding(body: Body) -> Binding | None:
    """Return what binds all parameters of a body at once, or None if its expressions are not all angles of parameters.

    Registers, bits and sweeps in expressions, and expressions in blocks, waveforms and captures need `bind`.
    """
    rows = body.instructions
    values = [b.value for b in body.blocks] + [c.duration_s for c in body.captures]
    values += [value for w in body.waveforms for value in (*w.params, w.amp)]
    if any(isinstance(v, Expression) for v in values) or np.isin(rows["op"], (Op.ASSIGN, Op.SET_BIT)).any():
        return None
    index = {name: float(i) for i, name in enumerate(body.parameters)}
    words: list[int] = []
    arguments: list[float] = []
    starts = [0]
    for expression in body.expressions:
        for word, x in expression.code:
            words.append(_WORDS[word])
            if word == "param" and x in index:
                arguments.append(index[x])
            elif word == "const":
                arguments.append(float(x))  # type: ignore[arg-type]
            elif x is None:
                arguments.append(0.0)
            else:
                return None
        starts.append(len(words))
    symbolic = np.flatnonzero((rows["flags"] & Flag.EXPR) != 0)
    return Binding(
        len(body.parameters),
        np.array(words, np.uint8),
        np.array(arguments, np.float64),
        np.array(starts, np.int64),
        np.column_stack((symbolic, rows["b"][symbolic])).astype(np.int64),
        _symbolic(_value_rows(rows), rows["c"]),
        _symbolic(_value_places(rows), body.operands),
    )


def values_in_order(names: tuple[str, ...], values: Mapping[str, float]) -> NDArray[np.float64] | None:
    """Return the values of all these names as an array, or None if some are missing, unknown or no plain numbers."""
    if len(values) != len(names):
        return None
    try:
        found = [values[name] for name in names]
    except KeyError:
        return None
    return np.array(found, np.float64) if _PLAIN_NUMBERS.issuperset(map(type, found)) else None


def _symbolic(places: NDArray, array: NDArray) -> NDArray[np.int64]:
    """Return (place, expression) of the value words that are expressions."""
    places = places[array[places] & EXPRESSION_BIT != 0]
    return np.column_stack((places, array[places] & np.uint32(~EXPRESSION_BIT & 0xFFFFFFFF))).astype(np.int64)


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
