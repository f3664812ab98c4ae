"""The reader of gate calls that readers of program texts build on."""

from libc.stdint cimport int64_t, uint16_t, uint32_t

from qctl.cext.angles cimport AngleReader, angle_t, qctl_name_t, qctl_names_t
from qctl.cext.records cimport InstructionBuffer

cdef enum:  # kinds of names
    NOTHING, GATE_NAME, QUBITS_NAME, BITS_NAME

cdef enum:  # kinds of gates
    PLAIN_GATE, MACRO_GATE, OPAQUE_GATE

cdef struct gate_t:
    int kind, n_controls, keeps_params, depth
    uint16_t op
    Py_ssize_t n_qubits, n_params
    Py_ssize_t first_call, n_calls
    int64_t cost

cdef struct call_t:
    Py_ssize_t gate  # -1 is a barrier
    Py_ssize_t first_angle, n_angles, first_qubit, n_qubits

cdef class GateReader(AngleReader):
    cdef InstructionBuffer target
    cdef readonly int64_t n_bits, most_steps, steps_left
    cdef qctl_names_t names, own_qubits
    cdef list kept
    cdef gate_t *gates
    cdef call_t *calls
    cdef angle_t *angles
    cdef int64_t *numbers  # qubits of calls in bodies
    cdef int64_t *operands  # first qubit and size (0 for a single one) of each operand of the statement
    cdef int64_t *wires  # qubits of the expansions under way
    cdef int64_t *marks  # the statement that named a qubit last
    cdef Py_ssize_t n_gates, gates_room, n_calls, calls_room, n_angles, angles_room, n_numbers, numbers_room
    cdef Py_ssize_t n_operands, operands_room, n_wires, wires_room, n_marks, marks_room
    cdef Py_ssize_t kept_angles, kept_steps  # those of gate bodies
    cdef int64_t mark

    cdef qctl_name_t *look(self) noexcept
    cdef qctl_name_t *enter(self, qctl_names_t *names, const char *name, Py_ssize_t n) except NULL
    cdef Py_ssize_t new_gate(self) except -1
    cdef int push_wire(self, int64_t qubit) except -1
    cdef int add_operand(self, int64_t first, int64_t size) except -1
    cdef int spend(self, int64_t n_steps, Py_ssize_t at) except -1
    cdef int register_operand(self, int kind, what, int64_t *first, int64_t *size) except -1
    cdef int read_angles(self) except -1
    cdef int push_angle(self, const angle_t *angle) except -1
    cdef int check_counts(self, name, const gate_t *gate, Py_ssize_t n_params, Py_ssize_t n_qubits, Py_ssize_t at) except -1
    cdef int emit_plain(self, const gate_t *gate, Py_ssize_t values, Py_ssize_t wires) except -1
    cdef int emit_barrier(self, Py_ssize_t first, Py_ssize_t n) except -1
    cdef int expand(self, Py_ssize_t gate, Py_ssize_t values, Py_ssize_t wires, Py_ssize_t at, Py_ssize_t stop) except -1
    cdef int call(self, Py_ssize_t place, Py_ssize_t start, Py_ssize_t stop) except -1
    cdef int play(self, Py_ssize_t place, Py_ssize_t start, Py_ssize_t stop) except -1
    cdef bint marked(self, int64_t place) except -1
    cdef bint twice(self, Py_ssize_t first, Py_ssize_t n) except -1
