"""Reads OpenQASM 2 text straight into an instruction buffer; what touches a program's tables is left to the subclass."""

from libc.stdint cimport int64_t, uint32_t

from qctl.cext.angles cimport qctl_name_t, qctl_names_clear
from qctl.cext.gate_bodies cimport GateBodyReader
from qctl.cext.gate_texts cimport BITS_NAME, GATE_NAME, NOTHING, OPAQUE_GATE, PLAIN_GATE, QUBITS_NAME, gate_t
from qctl.cext.opcodes cimport OP_MEASURE, OP_RESET
from qctl.cext.scanner cimport QCTL_END, QCTL_NAME, qctl_scan_t

cdef uint32_t NONE = 0xFFFFFFFFu

cdef enum:  # words that begin a statement, in the order of STATEMENTS
    NO_STATEMENT, INCLUDE, QREG, CREG, GATE, OPAQUE, IF_WORD, BARRIER_WORD, MEASURE_WORD, RESET_WORD

cdef const char* STATEMENTS[9]
STATEMENTS = ["include", "qreg", "creg", "gate", "opaque", "if", "barrier", "measure", "reset"]
cdef const char* OTHER_WORDS[4]
OTHER_WORDS = ["OPENQASM", "pi", "U", "CX"]


cdef class Openqasm2Reader(GateBodyReader):
    """Read a text; subclasses keep the program's tables and know its limits.

    They override what comes before `read`.
    """

    def __init__(self, text, target, n_steps):
        cdef int i
        super().__init__(text, target, n_steps)
        for i in range(9):
            self.enter(&self.names, STATEMENTS[i], len(STATEMENTS[i])).word = i + 1
        for i in range(4):
            self.enter(&self.names, OTHER_WORDS[i], len(OTHER_WORDS[i])).word = -1

    # --- what a subclass answers ---------------------------------------------------------------------

    def include_file(self, quoted, at):
        """Define what a file defines, given its quoted name."""
        raise NotImplementedError

    def most_of(self, quantum):
        """Return how many more qubits or bits there may be."""
        raise NotImplementedError

    def add_register(self, name, size, quantum):
        """Add a register's qubits or bits after those that there are."""
        raise NotImplementedError

    def opcode_of(self, name, n_qubits, n_params):
        """Return the opcode that an opaque gate is, or -1."""
        raise NotImplementedError

    def written_gate(self, definition):
        """Return opcode and generic controls of the gate that a definition was written for, or None."""

    def note_reset(self, at):
        """Note where a reset stands, before it is written."""

    def begin_if(self, first, size, value, at):
        """Begin a block that is played if the bits from `first` on are a number."""
        raise NotImplementedError

    def end_if(self):
        """End the block that began last."""
        raise NotImplementedError

    # --- the text --------------------------------------------------------------------------------------

    def read(self):
        """Read the whole text."""
        self.step()
        if self.spells("OPENQASM"):
            self.step()
            text = self.piece(self.scan.start, self.scan.stop)
            if text not in ("2.0", "2"):
                text = text if self.scan.kind != QCTL_END else "end of file"
                self.fail(f"expected version 2.0, found {text[:20]!r}", self.scan.start)
            self.step()
            self.expect(59)
        while self.scan.kind != QCTL_END:
            if self.scan.kind == 59:
                self.step()
            else:
                self.statement()

    def read_gates(self, str text not None):
        """Read the gate definitions of another text, as if they stood here."""
        cdef qctl_scan_t scan = self.begin_text(text)
        while self.scan.kind != QCTL_END:
            self.statement()
        self.scan = scan

    cdef int statement(self) except -1:
        """Read one statement."""
        cdef qctl_name_t *row = NULL
        cdef Py_ssize_t start = self.scan.start, stop = self.scan.stop
        cdef int word
        self.name("a statement")
        row = self.look()
        if row != NULL and row.kind == GATE_NAME:
            self.step()
            return self.call(row.first, start, stop)
        word = row.word if row != NULL else NO_STATEMENT
        if word <= 0:
            self.fail(f"gate {self.piece(start, stop)!r} is not defined{self.hint(self.piece(start, stop))}", start)
        self.step()
        if word == INCLUDE:
            return self.include_statement()
        if word == QREG or word == CREG:
            return self.register(word == QREG)
        if word == GATE or word == OPAQUE:
            return self.gate(word == OPAQUE)
        if word == IF_WORD:
            return self.condition(start)
        if word == BARRIER_WORD:
            return self.barrier()
        if word == MEASURE_WORD:
            return self.measure()
        return self.reset(start)

    def hint(self, name):
        """Return what an error says after the name of an unknown gate; subclasses override it."""
        return ""

    cdef int include_statement(self) except -1:
        cdef Py_ssize_t start = self.scan.start
        quoted = self.piece(start, self.scan.stop) if self.scan.kind != QCTL_END else "end of file"
        self.step()
        self.include_file(quoted, start)
        return 0

    def finish_include(self):
        """Take the semicolon after an include."""
        self.expect(59)

    def let_replace(self, names):
        """Let gates of these names be defined again."""
        cdef qctl_name_t *row
        for name in names:
            raw = name.encode()
            self.kept.append(raw)
            row = self.enter(&self.names, raw, len(raw))
            row.replaceable = row.kind == GATE_NAME

    cdef qctl_name_t *new_name(self, what) except NULL:
        """Return the row of a name that may be defined; the token is not taken."""
        cdef qctl_name_t *row
        self.name(what)
        row = self.enter(&self.names, self.scan.text + self.scan.start, self.scan.stop - self.scan.start)
        if row.word:
            shown = self.piece(self.scan.start, self.scan.stop)
            self.fail(f"{shown!r} is a word of OpenQASM, not a name", self.scan.start)
        if row.kind != NOTHING and not row.replaceable:
            self.fail(f"{self.piece(self.scan.start, self.scan.stop)!r} is already defined", self.scan.start)
        return row

    cdef int register(self, bint quantum) except -1:
        """Read the rest of a declaration of a register."""
        cdef int64_t size, most, first
        cdef Py_ssize_t at, stop
        cdef qctl_name_t *row
        what = "a quantum register" if quantum else "a classical register"
        self.new_name(what)
        at = self.scan.start
        stop = self.scan.stop
        name = self.piece(at, stop)
        row = self.look()
        self.step()
        self.expect(91)
        at = self.scan.start
        stop = self.scan.stop
        size = self.integer("a size")
        most = self.most_of(quantum)
        if size < 1 or size > most:
            self.fail(f"{what} {name!r}: size = {int(self.piece(at, stop))} is outside [1, {most}]", at)
        self.expect(93)
        self.expect(59)
        first = self.target.n_qubits if quantum else self.n_bits
        self.add_register(name, size, quantum)
        if not quantum:
            self.n_bits += size
        row.kind = QUBITS_NAME if quantum else BITS_NAME
        row.replaceable = False
        row.first = first
        row.size = size
        return 0

    cdef int gate(self, bint opaque) except -1:
        """Read the rest of a gate's definition or declaration."""
        cdef qctl_name_t *row
        cdef Py_ssize_t place
        cdef int64_t op
        cdef const char *name = self.scan.text + self.scan.start
        cdef Py_ssize_t n, at = self.scan.start
        self.new_name("a gate")
        n = self.scan.stop - self.scan.start
        qctl_names_clear(&self.parameters)
        qctl_names_clear(&self.own_qubits)
        self.step()
        if self.accept(40) and not self.accept(41):
            self.read_names(&self.parameters, "a parameter", 41)
        self.read_names(&self.own_qubits, "a qubit", 59 if opaque else 123)
        if opaque:
            op = self.opcode_of(name[:n].decode(), self.own_qubits.n, self.parameters.n)
            place = self.new_gate()
            self.gates[place] = gate_t(
                kind=OPAQUE_GATE if op < 0 else PLAIN_GATE, op=0 if op < 0 else op, n_qubits=self.own_qubits.n,
                n_params=self.parameters.n, n_controls=0, keeps_params=True, depth=0, first_call=0, n_calls=0, cost=1,
            )
        else:
            place = self.read_body()
            self.replace_written(place, self.piece(at, self.scan.start))
        qctl_names_clear(&self.parameters)
        row = self.enter(&self.names, name, n)
        row.kind = GATE_NAME
        row.first = place
        row.replaceable = False
        return 0

    cdef int replace_written(self, Py_ssize_t place, definition) except -1:
        """Make a defined gate the one instruction that it was written for, if there is one."""
        found = self.written_gate(definition.rstrip())
        if found is not None:
            self.gates[place].kind = PLAIN_GATE
            self.gates[place].cost = 1
            self.gates[place].op, self.gates[place].n_controls = found
        return 0

    cdef int barrier(self) except -1:
        """Read the rest of a barrier: on everything, or on the qubits that it names."""
        cdef Py_ssize_t at = self.scan.start
        cdef int64_t first = 0, size = 0, i
        self.n_wires = 0
        if self.accept(59):
            self.spend(self.target.n_qubits, at)
            for i in range(self.target.n_qubits):
                self.push_wire(i)
            return self.emit_barrier(0, self.n_wires)
        self.mark += 1
        while True:
            self.register_operand(QUBITS_NAME, "a quantum register", &first, &size)
            for i in range(first, first + max(size, <int64_t> 1)):
                if not self.marked(i):
                    self.push_wire(i)
            if self.accept(59):
                break
            self.expect(44)
        self.spend(self.n_wires, at)
        return self.emit_barrier(0, self.n_wires)

    cdef int measure(self) except -1:
        """Read the rest of a measurement."""
        cdef Py_ssize_t at = self.scan.start
        cdef int64_t qubit = 0, n_qubits = 0, bit = 0, n_bits = 0, i
        self.register_operand(QUBITS_NAME, "a quantum register", &qubit, &n_qubits)
        self.expect(62)
        self.register_operand(BITS_NAME, "a classical register", &bit, &n_bits)
        self.expect(59)
        if max(n_qubits, <int64_t> 1) != max(n_bits, <int64_t> 1):
            if not n_qubits or not n_bits:
                self.fail("a register is measured into a bit, or a qubit into a register", at)
            self.fail(f"{n_qubits} qubits are measured into {n_bits} bits", at)
        n_qubits = max(n_qubits, <int64_t> 1)
        self.spend(n_qubits, at)
        for i in range(n_qubits):
            self.target.push(OP_MEASURE, 0, <uint32_t> (qubit + i), <uint32_t> (bit + i), NONE)
        return 0

    cdef int reset(self, Py_ssize_t start) except -1:
        """Read the rest of a reset."""
        cdef Py_ssize_t at = self.scan.start
        cdef int64_t first = 0, size = 0, i
        self.register_operand(QUBITS_NAME, "a quantum register", &first, &size)
        self.expect(59)
        self.spend(max(size, <int64_t> 1), at)
        self.note_reset(start)
        for i in range(first, first + max(size, <int64_t> 1)):
            self.target.push(OP_RESET, 0, <uint32_t> i, NONE, NONE)
        return 0

    cdef int condition(self, Py_ssize_t start) except -1:
        """Read the rest of an if with the statement under it."""
        cdef Py_ssize_t at, from_, stop
        cdef int64_t first = 0, size = 0
        cdef qctl_name_t *row
        self.expect(40)
        at = self.scan.start
        self.register_operand(BITS_NAME, "a classical register", &first, &size)
        size = max(size, <int64_t> 1)
        self.check_condition(size, at)
        self.expect(61)
        from_ = self.scan.start
        stop = self.scan.stop
        self.integer("a number")
        self.expect(41)
        row = self.look() if self.scan.kind == QCTL_NAME else NULL
        if row != NULL and INCLUDE <= row.word <= IF_WORD:
            self.fail(f"{self.shown()} can't stand under an if", self.scan.start)
        self.spend(1 + size, at)
        self.begin_if(first, size, int(self.piece(from_, stop)), start)
        self.statement()
        self.end_if()
        return 0

    def check_condition(self, n_bits, at):
        """Refuse a condition on too many bits; subclasses override it."""
