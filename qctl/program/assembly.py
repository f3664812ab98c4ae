"""Reads text assembly: one statement a line, tables before their use; docs/instruction-format.md has the grammar."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from qctl.errors import ParseError, QctlError, RequestError
from qctl.program.body import Body
from qctl.program.checking import fault
from qctl.program.expressions import Expression, Value
from qctl.program.infix import value
from qctl.program.layout import CONTROLS_SHIFT, NONE, PORT_BIT
from qctl.program.opcodes import OP_BY_NAME, OPCODES, Form, Op, OpSpec
from qctl.program.table_text import TableReader
from qctl.program.tables import Block, BlockKind, SymbolKind
from qctl.program.tokens import Line

__all__ = ["from_text"]

_BLOCKS = {**{k.name.lower(): k for k in BlockKind if k is not BlockKind.CALL}, "subroutine": BlockKind.CALL}
_TABLES = {name.removeprefix("read_") for name in dir(TableReader) if name.startswith("read_")}


def _builder() -> Any:
    """Return a program that takes any float, NaN included, as the format does."""
    program = import_module("qctl.program.program").Program  # text and program need each other

    class Anything(program):  # type: ignore[misc, valid-type]
        def resolve(self, op: int, value: Any) -> Any:
            return value if isinstance(value, float) else super().resolve(op, value)

    return Anything()


def from_text(text: str) -> Body:
    """Return the body that a text assembly describes.

    Raises
    ------
    ParseError
        With line and column.
    """
    reader = _Reader(_builder())
    lines = text.splitlines()
    for number, shown in enumerate(lines, 1):
        line = Line(shown, number)
        if not line.tokens:
            continue
        try:
            reader.statement(line)
            if line.at < len(line.tokens):
                raise line.fail(f"{line.peek()!r} is left over")
        except ParseError:
            raise
        except (QctlError, OverflowError) as error:
            raise ParseError(str(error), number, line.tokens[max(line.at - 1, 0)][2]) from None
    if reader.open:
        raise ParseError(f"{len(reader.open)} blocks are not closed", len(lines), 1)
    if not reader.started:
        raise ParseError("the first statement is not 'qis 1.0'", 1, 1)
    try:
        body: Body = reader.program.body
        wrong = fault(body)
    except RequestError as error:
        wrong = error.message
    if wrong:
        raise ParseError(wrong, len(lines), 1)
    return body


class _Reader(TableReader):
    """Statements into a program, one line at a time."""

    def __init__(self, program: Any) -> None:
        super().__init__(program)
        self.open: list[int] = []
        self.started = False

    def statement(self, line: Line) -> None:
        """Read one line."""
        word = line.peek()
        if not self.started:
            if line.tokens[0][1] != "qis" or line.peek("1.0", 1) != "1.0":
                raise line.fail("the first statement is not 'qis 1.0'")
            line.at = 2
            self.started = True
        elif line.accept("}"):
            self.close(line)
        elif word in _TABLES and not self.is_instruction(line):
            line.take()
            getattr(self, f"read_{word}")(line)
        elif word in _BLOCKS and line.tokens[-1][1] == "{":
            line.take()
            self.begin(line, _BLOCKS[word])
        else:
            self.instruction(line)

    def is_instruction(self, line: Line) -> bool:
        """Tell the sweep, register and capture of blocks and instructions from the table rows of that name."""
        words = [t[1] for t in line.tokens]
        if words[0] == "register":
            return len(words) > 1 and line.tokens[1][0] == "number"
        return (words[0] == "sweep" and words[-1] == "{") or (words[0] == "capture" and "=" not in words)

    # --- blocks --------------------------------------------------------------------------------------

    def begin(self, line: Line, kind: BlockKind) -> None:
        """Read the rest of a line that opens a block."""
        p = self.program
        fields = self.fields(line, "count over value name qubits params")
        line.expect("{")
        sweep = -1
        if "over" in fields:
            names = [s.name for s in p._sweeps]
            if fields["over"] not in names:
                raise line.fail(f"sweep = {fields['over']!r} is none of {names}")
            sweep = names.index(fields["over"])
        if isinstance(fields.get("value"), Expression):
            p.expression_index(fields["value"])
        count = fields.get("count", -1)
        if count >= 2**63:
            raise line.fail(f"count = {count} is outside [0, {2**63 - 1}]")
        qubits = tuple(self.qubit(q) for q in fields.get("qubits", ()))
        self.open.append(len(p._blocks))
        p._blocks.append(
            Block(
                kind,
                len(p),
                -1,
                count,
                sweep,
                fields.get("value"),
                fields.get("name", ""),
                qubits,
                fields.get("params", ()),
            )
        )
        p.emit(Op.BEGIN, 0, self.open[-1])

    def close(self, line: Line) -> None:
        """Read the rest of a line that ends a block."""
        if not self.open:
            raise line.fail("no block is open")
        p, index = self.program, self.open.pop()
        row: Block = p._blocks[index]
        test: Value | None = row.value
        if row.kind is BlockKind.REPEAT:
            test = self.fields(line, "until").get("until")
            if isinstance(test, Expression):
                p.expression_index(test)
        p._blocks[index] = Block(
            row.kind, row.first, len(p), row.count, row.sweep, test, row.name, row.qubits, row.params
        )
        p.emit(Op.END, 0, index)

    # --- instructions --------------------------------------------------------------------------------

    def qubit(self, name: str) -> int:
        """Return a qubit's index from its name."""
        found: int = self.program._find(SymbolKind.QUBIT, name, 0)
        return found

    def symbol(self, line: Line) -> int:
        """Take a qubit, or a port or frame after the word `port`."""
        if line.accept("port"):
            return PORT_BIT | int(self.program.port_index(line.name()))
        return self.qubit(line.name())

    def instruction(self, line: Line) -> None:
        """Read ``word(values) operands``."""
        n_controls = 0
        if line.accept("ctrl"):
            line.expect("(")
            n_controls = line.whole()
            line.expect(")")
            if not 0 < n_controls < 1 << CONTROLS_SHIFT:
                raise line.fail(f"n_controls = {n_controls} is outside [1, 255]")
        word = line.take("name", "an instruction")
        op = OP_BY_NAME.get(word)
        if op is None or op in (Op.BEGIN, Op.END):
            line.at -= 1
            raise line.fail(f"instruction = {word!r} is unknown")
        values: list[Value | int] = []
        ticks = None
        if line.accept("("):
            while not line.accept(")"):
                if values:
                    line.expect(",")
                sign = -1 if line.peek("-") and line.peek("ticks", 2) else 1
                if line.peek("ticks", 1) or sign < 0:
                    line.at += sign < 0
                    ticks = sign * line.whole()
                    line.expect("ticks")
                    line.expect(")")
                    break
                values.append(self.word(line))
        self.row(line, op, OPCODES[op], n_controls, values, ticks)

    def word(self, line: Line) -> Value | int:
        """Take a value, or the number of a listed constant as int."""
        if line.accept("$"):
            index = line.whole()
            if index >= self.program.counts()[2]:
                raise line.fail(f"constant ${index} is not in the list")
            return index
        return value(line, self.program)

    def row(self, line: Line, op: Op, spec: OpSpec, n_controls: int, values: list, ticks: int | None) -> None:
        """Append one instruction; its operands are still to be read."""
        p, form = self.program, spec.form
        narrow = form is Form.GATE and not n_controls and spec.n_qubits in (1, 2) and spec.n_params <= 1
        wide = form in (Form.BARRIER, Form.PORT_WIDE, Form.QUBITS_WIDE) or (form is Form.GATE and not narrow)
        if n_controls and form is not Form.GATE:
            raise line.fail(f"{spec.name} takes no controls")
        if wide:
            symbols: list[int] = []
            while line.kind() != "end":
                if symbols:
                    line.expect(",")
                symbols.append(p.port_index(line.name()) if form is Form.PORT_WIDE else self.symbol(line))
            p.emit_words(op, n_controls << CONTROLS_SHIFT, symbols, [self.stored(op, v) for v in values])
            return
        a, b = self.operands(line, form, spec)
        wanted = (
            spec.n_params if form is Form.GATE else form in (Form.DELAY, Form.ASSIGN, Form.SET_BIT, Form.PORT_VALUE)
        )
        if form is Form.PLAY or ticks is not None:
            wanted = len(values[:1])
        if len(values) != wanted or (
            (ticks is not None) != (form is Form.TICKS) and (ticks is None or form is not Form.DELAY)
        ):
            raise line.fail(f"{spec.name} has the wrong number or kind of values")
        if form is Form.RAW:
            p.emit(op, 0, a, *b)
        elif ticks is not None:
            if not -(2**63) <= ticks < 2**63:
                raise line.fail(f"ticks = {ticks} don't fit in 64 bits")
            p.emit_ticks(op, a, ticks)
        elif form is Form.PLAY or (form is Form.GATE and spec.n_qubits == 2):
            p.emit(op, 0, a, b, self.stored(op, values[0]) if values else NONE)
        elif form in (Form.ASSIGN, Form.SET_BIT):
            whole = values[0] if isinstance(values[0], Expression) else Expression((("const", values[0]),))
            p.emit(op, 2, a, p.expression_index(whole))
        elif values:
            if isinstance(values[0], int):
                raise line.fail(f"{spec.name} holds its value itself, not ${values[0]}")
            p.emit_value(op, a, values[0])
        else:
            p.emit(op, 0, a, b)

    def stored(self, op: Op, found: Value | int) -> int:
        """Return the value word of what was read."""
        return found if isinstance(found, int) else int(self.program.value_word(op, found))

    def operands(self, line: Line, form: Form, spec: OpSpec) -> tuple[int, Any]:
        """Take the operands of a row that isn't wide: fields a and b, NONE where empty."""
        p = self.program
        if form is Form.RAW:
            found = [line.whole()]
            while line.accept(","):
                found.append(line.whole())
            if len(found) != 3:
                raise line.fail(f"{len(found)} words are not 3")
            return found[0], found[1:]
        if form in (Form.PLAIN, Form.TICKS):
            return NONE, NONE
        if form in (Form.BLOCK, Form.JUMP):
            return line.whole(), NONE
        if form in (Form.QUBIT, Form.MEASURE, Form.GATE):
            a = self.qubit(line.name())
        elif form is Form.DELAY:
            a = self.symbol(line)
        elif form is Form.ASSIGN:
            a = p.register_index(line.name())
        elif form is Form.SET_BIT:
            a = p.bit_index(line.name())
        else:
            a = p.port_index(line.name())
        if form in (Form.QUBIT, Form.DELAY, Form.ASSIGN, Form.SET_BIT, Form.PORT_VALUE) or spec.n_qubits == 1:
            return a, NONE
        line.expect(",")
        if form is Form.GATE:
            return a, self.qubit(line.name())
        if form is Form.MEASURE:
            return a, p.bit_index(line.name())
        if form is Form.TTL:
            return a, line.whole()
        label = line.take("name", "a label")
        if label[0] != ("w" if form is Form.PLAY else "m") or not label[1:].isdecimal() or len(label) > 10:
            raise line.fail(f"label = {label!r} is no waveform or capture")
        return a, int(label[1:])
