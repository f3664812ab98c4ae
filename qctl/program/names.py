"""The builder's ground floor: symbols, values and registers by name, and errors that say where."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, NoReturn

from qctl.cext.gates import GateBuffer
from qctl.errors import RequestError
from qctl.program.body import TICK_S
from qctl.program.expressions import MOST_TOKENS, Expression, Value, constant_value
from qctl.program.expressions import bit as bit_value
from qctl.program.layout import CONTROLS_SHIFT, PORT_BIT
from qctl.program.opcodes import GATES, OP_BY_NAME, OPCODES, Op
from qctl.program.symbols import SymbolTable, default_table, refuse_unnamable, shared_table
from qctl.program.tables import Block, Capture, Register, RegisterKind, Sweep, Symbol, SymbolKind, Waveform
from qctl.units import rational_hz

__all__ = ["NamedBuffer"]

_EXACT_BITS = 52
"""Bits that a float64 holds without rounding."""
_FEW = 1024
"""Qubits and bits up to which tables of default names are kept."""
MOST_CONTROLS = (1 << CONTROLS_SHIFT) - 1
"""Generic controls that a gate may have."""
_TIMES_ADD = (("mul", None), ("add", None))


class NamedBuffer(GateBuffer):
    """Keep the tables beside the instruction buffer, and turn names into indices.

    Parameters
    ----------
    ports : sequence of str
        Names of the ports that it plays and captures on (``q0.drive``).
    qubits, bits : int or sequence of str
        How many, or their names; default names are ``q[0]`` and ``c[0]``.
    tick_s : Fraction
        Tick of delays given in ticks.
    """

    def __init__(
        self,
        ports: Sequence[str] = (),
        qubits: int | Sequence[str] = 0,
        bits: int | Sequence[str] = 0,
        *,
        tick_s: Fraction = TICK_S,
    ) -> None:
        self._symbols = SymbolTable()
        self._expressions: list[Expression] = []
        self._expression_numbers: dict[Expression, int] = {}
        self._parameters: dict[str, None] = {}
        self._registers: list[Register] = []
        self._sweeps: list[Sweep] = []
        self._blocks: list[Block] = []
        self._open: list[int] = []
        self._waveforms: list[Waveform] = []
        self._waveform_numbers: dict[Waveform, int] = {}
        self._captures: list[Capture] = []
        self._edits = 0
        self.metadata: dict[str, str] = {}
        self.tick_s = Fraction(tick_s)
        if self.tick_s <= 0:
            raise RequestError(f"tick_s = {tick_s} is not above 0")
        if type(qubits) is int and type(bits) is int and 0 <= qubits <= _FEW and 0 <= bits <= _FEW:
            self._symbols = default_table(qubits, bits)
            self.set_n_qubits(qubits)
        elif type(qubits) is type(bits) is tuple and len(qubits) + len(bits) <= _FEW:
            self._symbols = shared_table(qubits, bits)
            self.set_n_qubits(len(qubits))
        else:
            self.add_qubits(_names(qubits, "q", "qubits"))
            self.add_bits(_names(bits, "c", "bits"))
        for name in _names(ports, "p", "ports"):
            self.add_port(name)

    # --- symbols ---------------------------------------------------------------------------------

    @property
    def qubits(self) -> tuple[str, ...]:
        """Return the qubits' names."""
        return tuple(self._symbols.qubits)

    @property
    def bits(self) -> tuple[str, ...]:
        """Return the bits' names."""
        return tuple(self._symbols.bits)

    @property
    def n_bits(self) -> int:
        """Return the number of bits."""
        return len(self._symbols.bits)

    @property
    def ports(self) -> tuple[str, ...]:
        """Return the names of ports and frames."""
        return tuple(port.name for port in self._symbols.ports)

    def add_qubits(self, names: Iterable[str]) -> None:
        """Add qubits after those that there are."""
        self._add(SymbolKind.QUBIT, names)
        self.set_n_qubits(len(self._symbols.qubits))

    def add_bits(self, names: Iterable[str]) -> None:
        """Add bits after those that there are."""
        self._add(SymbolKind.BIT, names)

    def add_port(self, name: str, clock_hz: float | Fraction | None = None) -> None:
        """Add a port, with its clock if that is known."""
        clock = None if clock_hz is None else rational_hz(clock_hz)
        self._add(SymbolKind.PORT, [name])
        self._own_symbols().ports.append(Symbol(SymbolKind.PORT, name, clock))

    def add_frame(self, name: str, port: str, clock_hz: float | Fraction | None = None) -> None:
        """Add a frame on a port: a frequency and phase of its own."""
        parent = self._symbols.ports[self.port_index(port)]
        if parent.kind is not SymbolKind.PORT:
            raise RequestError(f"port = {port!r} is a frame itself{self._place()}")
        clock = None if clock_hz is None else rational_hz(clock_hz)
        self._add(SymbolKind.PORT, [name])
        self._own_symbols().ports.append(Symbol(SymbolKind.FRAME, name, clock, parent.name))

    def add_register(self, name: str, kind: RegisterKind = RegisterKind.F64) -> Expression:
        """Add a classical register, and return its value as an expression."""
        refuse_unnamable("register", name)
        if any(r.name == name for r in self._registers):
            raise RequestError(f"register {name!r} is there already")
        self._registers.append(Register(RegisterKind(kind), name))
        self._edits += 1
        return Expression((("register", name),))

    def _add(self, kind: SymbolKind, names: Iterable[str]) -> None:
        self._own_symbols().add(kind, names)
        self._edits += 1

    def set_n_qubits(self, n_qubits: int) -> None:
        """Let instructions name the qubits that there are: `add_qubits` adds some, this can't."""
        if n_qubits != len(self._symbols.qubits):
            raise RequestError(f"n_qubits = {n_qubits} is not the {len(self._symbols.qubits)} qubits of the program")
        super().set_n_qubits(n_qubits)

    def _own_symbols(self) -> SymbolTable:
        """Return the table of names to change it: no other program sees that."""
        if self._symbols.shared:
            self._symbols = self._symbols.copy()
        return self._symbols

    # --- names to indices -------------------------------------------------------------------------

    def bit_index(self, value: int | str) -> int:
        """Return a bit's index from its index or name.

        Raises
        ------
        RequestError
            If there is no such bit.
        """
        return self._find(SymbolKind.BIT, value, len(self._symbols.bits))

    def port_index(self, value: str | int) -> int:
        """Return the index of a port or frame from its name."""
        return self._find(SymbolKind.PORT, value, len(self._symbols.ports))

    def register_index(self, name: str | Expression) -> int:
        """Return a register's index from its name or the value that `add_register` returned."""
        wanted = name.code[0][1] if isinstance(name, Expression) else name
        for i, row in enumerate(self._registers):
            if row.name == wanted:
                return i
        raise RequestError(f"register = {wanted!r} is none of {[r.name for r in self._registers]}{self._place()}")

    def symbol_word(self, value: int | str) -> int:
        """Return the symbol word of a qubit (index or name) or of a port or frame (name)."""
        if isinstance(value, str) and value in self._symbols.index[SymbolKind.PORT]:
            return PORT_BIT | self._symbols.index[SymbolKind.PORT][value]
        if isinstance(value, str) and value not in self._symbols.index[SymbolKind.QUBIT]:
            names = [*self._symbols.qubits, *self.ports]
            raise RequestError(f"symbol = {value!r} is none of {_few(names)}{self._place()}")
        return self._find(SymbolKind.QUBIT, value, len(self._symbols.qubits))

    def _find(self, kind: SymbolKind, value: Any, count: int, op: int = -1) -> int:
        what = kind.name.lower()
        if isinstance(value, str):
            found = self._symbols.index[kind].get(value)
            if found is None:
                names = list(self._symbols.index[kind])
                raise RequestError(f"{what} = {value!r} is none of {_few(names)}{self._place(op)}")
            return found
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise RequestError(f"{what} = {value!r} is no index or name{self._place(op)}")
        index = operator.index(value)
        if not 0 <= index < count:
            bound = f"[0, {count - 1}]" if count else f"an empty range: there are no {what}s"
            raise RequestError(f"{what} = {index} is outside {bound}{self._place(op)}")
        return index

    def _place(self, op: int = -1) -> str:
        where = f" at instruction {len(self)}"
        return f" in {OPCODES[Op(op)].name}{where}" if op >= 0 else where

    # --- what the kernel asks off its fast path -----------------------------------------------------

    def refuse_qubit(self, op: int, value: Any) -> int:
        """Return the index of a qubit given by name or foreign int, or raise RequestError."""
        return self._find(SymbolKind.QUBIT, value, len(self._symbols.qubits), op)

    def refuse_twice(self, op: int, index: int) -> NoReturn:
        """Raise because an instruction names a qubit twice."""
        raise RequestError(f"qubit = {index} is named twice{self._place(op)}")

    def refuse_row(self, op: int, what: str) -> NoReturn:
        """Raise because an instruction is not as its opcode's form wants it."""
        name = OPCODES[Op(op)].name if op in OPCODES else f"opcode 0x{op:03x}"
        raise RequestError(f"{name} at instruction {len(self)} {what}")

    def refuse_count(self, op: int, n_qubits: int) -> NoReturn:
        """Raise because a gate on any number of qubits has too few, or too many controls."""
        if n_qubits > MOST_CONTROLS:
            raise RequestError(f"n_controls = {n_qubits} is outside [0, {MOST_CONTROLS}]{self._place(op)}")
        raise RequestError(f"n_qubits = {n_qubits} is below 2{self._place(op)}")

    def resolve(self, op: int, value: Any) -> float | int:
        """Return a float, or the index of an expression as int."""
        if isinstance(value, Expression):
            return self.expression_index(value)
        try:
            return constant_value(value)
        except RequestError as error:
            raise RequestError(error.message + self._place(op)) from None

    def expression_index(self, value: Expression) -> int:
        """Return the index of an expression in the table; its names must be known."""
        found = self._expression_numbers.get(value)
        if found is not None:
            return found
        if len(value.code) > MOST_TOKENS:
            raise RequestError(f"an expression of {len(value.code)} tokens is over {MOST_TOKENS}{self._place()}")
        for kind, name in value.code:
            if kind == "param":
                self._parameters.setdefault(str(name))
            elif kind == "sweep" and not any(s.name == name for s in self._sweeps):
                raise RequestError(f"sweep variable {name!r} is of another program{self._place()}")
            elif kind == "register":
                self.register_index(str(name))
            elif kind == "bit":
                self.bit_index(str(name))
        self._expression_numbers[value] = len(self._expressions)
        self._expressions.append(value)
        return len(self._expressions) - 1

    def condition(self, what: Any, value: int = 1) -> Expression:
        """Return the condition that a bit, or bits read as a number (first bit lowest), has a value.

        Parameters
        ----------
        what : Expression, str, int, or sequence of str or int
            A ready condition, a bit, or several.
        value : int
            What it is compared with; a ready condition is compared only if this is not 1.
        """
        if isinstance(what, Expression):
            return what if value == 1 else what.equals(value)
        names = [what] if isinstance(what, (str, int)) else list(what)
        if not names:
            raise RequestError(f"condition on no bit at all{self._place()}")
        if isinstance(value, bool):
            value = int(value)
        if not isinstance(value, int) or not 0 <= value < 2 ** len(names):
            raise RequestError(f"value = {value!r} is outside [0, {2 ** len(names) - 1}]{self._place()}")
        bits = [bit_value(self._symbols.bits[self.bit_index(name)]) for name in names]
        wanted = [b if value >> k & 1 else b.apply("not") for k, b in enumerate(bits)]
        if len(bits) == 1:
            return wanted[0]
        if len(bits) <= _EXACT_BITS:
            terms = [token for k, b in enumerate(bits[1:], 1) for token in (*b.code, ("const", 2.0**k), *_TIMES_ADD)]
            return Expression((*bits[0].code, *terms)).equals(float(value))
        tests = [token for w in wanted[1:] for token in (*w.code, ("and", None))]
        return Expression((*wanted[0].code, *tests))

    # --- generic gates ----------------------------------------------------------------------------

    def append(
        self,
        op: Op | str,
        qubits: Sequence[int | str],
        params: Sequence[Value] = (),
        n_controls: int = 0,
    ) -> None:
        """Append any gate, with `n_controls` generic controls in front of its own qubits.

        Raises
        ------
        RequestError
            If the gate is unknown, or the numbers of qubits or parameters are not its own.
        """
        code = OP_BY_NAME.get(op) if isinstance(op, str) else op
        spec = GATES.get(code) if code is not None else None
        if spec is None or code is None:
            raise RequestError(f"gate = {op!r} is unknown{self._place()}")
        place = self._place(code)
        if isinstance(n_controls, bool) or not isinstance(n_controls, int) or not 0 <= n_controls < 1 << CONTROLS_SHIFT:
            raise RequestError(f"n_controls = {n_controls!r} is outside [0, 255]{place}")
        own = len(qubits) - n_controls
        if own < 2 if spec.n_qubits < 0 else own != spec.n_qubits:
            wanted = "at least 2" if spec.n_qubits < 0 else str(spec.n_qubits)
            raise RequestError(f"n_qubits = {own} (without {n_controls} controls) is not {wanted}{place}")
        if len(params) != spec.n_params:
            raise RequestError(f"n_params = {len(params)} is not {spec.n_params}{place}")
        self.emit_gate(code, tuple(qubits), tuple(params), n_controls)


def _names(given: Any, prefix: str, what: str) -> list[str]:
    if isinstance(given, (bool, str)):
        raise RequestError(f"{what} = {given!r} is neither a count nor a sequence of names")
    if isinstance(given, Sequence):
        return list(given)
    try:
        count = operator.index(given)
    except TypeError:
        raise RequestError(f"{what} = {given!r} is neither a count nor a sequence of names") from None
    if not 0 <= count <= 2**20:
        raise RequestError(f"{what} = {count} is outside [0, {2**20}]")
    return [f"{prefix}[{i}]" for i in range(count)]


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:8])
    return f"[{shown}{', …' if len(names) > 8 else ''}]"
