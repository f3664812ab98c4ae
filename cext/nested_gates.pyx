"""Reads gates in blocks that invert or control them: kept until the outermost block ends, then written."""

from libc.stdint cimport int64_t, uint16_t, uint32_t
from libc.stdlib cimport free

from qctl.cext.gate_texts cimport PLAIN_GATE, GateReader, gate_t
from qctl.cext.opcodes cimport OP_BARRIER, OP_GPHASE, OP_P
from qctl.cext.records cimport FLAG_WIDE
from qctl.cext.scanner cimport grown

cdef enum:
    DEEPEST = 64
    MOST_CONTROLS = 255

cdef enum:  # how angles are inverted
    NO_INVERSE, SAME, FIRST, EULER, EULER_PHASE, SHORT_EULER


cdef class NestedGateReader(GateBodyReader):
    """Read gates, inside and outside of blocks."""

    def __cinit__(self):
        cdef int op
        for op in range(512):
            self.rules[op] = rule_t(inverse=op, base=op, once=0, twice=0, turns=NO_INVERSE, n_own=0)

    def __dealloc__(self):
        free(self.items)
        free(self.item_wires)
        free(self.controls)

    def set_rule(self, uint16_t op, uint16_t inverse, int turns, uint16_t base, int n_own):
        """Set the inverse of an opcode, and what it is without its own controls.

        `turns` says what happens to the angles: 1 nothing, 2 the first one is negated, 3 theta, phi, lambda become
        -theta, -lambda, -phi, 4 so and the fourth is negated, 5 phi, lambda become -pi/2, -lambda, -phi.
        """
        if op >= 512 or inverse >= 512 or base >= 512:
            raise ValueError(f"opcodes {op}, {inverse}, {base} are not below 512")
        self.rules[op].inverse, self.rules[op].turns = inverse, turns
        self.rules[op].base, self.rules[op].n_own = base, n_own

    def set_controlled(self, uint16_t base, int n_controls, uint16_t op):
        """Name the opcode that another one under one or two controls is."""
        if base >= 512 or op >= 512 or not 1 <= n_controls <= 2:
            raise ValueError(f"opcodes {base}, {op} are not below 512, or {n_controls} controls not 1 or 2")
        if n_controls == 1:
            self.rules[base].once = op
        else:
            self.rules[base].twice = op

    cdef object nest_word(self):
        """Return the innermost block's word."""
        return "DAGGER" if self.nests[self.n_nests - 1].kind == DAGGER_NEST else "CONTROL"

    cdef int begin_nest(self, int kind, Py_ssize_t at) except -1:
        """Begin a block."""
        cdef nest_t *nest = self.nests + self.n_nests
        if self.n_nests == DEEPEST:
            self.fail(f"blocks are nested more than {DEEPEST} deep", at)
        nest.kind, nest.at = kind, at
        nest.first_item, nest.first_control = self.n_items, self.n_controls
        self.n_nests += 1
        return 0

    cdef int add_control(self, int64_t qubit, Py_ssize_t at) except -1:
        """Add a control of the block that began last."""
        cdef Py_ssize_t k
        for k in range(self.nests[self.n_nests - 1].first_control, self.n_controls):
            if self.controls[k] == qubit:
                self.fail("CONTROL names a qubit twice", at)
        if self.n_controls == self.controls_room:
            self.controls = <int64_t *> grown(self.controls, &self.controls_room, self.n_controls + 1, sizeof(int64_t))
        self.controls[self.n_controls] = qubit
        self.n_controls += 1
        if self.n_controls > MOST_CONTROLS:
            self.fail(f"more than {MOST_CONTROLS} controls", at)
        return 0

    cdef int end_nest(self, int kind, Py_ssize_t at) except -1:
        """End a block: its gates are inverted or controlled, and written if it was the outermost one."""
        cdef Py_ssize_t i, k, first
        cdef item_t item
        if not self.n_nests or self.nests[self.n_nests - 1].kind != kind:
            word = "DAGGER" if kind == DAGGER_NEST else "CONTROL"
            self.fail(f"END{word} ends no {word}", at)
        self.spend(self.n_items - self.nests[self.n_nests - 1].first_item, at)
        first = self.nests[self.n_nests - 1].first_item
        for i in range(first, self.n_items):
            if kind == DAGGER_NEST:
                self.invert(self.items + i, at)
            else:
                self.control(self.items + i, self.nests[self.n_nests - 1].first_control, at)
        if kind == DAGGER_NEST:
            for k in range((self.n_items - first) // 2):
                item = self.items[first + k]
                self.items[first + k] = self.items[self.n_items - 1 - k]
                self.items[self.n_items - 1 - k] = item
        self.n_controls = self.nests[self.n_nests - 1].first_control
        self.n_nests -= 1
        return self.flush() if self.n_nests == 0 else 0

    cdef int refuse_open(self) except -1:
        """Refuse a block that is still open at the end of the text."""
        if self.n_nests:
            self.fail(f"{self.nest_word()} is never ended", self.nests[self.n_nests - 1].at)
        return 0

    cdef int push_item_wire(self, int64_t qubit) except -1:
        if self.n_item_wires == self.item_wires_room:
            self.item_wires = <int64_t *> grown(
                self.item_wires, &self.item_wires_room, self.n_item_wires + 1, sizeof(int64_t)
            )
        self.item_wires[self.n_item_wires] = qubit
        self.n_item_wires += 1
        return 0

    cdef item_t *push_item(self, uint16_t op, int n_controls) except NULL:
        if self.n_items == self.items_room:
            self.items = <item_t *> grown(self.items, &self.items_room, self.n_items + 1, sizeof(item_t))
        self.n_items += 1
        self.items[self.n_items - 1].op = op
        self.items[self.n_items - 1].n_controls = n_controls
        self.items[self.n_items - 1].first_wire = self.n_item_wires
        self.items[self.n_items - 1].n_wires = 0
        self.items[self.n_items - 1].n_values = 0
        return self.items + self.n_items - 1

    cdef int emit_plain(self, const gate_t *gate, Py_ssize_t values, Py_ssize_t wires) except -1:
        """Append the one instruction of a gate, or keep it while a block is open."""
        cdef Py_ssize_t k
        cdef item_t *item
        if not self.n_nests:
            if gate.op == OP_GPHASE:
                return self.emit_phase(self.values[values])
            return GateReader.emit_plain(self, gate, values, wires)
        item = self.push_item(gate.op, gate.n_controls)
        item.n_values = <int> gate.n_params if gate.keeps_params else 0
        for k in range(item.n_values):
            item.values[k] = self.values[values + k]
        item.n_wires = 0 if gate.op == OP_GPHASE else gate.n_qubits
        for k in range(item.n_wires):
            self.push_item_wire(self.wires[wires + k])
        return 0

    cdef int emit_barrier(self, Py_ssize_t first, Py_ssize_t n) except -1:
        """Append a barrier on wires, or keep it while a block is open."""
        cdef Py_ssize_t k
        if not self.n_nests:
            return GateReader.emit_barrier(self, first, n)
        self.push_item(OP_BARRIER, 0).n_wires = n
        for k in range(first, first + n):
            self.push_item_wire(self.wires[k])
        return 0

    cdef int emit_phase(self, double value) except -1:
        """Append a global phase."""
        cdef Py_ssize_t start = self.target.n_words
        self.target.push_word(self.target.push_number(value))
        return self.target.push(OP_GPHASE, FLAG_WIDE, <uint32_t> start, 0, 1)

    cdef int invert(self, item_t *item, Py_ssize_t at) except -1:
        """Replace a gate by its inverse."""
        cdef rule_t rule
        cdef double phi
        if item.op == OP_BARRIER:
            return 0
        rule = self.rules[item.op]
        if rule.turns == NO_INVERSE:
            self.fail(f"opcode {item.op:#x} has no inverse", at)
        item.op = rule.inverse
        if rule.turns == SHORT_EULER:
            item.values[2] = -item.values[0]
            item.values[1] = -item.values[1]
            item.values[0] = -1.57079632679489661923
            item.n_values = 3
        elif rule.turns != SAME:
            item.values[0] = -item.values[0]
        if rule.turns == EULER or rule.turns == EULER_PHASE:
            phi = item.values[1]
            item.values[1] = -item.values[2]
            item.values[2] = -phi
            item.values[3] = -item.values[3]
        return 0

    cdef int control(self, item_t *item, Py_ssize_t first, Py_ssize_t at) except -1:
        """Put a gate under the controls from `first` on."""
        cdef Py_ssize_t k, j, n = self.n_controls - first, first_wire = self.n_item_wires
        cdef int n_own = item.n_controls
        cdef uint16_t op = item.op
        if op == OP_BARRIER:
            return 0
        if n_own == 0:
            n_own = self.rules[op].n_own
            op = self.rules[op].base
        if n + n_own > MOST_CONTROLS:
            self.fail(f"{n + n_own} controls, more than {MOST_CONTROLS}", at)
        self.spend(n, at)
        for k in range(first, self.n_controls):
            for j in range(item.n_wires):
                if self.item_wires[item.first_wire + j] == self.controls[k]:
                    self.fail("a gate acts on its own control", at)
            self.push_item_wire(self.controls[k])
        for j in range(item.n_wires):
            self.push_item_wire(self.item_wires[item.first_wire + j])
        item.first_wire = first_wire
        item.n_wires += n
        item.n_controls = <int> n + n_own
        if op == OP_GPHASE:
            op = OP_P
            item.n_controls -= 1
        item.op = op
        if item.n_controls == 1 and self.rules[op].once:
            item.op = self.rules[op].once
            item.n_controls = 0
        elif item.n_controls == 2 and self.rules[op].twice:
            item.op = self.rules[op].twice
            item.n_controls = 0
        return 0

    cdef int flush(self) except -1:
        """Write what was kept."""
        cdef Py_ssize_t i, k
        cdef gate_t gate = gate_t(
            kind=PLAIN_GATE, n_controls=0, keeps_params=True, depth=0, op=0, n_qubits=0, n_params=0, first_call=0, n_calls=0,
            cost=1,
        )
        cdef item_t item
        for i in range(self.n_items):
            item = self.items[i]
            self.n_wires = self.n_values = 0
            for k in range(item.n_wires):
                self.push_wire(self.item_wires[item.first_wire + k])
            for k in range(item.n_values):
                self.push_value(item.values[k])
            gate.op = item.op
            gate.n_controls = item.n_controls
            gate.n_qubits = item.n_wires
            gate.n_params = item.n_values
            if item.op == OP_BARRIER:
                self.emit_barrier(0, item.n_wires)
            else:
                self.emit_plain(&gate, 0, 0)
        self.n_items = self.n_item_wires = 0
        return 0
