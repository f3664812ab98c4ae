"""Bytes of each section of a program, and back; docs/instruction-format.md has the byte tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError, WireError
from qctl.program.body import Body
from qctl.program.cells import Reader, Writer
from qctl.program.envelopes import ENVELOPES
from qctl.program.expressions import LEAVES, MOST_TOKENS, OPERATORS, Expression, Value
from qctl.program.layout import CONSTANT, INSTRUCTION, NONE, OPERAND
from qctl.program.symbol_rows import PLAIN_SYMBOLS, plain_rows, plain_symbols, write_symbol
from qctl.program.tables import (
    Block,
    BlockKind,
    Capture,
    CaptureMode,
    Register,
    RegisterKind,
    Sweep,
    Symbol,
    SymbolKind,
    Waveform,
    own_names,
)

__all__ = ["ITEM_BYTES", "TOKENS", "Section", "decoded", "encoded"]


class Section(IntEnum):
    """Number of each section; sections stand in this order."""

    SYMBOLS = 1
    PARAMETERS = 2
    REGISTERS = 3
    SWEEPS = 4
    EXPRESSIONS = 5
    BLOCKS = 6
    WAVEFORMS = 7
    CAPTURES = 8
    CONSTANTS = 9
    OPERANDS = 10
    INSTRUCTIONS = 11
    METADATA = 12


ITEM_BYTES = {Section.CONSTANTS: 8, Section.OPERANDS: 4, Section.INSTRUCTIONS: 16}
"""Sections that are plain arrays and may be packed, with the size of an item."""

TOKENS: tuple[str, ...] = (*LEAVES, *OPERATORS)
"""Words of the postfix code, by their numbers in the file."""

_WAVEFORMS = tuple(ENVELOPES)
_KIND_LIST = tuple(SymbolKind)
_SPACES = (0, 1, 2, 2)
"""Index space of each kind of symbol."""
_LEAF_TABLE = {"param": "parameters", "sweep": "sweeps", "register": "registers", "bit": "bits"}


def encoded(body: Body) -> dict[Section, bytes | memoryview]:
    """Return the raw bytes of every section that isn't empty, in order; those of arrays are views.

    Raises
    ------
    RequestError
        If a table names what isn't in the program.
    """
    found: dict[Section, bytes | memoryview] = {}
    expressions = {e: i for i, e in enumerate(body.expressions)}
    for section, (write, rows) in _writers(body, expressions).items():
        if rows:
            writer = Writer()
            writer.cell("u32", len(rows))
            if section is Section.SYMBOLS:
                writer.parts.append(plain_rows(body.qubits, body.bits))
                rows = body.ports
            for row in rows:
                write(writer, row)
            found[section] = writer.done()
    arrays: dict[Section, tuple[NDArray, np.dtype]] = {
        Section.CONSTANTS: (body.constants, CONSTANT),
        Section.OPERANDS: (body.operands, OPERAND),
        Section.INSTRUCTIONS: (body.instructions, INSTRUCTION),
    }
    for section, (array, dtype) in arrays.items():
        if len(array):
            found[section] = np.ascontiguousarray(array, dtype).view(np.uint8).data
    return dict(sorted(found.items()))


def _writers(body: Body, expressions: Mapping[Expression, int]) -> dict[Section, tuple[Callable, Any]]:
    def value(w: Writer, v: Value | None) -> None:
        """Write a u8 (0 none, 1 number, 2 expression) and what it says."""
        if v is None:
            w.cell("u8", 0)
        elif isinstance(v, Expression):
            if v not in expressions:
                raise RequestError(f"expression {v} is not in the program's table")
            w.cell("u8", 2)
            w.cell("u32", expressions[v])
        else:
            w.cell("u8", 1)
            w.cell("f64", v)

    def rational(w: Writer, r: Fraction | None) -> None:
        w.cell("u64", r.numerator if r else 0)
        w.cell("u64", r.denominator if r else 0)

    def port(w: Writer, s: Symbol) -> None:
        write_symbol(w, s)
        rational(w, s.clock_hz)
        w.text(s.parent)

    def register(w: Writer, r: Register) -> None:
        w.cell("u8", r.kind)
        w.name(r.name)

    def sweep(w: Writer, s: Sweep) -> None:
        w.name(s.name)
        w.text(s.unit)
        w.array(np.ascontiguousarray(s.values, "<f8"))

    used = {name for e in body.expressions for name in e.names()} - set(body.parameters)
    names = (*body.parameters, *(name for name in own_names(body.blocks) if name in used))
    leaves = {
        "param": {n: i for i, n in enumerate(names)},
        "sweep": {s.name: i for i, s in enumerate(body.sweeps)},
        "register": {r.name: i for i, r in enumerate(body.registers)},
        "bit": {n: i for i, n in enumerate(body.bits)},
    }

    def expression(w: Writer, e: Expression) -> None:
        w.cell("u32", len(e.code))
        for word, x in e.code:
            w.cell("u8", TOKENS.index(word))
            if word == "const":
                w.cell("f64", x)  # type: ignore[arg-type]
            elif word in leaves:
                if x not in leaves[word]:
                    raise RequestError(f"{word} {x!r} of expression {e} is not in the program")
                w.cell("u32", leaves[word][str(x)])

    def block(w: Writer, b: Block) -> None:
        w.cell("u8", b.kind)
        w.cell("u32", b.first)
        w.cell("u32", b.end)
        w.cell("i64", b.count)
        w.cell("u32", b.sweep & NONE)
        value(w, b.value)
        w.text(b.name)
        w.cell("u32", len(b.qubits))
        for q in b.qubits:
            w.cell("u32", q)
        w.cell("u32", len(b.params))
        for p in b.params:
            w.cell("u8", 0 if isinstance(p, str) else 1)
            if isinstance(p, str):
                w.name(p)
            else:
                w.cell("f64", p)

    def waveform(w: Writer, v: Waveform) -> None:
        w.cell("u8", _WAVEFORMS.index(v.kind))
        value(w, v.amp)
        for param in v.params:
            value(w, param)
        if v.samples is not None:
            rational(w, v.rate_hz)
            w.array(np.ascontiguousarray(v.samples, "<c16"))

    def capture(w: Writer, c: Capture) -> None:
        w.name(c.slot)
        w.cell("u8", c.mode)
        value(w, c.duration_s)
        w.cell("u32", c.weights & NONE)
        w.cell("u32", c.bit & NONE)
        w.cell("u32", len(c.axes))
        for axis in c.axes:
            w.name(axis)

    def entry(w: Writer, pair: tuple[str, str]) -> None:
        w.text(pair[0])
        w.text(pair[1])

    return {
        Section.SYMBOLS: (port, body.symbols),
        Section.PARAMETERS: (Writer.name, names),
        Section.REGISTERS: (register, body.registers),
        Section.SWEEPS: (sweep, body.sweeps),
        Section.EXPRESSIONS: (expression, body.expressions),
        Section.BLOCKS: (block, body.blocks),
        Section.WAVEFORMS: (waveform, body.waveforms),
        Section.CAPTURES: (capture, body.captures),
        Section.METADATA: (entry, tuple(body.metadata.items())),
    }


def decoded(sections: Mapping[Section, bytes | memoryview], tick_s: Fraction) -> Body:
    """Return the program that raw sections hold; its instructions are not checked yet.

    Raises
    ------
    WireError
        If a section is malformed, with its name and the byte.
    """
    fields: dict[str, Any] = {"tick_s": tick_s}
    for section, (name, least, read) in _READERS.items():
        if section not in sections:
            fields[name] = ()
            continue
        reader = Reader(sections[section], section.name.lower())
        n_rows = reader.count(least)
        rows = plain_symbols(reader, n_rows) if section is Section.SYMBOLS else []
        rows += [read(reader, fields) for _ in range(n_rows - len(rows))]
        if not rows:
            raise reader.fail("an empty table is left out, not stored")
        reader.end()
        fields[name] = tuple(rows)
    fields.pop("_leaves", None)
    _refuse_twins(fields)
    fields["metadata"] = dict(fields["metadata"])
    own = own_names(fields["blocks"])
    fields["parameters"] = tuple(name for name in fields["parameters"] if name not in own)
    for section, name, dtype in (
        (Section.CONSTANTS, "constants", CONSTANT),
        (Section.OPERANDS, "operands", OPERAND),
        (Section.INSTRUCTIONS, "instructions", INSTRUCTION),
    ):
        raw = sections.get(section, b"")
        if len(raw) % dtype.itemsize:
            raise WireError(f"section {name}: {len(raw)} bytes are not whole items of {dtype.itemsize}")
        fields[name] = np.frombuffer(raw, dtype)
    return Body(**fields)


def _refuse_twins(fields: Mapping[str, Any]) -> None:
    """Refuse rows that a name or value does not tell apart."""
    symbols = fields["symbols"]
    order = [_SPACES[s.kind] for s in symbols]
    if order != sorted(order):
        raise WireError("section symbols: not in the order qubits, bits, ports and frames")
    keys: dict[str, Any] = {
        "symbols": [(space, s.name) for space, s in zip(order, symbols, strict=True)],
        "registers": [r.name for r in fields["registers"]],
        "sweeps": [s.name for s in fields["sweeps"]],
        "parameters": fields["parameters"],
        "expressions": fields["expressions"],
        "metadata": [key for key, _ in fields["metadata"]],
    }
    for name, found in keys.items():
        if len(set(found)) != len(found):
            raise WireError(f"section {name}: a row is there twice")


def _value(r: Reader, fields: Mapping[str, Any]) -> Value | None:
    kind = r.choice(("none", "number", "expression"), "kind of value")
    if kind == 2:
        return _row(r, fields["expressions"], "expression")  # type: ignore[no-any-return]
    return r.number() if kind else None


def _needed(r: Reader, fields: Mapping[str, Any]) -> Value:
    found = _value(r, fields)
    if found is None:
        raise r.fail("a value is missing")
    return found


def _index(r: Reader, count: int, what: str) -> int:
    """Read a u32 index; NONE becomes -1."""
    found = r.cell("u32")
    if found == NONE:
        return -1
    if found >= count:
        raise r.fail(f"{what} = {found} is outside [0, {count - 1}]")
    return found


def _row(r: Reader, rows: Any, what: str) -> Any:
    found = _index(r, len(rows), what)
    if found < 0:
        raise r.fail(f"{what} is missing")
    return rows[found]


def _rational(r: Reader) -> Fraction | None:
    numerator, denominator = r.cell("u64"), r.cell("u64")
    if numerator == denominator == 0:
        return None
    if not numerator or not denominator or (Fraction(numerator, denominator).denominator != denominator):
        raise r.fail(f"{numerator}/{denominator} is no fraction above 0 in lowest terms")
    return Fraction(numerator, denominator)


def _symbol(r: Reader, fields: Mapping[str, Any]) -> Symbol:
    kind = _KIND_LIST[r.choice(_KIND_LIST, "kind of symbol")]
    name = r.name()
    if kind >= SymbolKind.PORT:
        clock, parent = _rational(r), r.text()
        if bool(parent) != (kind is SymbolKind.FRAME):
            raise r.fail("a frame, and nothing else, has a port")
        return Symbol(kind, name, clock, parent)
    return PLAIN_SYMBOLS[kind](name)


def _register(r: Reader, fields: Mapping[str, Any]) -> Register:
    return Register(RegisterKind(r.choice(list(RegisterKind), "kind of register")), r.name())


def _sweep(r: Reader, fields: Mapping[str, Any]) -> Sweep:
    name, unit, values = r.name(), r.text(), r.array("<f8")
    if not len(values):
        raise r.fail(f"sweep {name!r} has no value")
    return Sweep(name, values, unit)


def _leaves(fields: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """Return the names that leaves of expressions may have, by kind; made once."""
    if "_leaves" not in fields:
        bits = [s.name for s in fields["symbols"] if s.kind == SymbolKind.BIT]
        names = {name: [s.name for s in fields[name + "s"]] for name in ("sweep", "register")}
        fields["_leaves"] = {"param": fields["parameters"], "bit": bits, **names}  # type: ignore[index]
    return fields["_leaves"]  # type: ignore[no-any-return]


def _expression(r: Reader, fields: Mapping[str, Any]) -> Expression:
    names = _leaves(fields)
    code: list[tuple[str, str | float | None]] = []
    depth = 0
    n_tokens = r.count(1)
    if n_tokens > MOST_TOKENS:
        raise r.fail(f"an expression of {n_tokens} tokens is over {MOST_TOKENS}")
    for _ in range(n_tokens):
        word = TOKENS[r.choice(TOKENS, "token")]
        if word in LEAVES:
            code.append((word, r.number() if word == "const" else _row(r, names[word], word)))
            depth += 1
            continue
        depth -= OPERATORS[word][0]
        if depth < 0:
            raise r.fail(f"{word} has too few operands")
        code.append((word, None))
        depth += 1
    if depth != 1:
        raise r.fail(f"an expression leaves {depth} values instead of 1")
    return Expression(tuple(code))


def _block(r: Reader, fields: Mapping[str, Any]) -> Block:
    kind = BlockKind(r.choice(list(BlockKind), "kind of block"))
    first, end, count = r.cell("u32"), r.cell("u32"), r.cell("i64")
    sweep = _index(r, len(fields["sweeps"]), "sweep")
    value = _value(r, fields)
    name = r.text()
    qubits = tuple(r.cell("u32") for _ in range(r.count(4)))
    params = tuple(r.number() if r.choice("sf", "kind of parameter") else r.name() for _ in range(r.count(5)))
    if not first < end < 2**31:
        raise r.fail(f"a block from {first} to {end} is not in order")
    return Block(kind, first, end, count, sweep, value, name, qubits, params)


def _waveform(r: Reader, fields: Mapping[str, Any]) -> Waveform:
    kind = _WAVEFORMS[r.choice(_WAVEFORMS, "kind of waveform")]
    amp = _needed(r, fields)
    params = tuple(_needed(r, fields) for _ in ENVELOPES[kind])
    if kind != "samples":
        return Waveform(kind, params, amp)
    rate, array = _rational(r), r.array("<c16")
    if rate is None or not len(array):
        raise r.fail("samples have no rate, or there are none")
    return Waveform(kind, params, amp, array, rate)


def _capture(r: Reader, fields: Mapping[str, Any]) -> Capture:
    slot = r.name()
    mode = CaptureMode(r.choice(list(CaptureMode), "mode of capture"))
    duration_s = _value(r, fields)
    weights = _index(r, len(fields["waveforms"]), "weights")
    bit = _index(r, len(_leaves(fields)["bit"]), "bit")
    return Capture(slot, mode, duration_s, weights, bit, tuple(r.name() for _ in range(r.count(4))))


_READERS: dict[Section, tuple[str, int, Callable[[Reader, Mapping[str, Any]], Any]]] = {
    Section.SYMBOLS: ("symbols", 6, _symbol),
    Section.PARAMETERS: ("parameters", 5, lambda r, fields: r.name()),
    Section.REGISTERS: ("registers", 6, _register),
    Section.SWEEPS: ("sweeps", 17, _sweep),
    Section.EXPRESSIONS: ("expressions", 6, _expression),
    Section.BLOCKS: ("blocks", 32, _block),
    Section.WAVEFORMS: ("waveforms", 2, _waveform),
    Section.CAPTURES: ("captures", 18, _capture),
    Section.METADATA: ("metadata", 8, lambda r, fields: (r.text(), r.text())),
}
