"""Reads OriginIR text straight into an instruction buffer; what touches a program's tables is left to the subclass."""

from libc.stdint cimport int64_t, uint32_t

from qctl.cext.angles cimport angle_t, qctl_name_t, qctl_names_clear
from qctl.cext.gate_texts cimport BITS_NAME, GATE_NAME, NOTHING, QUBITS_NAME
from qctl.cext.nested_gates cimport CONTROL_NEST, DAGGER_NEST, NestedGateReader
from qctl.cext.opcodes cimport OP_MEASURE, OP_RESET
from qctl.cext.scanner cimport QCTL_END, QCTL_NAME, qctl_scan_t

cdef uint32_t NONE = 0xFFFFFFFFu

cdef enum:
    DEEPEST = 64

cdef enum:  # words that begin a statement, in the order of STATEMENTS
    NO_STATEMENT, QINIT, CREG, MEASURE_WORD, BARRIER_WORD, RESET_WORD, DAGGER, ENDDAGGER, CONTROL, ENDCONTROL, QIF
    QELSEIF, QELSE, QENDIF, QWHILE, QENDWHILE, QGATE, ENDQGATE

cdef const char* STATEMENTS[19]
STATEMENTS = [
    "QINIT", "CREG", "MEASURE", "BARRIER", "RESET", "DAGGER", "ENDDAGGER", "CONTROL", "ENDCONTROL", "QIF", "QELSEIF",
    "QELSE", "QENDIF", "QWHILE", "QENDWHILE", "QGATE", "ENDQGATE", "ENDQIF", "ENDQWHILE",
]


cdef class OriginirReader(NestedGateReader):
    """Read a text; subclasses keep the program's tables and know its limits.

    They override what comes before `read`.
    """

    cdef list flows  # words of the open QIF and QWHILE blocks, and where they stand

    def __init__(self, text, target, n_steps):
        cdef int i, word
        super().__init__(text, target, n_steps)
        self.flows = []
        for i in range(19):
            word = i + 1 if i < 17 else (QENDIF if i == 17 else QENDWHILE)
            self.enter(&self.names, STATEMENTS[i], len(STATEMENTS[i])).word = word

    # --- what a subclass answers ---------------------------------------------------------------------

    def most_of(self, quantum):
        """Return how many qubits or bits there may be."""
        raise NotImplementedError

    def add_register(self, name, size, quantum):
        """Add the qubits or bits."""
        raise NotImplementedError

    def note_reset(self, at):
        """Note where a reset stands, before it is written."""

    def begin_flow(self, word, bits, at):
        """Begin the part of a block that ``QIF``, ``QELSEIF``, ``QELSE`` or ``QWHILE`` begins.

        `bits` has pairs of a bit and the value that it must have.
        """
        raise NotImplementedError

    def end_flow(self):
        """End the block that began last, with all its parts."""
        raise NotImplementedError

    # --- the text --------------------------------------------------------------------------------------

    def language(self):
        """Return the language's name for messages."""
        return "OriginIR"

    def read_macros(self, str text not None):
        """Define gates by a text of ``name(angles) qubits { … }``; all names of lower case are forgotten after it."""
        cdef qctl_name_t *row
        cdef Py_ssize_t i, place, n
        cdef const char *name
        cdef qctl_scan_t scan = self.begin_text(text)
        while self.scan.kind != QCTL_END:
            self.name("a gate")
            name = self.scan.text + self.scan.start
            n = self.scan.stop - self.scan.start
            qctl_names_clear(&self.parameters)
            qctl_names_clear(&self.own_qubits)
            self.step()
            if self.accept(40):
                self.read_names(&self.parameters, "a parameter", 41)
            self.read_names(&self.own_qubits, "a qubit", 123)
            place = self.read_body()
            row = self.enter(&self.names, name, n)
            row.kind = GATE_NAME
            row.first = place
        qctl_names_clear(&self.parameters)
        self.scan = scan
        for i in range(self.names.n):
            if self.names.rows[i].kind == GATE_NAME and self.names.rows[i].name[0] >= 97:
                self.names.rows[i].kind = NOTHING

    def read(self):
        """Read the whole text."""
        self.step()
        self.skip_lines()
        self.header(QINIT, "QINIT", "q", True)
        self.skip_lines()
        self.header(CREG, "CREG", "c", False)
        while True:
            self.skip_lines()
            if self.scan.kind == QCTL_END:
                break
            self.statement()
        self.refuse_open()
        if self.flows:
            word, at = self.flows[len(self.flows) - 1]
            self.fail(f"{word} is never ended", at)

    cdef int skip_lines(self) except -1:
        while self.scan.kind == 10:
            self.step()
        return 0

    cdef int end_line(self) except -1:
        """Take the end of a line."""
        if self.scan.kind == QCTL_END:
            return 0
        if self.scan.kind != 10:
            self.fail(f"expected the end of the line, found {self.shown()}", self.scan.start)
        return self.step()

    cdef int header(self, int word, shown, name, bint quantum) except -1:
        """Read ``QINIT n`` or ``CREG n``."""
        cdef qctl_name_t *row = self.look() if self.scan.kind == QCTL_NAME else NULL
        cdef int64_t size, most
        cdef Py_ssize_t at, stop
        cdef bytes raw = name.encode()
        if row == NULL or row.word != word:
            self.fail(f"expected {shown}, found {self.shown()}", self.scan.start)
        self.step()
        at = self.scan.start
        stop = self.scan.stop
        size = self.integer("a number")
        most = self.most_of(quantum)
        if size > most or (quantum and size < 1):
            self.fail(f"{shown} = {int(self.piece(at, stop))} is outside [{int(quantum)}, {most}]", at)
        self.end_line()
        self.add_register(name, size, quantum)
        if not quantum:
            self.n_bits = size
        self.kept.append(raw)
        row = self.enter(&self.names, raw, len(raw))
        row.kind = QUBITS_NAME if quantum else BITS_NAME
        row.first = 0
        row.size = size
        return 0

    cdef int statement(self) except -1:
        """Read one line."""
        cdef qctl_name_t *row = NULL
        cdef Py_ssize_t start = self.scan.start, stop = self.scan.stop
        cdef int word
        self.name("a statement")
        row = self.look()
        if row != NULL and row.kind == GATE_NAME:
            self.step()
            self.read_operands()
            if not self.gates[row.first].keeps_params:
                self.take_duration(start)
            return self.play(row.first, start, stop)
        word = row.word if row != NULL else NO_STATEMENT
        if word == NO_STATEMENT:
            self.fail(f"gate {self.piece(start, stop)!r} is not defined", start)
        if self.n_nests and word not in (BARRIER_WORD, DAGGER, ENDDAGGER, CONTROL, ENDCONTROL):
            self.fail(f"{self.shown()} can't stand in a {self.nest_word()} block", start)
        self.step()
        if word == MEASURE_WORD:
            return self.measure()
        if word == BARRIER_WORD:
            return self.barrier()
        if word == RESET_WORD:
            return self.reset(start)
        if word == QGATE:
            return self.definition()
        if DAGGER <= word <= ENDCONTROL:
            return self.nest_line(word, start)
        if QIF <= word <= QENDWHILE:
            return self.flow(word, start, stop)
        self.fail(f"{self.piece(start, stop)} can't stand here", start)

    cdef int read_operands(self) except -1:
        """Read the rest of a gate's line: qubits, then angles in brackets."""
        cdef int64_t first = 0, size = 0
        self.n_values = self.n_wires = self.n_operands = 0
        self.n_angles = self.kept_angles
        self.n_steps = self.kept_steps
        while True:
            self.register_operand(QUBITS_NAME, "a qubit", &first, &size)
            self.add_operand(first, size)
            if not self.accept(44):
                break
            if self.scan.kind == 40:
                self.read_angles()
                break
        return self.end_line()

    cdef int take_duration(self, Py_ssize_t at) except -1:
        """Let the angle of ECHO and IDLE be left out, and refuse one that isn't 0."""
        cdef angle_t none = angle_t(coded=False, number=0.0, first=0, n=0)
        if self.n_angles == self.kept_angles:
            self.push_angle(&none)
        elif self.angles[self.kept_angles].number != 0:
            self.fail(f"a duration of {self.angles[self.kept_angles].number}: OriginIR has no unit for it", at)
        return 0

    cdef int nest_line(self, int word, Py_ssize_t at) except -1:
        """Read the rest of a line that begins or ends a DAGGER or CONTROL block."""
        cdef int64_t first = 0, size = 0
        if word == DAGGER or word == CONTROL:
            self.begin_nest(DAGGER_NEST if word == DAGGER else CONTROL_NEST, at)
            while word == CONTROL:
                self.register_operand(QUBITS_NAME, "a qubit", &first, &size)
                if size:
                    self.fail("CONTROL takes single qubits", at)
                self.add_control(first, at)
                if not self.accept(44):
                    break
        else:
            self.end_nest(DAGGER_NEST if word == ENDDAGGER else CONTROL_NEST, at)
        return self.end_line()

    cdef int measure(self) except -1:
        """Read the rest of a measurement: of a qubit, or of all of them."""
        cdef Py_ssize_t at = self.scan.start
        cdef int64_t qubit = 0, n_qubits = 0, bit = 0, n_bits = 0, i
        self.register_operand(QUBITS_NAME, "a qubit", &qubit, &n_qubits)
        self.expect(44)
        self.register_operand(BITS_NAME, "a bit", &bit, &n_bits)
        self.end_line()
        if (n_qubits == 0) != (n_bits == 0) or n_bits < n_qubits:
            self.fail(f"{max(n_qubits, <int64_t> 1)} qubits can't be measured into {max(n_bits, <int64_t> 1)} bits", at)
        n_qubits = max(n_qubits, <int64_t> 1)
        self.spend(n_qubits, at)
        for i in range(n_qubits):
            self.target.push(OP_MEASURE, 0, <uint32_t> (qubit + i), <uint32_t> (bit + i), NONE)
        return 0

    cdef int barrier(self) except -1:
        """Read the rest of a barrier."""
        cdef Py_ssize_t at = self.scan.start
        cdef int64_t first = 0, size = 0, i
        self.n_wires = 0
        self.mark += 1
        while True:
            self.register_operand(QUBITS_NAME, "a qubit", &first, &size)
            for i in range(first, first + max(size, <int64_t> 1)):
                if not self.marked(i):
                    self.push_wire(i)
            if not self.accept(44):
                break
        self.end_line()
        self.spend(self.n_wires, at)
        return self.emit_barrier(0, self.n_wires)

    cdef int reset(self, Py_ssize_t start) except -1:
        """Read the rest of a reset."""
        cdef Py_ssize_t at = self.scan.start
        cdef int64_t first = 0, size = 0, i
        self.register_operand(QUBITS_NAME, "a qubit", &first, &size)
        self.end_line()
        self.spend(max(size, <int64_t> 1), at)
        self.note_reset(start)
        for i in range(first, first + max(size, <int64_t> 1)):
            self.target.push(OP_RESET, 0, <uint32_t> i, NONE, NONE)
        return 0

    cdef int flow(self, int word, Py_ssize_t start, Py_ssize_t stop) except -1:
        """Read the rest of a line that begins, goes on with or ends a QIF or QWHILE block."""
        shown = self.piece(start, stop)
        opened = self.flows[len(self.flows) - 1][0] if self.flows else ""
        bits = []
        if word in (QIF, QELSEIF, QWHILE):
            bits = self.condition()
        self.end_line()
        self.spend(1 + len(bits), start)
        if word == QIF or word == QWHILE:
            if len(self.flows) >= DEEPEST:
                self.fail(f"{shown} is nested more than {DEEPEST} deep", start)
            self.flows.append((shown, start))
            self.begin_flow(shown, bits, start)
            return 0
        wanted = ("QWHILE",) if word == QENDWHILE else ("QIF",) if word != QENDIF else ("QIF", "QELSE")
        if opened not in wanted:
            self.fail(f"{shown} ends no {wanted[0]}", start)
        if word == QENDIF or word == QENDWHILE:
            self.flows.pop()
            self.end_flow()
            return 0
        if word == QELSE:
            self.flows[len(self.flows) - 1] = ("QELSE", start)
        self.begin_flow(shown, bits, start)
        return 0

    cdef list condition(self):
        """Read ``c[0],c[1]``: bits that are all 1; ``c[0] == 0`` is an older dialect's."""
        cdef int64_t first = 0, size = 0, value
        cdef Py_ssize_t at
        found = []
        while True:
            at = self.scan.start
            self.register_operand(BITS_NAME, "a bit", &first, &size)
            if size:
                self.fail("a condition takes single bits", at)
            value = 1
            if self.accept(61):
                at = self.scan.start
                value = self.integer("0 or 1")
                if value > 1:
                    self.fail(f"a bit is never {value}", at)
            found.append((first, value))
            if not self.accept(44):
                return found

    # --- QGATE -----------------------------------------------------------------------------------------

    cdef int definition(self) except -1:
        """Read the rest of a gate's definition."""
        cdef qctl_name_t *row
        cdef const char *name = self.scan.text + self.scan.start
        cdef Py_ssize_t n, place, first_call, at = self.scan.start
        self.name("a gate")
        row = self.look()
        if self.flows or (row != NULL and (row.kind != NOTHING or row.word)):
            reason = "in a block" if self.flows else "again"
            self.fail(f"{self.shown()} can't be defined {reason}", at)
        n = self.scan.stop - self.scan.start
        qctl_names_clear(&self.parameters)
        qctl_names_clear(&self.own_qubits)
        self.step()
        while True:
            self.add_name(&self.own_qubits, "a qubit")
            if not self.accept(44):
                break
            if self.accept(40):
                self.read_names(&self.parameters, "a parameter", 41)
                break
        self.end_line()
        self.n_angles = self.kept_angles
        self.n_steps = self.kept_steps
        first_call = self.n_calls
        while True:
            self.skip_lines()
            row = self.look() if self.scan.kind == QCTL_NAME else NULL
            if row != NULL and row.word == ENDQGATE:
                break
            self.body_line()
        self.step()
        self.end_line()
        place = self.end_body(first_call)
        qctl_names_clear(&self.parameters)
        row = self.enter(&self.names, name, n)
        row.kind = GATE_NAME
        row.first = place
        return 0

    cdef int body_line(self) except -1:
        """Read a gate in a definition: qubits, then angles in brackets."""
        cdef Py_ssize_t at = self.scan.start, stop = self.scan.stop, call, first
        cdef qctl_name_t *row
        self.name("a gate")
        row = self.look()
        if row == NULL or row.kind != GATE_NAME:
            self.fail(f"{self.shown()} can't stand in a gate's definition: it is no gate defined before", at)
        self.step()
        call = self.add_call(row.first)
        first = self.n_numbers
        self.mark += 1
        while True:
            self.own_qubit(False)
            if not self.accept(44):
                break
            if self.scan.kind == 40:
                self.read_angles()
                break
        self.end_line()
        self.calls[call].n_angles = self.n_angles - self.calls[call].first_angle
        self.calls[call].n_qubits = self.n_numbers - first
        self.check_counts(
            self.piece(at, stop), &self.gates[row.first], self.calls[call].n_angles, self.calls[call].n_qubits, at
        )
        return self.check_depth(row.first, at)
