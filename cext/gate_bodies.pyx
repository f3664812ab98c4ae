"""Reads the definitions of gates by other gates in program texts."""

from libc.stdint cimport int64_t

from qctl.cext.angles cimport qctl_name_t, qctl_names_find, qctl_names_t
from qctl.cext.gate_texts cimport GATE_NAME, MACRO_GATE, GateReader, call_t, gate_t
from qctl.cext.scanner cimport grown, qctl_scan_t

cdef enum:
    DEEPEST = 64
    ANGLE_STEPS = 8  # steps of angle arithmetic that cost as much as a gate


cdef class GateBodyReader(GateReader):
    """Read gates and their definitions."""

    cdef int read_names(self, qctl_names_t *names, what, int end) except -1:
        """Read ``name, name, …`` up to and with `end`; each name's number is its position."""
        while True:
            self.add_name(names, what)
            if self.accept(end):
                return 0
            self.expect(44)

    cdef int add_name(self, qctl_names_t *names, what) except -1:
        """Read a name that isn't there yet; its number is its position."""
        cdef Py_ssize_t n = names.n
        cdef qctl_name_t *row
        self.name(what)
        row = self.enter(names, self.scan.text + self.scan.start, self.scan.stop - self.scan.start)
        if names.n == n:
            self.fail(f"{what} {self.piece(self.scan.start, self.scan.stop)!r} is named twice", self.scan.start)
        row.first = n
        return self.step()

    cdef Py_ssize_t read_own_qubits(self, bint may_repeat) except -1:
        """Read the operands of a call in a body, and return how many different ones there are."""
        cdef Py_ssize_t first = self.n_numbers
        self.mark += 1
        while True:
            self.own_qubit(may_repeat)
            if self.accept(59):
                return self.n_numbers - first
            self.expect(44)

    cdef int own_qubit(self, bint may_repeat) except -1:
        """Read an operand of a call in a body."""
        cdef qctl_name_t *row
        self.name("a qubit of the gate")
        row = qctl_names_find(
            &self.own_qubits, self.scan.text + self.scan.start, self.scan.stop - self.scan.start, self.scan.hash
        )
        if row == NULL:
            self.fail(f"{self.piece(self.scan.start, self.scan.stop)!r} is no qubit of this gate", self.scan.start)
        if not self.marked(row.first):
            if self.n_numbers == self.numbers_room:
                self.numbers = <int64_t *> grown(self.numbers, &self.numbers_room, self.n_numbers + 1, sizeof(int64_t))
            self.numbers[self.n_numbers] = row.first
            self.n_numbers += 1
        elif not may_repeat:
            self.fail(f"qubit {self.piece(self.scan.start, self.scan.stop)!r} is named twice", self.scan.start)
        return self.step()

    cdef qctl_scan_t begin_text(self, str text) except *:
        """Go on reading in another text, and return where this one stands."""
        cdef qctl_scan_t scan = self.scan
        cdef bytes raw = text.encode()
        self.kept.append(raw)
        self.scan.text = raw
        self.scan.n = len(raw)
        self.scan.at = self.scan.lines = 0
        self.step()
        return scan

    cdef Py_ssize_t add_call(self, Py_ssize_t gate) except -1:
        if self.n_calls == self.calls_room:
            self.calls = <call_t *> grown(self.calls, &self.calls_room, self.n_calls + 1, sizeof(call_t))
        self.calls[self.n_calls] = call_t(
            gate=gate, first_angle=self.n_angles, n_angles=0, first_qubit=self.n_numbers, n_qubits=0
        )
        self.n_calls += 1
        return self.n_calls - 1

    cdef Py_ssize_t read_body(self) except -1:
        """Read the rest of a gate definition, after its ``{``, and return the place of the gate."""
        cdef Py_ssize_t first_call = self.n_calls, at, stop, place
        cdef qctl_name_t *row
        self.n_angles = self.kept_angles
        self.n_steps = self.kept_steps
        while not self.accept(125):
            at = self.scan.start
            stop = self.scan.stop
            self.name("a gate")
            if self.spells("barrier"):
                self.step()
                place = self.add_call(-1)
                self.calls[place].n_qubits = self.read_own_qubits(True)
                continue
            row = self.look()
            if row == NULL or row.kind != GATE_NAME:
                self.fail(f"{self.piece(at, stop)!r} can't stand in a gate body: it is no gate defined before", at)
            self.step()
            place = self.add_call(row.first)
            self.read_angles()
            self.calls[place].n_angles = self.n_angles - self.calls[place].first_angle
            self.calls[place].n_qubits = self.read_own_qubits(False)
            self.check_counts(
                self.piece(at, stop), &self.gates[row.first], self.calls[place].n_angles, self.calls[place].n_qubits, at
            )
            self.check_depth(row.first, at)
        return self.end_body(first_call)

    cdef int check_depth(self, Py_ssize_t gate, Py_ssize_t at) except -1:
        """Refuse a gate in a body that has as many levels of gates below it as there may be."""
        if self.gates[gate].kind == MACRO_GATE and self.gates[gate].depth >= DEEPEST:
            self.fail(f"gates are defined by each other more than {DEEPEST} deep", at)
        return 0

    cdef Py_ssize_t end_body(self, Py_ssize_t first_call) except -1:
        """Return the place of a new gate whose calls begin at `first_call`; what they need is kept."""
        cdef Py_ssize_t i, k, n_steps, place
        cdef int64_t cost = 1
        cdef int depth = 0
        cdef const gate_t *inner
        for i in range(first_call, self.n_calls):
            n_steps = 0
            for k in range(self.calls[i].first_angle, self.calls[i].first_angle + self.calls[i].n_angles):
                n_steps += self.angles[k].n if self.angles[k].coded else 0
            cost = min(cost + 1 + n_steps // ANGLE_STEPS, self.most_steps + 1)
            if self.calls[i].gate >= 0 and self.gates[self.calls[i].gate].kind == MACRO_GATE:
                inner = self.gates + self.calls[i].gate
                cost = min(cost + inner.cost, self.most_steps + 1)
                depth = max(depth, inner.depth)
        place = self.new_gate()
        self.gates[place] = gate_t(
            kind=MACRO_GATE, op=0, n_qubits=self.own_qubits.n, n_params=self.parameters.n, n_controls=0,
            keeps_params=True, depth=depth + 1, first_call=first_call, n_calls=self.n_calls - first_call,
            cost=cost,
        )
        self.kept_angles = self.n_angles
        self.kept_steps = self.n_steps
        return place
