"""Reads gate calls of program texts, and writes their instructions straight into a buffer."""

from libc.stdint cimport int64_t, uint16_t, uint32_t
from libc.stdlib cimport free

from qctl.cext.angles cimport AngleReader, angle_t, qctl_name_t, qctl_names_add
from qctl.cext.angles cimport qctl_names_find, qctl_names_free, qctl_names_t
from qctl.cext.opcodes cimport OP_BARRIER
from qctl.cext.records cimport FLAG_WIDE, InstructionBuffer
from qctl.cext.scanner cimport grown, qctl_hash

cdef uint32_t NONE = 0xFFFFFFFFu


cdef class GateReader(AngleReader):
    """Read gates: what they are called, what they are made of, and on what they act.

    Parameters
    ----------
    text : str
    target : InstructionBuffer
        What the instructions are appended to.
    n_steps : int
        Gates (and other statements) that the text may have after expansion of its own gates.
    """

    def __init__(self, text, InstructionBuffer target not None, int64_t n_steps):
        self.target = target
        self.most_steps = self.steps_left = n_steps
        self.kept = []

    def __dealloc__(self):
        free(self.gates)
        free(self.calls)
        free(self.angles)
        free(self.numbers)
        free(self.operands)
        free(self.wires)
        free(self.marks)
        qctl_names_free(&self.names)
        qctl_names_free(&self.own_qubits)

    # --- names ------------------------------------------------------------------------------------

    cdef qctl_name_t *look(self) noexcept:
        """Return the row of the name that the token is, or NULL."""
        return qctl_names_find(
            &self.names, self.scan.text + self.scan.start, self.scan.stop - self.scan.start, self.scan.hash
        )

    cdef qctl_name_t *enter(self, qctl_names_t *names, const char *name, Py_ssize_t n) except NULL:
        """Return the row of a name, entered if it isn't there; the name's bytes must stay."""
        cdef uint32_t hash = qctl_hash(name, n, self.scan.seed)
        cdef qctl_name_t *row = qctl_names_find(names, name, n, hash)
        if row == NULL:
            row = qctl_names_add(names, name, n, hash)
            if row == NULL:
                raise MemoryError("no memory for another name")
        return row

    cdef Py_ssize_t new_gate(self) except -1:
        if self.n_gates == self.gates_room:
            self.gates = <gate_t *> grown(self.gates, &self.gates_room, self.n_gates + 1, sizeof(gate_t))
        self.n_gates += 1
        return self.n_gates - 1

    def define(self, str name not None, uint16_t op, Py_ssize_t n_qubits, Py_ssize_t n_params, int n_controls=0,
               bint keeps_params=True, bint replaceable=False):
        """Let a gate be called that is one instruction; `n_qubits` counts its `n_controls` generic controls."""
        cdef Py_ssize_t place = self.new_gate()
        cdef bytes raw = name.encode()
        cdef qctl_name_t *row
        self.kept.append(raw)
        row = self.enter(&self.names, raw, len(raw))
        self.gates[place] = gate_t(
            kind=PLAIN_GATE, op=op, n_qubits=n_qubits, n_params=n_params, n_controls=n_controls,
            keeps_params=keeps_params, depth=0, first_call=0, n_calls=0, cost=1,
        )
        row.kind = GATE_NAME
        row.first = place
        row.replaceable = replaceable

    def defined(self):
        """Return the names of gates and registers, in the order in which they were defined."""
        return [self.names.rows[i].name[: self.names.rows[i].length].decode()
                for i in range(self.names.n) if self.names.rows[i].kind != NOTHING]

    # --- small arrays ------------------------------------------------------------------------------

    cdef int push_wire(self, int64_t qubit) except -1:
        if self.n_wires == self.wires_room:
            self.wires = <int64_t *> grown(self.wires, &self.wires_room, self.n_wires + 1, sizeof(int64_t))
        self.wires[self.n_wires] = qubit
        self.n_wires += 1
        return 0

    cdef int add_operand(self, int64_t first, int64_t size) except -1:
        if 2 * self.n_operands == self.operands_room:
            self.operands = <int64_t *> grown(self.operands, &self.operands_room, 2 * self.n_operands + 2, sizeof(int64_t))
        self.operands[2 * self.n_operands] = first
        self.operands[2 * self.n_operands + 1] = size
        self.n_operands += 1
        return 0

    cdef bint marked(self, int64_t place) except -1:
        """Mark a place, and say whether it had the present mark before."""
        while self.n_marks <= place:
            if self.n_marks == self.marks_room:
                self.marks = <int64_t *> grown(self.marks, &self.marks_room, place + 1, sizeof(int64_t))
            self.marks[self.n_marks] = 0
            self.n_marks += 1
        if self.marks[place] == self.mark:
            return True
        self.marks[place] = self.mark
        return False

    cdef bint twice(self, Py_ssize_t first, Py_ssize_t n) except -1:
        """Say whether wires name a qubit twice."""
        cdef Py_ssize_t i, k
        if n > 8:
            self.mark += 1
        for i in range(first, first + n):
            if n > 8:
                if self.marked(self.wires[i]):
                    return True
                continue
            for k in range(first, i):
                if self.wires[i] == self.wires[k]:
                    return True
        return False

    cdef int spend(self, int64_t n_steps, Py_ssize_t at) except -1:
        """Take steps from what the text may still take."""
        if n_steps > self.steps_left:
            self.fail(f"the program expands to more than {self.most_steps} steps", at)
        self.steps_left -= n_steps
        return 0

    # --- operands of calls --------------------------------------------------------------------------

    cdef int register_operand(self, int kind, what, int64_t *first, int64_t *size) except -1:
        """Read ``register`` or ``register[index]``; a size of 0 is a single member."""
        cdef qctl_name_t *row
        cdef Py_ssize_t at = self.scan.start
        cdef int64_t index
        cdef Py_ssize_t stop
        self.name(what)
        row = self.look()
        if row == NULL or row.kind != kind:
            self.fail(f"{self.piece(self.scan.start, self.scan.stop)!r} is not {what}", at)
        self.step()
        first[0] = row.first
        size[0] = row.size
        if self.scan.kind != 91:
            return 0
        self.step()
        at = self.scan.start
        stop = self.scan.stop
        index = self.integer("an index")
        if index >= row.size:
            self.fail(f"{row.name[: row.length].decode()}[{int(self.piece(at, stop))}] is outside [0, {row.size - 1}]", at)
        first[0] += index
        size[0] = 0
        return self.expect(93)

    cdef int read_angles(self) except -1:
        """Read ``( a, b, … )`` if it stands here, and push the angles."""
        cdef angle_t angle
        if self.scan.kind != 40:
            return 0
        self.step()
        if self.accept(41):
            return 0
        while True:
            self.angle(0, 0, &angle)
            self.push_angle(&angle)
            if self.accept(41):
                return 0
            self.expect(44)

    cdef int push_angle(self, const angle_t *angle) except -1:
        if self.n_angles == self.angles_room:
            self.angles = <angle_t *> grown(self.angles, &self.angles_room, self.n_angles + 1, sizeof(angle_t))
        self.angles[self.n_angles] = angle[0]
        self.n_angles += 1
        return 0

    cdef int check_counts(self, name, const gate_t *gate, Py_ssize_t n_params, Py_ssize_t n_qubits, Py_ssize_t at) except -1:
        """Refuse a call with other numbers of angles and operands than the gate has, or of a gate without a meaning."""
        if n_params != gate.n_params:
            self.fail(f"gate {name!r} takes {gate.n_params} angles, not {n_params}", at)
        if n_qubits != gate.n_qubits:
            self.fail(f"gate {name!r} acts on {gate.n_qubits} qubits, not {n_qubits}", at)
        if gate.kind == OPAQUE_GATE:
            self.fail(f"gate {name!r} is opaque: it has no meaning here", at)
        return 0

    cdef int call(self, Py_ssize_t place, Py_ssize_t start, Py_ssize_t stop) except -1:
        """Read the rest of a call after the gate's name, which stands from `start` to `stop`, and write its instructions."""
        cdef int64_t first = 0, size = 0
        self.n_values = self.n_wires = self.n_operands = 0
        self.n_angles = self.kept_angles
        self.n_steps = self.kept_steps
        self.read_angles()
        while True:
            self.register_operand(QUBITS_NAME, "a quantum register", &first, &size)
            self.add_operand(first, size)
            if self.accept(59):
                break
            self.expect(44)
        return self.play(place, start, stop)

    cdef int play(self, Py_ssize_t place, Py_ssize_t start, Py_ssize_t stop) except -1:
        """Write the instructions of a call whose operands and angles are read; registers are played side by side."""
        cdef gate_t gate = self.gates[place]
        cdef Py_ssize_t k, n_params = self.n_angles - self.kept_angles
        cdef int64_t i, size, rows = 0
        cdef bint mixed = False
        for k in range(self.n_operands):
            size = self.operands[2 * k + 1]
            if size:
                mixed = mixed or (rows and rows != size)
                rows = size
        if mixed:
            sizes = sorted({self.operands[2 * k + 1] for k in range(self.n_operands)} - {0})
            self.fail(f"registers of different sizes {sizes} can't be broadcast together", start)
        if n_params != gate.n_params or self.n_operands != gate.n_qubits or gate.kind == OPAQUE_GATE:
            self.check_counts(self.piece(start, stop), &gate, n_params, self.n_operands, start)
        self.spend(max(rows, <int64_t> 1) * gate.cost, start)
        for k in range(n_params):
            self.push_value(self.angles[self.kept_angles + k].number)
        for i in range(max(rows, <int64_t> 1)):
            self.n_wires = 0
            for k in range(self.n_operands):
                self.push_wire(self.operands[2 * k] + (i if self.operands[2 * k + 1] else 0))
            if self.twice(0, self.n_operands):
                self.fail(f"gate {self.piece(start, stop)!r} names a qubit twice", start)
            if gate.kind == PLAIN_GATE:
                self.emit_plain(&gate, 0, 0)
            else:
                self.expand(place, 0, 0, start, stop)
        return 0

    # --- instructions ------------------------------------------------------------------------------

    cdef int emit_plain(self, const gate_t *gate, Py_ssize_t values, Py_ssize_t wires) except -1:
        """Append the one instruction of a gate."""
        cdef Py_ssize_t n_params = gate.n_params if gate.keeps_params else 0, start, k
        cdef const int64_t *qubits = self.wires + wires
        cdef InstructionBuffer to = self.target
        if gate.n_controls == 0 and gate.n_qubits <= 2 and n_params <= 1:
            if gate.n_qubits == 1 and n_params == 0:
                return to.push(gate.op, 0, <uint32_t> qubits[0], NONE, NONE)
            if gate.n_qubits == 1:
                return to.push_double(gate.op, <uint32_t> qubits[0], self.values[values])
            if gate.n_qubits == 2 and n_params == 0:
                return to.push(gate.op, 0, <uint32_t> qubits[0], <uint32_t> qubits[1], NONE)
            return to.push(
                gate.op, 0, <uint32_t> qubits[0], <uint32_t> qubits[1], to.push_number(self.values[values])
            )
        start = to.n_words
        for k in range(gate.n_qubits):
            to.push_word(<uint32_t> qubits[k])
        for k in range(n_params):
            to.push_word(to.push_number(self.values[values + k]))
        return to.push(
            gate.op, <uint16_t> (FLAG_WIDE | gate.n_controls << 8), <uint32_t> start, <uint32_t> gate.n_qubits,
            <uint32_t> n_params,
        )

    cdef int emit_barrier(self, Py_ssize_t first, Py_ssize_t n) except -1:
        """Append a barrier on wires."""
        cdef Py_ssize_t k, start = self.target.n_words
        for k in range(first, first + n):
            self.target.push_word(<uint32_t> self.wires[k])
        return self.target.push(OP_BARRIER, FLAG_WIDE, <uint32_t> start, <uint32_t> n, 0)

    cdef int expand(self, Py_ssize_t gate, Py_ssize_t values, Py_ssize_t wires, Py_ssize_t at, Py_ssize_t stop) except -1:
        """Append the instructions of a gate that a text defined; values and wires are kept as they were."""
        cdef Py_ssize_t i, k, n_values = self.n_values, n_wires = self.n_wires
        cdef call_t inner
        if self.gates[gate].kind == PLAIN_GATE:
            return self.emit_plain(&self.gates[gate], values, wires)
        for i in range(self.gates[gate].first_call, self.gates[gate].first_call + self.gates[gate].n_calls):
            inner = self.calls[i]
            for k in range(inner.n_qubits):
                self.push_wire(self.wires[wires + self.numbers[inner.first_qubit + k]])
            if inner.gate < 0:
                self.emit_barrier(n_wires, inner.n_qubits)
            else:
                for k in range(inner.n_angles):
                    self.evaluate(&self.angles[inner.first_angle + k], values, at, stop)
                self.expand(inner.gate, n_values, n_wires, at, stop)
            self.n_values = n_values
            self.n_wires = n_wires
        return 0
