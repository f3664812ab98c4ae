"""The slow twin of the OpenQASM 2 kernel: a recursive descent over a list of tokens."""

from __future__ import annotations

from collections.abc import Sequence

from openqasm2_twin.angles import angle_value, read_angles
from openqasm2_twin.macros import Callee, Macro, Opaque, check_call, expand, read_body, read_names
from openqasm2_twin.tokens import END, Tokens
from qctl.errors import ParseError
from qctl.formats.conditions import bits_equal
from qctl.formats.gates import BUILT_IN_2, QELIB1, QELIB1_EXTENSIONS, QELIB1_MACROS, Gate
from qctl.formats.limits import MAX_BITS, MAX_QUBITS, MAX_REGISTER_BITS, MAX_STEPS, Budget
from qctl.program.opcodes import GATES, OP_BY_NAME, Op
from qctl.program.places import Places
from qctl.program.program import Program

__all__ = ["read_openqasm2"]

_WORDS = frozenset(
    ["OPENQASM", "include", "qreg", "creg", "gate", "opaque", "barrier", "measure", "reset", "if", "pi", "U", "CX"]
)


def read_openqasm2(text: str) -> Program:
    """Return the program of an OpenQASM 2 text.

    Registers are laid out in the order of their declaration, so that counts read as Qiskit's do. ``qelib1.inc`` is
    built in, with what Qiskit added to it; a register condition becomes an IF block on its bits. An opaque gate that
    has the name and shape of an opcode is that opcode; a call of any other is refused.

    Raises
    ------
    ParseError
        With line and column, for anything that isn't OpenQASM 2 or exceeds `qctl.formats.limits`.
    """
    return _Reader(text).read()


class _Reader:
    """Read one text: recursive descent, emitting as it goes."""

    def __init__(self, text: str) -> None:
        self.tokens = Tokens(text)
        self.program = Program()
        self.places = Places()
        self.budget = Budget(MAX_STEPS)
        self.qregs: dict[str, range] = {}
        self.cregs: dict[str, range] = {}
        self.bits: list[str] = []
        self.gates: dict[str, Callee] = dict(BUILT_IN_2)
        self.replaceable: frozenset[str] = frozenset()
        self.statements = {
            "include": self._include,
            "qreg": self._qreg,
            "creg": self._creg,
            "gate": self._gate,
            "opaque": self._opaque,
            "if": self._if,
            "barrier": self._barrier,
            "measure": self._measure,
            "reset": self._reset,
        }

    def read(self) -> Program:
        tokens = self.tokens
        if tokens.accept("OPENQASM"):
            at = tokens.index
            version = tokens.take()
            if version not in ("2.0", "2"):
                raise tokens.error(f"expected version 2.0, found {version[:20]!r}", at)
            tokens.expect(";")
        while tokens.next is not END:
            if not tokens.accept(";"):
                self._statement(self.statements)
        self.program.metadata |= self.places.metadata()
        return self.program

    def _statement(self, statements: dict) -> None:
        handler = statements.get(self.tokens.next)
        if handler is None:
            self._call()
        else:
            self.tokens.index += 1
            handler()

    def _include(self) -> None:
        tokens = self.tokens
        at = tokens.index
        name = tokens.take()
        if name[1:-1] != "qelib1.inc" or name[0] not in "\"'":
            raise tokens.error(f'include {name[:60]}: only "qelib1.inc" is built in, other files aren\'t read', at)
        tokens.expect(";")
        taken = [name for name in self.gates if name in QELIB1]
        if taken:
            raise tokens.error(f"gate {taken[0]!r} is defined before qelib1.inc, which defines it too", at)
        self.gates.update(QELIB1)
        macros = Tokens(QELIB1_MACROS)
        while macros.accept("gate"):
            name = macros.name("a gate")
            self.gates[name] = read_body(macros, self.gates, {}, read_names(macros, "a qubit", "{"))
        self.replaceable = QELIB1_EXTENSIONS

    def _new_name(self, what: str) -> str:
        tokens = self.tokens
        at = tokens.index
        name = tokens.name(what)
        if name in _WORDS:
            raise tokens.error(f"{name!r} is a word of OpenQASM, not a name", at)
        known = name in self.qregs or name in self.cregs or name in self.gates
        if known and name not in self.replaceable:
            raise tokens.error(f"{name!r} is already defined", at)
        return name

    def _register(self, what: str, most: int, have: int) -> tuple[str, int]:
        tokens = self.tokens
        name = self._new_name(what)
        tokens.expect("[")
        at = tokens.index
        size = tokens.integer("a size")
        if size < 1 or have + size > most:
            raise tokens.error(f"{what} {name!r}: size = {size} is outside [1, {most - have}]", at)
        tokens.expect("]")
        tokens.expect(";")
        self.gates.pop(name, None)
        return name, size

    def _qreg(self) -> None:
        name, size = self._register("a quantum register", MAX_QUBITS, self.program.n_qubits)
        first = self.program.n_qubits
        self.program.add_qubits(f"{name}[{i}]" for i in range(size))
        self.qregs[name] = range(first, first + size)

    def _creg(self) -> None:
        name, size = self._register("a classical register", MAX_BITS, self.program.n_bits)
        first = self.program.n_bits
        names = [f"{name}[{i}]" for i in range(size)]
        self.program.add_bits(names)
        self.bits += names
        self.cregs[name] = range(first, first + size)

    def _signature(self, end: str) -> tuple[str, dict[str, int], dict[str, int]]:
        tokens = self.tokens
        name = self._new_name("a gate")
        parameters: dict[str, int] = {}
        if tokens.accept("(") and not tokens.accept(")"):
            parameters = read_names(tokens, "a parameter", ")")
        return name, parameters, read_names(tokens, "a qubit", end)

    def _gate(self) -> None:
        name, parameters, qubits = self._signature("{")
        self.gates[name] = read_body(self.tokens, self.gates, parameters, qubits)
        self.replaceable -= {name}

    def _opaque(self) -> None:
        place = self.tokens.place()
        name, parameters, qubits = self._signature(";")
        spec = GATES.get(OP_BY_NAME[name]) if name in OP_BY_NAME else None
        if spec and (spec.n_qubits, spec.n_params) == (len(qubits), len(parameters)):
            self.gates[name] = Gate(OP_BY_NAME[name], spec.n_qubits, spec.n_params)
        else:
            self.gates[name] = Opaque(len(qubits), len(parameters), place)
        self.replaceable -= {name}

    def _operand(self, registers: dict[str, range], what: str) -> range | int:
        """Read ``register`` or ``register[index]``; return the range of the whole, or one index."""
        tokens = self.tokens
        at = tokens.index
        name = tokens.name(what)
        register = registers.get(name)
        if register is None:
            raise tokens.error(f"{name!r} is not {what}", at)
        if not tokens.accept("["):
            return register
        at = tokens.index
        index = tokens.integer("an index")
        if index >= len(register):
            raise tokens.error(f"{name}[{index}] is outside [0, {len(register) - 1}]", at)
        tokens.expect("]")
        return register[index]

    def _operands(self) -> list[range | int]:
        found = [self._operand(self.qregs, "a quantum register")]
        while not self.tokens.accept(";"):
            self.tokens.expect(",")
            found.append(self._operand(self.qregs, "a quantum register"))
        return found

    def _rows(self, at: int, operands: list[range | int]) -> list[tuple[int, ...]]:
        """Return the operands of each gate of a broadcast; single qubits are repeated."""
        sizes = {len(operand) for operand in operands if isinstance(operand, range)}
        if not sizes:
            return [tuple(operands)]  # type: ignore[arg-type]
        if len(sizes) > 1:
            raise self.tokens.error(f"registers of different sizes {sorted(sizes)} can't be broadcast together", at)
        n = sizes.pop()
        columns = [operand if isinstance(operand, range) else (operand,) * n for operand in operands]
        return list(zip(*columns, strict=True))

    def _call(self) -> None:
        tokens = self.tokens
        at = tokens.index
        name = tokens.name("a statement")
        callee = self.gates.get(name)
        if callee is None:
            hint = '; include "qelib1.inc" defines it' if name in QELIB1 else ""
            raise tokens.error(f"gate {name!r} is not defined{hint}", at)
        values = [angle_value(angle, ()) for angle in read_angles(tokens, {})]
        rows = self._rows(at, self._operands())
        check_call(tokens, at, name, callee, len(values), len(rows[0]))
        if isinstance(callee, Opaque):
            raise tokens.error(f"gate {name!r} is opaque: it has no meaning here", at)
        self._spend(len(rows) * (callee.cost if isinstance(callee, Macro) else 1), at)
        emit_gate, emit_barrier = self.program.emit_gate, self._emit_barrier
        for row in rows:
            if len(row) > 1 and len(set(row)) < len(row):
                raise tokens.error(f"gate {name!r} names a qubit twice", at)
            try:
                expand(callee, values, row, emit_gate, emit_barrier)
            except ParseError as error:
                raise tokens.error(f"gate {name!r}: {error.message}", at) from None

    def _spend(self, n_steps: int, at: int) -> None:
        if n_steps > self.budget.left:
            self.budget.spend(n_steps, *self.tokens.place(at))
        self.budget.left -= n_steps

    def _emit_barrier(self, qubits: Sequence[int]) -> None:
        self.program.emit_wide(Op.BARRIER, qubits)

    def _barrier(self) -> None:
        at = self.tokens.index
        if self.tokens.accept(";"):
            self._emit_barrier(range(self.program.n_qubits))
            return
        qubits: dict[int, None] = {}
        for operand in self._operands():
            qubits.update(dict.fromkeys(operand if isinstance(operand, range) else (operand,)))
        self._spend(len(qubits), at)
        self._emit_barrier(list(qubits))

    def _measure(self) -> None:
        at = self.tokens.index
        source = self._operand(self.qregs, "a quantum register")
        self.tokens.expect("->")
        target = self._operand(self.cregs, "a classical register")
        self.tokens.expect(";")
        qubits = source if isinstance(source, range) else (source,)
        bits = target if isinstance(target, range) else (target,)
        if isinstance(source, range) != isinstance(target, range) and len(qubits) != len(bits):
            raise self.tokens.error("a register is measured into a bit, or a qubit into a register", at)
        if len(qubits) != len(bits):
            raise self.tokens.error(f"{len(qubits)} qubits are measured into {len(bits)} bits", at)
        self._spend(len(qubits), at)
        for qubit, bit in zip(qubits, bits, strict=True):
            self.program.emit(Op.MEASURE, 0, qubit, bit)

    def _reset(self) -> None:
        at = self.tokens.index
        operand = self._operand(self.qregs, "a quantum register")
        self.tokens.expect(";")
        qubits = operand if isinstance(operand, range) else (operand,)
        self._spend(len(qubits), at)
        self.places.note(len(self.program), *self.tokens.place(at - 1))
        for qubit in qubits:
            self.program.emit(Op.RESET, 0, qubit)

    def _if(self) -> None:
        tokens = self.tokens
        start = tokens.index - 1
        tokens.expect("(")
        at = tokens.index
        register = self._operand(self.cregs, "a classical register")
        bits = register if isinstance(register, range) else range(register, register + 1)
        if len(bits) > MAX_REGISTER_BITS:
            raise tokens.error(f"a condition on {len(bits)} bits, more than {MAX_REGISTER_BITS}", at)
        tokens.expect("==")
        value = tokens.integer("a number")
        tokens.expect(")")
        if tokens.next in ("if", "include", "qreg", "creg", "gate", "opaque"):
            raise tokens.error(f"{tokens.shown()} can't stand under an if")
        self._spend(1 + len(bits), at)
        self.places.note(len(self.program), *tokens.place(start))
        with self.program.if_(bits_equal([self.bits[i] for i in bits], value)):
            self._statement(self.statements)
